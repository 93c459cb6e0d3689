import { expect, test } from 'vitest';
import { translateGroup } from './group.ts';
import { asJson, documentSet, typed } from './testing.ts';

test('a fallback is metadata of its route, as is that a session is signed; its cluster goes to the nodes', () => {
  const { virtualHosts, clusters } = translateGroup(
    documentSet([
      typed('Listener', 'public'),
      typed('Tenant', 'shop', { claims: { host: 'shop.example.com' } }),
      ...['shop/orders', 'shop/page', 'shop/nobody'].map((name) => typed('Cluster', name)),
      typed('Route', 'shop/safe', { match: { path: { prefix: '/safe' } }, fallback: { cluster: 'page', on: '5xx' } }),
      typed('Route', 'shop/plain'),
      typed('Route', 'shop/signed', {
        match: { path: { prefix: '/s' } },
        ...{ fallback: { cluster: 'page' }, affinity: { sticky: { cookie: 'c', signed: true } } },
      }),
    ]),
    'edge',
  );
  const routes = asJson('virtualHosts', virtualHosts[0]!.message)['routes'] as { name: string }[];
  const [safe, signed, plain] = routes;
  expect(signed).toMatchObject({
    name: 'shop/signed',
    metadata: { filter_metadata: { 'fairlead.fallback': {}, 'fairlead.sticky': { signed: true } } },
  });
  expect(safe).toMatchObject({
    name: 'shop/safe',
    route: { cluster: 'shop/orders' },
    metadata: { filter_metadata: { 'fairlead.fallback': { cluster: 'shop/page', on: ['5xx'] } } },
  });
  expect(plain).not.toHaveProperty('metadata');
  expect(clusters.map(({ name }) => name)).toEqual(['shop/orders', 'shop/page']);
});
