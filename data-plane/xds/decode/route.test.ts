import { expect, test } from 'vitest';
import type { RouteConfiguration } from '../../../proto/envoy.ts';
import { decodeRoutes, decodeVirtualHost } from './route.ts';
import { literalAlternatives } from './string-matcher.ts';
import {
  ads,
  decodeRoute,
  hostBytes,
  problemsOf,
  type Route,
  refusals,
  route,
  routes,
  seconds,
  taken,
  virtualHost,
} from './testing.ts';

const unsupported = 'not supported by this data plane';
type Headers = NonNullable<NonNullable<Route['match']>['headers']>;

const routeOf = (patch: Partial<Route>) => taken(decodeRoute(patch)).hosts[0]?.routes[0];

test('a route to one cluster has 15 seconds', () => {
  expect(taken(decodeRoutes(routes()))).toEqual({
    name: 'public',
    hosts: [
      {
        name: 'shop',
        domains: ['shop.example.com'],
        routes: [
          {
            name: 'orders',
            match: {
              path: { type: 'prefix', value: '/' },
              caseSensitive: true,
              headers: [],
              query: [],
              fraction: null,
            },
            to: [{ cluster: 'checkout/orders', weight: 1 }],
            answer: null,
            rewrite: null,
            requestHeaders: null,
            responseHeaders: null,
            timeoutMs: 15_000,
            maxStream: null,
            streamIdleTimeoutMs: null,
            retry: null,
            fallback: null,
            upgrades: [],
            hashPolicies: [],
            stickySession: null,
            grpcWeb: null,
            fault: null,
            clusterHeader: '',
          },
        ],
      },
    ],
    vhds: null,
  });
});

test.each([
  [{ grpc_timeout_header_max: seconds(0) }, { maxMs: 0, grpcMaxMs: 0 }],
  [
    { max_stream_duration: seconds(2), grpc_timeout_header_max: seconds(1) },
    { maxMs: 2_000, grpcMaxMs: 1_000 },
  ],
  [{ max_stream_duration: seconds(2) }, { maxMs: 2_000, grpcMaxMs: null }],
])('a limit for the whole stream takes the place of the timeout, as in Envoy: %j', (max_stream_duration, maxStream) => {
  const route = { cluster: 'a', timeout: seconds(5), max_stream_duration };
  expect(routeOf({ route })).toMatchObject({ timeoutMs: 0, maxStream });
});

test('a timeout of 0 stays none', () => {
  expect(routeOf({ route: { cluster: 'a', timeout: seconds(0) } })?.timeoutMs).toBe(0);
});

test.each<[Route['match'], object]>([
  [{ prefix: '/a' }, { path: { type: 'prefix', value: '/a' }, caseSensitive: true }],
  [{ path: '/a' }, { path: { type: 'exact', value: '/a' } }],
  [{ path_separated_prefix: '/a' }, { path: { type: 'pathSeparatedPrefix', value: '/a' } }],
  [{ prefix: '/a', case_sensitive: {} }, { caseSensitive: false }],
])('match %j', (match, expected) => {
  expect(routeOf({ match: match ?? null })?.match).toMatchObject(expected);
});

test('upgrades, and CONNECT, which has no path', () => {
  const upgrade_configs = [{ upgrade_type: 'CONNECT' }, { upgrade_type: 'websocket', enabled: {} }];
  const found = routeOf({ match: { connect_matcher: {} }, route: { cluster: 'a', upgrade_configs } });
  expect(found?.match.path).toEqual({ type: 'connect', value: '' });
  expect(found?.upgrades).toEqual([
    { type: 'connect', enabled: true },
    { type: 'websocket', enabled: false },
  ]);
});

test('weights of 0 stay beside others', () => {
  const clusters = [{ name: 'a', weight: { value: 3 } }, { name: 'b' }];
  expect(routeOf({ route: { weighted_clusters: { clusters, total_weight: { value: 100 } } } })?.to).toEqual([
    { cluster: 'a', weight: 3 },
    { cluster: 'b', weight: 0 },
  ]);
});

test('what changes nothing that a request could see is passed over', () => {
  const harmless = route({ metadata: {}, decorator: { operation: 'x' }, tracing: {}, stat_prefix: 'x' });
  const virtual_hosts = [virtualHost({ routes: [harmless], virtual_clusters: [{}], require_tls: 'NONE' })];
  expect(problemsOf(decodeRoutes(routes({ virtual_hosts, validate_clusters: { value: true } })))).toEqual([]);
});

test('domains are compared in lower case', () => {
  const virtual_hosts = [virtualHost({ domains: ['Shop.Example.COM', '*.B', 'c.*', '*'] })];
  expect(taken(decodeRoutes(routes({ virtual_hosts }))).hosts[0]?.domains).toEqual([
    'shop.example.com',
    '*.b',
    'c.*',
    '*',
  ]);
});

test('a domain with a port is harmless beside the same domain without', () => {
  const withPort = [virtualHost({ domains: ['a.example.com', 'a.example.com:8080'] })];
  expect(problemsOf(decodeRoutes(routes({ virtual_hosts: withPort })))).toEqual([]);
  const ignored = [virtualHost({ domains: ['a.example.com:8080'] })];
  expect(problemsOf(decodeRoutes(routes({ virtual_hosts: ignored, ignore_port_in_host_matching: true })))).toEqual([]);
});

test.each<[Headers[number], object]>([
  [
    { name: 'X-A', string_match: { exact: 'V' } },
    { name: 'x-a', condition: { type: 'exact', value: 'V', ignoreCase: false } },
  ],
  [{ name: 'a', string_match: { exact: '' } }, { condition: { type: 'exact', value: '' } }],
  [
    { name: 'a', string_match: { prefix: 'v', ignore_case: true } },
    { condition: { type: 'prefix', value: 'v', ignoreCase: true } },
  ],
  [{ name: 'a', string_match: { suffix: 'v' } }, { condition: { type: 'suffix', value: 'v' } }],
  [{ name: 'a', string_match: { contains: 'v' } }, { condition: { type: 'contains', value: 'v' } }],
  [{ name: 'a', exact_match: 'v' }, { condition: { type: 'exact', value: 'v', ignoreCase: false } }],
  [{ name: 'a', prefix_match: 'v' }, { condition: { type: 'prefix', value: 'v' } }],
  [{ name: 'a', suffix_match: 'v' }, { condition: { type: 'suffix', value: 'v' } }],
  [{ name: 'a', contains_match: 'v' }, { condition: { type: 'contains', value: 'v' } }],
  [{ name: 'a', present_match: true }, { condition: { type: 'present', present: true } }],
  [{ name: 'a', present_match: false }, { condition: { type: 'present', present: false } }],
  [{ name: 'a' }, { condition: { type: 'present', present: true } }],
  [{ name: 'a', range_match: { start: -5, end: 10 } }, { condition: { type: 'range', start: -5, end: 10 } }],
  [
    { name: ':method', string_match: { safe_regex: { regex: 'GET|POST' } } },
    { name: ':method', condition: { type: 'oneOf', values: ['GET', 'POST'] } },
  ],
  [{ name: 'a', safe_regex_match: { regex: '^(x|y)$' } }, { condition: { type: 'oneOf', values: ['x', 'y'] } }],
  [
    { name: 'a', string_match: { exact: 'v' }, invert_match: true, treat_missing_header_as_empty: true },
    { invert: true, treatMissingAsEmpty: true },
  ],
])('header %j', (header, expected) => {
  expect(routeOf({ match: { prefix: '/', headers: [header] } })?.match.headers[0]).toMatchObject(expected);
});

test.each<[string, string[] | null]>([
  ['GET', ['GET']],
  ['GET|POST', ['GET', 'POST']],
  ['^GET|POST$', ['GET', 'POST']],
  ['^(?:GET|POST)$', ['GET', 'POST']],
  ['(GET)', ['GET']],
  ['M-SEARCH|a\\.b|c\\\\', ['M-SEARCH', 'a.b', 'c\\']],
  ['a\\$', ['a$']],
  ['a/b c@d', ['a/b c@d']],
  ['', null],
  ['GET|', null],
  ['GET.*', null],
  ['a?', null],
  ['[ab]', null],
  ['\\d', null],
  ['\\', null],
  ['(?i)get', null],
  ['(a)|(b)', null],
  ['a{2}', null],
  ['a^b', null],
])('the literals of the regex %s', (regex, expected) => {
  expect(literalAlternatives(regex)).toEqual(expected);
});

const at = 'virtual_hosts[0].routes[0]';
test.each(
  refusals<Partial<Route>>(
    [{ match: null }, [`${at}.match: says no path`]],
    [{ match: { prefix: '' } }, [`${at}.match.prefix: must not be empty`]],
    [
      { match: { path_separated_prefix: '/a/' } },
      [`${at}.match.path_separated_prefix: must be two characters or more, without ? and #, not ending in /`],
    ],
    [{ match: { prefix: '/', headers: [{}] } }, [`${at}.match.headers[0].name: must not be empty`]],
    [
      { match: { prefix: '/', headers: [{ name: ':scheme' }, { name: 'a', string_match: {} }] } },
      [
        `${at}.match.headers[0].name: :scheme is ${unsupported}`,
        `${at}.match.headers[1].string_match: says no pattern`,
      ],
    ],
    [
      { match: { prefix: '/', headers: [{ name: 'a', range_match: { start: 2, end: 2 } }] } },
      [`${at}.match.headers[0].range_match: start must be less than end`],
    ],
    [
      { match: { prefix: '/', headers: [{ name: 'a', string_match: { prefix: '' } }] } },
      [`${at}.match.headers[0].string_match.prefix: must not be empty`],
    ],
    [{ route: null }, [`${at}: says no action`]],
    [{ route: {} }, [`${at}.route.cluster: must not be empty`]],
    [{ route: { cluster_specifier_plugin: 'x' } }, [`${at}.route.cluster_specifier_plugin: ${unsupported}`]],
    [{ route: { weighted_clusters: {} } }, [`${at}.route.weighted_clusters: names no cluster`]],
    [
      { route: { weighted_clusters: { clusters: [{ name: 'a' }, { name: 'b', weight: {} }] } } },
      [`${at}.route.weighted_clusters: weights sum to 0`],
    ],
    [
      {
        route: { weighted_clusters: { clusters: [1, 2].map(() => ({ name: 'a', weight: { value: 4_294_967_295 } })) } },
      },
      [`${at}.route.weighted_clusters: weights sum to more than 4294967295`],
    ],
    [
      { route: { weighted_clusters: { clusters: [{ weight: { value: 1 }, request_headers_to_remove: ['a'] }] } } },
      [
        `${at}.route.weighted_clusters.clusters[0].request_headers_to_remove: ${unsupported}`,
        `${at}.route.weighted_clusters.clusters[0].name: must not be empty`,
      ],
    ],
    [
      { route: { cluster: 'a', auto_host_rewrite: {}, priority: 'HIGH' } },
      ['auto_host_rewrite', 'priority'].map((field) => `${at}.route.${field}: ${unsupported}`),
    ],
    [
      { route: { cluster: 'a', upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] } },
      [`${at}.route.upgrade_configs[0].connect_config: ${unsupported}`],
    ],
    [
      { match: { connect_matcher: {} }, route: { cluster: 'a', host_rewrite_literal: 'b' } },
      [`${at}.route: a rewrite of CONNECT is ${unsupported}`],
    ],
    [{ route: { cluster: 'a', timeout: { nanos: -1 } } }, [`${at}.route.timeout: must be a duration of 0 or more`]],
  ),
)('route is refused: $law', ({ patch, expected }) => {
  expect(problemsOf(decodeRoute(patch)).sort()).toEqual(expected.toSorted());
});

test.each(
  refusals<Partial<RouteConfiguration>>(
    [{ name: '' }, ['name: must not be empty']],
    [{ vhds: {} }, ['vhds.config_source: must be set']],
    [
      { vhds: { config_source: { path: 'hosts.yaml' } } },
      ['vhds.config_source: only ads and self are supported by this data plane'],
    ],
    [
      { virtual_hosts: [virtualHost({ name: '', domains: [] })] },
      ['virtual_hosts[0].name: must not be empty', 'virtual_hosts[0].domains: must hold a domain'],
    ],
    [{ virtual_hosts: [virtualHost({ domains: [''] })] }, ['virtual_hosts[0].domains[0]: must not be empty']],
    [
      { virtual_hosts: [virtualHost({}), virtualHost({ domains: ['x', 'SHOP.example.com'] })] },
      ['virtual_hosts[1].domains[1]: "shop.example.com" is a domain of virtual_hosts[0] already'],
    ],
    [
      { virtual_hosts: [virtualHost({ domains: ['a', 'A'] })] },
      ['virtual_hosts[0].domains[1]: "a" is a domain of virtual_hosts[0] already'],
    ],
    [
      { virtual_hosts: [virtualHost({ domains: ['a:80'] })] },
      [`virtual_hosts[0].domains[0]: "a:80": a domain with a port, without the same domain bare, is ${unsupported}`],
    ],
    [{ virtual_hosts: [virtualHost({ require_tls: 'ALL' })] }, [`virtual_hosts[0].require_tls: ${unsupported}`]],
  ),
)('route configuration is refused: $law', ({ patch, expected }) => {
  expect(problemsOf(decodeRoutes(routes(patch)))).toEqual(expected);
});

test('all problems are named, not the first alone', () => {
  const bad = route({ route: { weighted_clusters: { clusters: [{ name: 'a' }] } } });
  const decoded = decodeRoutes(routes({ virtual_hosts: [virtualHost({ routes: [route({}), bad, bad] })] }));
  expect(problemsOf(decoded)).toEqual([
    'virtual_hosts[0].routes[1].route.weighted_clusters: weights sum to 0',
    'virtual_hosts[0].routes[2].route.weighted_clusters: weights sum to 0',
  ]);
});

test('virtual hosts may come as resources of their own, over the same stream', () => {
  const vhds = { config_source: { ...ads, initial_fetch_timeout: { seconds: 1 } } };
  expect(taken(decodeRoutes(routes({ virtual_hosts: [], vhds })))).toEqual({
    name: 'public',
    hosts: [],
    vhds: { fetchTimeoutMs: 1_000 },
  });
  expect(taken(decodeRoutes(routes({ vhds: { config_source: ads } }))).vhds).toEqual({ fetchTimeoutMs: null });
});

test('a virtual host of its own is read as one inside a route configuration is', () => {
  const name = 'public/shop';
  const [inside] = taken(
    decodeRoutes(routes({ virtual_hosts: [virtualHost({ name, domains: ['Shop.Example.com'] })] })),
  ).hosts;
  expect(taken(decodeVirtualHost(hostBytes(virtualHost({ name, domains: ['Shop.Example.com'] }))))).toEqual(inside);
});

test.each(
  refusals<Parameters<typeof virtualHost>[0]>(
    [{ name: '' }, ['name: must not be empty']],
    [{ name: 'shop' }, ['name: must begin with the name of its route configuration and a slash']],
    [{ name: '/shop' }, ['name: must begin with the name of its route configuration and a slash']],
    [{ domains: [] }, ['domains: must hold a domain']],
    [
      { domains: ['', 'a', 'A'] },
      ['domains[0]: must not be empty', 'domains[2]: "a" is a domain of this virtual host already'],
    ],
    [
      { domains: ['a:80'] },
      [`domains[0]: "a:80": a domain with a port, without the same domain bare, is ${unsupported}`],
    ],
    [{ routes: [route({ match: { prefix: '' } })] }, ['routes[0].match.prefix: must not be empty']],
    [{ cors: {} }, [`cors: ${unsupported}`]],
  ),
)('virtual host is refused: $law', ({ patch, expected }) => {
  const host = hostBytes(virtualHost({ name: 'public/shop', ...patch }));
  expect(problemsOf(decodeVirtualHost(host))).toEqual(expected);
});

test('a route may leave its cluster to a header of the request', () => {
  const decoded = decodeRoutes(
    routes({ virtual_hosts: [virtualHost({ routes: [route({ route: { cluster_header: 'X-Cluster' } })] })] }),
  );
  expect(taken(decoded).hosts[0]!.routes[0]).toMatchObject({ to: [], clusterHeader: 'x-cluster' });
});
