import { expect, test } from 'vitest';
import { checkDocument, specOf } from '../check.ts';
import { refusals } from '../testing.ts';

const least = { hosts: 'shop.example.com', to: { cluster: 'orders' } };
const specOfRoute = (spec: object, tenant: string | undefined = 'checkout') =>
  specOf({ kind: 'Route', tenant, name: 'orders', spec: { ...least, ...spec } });

test('a route that says its hosts and cluster has every default', () => {
  expect(specOfRoute({})).toEqual({
    listeners: null,
    hosts: ['shop.example.com'],
    match: {
      path: { type: 'prefix', value: '/' },
      ignoreCase: false,
      methods: [],
      headers: [],
      query: [],
      fractionPercent: null,
    },
    to: [{ cluster: { tenant: 'checkout', name: 'orders' }, weight: 1, subset: null }],
    redirect: null,
    respond: null,
    rewrite: null,
    headers: { request: { remove: [], set: {}, add: {} }, response: { remove: [], set: {}, add: {} } },
    timeoutMs: null,
    streamIdleTimeoutMs: null,
    clusterHeader: null,
    affinity: null,
    filters: { fault: null },
    retry: {
      on: null,
      attempts: null,
      perTryMs: 0,
      backoff: { baseMs: 25, maxMs: 250 },
      otherHost: true,
      anyMethod: false,
    },
    fallback: null,
    upgrades: [],
    priority: null,
  });
});

test('a route that says everything is read whole', () => {
  const spec = {
    listeners: ['public', 'internal'],
    hosts: ['Shop.Example.com', '*.example.org'],
    match: {
      path: { exact: '/api/', ignoreCase: true },
      methods: ['GET', 'M-SEARCH'],
      headers: [
        { name: 'X-Version', exact: '' },
        { name: 'a', prefix: 'p', not: true },
        { name: 'b', suffix: 's' },
        { name: 'c', contains: 'c' },
        { name: 'd', present: false },
        { name: 'e', range: [-18, 65] },
        { name: 'f', regex: 'v[0-9]+' },
      ],
      query: [
        { name: 'debug', present: true },
        { name: 'user', regex: '[a-z]+' },
      ],
    },
    to: [
      { cluster: 'orders', weight: 90, subset: { version: 'v2' } },
      { cluster: 'payments/ledger', weight: 0 },
    ],
    timeout: '0s',
    streamIdleTimeout: '0s',
    retry: {
      on: ['gateway-error', 409, 'unavailable'],
      attempts: 5,
      perTry: '3s',
      backoff: { base: '100ms', max: '200ms' },
      otherHost: false,
      anyMethod: true,
    },
    fallback: { cluster: 'shop/page', on: 'no-healthy' },
    upgrades: ['WebSocket', 'spdy/3.1'],
    priority: 7,
  };
  expect(specOf({ kind: 'Route', name: 'orders', spec })).toEqual({
    listeners: ['public', 'internal'],
    hosts: ['shop.example.com', '*.example.org'],
    match: {
      path: { type: 'exact', value: '/api/' },
      ignoreCase: true,
      methods: ['GET', 'M-SEARCH'],
      headers: [
        { name: 'x-version', condition: { exact: '' }, not: false },
        { name: 'a', condition: { prefix: 'p' }, not: true },
        { name: 'b', condition: { suffix: 's' }, not: false },
        { name: 'c', condition: { contains: 'c' }, not: false },
        { name: 'd', condition: { present: false }, not: false },
        { name: 'e', condition: { range: [-18, 65] }, not: false },
        { name: 'f', condition: { regex: 'v[0-9]+' }, not: false },
      ],
      query: [
        { name: 'debug', condition: { present: true } },
        { name: 'user', condition: { regex: '[a-z]+' } },
      ],
      fractionPercent: null,
    },
    to: [
      { cluster: { tenant: undefined, name: 'orders' }, weight: 90, subset: { version: 'v2' } },
      { cluster: { tenant: 'payments', name: 'ledger' }, weight: 0, subset: null },
    ],
    redirect: null,
    respond: null,
    rewrite: null,
    headers: { request: { remove: [], set: {}, add: {} }, response: { remove: [], set: {}, add: {} } },
    timeoutMs: 0,
    streamIdleTimeoutMs: 0,
    clusterHeader: null,
    affinity: null,
    filters: { fault: null },
    retry: {
      on: ['gateway-error', 409, 'unavailable'],
      attempts: 5,
      perTryMs: 3_000,
      backoff: { baseMs: 100, maxMs: 200 },
      otherHost: false,
      anyMethod: true,
    },
    fallback: { cluster: { tenant: 'shop', name: 'page' }, on: ['no-healthy'] },
    upgrades: ['websocket', 'spdy/3.1'],
    priority: 7,
  });
});

test.each([
  [{ prefix: '/api/' }, { type: 'prefix', value: '/api' }],
  [{ prefix: '/' }, { type: 'prefix', value: '/' }],
  [{ prefix: '/a//' }, { type: 'prefix', value: '/a' }],
  [{ exact: '/api/' }, { type: 'exact', value: '/api/' }],
  [{ rawPrefix: '/api/' }, { type: 'rawPrefix', value: '/api/' }],
  [{ template: '/v1/{id}/items' }, { type: 'template', value: '/v1/{id}/items' }],
  [{ regex: '/v[0-9]+/.*' }, { type: 'regex', value: '/v[0-9]+/.*' }],
])('the path %j is %j', (path, expected) => {
  expect(specOfRoute({ match: { path } }).match.path).toEqual(expected);
});

test('the longest wait is ten times the first, unless it is said', () => {
  expect(specOfRoute({ retry: { backoff: { base: '1s' } } }).retry.backoff).toEqual({ baseMs: 1_000, maxMs: 10_000 });
});

test('a fallback takes both kinds of failure, also of one cluster of several', () => {
  expect(specOfRoute({ fallback: { cluster: 'page' } }).fallback).toEqual({
    cluster: { tenant: 'checkout', name: 'page' },
    on: ['5xx', 'no-healthy'],
  });
  const to = [{ cluster: 'orders' }, { cluster: 'page' }];
  expect(specOfRoute({ to, fallback: { cluster: 'page' } }).fallback?.cluster.name).toBe('page');
});

test('a single method or header may be written as the thing itself', () => {
  const { match } = specOfRoute({ match: { methods: 'GET', headers: { name: 'a', present: true } } });
  expect(match.methods).toEqual(['GET']);
  expect(match.headers).toEqual([{ name: 'a', condition: { present: true }, not: false }]);
});

const header = (condition: object) => ({ match: { headers: [{ name: 'a', ...condition }] } });

test.each([
  [{ hosts: undefined }, 'missing-field /spec/hosts'],
  [{ hosts: [] }, 'invalid /spec/hosts'],
  [{ hosts: 'shop.example.com:80' }, 'invalid /spec/hosts'],
  [{ hosts: ['a.b', 'shop.example.com.'] }, 'invalid /spec/hosts/1'],
  [{ hosts: ['a.b', 'A.B'] }, 'invalid /spec/hosts/1'],
  [{ hosts: '*' }, 'invalid /spec/hosts'],
  [{ hosts: 'shop.*' }, 'invalid /spec/hosts'],
  [{ hosts: [7] }, 'invalid /spec/hosts/0'],
  [{ listeners: [] }, 'invalid /spec/listeners'],
  [{ listeners: 'Public' }, 'invalid /spec/listeners'],
  [{ to: undefined }, 'missing-field /spec/to'],
  [{ to: [] }, 'invalid /spec/to'],
  [{ to: 'orders' }, 'invalid /spec/to'],
  [{ to: {} }, 'missing-field /spec/to/cluster'],
  [{ to: [{ cluster: 'a', weight: 0 }] }, 'invalid /spec/to'],
  [{ to: { cluster: 'a', weight: 0 } }, 'invalid /spec/to'],
  [{ to: { cluster: 'a', weight: -1 } }, 'invalid /spec/to/weight'],
  [{ to: [{ cluster: 'a', weight: 4_294_967_295 }, { cluster: 'b' }] }, 'invalid /spec/to'],
  [{ to: { clusterHeader: 'x-cluster' } }, 'invalid /spec/to/clusterHeader'],
  [{ to: { cluster: 'a', subset: {} } }, 'invalid /spec/to/subset'],
  [{ to: { cluster: 'a', subset: 'v2' } }, 'invalid /spec/to/subset'],
  [{ timeout: 15 }, 'invalid /spec/timeout'],
  [{ priority: 1 }, 'invalid /spec/priority'],
  [{ match: { path: '/api' } }, 'invalid /spec/match/path'],
  [{ match: { path: {} } }, 'invalid /spec/match/path'],
  [{ match: { path: { ignoreCase: true } } }, 'invalid /spec/match/path'],
  [{ match: { path: { prefix: '/a', exact: '/a' } } }, 'invalid /spec/match/path'],
  [{ match: { path: { prefix: '' } } }, 'invalid /spec/match/path/prefix'],
  [{ match: { path: { exact: '' } } }, 'invalid /spec/match/path/exact'],
  [{ match: { path: { rawPrefix: '' } } }, 'invalid /spec/match/path/rawPrefix'],
  [{ match: { path: { prefix: 'api' } } }, 'invalid /spec/match/path/prefix'],
  [{ match: { path: { prefix: '/api?x=1' } } }, 'invalid /spec/match/path/prefix'],
  [{ match: { path: { prefix: '/api#x' } } }, 'invalid /spec/match/path/prefix'],
  [{ match: { path: { prefix: '/caf\u00e9' } } }, 'invalid /spec/match/path/prefix'],
  [{ match: { path: { prefix: '/a b' } } }, 'invalid /spec/match/path/prefix'],
  [{ match: { path: { prefix: `/${'a'.repeat(2048)}` } } }, 'invalid /spec/match/path/prefix'],
  [{ match: { methods: [] } }, 'invalid /spec/match/methods'],
  [{ match: { methods: ['get'] } }, 'invalid /spec/match/methods/0'],
  [{ match: { methods: ['GET', 'GET'] } }, 'invalid /spec/match/methods/1'],
  [{ match: { methods: ['GE T'] } }, 'invalid /spec/match/methods/0'],
  [{ match: { methods: 'CONNECT' } }, 'invalid /spec/match/methods'],
  [header({}), 'invalid /spec/match/headers/0'],
  [header({ exact: 'a', present: true }), 'invalid /spec/match/headers/0'],
  [header({ exact: '', not: true }), 'invalid /spec/match/headers/0'],
  [header({ exact: 5 }), 'invalid /spec/match/headers/0/exact'],
  [header({ exact: 'a\nb' }), 'invalid /spec/match/headers/0/exact'],
  [header({ prefix: '' }), 'invalid /spec/match/headers/0/prefix'],
  [header({ present: 'yes' }), 'invalid /spec/match/headers/0/present'],
  [header({ range: [5, 5] }), 'invalid /spec/match/headers/0/range'],
  [header({ range: [5] }), 'invalid /spec/match/headers/0/range'],
  [header({ range: [1, 2.5] }), 'invalid /spec/match/headers/0/range/1'],
  [header({ name: 'x y', present: true }), 'invalid /spec/match/headers/0/name'],
  [header({ name: 'Host', present: true }), 'invalid /spec/match/headers/0/name'],
  [header({ name: ':path', present: true }), 'invalid /spec/match/headers/0/name'],
  [header({ present: true, invert: true }), 'unknown-field /spec/match/headers/0/invert'],
  [{ streamIdleTimeout: 5 }, 'invalid /spec/streamIdleTimeout'],
  [{ retry: { on: 'always' } }, 'invalid /spec/retry/on'],
  [{ retry: { on: [] } }, 'invalid /spec/retry/on'],
  [{ retry: { on: ['reset', 'reset'] } }, 'invalid /spec/retry/on/1'],
  [{ retry: { on: [200] } }, 'invalid /spec/retry/on/0'],
  [{ retry: { attempts: -1 } }, 'invalid /spec/retry/attempts'],
  [{ retry: { perTry: 3 } }, 'invalid /spec/retry/perTry'],
  [{ retry: { backoff: { base: '0s' } } }, 'invalid /spec/retry/backoff/base'],
  [{ retry: { backoff: { max: '24ms' } } }, 'invalid /spec/retry/backoff/max'],
  [{ retry: { otherHost: 'yes' } }, 'invalid /spec/retry/otherHost'],
  [{ retry: { times: 2 } }, 'unknown-field /spec/retry/times'],
  [{ hedge: { after: '50ms' } }, 'not-supported-yet /spec/hedge'],
  [{ mirror: { cluster: 'a' } }, 'not-supported-yet /spec/mirror'],
  [{ fallback: {} }, 'missing-field /spec/fallback/cluster'],
  [{ fallback: 'page' }, 'invalid /spec/fallback'],
  [{ fallback: { cluster: 'page', on: [] } }, 'invalid /spec/fallback/on'],
  [{ fallback: { cluster: 'page', on: ['5xx', '5xx'] } }, 'invalid /spec/fallback/on/1'],
  [{ fallback: { cluster: 'page', on: 'reset' } }, 'invalid /spec/fallback/on'],
  [{ fallback: { cluster: 'page', status: 200 } }, 'unknown-field /spec/fallback/status'],
  [{ fallback: { cluster: 'orders' } }, 'invalid /spec/fallback'],
  [{ fallback: { cluster: 'page' }, to: undefined, respond: { status: 200 } }, 'invalid /spec/fallback'],
  [{ fallback: { cluster: 'page' }, to: undefined, redirect: { path: '/' } }, 'invalid /spec/fallback'],
  [{ upgrades: 'h2c' }, 'invalid /spec/upgrades'],
  [{ upgrades: 'a b' }, 'invalid /spec/upgrades'],
  [{ upgrades: ['websocket', 'WebSocket'] }, 'invalid /spec/upgrades/1'],
  [{ upgrades: ['websocket', 'connect'] }, 'invalid /spec/upgrades'],
  [{ upgrades: 'connect', match: { path: { prefix: '/a' } } }, 'invalid /spec/match'],
  [{ upgrades: 'connect', match: { methods: 'GET' } }, 'invalid /spec/match'],
  [{ upgrades: 'connect', rewrite: { host: 'a.b' } }, 'invalid /spec/rewrite'],
  [{ upgrades: 'websocket', to: undefined, respond: { status: 200 } }, 'invalid /spec/upgrades'],
  [{ filters: { cors: {} } }, 'not-supported-yet /spec/filters/cors'],
  [{ host: 'a.b' }, 'unknown-field /spec/host'],
])("a tenant's route with %j is refused: %s", (spec, refused) => {
  expect(refusals('Route', { ...least, ...spec }, 'checkout')).toEqual([refused]);
});

test('the platform may match every host and say a priority', () => {
  expect(refusals('Route', { ...least, hosts: ['*', 'Shop.*'], priority: 0 })).toEqual([]);
  expect(refusals('Route', { ...least, priority: -1 })).toEqual(['invalid /spec/priority']);
});

test('the remedy of a lower-case method is the upper-case one', () => {
  const spec = { ...least, match: { methods: 'get' } };
  const checked = checkDocument({ kind: 'Route', name: 'a', spec });
  expect(checked.ok ? '' : checked.problems[0]?.remedy).toBe('Write `GET`.');
});

test('a route of the platform may let a header name the cluster', () => {
  const { to, clusterHeader } = specOf({
    kind: 'Route',
    name: 'any',
    spec: { hosts: ['*'], to: [{ clusterHeader: 'X-Cluster' }] },
  });
  expect([to, clusterHeader]).toEqual([[], 'x-cluster']);
});

test.each([
  [{ clusterHeader: 'host' }, 'invalid /spec/to/clusterHeader'],
  [{ clusterHeader: 'x', weight: 1 }, 'invalid /spec/to/weight'],
  [{ clusterHeader: 'x', subset: { version: 'v2' } }, 'invalid /spec/to/subset'],
  [{ clusterHeader: 'x', cluster: 'a' }, 'invalid /spec/to/cluster'],
  [[{ clusterHeader: 'x' }, { cluster: 'a' }], 'invalid /spec/to'],
])('a target %j of the platform is refused: %s', (to, refused) => {
  expect(refusals('Route', { hosts: ['*'], to })).toEqual([refused]);
});
