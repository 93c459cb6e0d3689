import { expect, test } from 'vitest';
import { specOf } from '../check.ts';
import { refusals } from '../testing.ts';

const specOfTenant = (spec: unknown) => specOf({ kind: 'Tenant', name: 'checkout', spec });

test('a tenant that says nothing claims nothing and has the quotas of the example', () => {
  expect(specOfTenant({})).toEqual({
    claims: [],
    quotas: { routes: 100, clusters: 50, endpoints: 2000, secrets: 20 },
    caps: { timeoutMs: null, retries: null, listeners: null },
    defaults: { timeoutMs: null },
  });
});

test('a tenant that says everything is read whole', () => {
  expect(
    specOfTenant({
      claims: [{ host: 'Shop.example.com', path: '/api/v1/orders/' }, { host: '*.checkout.example.com' }],
      quotas: { routes: 1, clusters: 2, endpoints: 3, secrets: 4 },
      caps: { timeout: '60s', retries: 3, listeners: 'public' },
      defaults: { timeout: '10s' },
    }),
  ).toEqual({
    claims: [
      { host: 'shop.example.com', path: '/api/v1/orders' },
      { host: '*.checkout.example.com', path: '/' },
    ],
    quotas: { routes: 1, clusters: 2, endpoints: 3, secrets: 4 },
    caps: { timeoutMs: 60_000, retries: 3, listeners: ['public'] },
    defaults: { timeoutMs: 10_000 },
  });
});

test('a cap of 0s is no cap, and a single claim may be written as the thing itself', () => {
  const spec = specOfTenant({ caps: { timeout: '0s' }, claims: { host: 'a.b' } });
  expect(spec.caps.timeoutMs).toBeNull();
  expect(spec.claims).toEqual([{ host: 'a.b', path: '/' }]);
});

test.each([
  [{ claims: { host: '*' } }, 'invalid /spec/claims/host'],
  [{ claims: [{ path: '/' }] }, 'missing-field /spec/claims/0/host'],
  [{ claims: [{ host: 'a.b', path: 'api' }] }, 'invalid /spec/claims/0/path'],
  [{ claims: [{ host: 'a.b', paths: '/' }] }, 'unknown-field /spec/claims/0/paths'],
  [{ quotas: { routes: -1 } }, 'invalid /spec/quotas/routes'],
  [{ quotas: { routes: 1.5 } }, 'invalid /spec/quotas/routes'],
  [{ caps: { timeout: 60 } }, 'invalid /spec/caps/timeout'],
  [{ caps: { listeners: ['a', 'a'] } }, 'invalid /spec/caps/listeners/1'],
  [{ caps: { timeout: '10s' }, defaults: { timeout: '11s' } }, 'invalid /spec/defaults/timeout'],
  [{ caps: { timeout: '10s' }, defaults: { timeout: '0s' } }, 'invalid /spec/defaults/timeout'],
])('the tenant %j is refused: %s', (spec, refused) => {
  expect(refusals('Tenant', spec)).toEqual([refused]);
});

test('what a silent route gets lies under the cap', () => {
  const silent = (spec: unknown) => specOfTenant(spec).defaults.timeoutMs;
  expect(silent({ caps: { timeout: '10s' } })).toBe(10_000);
  expect(silent({ caps: { timeout: '10s' }, defaults: { timeout: '10s' } })).toBe(10_000);
  expect(silent({ caps: { timeout: '60s' } })).toBeNull();
  expect(silent({ defaults: { timeout: '0s' } })).toBe(0);
});
