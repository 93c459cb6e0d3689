import { expect, test } from 'vitest';
import { specOf } from '../check.ts';
import { refusals } from '../testing.ts';

const specOfPolicy = (spec: unknown) => specOf({ kind: 'HealthPolicy', name: 'probes', spec });

test('an http probe has every default', () => {
  expect(specOfPolicy({ active: { http: { path: '/healthz' } } })).toEqual({
    active: {
      check: { http: { path: '/healthz', host: null, expect: [{ start: 200, end: 201 }] } },
      intervalMs: 5000,
      timeoutMs: 2000,
      unhealthyAfter: 3,
      healthyAfter: 2,
      jitterPercent: 10,
    },
  });
});

test('probes that say everything are read whole', () => {
  const times = { interval: '1s', timeout: '3s', unhealthyAfter: 1, healthyAfter: 1, jitter: '0%' };
  const http = { path: '/healthz?deep=1', host: 'orders.internal:8080', expect: ['200-299', '304', 404] };
  expect(specOfPolicy({ active: { http, ...times }, passive: 'off' }).active).toEqual({
    check: {
      http: {
        path: '/healthz?deep=1',
        host: 'orders.internal:8080',
        expect: [
          { start: 200, end: 300 },
          { start: 304, end: 305 },
          { start: 404, end: 405 },
        ],
      },
    },
    intervalMs: 1000,
    timeoutMs: 3000,
    unhealthyAfter: 1,
    healthyAfter: 1,
    jitterPercent: 0,
  });
  const tcp = { send: 'PING\t', receive: '+PONG' };
  expect(specOfPolicy({ active: { tcp } }).active?.check).toEqual({ tcp });
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

test('a policy without probes is one', () => {
  expect(specOfPolicy({ passive: 'off' })).toEqual({ active: null });
  expect(specOfPolicy({ passive: false })).toEqual({ active: null });
  expect(specOfPolicy({})).toEqual({ active: null });
});

const http = (fields: object) => ({ active: { http: { path: '/', ...fields } } });

test.each([
  [{ active: {} }, 'invalid /spec/active'],
  [{ active: { http: { path: '/' }, tcp: {} } }, 'invalid /spec/active'],
  [{ active: { grpc: { service: 'a' } } }, 'not-supported-yet /spec/active/grpc'],
  [{ active: { http: {} } }, 'missing-field /spec/active/http/path'],
  [http({ path: 'healthz' }), 'invalid /spec/active/http/path'],
  [http({ path: '/a?\u00e9' }), 'invalid /spec/active/http/path'],
  [http({ host: 'a b' }), 'invalid /spec/active/http/host'],
  [http({ host: 'a\r\nx: y' }), 'invalid /spec/active/http/host'],
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
  [{ passive: { consecutive5xx: 5 } }, 'not-supported-yet /spec/passive'],
  [{ passive: { maxFails: 3, failTimeout: '30s' } }, 'not-supported-yet /spec/passive'],
])('the policy %j is refused: %s', (spec, refused) => {
  expect(refusals('HealthPolicy', spec)).toEqual([refused]);
});
