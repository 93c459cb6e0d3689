import { expect, test } from 'vitest';
import { codesOf, puts, removal, setOf } from '../testing.ts';
import { checkChanges } from '../world.ts';

const cluster = (name: string, protocol = 'http1', tenant = 'shop'): string =>
  `{ kind: Cluster, tenant: ${tenant}, name: ${name}, spec: { endpoints: [], protocol: ${protocol} } }`;

const route = (fields: string, name = 'more'): string =>
  `{ kind: Route, tenant: shop, name: ${name}, spec: { hosts: a.example.com, ${fields} } }`;

const world = setOf(
  [
    '{ kind: NodeGroup, name: edge }',
    '{ kind: Tenant, name: shop, spec: { claims: { host: a.example.com } } }',
    '{ kind: Tenant, name: other }',
    '{ kind: Listener, name: public, spec: { groups: edge, port: 0 } }',
    ...[cluster('orders'), cluster('page'), cluster('h2', 'http2'), cluster('g', 'grpc'), cluster('raw', 'tcp')],
    cluster('page', 'http1', 'other'),
    route('to: { cluster: orders }, fallback: { cluster: page }', 'stands'),
  ].join('\n---\n'),
);

test.each([
  ['to: { cluster: orders }, fallback: { cluster: page }', []],
  ['to: { cluster: h2 }, fallback: { cluster: g }', []],
  ['to: { cluster: orders }, fallback: { cluster: pgae }', ['missing-reference /spec/fallback/cluster']],
  ['to: { cluster: orders }, fallback: { cluster: other/page }', ['not-supported-yet /spec/fallback/cluster']],
  ['to: { cluster: orders }, fallback: { cluster: raw }', ['conflict /spec/fallback/cluster']],
  [
    'to: [{ cluster: orders }, { cluster: g }], fallback: { cluster: page }',
    ['conflict /spec/fallback/cluster', 'conflict /spec/to/1/cluster'],
  ],
])('%s: %j', (fields, refused) => {
  expect(codesOf(checkChanges(world, puts(route(fields)))).toSorted()).toEqual(refused);
});

test.each(['orders', 'page'])('%s can change its version of HTTP only together with the other', (name) => {
  const problems = checkChanges(world, puts(cluster(name, 'http2')));
  expect(codesOf(problems)).toEqual(['conflict /spec/protocol']);
  expect(problems[0]?.detail).toContain('This no longer fits Route shop/stands. ');
  expect(checkChanges(world, puts([cluster('orders', 'http2'), cluster('page', 'http2')].join('\n---\n')))).toEqual([]);
});

test('a fallback that is named stays', () => {
  expect(codesOf(checkChanges(world, [removal('Cluster/shop/page')]))).toEqual(['in-use ']);
});
