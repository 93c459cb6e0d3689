import { expect, test } from 'vitest';
import { encodeGroup, translateGroup } from './group.ts';
import { asJson, documentSet, documentsOf, typed } from './testing.ts';

const platform = documentsOf(`
kind: Tenant
name: checkout
spec: { claims: { host: shop.example.com }, defaults: { timeout: 5s } }
---
kind: Tenant
name: payments
spec: { claims: { host: shop.example.com }, caps: { listeners: [private] } }
---
kind: NodeGroup
name: edge
spec: { tier: l7 }
---
kind: NodeGroup
name: front
spec: { tier: l4 }
---
kind: Listener
name: public
spec: { groups: [edge], port: 8080 }
---
kind: Listener
name: private
spec: { groups: [edge], port: 8081, tenants: [payments] }
---
kind: Listener
name: redis
spec: { groups: [front], port: 6379, protocol: tcp }
`);

const clusters = ['checkout/orders', 'payments/ledger', 'redis', 'unused'].map((id) =>
  typed('Cluster', id, { endpoints: { address: '10.0.0.1', port: 80 } }),
);

function route(id: string, spec: Readonly<Record<string, unknown>> = {}, revision = 1) {
  return typed('Route', id, { hosts: 'shop.example.com', ...spec }, revision);
}

const orders = route('checkout/orders', { to: { cluster: 'orders' } });
const ledger = route('payments/ledger', { to: { cluster: 'ledger' } });
const redis = typed('L4Route', 'redis', { listener: 'redis', to: { cluster: 'redis' } });
const all = [...platform, ...clusters, orders, ledger, redis];

function namesOf(documents: typeof all, group: string) {
  const { listeners, routes, virtualHosts, clusters, endpoints } = translateGroup(documentSet(documents), group);
  const names = (list: readonly { name: string }[]) => list.map(({ name }) => name);
  return {
    listeners: names(listeners),
    routes: names(routes),
    virtualHosts: names(virtualHosts),
    clusters: names(clusters),
    endpoints: names(endpoints),
  };
}

const nothing = { listeners: [], routes: [], virtualHosts: [], clusters: [], endpoints: [] };
const hostUrl = 'type.googleapis.com/envoy.config.route.v3.VirtualHost';

/** Route names by virtual host by listener. */
function routesOf(documents: typeof all, group = 'edge') {
  const { routes, virtualHosts } = translateGroup(documentSet(documents), group);
  const messageOf = new Map(virtualHosts.map(({ name, message }) => [name, message]));
  return Object.fromEntries(
    routes.map(({ name, hosts = [] }) => [
      name,
      Object.fromEntries(
        hosts.map((host) => {
          const { domains, routes } = messageOf.get(host) ?? {};
          return [domains?.join(), routes?.map((one) => one.name)];
        }),
      ),
    ]),
  );
}

test('a group is given its own listeners, the routes behind them, and the clusters that those name, no more', () => {
  expect(namesOf(all, 'edge')).toEqual({
    listeners: ['private', 'public'],
    routes: ['private', 'public'],
    virtualHosts: ['private/shop.example.com', 'public/shop.example.com'],
    clusters: ['checkout/orders', 'payments/ledger'],
    endpoints: ['checkout/orders', 'payments/ledger'],
  });
  expect(namesOf(all, 'front')).toEqual({
    listeners: ['redis'],
    routes: [],
    virtualHosts: [],
    clusters: ['redis'],
    endpoints: ['redis'],
  });
  expect(namesOf(all, 'nobody')).toEqual(nothing);
});

test('a route that names no listener stands on each that is open to its tenant', () => {
  expect(routesOf(all)).toEqual({
    public: { 'shop.example.com': ['checkout/orders'] },
    private: { 'shop.example.com': ['payments/ledger'] },
  });
});

test('a route of the platform stands on every listener, closed ones too', () => {
  const everywhere = route('status', { hosts: '*', to: { cluster: 'unused' } });
  expect(routesOf([...all, everywhere])).toMatchObject({ public: { '*': ['status'] }, private: { '*': ['status'] } });
});

test('a route on a listener that is not open to its tenant is left out, and that is said', () => {
  const pushy = route('checkout/orders', { listeners: ['private', 'public'], to: { cluster: 'orders' } });
  const documents = [...all.filter((one) => one !== orders), pushy];
  expect(routesOf(documents)).toMatchObject({
    public: { 'shop.example.com': ['checkout/orders'] },
    private: { 'shop.example.com': ['payments/ledger'] },
  });
  expect(translateGroup(documentSet(documents), 'edge').notes).toEqual([
    {
      document: { kind: 'Route', tenant: 'checkout', name: 'orders' },
      detail: 'listener private is not open to tenant checkout; the route is not served there',
    },
  ]);
});

test('a tcp listener without an L4Route is left out, and that is said', () => {
  const documents = all.filter((one) => one !== redis);
  expect(namesOf(documents, 'front')).toEqual(nothing);
  expect(translateGroup(documentSet(documents), 'front').notes).toEqual([
    {
      document: { kind: 'Listener', name: 'redis' },
      detail: 'no L4Route stands behind this tcp listener; it is not served',
    },
  ]);
});

test('of two L4Routes on one listener the older is served, and the other hears of it', () => {
  const younger = typed('L4Route', 'another', { listener: 'redis', to: { cluster: 'unused' } }, 2);
  const { clusters, notes } = translateGroup(documentSet([younger, ...all]), 'front');
  expect(clusters.map(({ name }) => name)).toEqual(['redis']);
  expect(notes).toEqual([
    {
      document: { kind: 'L4Route', name: 'another' },
      detail: 'listener redis already gives such connections to the older L4Route redis; this one is not served',
    },
  ]);
});

test('a host holds the routes of all tenants in the one documented order', () => {
  const to = { cluster: 'orders' };
  const more = [
    route('checkout/short', { match: { path: { prefix: '/api' } }, to }, 1),
    route('checkout/exact', { match: { path: { exact: '/api/v1' } }, to }, 5),
    route('checkout/prefix', { match: { path: { prefix: '/api/v1' } }, to }, 4),
    route('checkout/posts', { match: { path: { prefix: '/api' }, methods: 'POST' }, to }, 9),
    route('platform-first', { priority: 1, to: { cluster: 'unused' } }, 9),
  ];
  expect(routesOf([...all, ...more])['public']).toEqual({
    'shop.example.com': [
      'platform-first',
      'checkout/exact',
      'checkout/prefix',
      'checkout/posts',
      'checkout/short',
      'checkout/orders',
    ],
  });
});

test('one RouteConfiguration a listener, one virtual host a host, each route with its timeout and its target', () => {
  const split = route('checkout/split', {
    hosts: ['shop.example.com', '*.checkout.example.com'],
    match: { path: { prefix: '/api' } },
    to: [
      { cluster: 'orders', weight: 90 },
      { cluster: 'orders-v2', weight: 10 },
    ],
    timeout: '0s',
    retry: { attempts: 0 },
  });
  const documents = documentSet([...all, split, typed('Cluster', 'checkout/orders-v2')]);
  const { routes, virtualHosts, clusters } = translateGroup(documents, 'edge');
  const splitRoute = {
    name: 'checkout/split',
    match: { path_separated_prefix: '/api' },
    route: {
      weighted_clusters: {
        clusters: [
          { name: 'checkout/orders', weight: 90 },
          { name: 'checkout/orders-v2', weight: 10 },
        ],
      },
      timeout: '0s',
    },
  };
  expect(asJson('routes', routes[1]!.message)).toEqual({
    '@type': 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
    name: 'public',
    ignore_port_in_host_matching: true,
    validate_clusters: false,
  });
  expect(routes[1]!.hosts).toEqual(['public/*.checkout.example.com', 'public/shop.example.com']);
  expect(virtualHosts.slice(1).map(({ message }) => asJson('virtualHosts', message))).toEqual([
    {
      '@type': hostUrl,
      name: 'public/*.checkout.example.com',
      domains: ['*.checkout.example.com'],
      routes: [splitRoute],
      retry_policy: { num_retries: 0 },
    },
    {
      '@type': hostUrl,
      name: 'public/shop.example.com',
      domains: ['shop.example.com'],
      routes: [
        splitRoute,
        {
          name: 'checkout/orders',
          match: { prefix: '/' },
          route: { cluster: 'checkout/orders', timeout: '5s', retry_policy: expect.anything() },
        },
      ],
      retry_policy: { num_retries: 0 },
    },
  ]);
  expect(clusters.map(({ name }) => name)).toEqual(['checkout/orders', 'checkout/orders-v2', 'payments/ledger']);
});

test('without a word from route or tenant a request has 15 s', () => {
  const { virtualHosts } = translateGroup(documentSet(all), 'edge');
  const ledgerHost = virtualHosts.find(({ name }) => name === 'private/shop.example.com');
  expect(ledgerHost?.message.routes?.[0]?.route?.timeout).toEqual({ seconds: 15, nanos: 0 });
});

test('each resource knows the document to blame', () => {
  const { listeners, routes, virtualHosts, clusters, endpoints } = translateGroup(documentSet(all), 'edge');
  expect(virtualHosts[1]?.source).toEqual({ kind: 'Route', tenant: 'checkout', name: 'orders' });
  expect(listeners[1]?.source).toEqual({ kind: 'Listener', name: 'public' });
  expect(routes[1]?.source).toEqual({ kind: 'Listener', name: 'public' });
  expect(clusters[0]?.source).toEqual({ kind: 'Cluster', tenant: 'checkout', name: 'orders' });
  expect(endpoints[0]?.source).toEqual({ kind: 'Cluster', tenant: 'checkout', name: 'orders' });
});

test('what did not change is neither built nor encoded again', () => {
  const before = translateGroup(documentSet(all), 'edge');
  const moved = typed('Cluster', 'payments/ledger', { endpoints: { address: '10.0.0.2', port: 80 } });
  const after = translateGroup(documentSet([...all, moved]), 'edge');
  expect(after.listeners[0]?.message).toBe(before.listeners[0]?.message);
  expect(after.routes[1]?.message).toBe(before.routes[1]?.message);
  expect(after.endpoints[0]?.message).toBe(before.endpoints[0]?.message);
  expect(after.endpoints[1]?.message).not.toBe(before.endpoints[1]?.message);
  expect(encodeGroup(after).routes[1]?.value).toBe(encodeGroup(before).routes[1]?.value);
});

test('a cluster that is known by name needs no endpoints over EDS', () => {
  const named = typed('Cluster', 'checkout/orders', { endpoints: undefined, dns: { host: 'orders', port: 80 } });
  const { clusters, endpoints } = namesOf([...platform, named, orders], 'edge');
  expect({ clusters, endpoints }).toEqual({ clusters: ['checkout/orders'], endpoints: [] });
});
