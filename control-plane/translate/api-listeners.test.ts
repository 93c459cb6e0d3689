import { expect, test } from 'vitest';
import type { Typed } from '../model/specs.ts';
import { translateGroup, translateGroupAgain } from './group.ts';
import { asJson, documentSet, typed } from './testing.ts';

type Written = Readonly<Record<string, unknown>>;

const api = typed('Listener', 'mesh', { address: undefined, port: undefined, protocol: 'api' });
const http = typed('Listener', 'public');
const grpc = typed('Cluster', 'orders', { protocol: 'grpc' });

function route(name: string, spec: Written = {}): Typed {
  return typed('Route', name, spec);
}

function hostsOf(...documents: Typed[]): string[] {
  return translateGroup(documentSet(documents), 'edge').listeners.map(({ name }) => name);
}

function managerOf(...documents: Typed[]) {
  const [listener] = translateGroup(documentSet([api, grpc, ...documents]), 'edge').listeners;
  const json = asJson('listeners', listener!.message) as { api_listener: { api_listener: Record<string, unknown> } };
  return json.api_listener.api_listener;
}

test("a host of an api listener's routes is a Listener of that name, its routes inline, only for who names it", () => {
  const { listeners, routes, clusters } = translateGroup(documentSet([api, grpc, route('orders')]), 'edge');
  expect(routes).toEqual([]);
  expect(listeners.map(({ name, byName, source }) => [name, byName, source.name])).toEqual([
    ['shop.example.com', true, 'mesh'],
  ]);
  expect(clusters.map(({ name, byName }) => [name, byName])).toEqual([['orders', true]]);
  expect(asJson('listeners', listeners[0]!.message)).toEqual({
    '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
    name: 'shop.example.com',
    api_listener: {
      api_listener: {
        '@type':
          'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
        stat_prefix: 'shop.example.com',
        route_config: {
          name: 'shop.example.com',
          virtual_hosts: [
            {
              name: 'shop.example.com',
              domains: ['shop.example.com'],
              routes: [{ name: 'orders', match: { prefix: '/' }, route: { cluster: 'orders', timeout: '0s' } }],
            },
          ],
        },
        http_filters: [
          {
            name: 'envoy.filters.http.router',
            typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
          },
        ],
      },
    },
  });
});

test('a prefix by segments is the path itself and what is below it; a timeout is the longest that a stream may last', () => {
  const match = { path: { prefix: '/shop.Orders/' }, methods: ['POST'], headers: { name: 'x-v', exact: 'b' } };
  const action = {
    route: { cluster: 'orders', timeout: '5s', max_stream_duration: { max_stream_duration: '5s' } },
  };
  const headers = [{ name: 'x-v', string_match: { exact: 'b' } }];
  expect(managerOf(route('orders', { match, timeout: '5s' }))).toMatchObject({
    route_config: {
      virtual_hosts: [
        {
          routes: [
            { match: { path: '/shop.Orders', headers }, ...action },
            { match: { prefix: '/shop.Orders/', headers }, ...action },
          ],
        },
      ],
    },
  });
});

test('a cluster that something with a socket leads to is for all, and its route stands on both kinds of listener', () => {
  const group = translateGroup(documentSet([api, http, grpc, route('orders')]), 'edge');
  expect(group.listeners.map(({ name, byName }) => [name, byName])).toEqual([
    ['public', undefined],
    ['shop.example.com', true],
  ]);
  expect(JSON.stringify(asJson('virtualHosts', group.virtualHosts[0]!.message))).toContain('"cluster":"orders"');
  expect(group.clusters.map(({ byName }) => byName)).toEqual([undefined]);
  const raw = typed('Listener', 'raw', { protocol: 'tcp' });
  const l4 = typed('L4Route', 'raw', { listener: 'raw', to: { cluster: 'orders' } });
  const named = route('orders', { listeners: 'mesh' });
  const byNameOf = (...more: Typed[]) =>
    translateGroup(documentSet([api, http, raw, grpc, named, ...more]), 'edge').clusters.map(({ byName }) => byName);
  expect([byNameOf(), byNameOf(l4)]).toEqual([[true], [undefined]]);
});

test("a route that says more than gRPC's clients carry out is not served to them, which is noted", () => {
  const rewriting = route('orders', { rewrite: { prefix: '/' } });
  const first = translateGroup(documentSet([api, http, grpc, rewriting]), 'edge');
  expect(first.listeners.map(({ name }) => name)).toEqual(['public']);
  expect(first.notes).toMatchObject([{ document: { name: 'orders' }, detail: expect.stringContaining('mesh') }]);
  // so is one whose cluster says more, from the moment when it does
  const plain = translateGroup(documentSet([api, http, grpc, route('orders')]), 'edge');
  const kept = typed('Cluster', 'orders', { protocol: 'grpc', connectTimeout: '7s' });
  const key = { kind: 'Cluster', name: 'orders' } as const;
  const again = translateGroupAgain(documentSet([api, http, kept, route('orders')]), 'edge', plain, [key]);
  expect([plain, again].map(({ listeners }) => listeners.length)).toEqual([2, 1]);
});

test('a route without listeners stands where its clusters can be carried', () => {
  const web = typed('Cluster', 'web');
  const documents = [
    api,
    http,
    grpc,
    web,
    route('orders'),
    route('web', { hosts: 'web.example.com', to: { cluster: 'web' } }),
  ];
  expect(hostsOf(...documents)).toEqual(['public', 'shop.example.com']);
  const { routes } = translateGroup(documentSet(documents), 'edge');
  expect(routes[0]!.hosts).toEqual(['public/shop.example.com', 'public/web.example.com']);
});

test('hosts that gRPC cannot ask for, or that are called like a listener, are noted and left out', () => {
  const hosts = ['*.example.com', '*', 'public', 'a.example.com'];
  const { listeners, notes } = translateGroup(documentSet([api, http, grpc, route('orders', { hosts })]), 'edge');
  expect(listeners.map(({ name, byName }) => [name, byName])).toEqual([
    ['a.example.com', true],
    ['public', undefined],
  ]);
  expect(notes.map(({ detail }) => /(\S+) is (?:not|called)/.exec(detail)?.[1])).toEqual([
    '*.example.com',
    '*',
    'public',
  ]);
});

test('several api listeners of a group are one: a host is served once, with the routes of all', () => {
  const other = typed('Listener', 'other', { address: undefined, port: undefined, protocol: 'api' });
  const deep = route('deep', { listeners: 'other', match: { path: { exact: '/shop.Orders/Get' } } });
  expect(hostsOf(api, other, grpc, route('orders'), deep)).toEqual(['shop.example.com']);
  expect(JSON.stringify(managerOf(other, route('orders'), deep))).toMatch(/shop\.Orders\/Get.*"prefix":"\/"/);
});

test('what did not change keeps its message; a cluster that speaks otherwise moves its route', () => {
  const set = (cluster: Typed, ...more: Typed[]) => documentSet([api, http, cluster, route1, ...more]);
  const route1 = route('orders');
  const first = translateGroup(set(grpc), 'edge');
  const second = translateGroup(set(grpc, route('more', { hosts: 'more.example.com' })), 'edge');
  const byName = (name: string, { listeners }: typeof first) => listeners.find((one) => one.name === name)?.message;
  expect(byName('shop.example.com', second)).toBe(byName('shop.example.com', first));

  const endpoints = [{ address: '10.0.0.1', port: 80 }];
  const key = { kind: 'Cluster', name: 'orders' } as const;
  const moved = translateGroupAgain(set(typed('Cluster', 'orders', { protocol: 'grpc', endpoints })), 'edge', first, [
    key,
  ]);
  expect(moved.listeners).toBe(first.listeners);
  const spoken = translateGroupAgain(set(typed('Cluster', 'orders', { protocol: 'http1' })), 'edge', first, [key]);
  expect(spoken.listeners.map(({ name }) => name)).toEqual(['public']);
});

test("behind a socket the client's deadline counts on a route to a grpc cluster, up to the timeout", () => {
  const durationOf = (...[cluster, spec]: [Typed, Written]): unknown => {
    const { virtualHosts } = translateGroup(documentSet([http, cluster, route('orders', spec)]), 'edge');
    const json = asJson('virtualHosts', virtualHosts[0]!.message) as {
      routes: { route: { max_stream_duration?: unknown } }[];
    };
    return json.routes[0]!.route.max_stream_duration;
  };
  expect(durationOf(grpc, {})).toEqual({ grpc_timeout_header_max: '0s' });
  const both = { max_stream_duration: '5s', grpc_timeout_header_max: '5s' };
  expect(durationOf(grpc, { timeout: '5s' })).toEqual(both);
  expect(durationOf(typed('Cluster', 'orders', { protocol: 'http2' }), { timeout: '5s' })).toBeUndefined();
});

test("a route to a grpc cluster has no timeout unless its tenant's cap says so", () => {
  const timeoutOf = (caps: Written, defaults: Written = {}): unknown => {
    const tenant = typed('Tenant', 'a', { claims: { host: 'shop.example.com' }, caps, defaults });
    const own = typed('Cluster', 'a/orders', { protocol: 'grpc' });
    return /"timeout":"([^"]*)"/.exec(JSON.stringify(managerOf(tenant, own, typed('Route', 'a/orders'))))?.[1];
  };
  expect(timeoutOf({})).toBe('0s');
  expect(timeoutOf({ timeout: '60s' })).toBe('60s');
  expect(timeoutOf({ timeout: '60s' }, { timeout: '7s' })).toBe('7s');
});

test("a grpc cluster goes round over HTTP/2, and its zones have weights, without which gRPC's clients skip them", () => {
  const endpoints = [1, 2, 3].map((n) => ({ address: '10.0.0.1', port: n, zone: n < 3 ? 'a' : 'b' }));
  const cluster = typed('Cluster', 'orders', { protocol: 'grpc', endpoints });
  const group = translateGroup(documentSet([api, cluster, route('orders')]), 'edge');
  expect(asJson('clusters', group.clusters[0]!.message)).not.toHaveProperty('lb_policy');
  // an enum's first word, ROUND_ROBIN, is not written
  expect(JSON.stringify(asJson('clusters', group.clusters[0]!.message))).toContain('http2_protocol_options');
  expect(asJson('endpoints', group.endpoints[0]!.message)).toMatchObject({
    endpoints: [
      { locality: { zone: 'a' }, load_balancing_weight: 2 },
      { locality: { zone: 'b' }, load_balancing_weight: 1 },
    ],
  });
});
