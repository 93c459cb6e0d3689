/** Queries, labels, preconditions and paths: the small parts of a request. */
import { expect, test } from 'vitest';
import { parseLabelFilters } from './labels.ts';
import { canonicalUrl } from './plurals.ts';
import { checkPreconditions, matches } from './preconditions.ts';
import { readFlag, readNumber, readOne, readQuery } from './query.ts';

test('a query parameter that is not known is refused with the one that was meant', () => {
  expect(() => readQuery('/v1/apply?dryrun=true', ['dryRun', 'prune'])).toThrow('Did you mean "dryRun"?');
  expect(() => readQuery('/v1/nodes?x=1', [])).toThrow('takes no query parameters');
});

test('a flag is true as ?name, ?name=true and ?name=1, and anything odd is refused', () => {
  const flag = (url: string) => readFlag(readQuery(url, ['dryRun']), 'dryRun');
  expect(['/?dryRun', '/?dryRun=', '/?dryRun=true', '/?dryRun=1'].map(flag)).toEqual([true, true, true, true]);
  expect(['/', '/?dryRun=false', '/?dryRun=0'].map(flag)).toEqual([false, false, false]);
  expect(() => flag('/?dryRun=yes')).toThrow('Write true or false');
  expect(() => flag('/?dryRun=true&dryRun=false')).toThrow('given 2 times');
});

test('numbers have bounds, and names of JavaScript objects are names like others', () => {
  expect(readNumber(readQuery('/?limit=7', ['limit']), 'limit', 5, 1, 10)).toBe(7);
  expect(readNumber(readQuery('/', ['limit']), 'limit', 5, 1, 10)).toBe(5);
  for (const text of ['0', '11', '-1', '1e1', '1.5', '']) {
    expect(() => readNumber(readQuery(`/?limit=${text}`, ['limit']), 'limit', 5, 1, 10)).toThrow('from 1 to 10');
  }
  expect(readOne(readQuery('/?__proto__=x', ['__proto__']), '__proto__')).toBe('x');
});

test.each([
  ['app=shop', { app: 'shop' }, true],
  ['app==shop', { app: 'shop' }, true],
  ['app=shop', { app: 'other' }, false],
  ['app=shop', {}, false],
  ['app=', { app: '' }, true],
  ['app!=shop', { app: 'other' }, true],
  ['app!=shop', {}, true],
  ['app!=shop', { app: 'shop' }, false],
  ['app', { app: 'shop' }, true],
  ['app', {}, false],
  ['!app', {}, true],
  ['!app', { app: 'shop' }, false],
  ['app=shop,tier=web', { app: 'shop', tier: 'web' }, true],
  ['app=shop, tier=web', { app: 'shop' }, false],
  ['constructor', {}, false],
])('label filter %s of %j is %s', (filter, labels, verdict) => {
  expect(parseLabelFilters([filter])(labels)).toBe(verdict);
});

test('a label filter that cannot be read is refused', () => {
  for (const text of ['', 'a,', '=b', 'a=b=c', 'a>b='])
    expect(() => parseLabelFilters([text])).toThrow('cannot be read');
});

test('If-Match takes a tag, a list, a star and a bare number; never a weak tag, never what is not there', () => {
  for (const header of ['"7"', '7', '*', '"5", "7"']) expect(matches(header, 7)).toBe(true);
  for (const header of ['"8"', 'W/"7"', '"77"', '']) expect(matches(header, 7)).toBe(false);
  expect(matches('*', undefined)).toBe(false);
});

test('a failed precondition is a 412 that says the revision', () => {
  const none = { ifMatch: undefined, ifNoneMatch: undefined };
  expect(() => checkPreconditions({ ...none, ifMatch: '"6"' }, 7, 'Route a/b')).toThrow(
    expect.objectContaining({ status: 412, headers: { etag: '"7"' } }),
  );
  expect(() => checkPreconditions({ ...none, ifMatch: '*' }, undefined, 'Route a/b')).toThrow('does not exist');
  expect(() => checkPreconditions({ ...none, ifNoneMatch: '*' }, 7, 'Route a/b')).toThrow('exists already');
  checkPreconditions({ ...none, ifNoneMatch: '*' }, undefined, 'Route a/b');
  checkPreconditions({ ...none, ifMatch: '"7"' }, 7, 'Route a/b');
});

test.each([
  ['/v1/node-groups/edge', '/v1/nodegroups/edge'],
  ['/v1/nodeGroups?limit=1', '/v1/nodegroups?limit=1'],
  ['/v1/tenants/a/l4-routes/b', '/v1/tenants/a/l4routes/b'],
  ['/v1/tenants/health-policies/health_policies/l4-routes', '/v1/tenants/health-policies/healthpolicies/l4-routes'],
  ['/v1/routes/node-groups', '/v1/routes/node-groups'],
  ['/v1/nodes/l4-1', '/v1/nodes/l4-1'],
  ['/docs/node-groups', '/docs/node-groups'],
])('%s is served as %s', (url, canonical) => {
  expect(canonicalUrl(url)).toBe(canonical);
});
