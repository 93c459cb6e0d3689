import { expect, test } from 'vitest';
import { specOf } from '../check.ts';
import { refusals } from '../testing.ts';

const specOfPolicy = (spec: unknown) => specOf({ kind: 'HealthPolicy', name: 'probes', spec });

test('an http probe has every default', () => {
  expect(specOfPolicy({ active: { http: { path: '/healthz' } } }).active).toEqual({
    check: {
      http: {
        ...{ method: 'GET', path: '/healthz', host: null, headers: {}, receive: [] },
        expect: [{ start: 200, end: 201 }],
      },
    },
    ...{ intervalMs: 5000, noTrafficIntervalMs: null, timeoutMs: 2000, unhealthyAfter: 3, healthyAfter: 2 },
    ...{ jitterPercent: 10, initialJitterMs: 0 },
  });
});

test('probes that say everything are read whole', () => {
  const times = {
    ...{ interval: '1s', timeout: '3s', unhealthyAfter: 1, healthyAfter: 1, jitter: '0%' },
    ...{ noTrafficInterval: '1m', initialJitter: '2s' },
  };
  const http = {
    ...{ path: '/healthz?deep=1', method: 'POST', host: 'orders.internal:8080', headers: { 'X-Probe': 'a' } },
    ...{ expect: ['200-299', '304', 404], receive: 'alive' },
  };
  expect(specOfPolicy({ active: { http, ...times }, passive: 'off' }).active).toEqual({
    check: {
      http: {
        ...{ path: '/healthz?deep=1', method: 'POST', host: 'orders.internal:8080', headers: { 'x-probe': 'a' } },
        receive: ['alive'],
        expect: [
          { start: 200, end: 300 },
          { start: 304, end: 305 },
          { start: 404, end: 405 },
        ],
      },
    },
    ...{ intervalMs: 1000, noTrafficIntervalMs: 60_000, timeoutMs: 3000, unhealthyAfter: 1, healthyAfter: 1 },
    ...{ jitterPercent: 0, initialJitterMs: 2000 },
  });
  const tcp = { send: 'PING\t', receive: ['+', 'PONG'] };
  expect(specOfPolicy({ active: { tcp } }).active?.check).toEqual({ tcp });
  const grpc = { service: 'shop.Ledger', authority: 'ledger.internal' };
  expect(specOfPolicy({ active: { grpc } }).active?.check).toEqual({ grpc });
  expect(specOfPolicy({ active: { grpc: {} } }).active?.check).toEqual({ grpc: { service: '', authority: null } });
});

test.each([
  ['200-299', [{ start: 200, end: 300 }]],
  ['200', [{ start: 200, end: 201 }]],
  [200, [{ start: 200, end: 201 }]],
  [['200-299'], [{ start: 200, end: 300 }]],
])('the statuses %j are %j', (written, ranges) => {
  const check = specOfPolicy({ active: { http: { path: '/', expect: written } } }).active?.check;
  expect(check).toMatchObject({ http: { expect: ranges } });
});

const builtIn = {
  ...{ consecutive5xx: 5, consecutiveGateway: 0, consecutiveLocalOrigin: 0, intervalMs: 10_000 },
  ...{ ejectForMs: 30_000, maxEjectForMs: 300_000, ejectJitterMs: 0, maxEjectedPercent: 10, alwaysOne: true },
  ...{ successRate: null, failurePercentage: null, latency: null, maxFails: null },
};

test('ejection is on unless it is said to be off', () => {
  expect(specOfPolicy({})).toEqual({ active: null, passive: builtIn });
  expect(specOfPolicy({ active: { tcp: {} } }).passive).toEqual(builtIn);
  expect(specOfPolicy({ passive: {} }).passive).toEqual(builtIn);
  for (const passive of ['off', false, { maxFails: 0 }]) expect(specOfPolicy({ passive }).passive).toBeNull();
});

test('ejection that says everything is read whole', () => {
  const passive = {
    ...{ consecutive5xx: 7, consecutiveGateway: 3, consecutiveLocalOrigin: 2, interval: '2s', ejectFor: '10m' },
    ...{ ejectJitter: '1s', maxEjected: '50%', alwaysOne: false, successRate: {} },
    failurePercentage: { threshold: '40%', minimumHosts: 2, requestVolume: 10 },
    latency: { factor: 2.5, atLeast: '20ms' },
  };
  expect(specOfPolicy({ passive }).passive).toEqual({
    ...{ consecutive5xx: 7, consecutiveGateway: 3, consecutiveLocalOrigin: 2, intervalMs: 2_000 },
    ...{ ejectForMs: 600_000, maxEjectForMs: 600_000, ejectJitterMs: 1_000, maxEjectedPercent: 50, alwaysOne: false },
    successRate: { minimumHosts: 5, requestVolume: 100, stdevFactor: 1.9 },
    failurePercentage: { minimumHosts: 2, requestVolume: 10, thresholdPercent: 40 },
    latency: { minimumHosts: 5, requestVolume: 100, factor: 2.5, atLeastMs: 20 },
    maxFails: null,
  });
});

test.each([
  [{ maxFails: 3, failTimeout: '30s' }, 3, 30_000],
  [{ maxFails: 3 }, 3, 10_000],
  [{ failTimeout: '500ms' }, 1, 500],
])("nginx's words %j are understood, and nearly said in Envoy's", (passive, fails, windowMs) => {
  expect(specOfPolicy({ passive }).passive).toEqual({
    ...builtIn,
    maxFails: { fails, windowMs },
    ...{ consecutive5xx: 0, consecutiveLocalOrigin: fails, maxEjectedPercent: 100 },
    ...{ ejectForMs: windowMs, maxEjectForMs: windowMs, intervalMs: Math.min(windowMs, 1_000) },
  });
});

const http = (fields: object) => ({ active: { http: { path: '/', ...fields } } });

test.each([
  [{ active: {} }, 'invalid /spec/active'],
  [{ active: { http: { path: '/' }, tcp: {} } }, 'invalid /spec/active'],
  [{ active: { grpc: {}, tcp: {} } }, 'invalid /spec/active'],
  [{ active: { grpc: { service: 5 } } }, 'invalid /spec/active/grpc/service'],
  [{ active: { http: {} } }, 'missing-field /spec/active/http/path'],
  [http({ path: 'healthz' }), 'invalid /spec/active/http/path'],
  [http({ path: '/a?\u00e9' }), 'invalid /spec/active/http/path'],
  [http({ host: 'a b' }), 'invalid /spec/active/http/host'],
  [http({ host: 'a\r\nx: y' }), 'invalid /spec/active/http/host'],
  [http({ method: 'CONNECT' }), 'invalid /spec/active/http/method'],
  [http({ method: 'HEAD', receive: 'a' }), 'invalid /spec/active/http/receive'],
  [http({ headers: { host: 'a' } }), 'invalid /spec/active/http/headers/host'],
  [http({ headers: { 'x-a': '%REQ(x-b)%' } }), 'invalid /spec/active/http/headers/x-a'],
  [http({ expect: [] }), 'invalid /spec/active/http/expect'],
  [http({ expect: '299-200' }), 'invalid /spec/active/http/expect'],
  [http({ expect: ['200', '2xx'] }), 'invalid /spec/active/http/expect/1'],
  [http({ expect: 600 }), 'invalid /spec/active/http/expect'],
  [http({ expect: '99' }), 'invalid /spec/active/http/expect'],
  [http({ expect: '500-600' }), 'invalid /spec/active/http/expect'],
  [{ active: { tcp: { send: '' } } }, 'invalid /spec/active/tcp/send'],
  [{ active: { tcp: { recieve: 'a' } } }, 'unknown-field /spec/active/tcp/recieve'],
  [{ active: { tcp: {}, interval: '0s' } }, 'invalid /spec/active/interval'],
  [{ active: { tcp: {}, timeout: '0s' } }, 'invalid /spec/active/timeout'],
  [{ active: { tcp: {}, unhealthyAfter: 0 } }, 'invalid /spec/active/unhealthyAfter'],
  [{ active: { tcp: {}, jitter: '12.5%' } }, 'invalid /spec/active/jitter'],
  [{ active: { tcp: {}, noTrafficInterval: '0s' } }, 'invalid /spec/active/noTrafficInterval'],
  [{ passive: 'on' }, 'invalid /spec/passive'],
  [{ passive: { consecutive5XX: 5 } }, 'unknown-field /spec/passive/consecutive5XX'],
  [{ passive: { consecutive5xx: -1 } }, 'invalid /spec/passive/consecutive5xx'],
  [{ passive: { interval: '0s' } }, 'invalid /spec/passive/interval'],
  [{ passive: { maxEjected: '10.5%' } }, 'invalid /spec/passive/maxEjected'],
  [{ passive: { ejectFor: '30s', maxEjectFor: '10s' } }, 'invalid /spec/passive/maxEjectFor'],
  [{ passive: { successRate: { stdevFactor: -1 } } }, 'invalid /spec/passive/successRate/stdevFactor'],
  [{ passive: { latency: { minimumHosts: 1 } } }, 'invalid /spec/passive/latency/minimumHosts'],
  [{ passive: { latency: { factor: 0.5 } } }, 'invalid /spec/passive/latency/factor'],
  [{ passive: { maxFails: 3, consecutive5xx: 5 } }, 'invalid /spec/passive/consecutive5xx'],
])('the policy %j is refused: %s', (spec, refused) => {
  expect(refusals('HealthPolicy', spec)).toEqual([refused]);
});
