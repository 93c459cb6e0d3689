import { expect, test } from 'vitest';
import { specOf } from '../check.ts';
import { refusals } from '../testing.ts';

const least = { hosts: 'shop.example.com', to: { cluster: 'orders' } };
const kept = { host: null, prefix: null, regex: null };

test.each([
  [{ host: 'Orders.internal:8080' }, { host: 'orders.internal:8080' }],
  [{ prefix: '/' }, { prefix: '/' }],
  [
    { host: 'a', prefix: '/v2/' },
    { host: 'a', prefix: '/v2/' },
  ],
  [{ regex: { pattern: '/(a+)', to: '/\\1b' } }, { regex: { pattern: '/(a+)', to: '/\\1b' } }],
])('rewrite %j', (rewrite, expected) => {
  const spec = specOf({ kind: 'Route', name: 'a', spec: { ...least, rewrite } });
  expect(spec).toMatchObject({ rewrite: { ...kept, ...expected } });
});

const byTemplate = { match: { path: { template: '/{a}' } } };
test.each([
  [{ rewrite: {} }, 'invalid /spec/rewrite'],
  [{ rewrite: { host: 'a b' } }, 'invalid /spec/rewrite/host'],
  [{ rewrite: { host: '*.a' } }, 'invalid /spec/rewrite/host'],
  [{ rewrite: { prefix: 'a' } }, 'invalid /spec/rewrite/prefix'],
  [{ rewrite: { prefix: '/a', regex: { pattern: 'a', to: 'b' } } }, 'invalid /spec/rewrite/regex'],
  [{ rewrite: { regex: { pattern: '(', to: 'b' } } }, 'invalid /spec/rewrite/regex/pattern'],
  [{ rewrite: { regex: { pattern: 'a', to: '\\1' } } }, 'invalid /spec/rewrite/regex/to'],
  [{ rewrite: { regex: { pattern: 'a', to: 'b\\' } } }, 'invalid /spec/rewrite/regex/to'],
  [{ rewrite: { regex: { pattern: 'a', to: 'b c' } } }, 'invalid /spec/rewrite/regex/to'],
  [{ ...byTemplate, rewrite: { prefix: '/a' } }, 'invalid /spec/rewrite'],
  [{ to: undefined, respond: { status: 200 }, rewrite: { host: 'a' } }, 'invalid /spec/rewrite'],
])('a route with %j is refused: %s', (spec, expected) => {
  expect(refusals('Route', { ...least, ...spec })).toEqual([expected]);
});
