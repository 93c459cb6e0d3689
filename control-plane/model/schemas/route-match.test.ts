import { expect, test } from 'vitest';
import { specOf } from '../check.ts';
import { refusals } from '../testing.ts';

const least = { hosts: 'shop.example.com', to: { cluster: 'orders' } };
const refused = (match: object, more: object = {}) => refusals('Route', { ...least, match, ...more }, 'checkout');

const regex = (expression: string) => refused({ path: { regex: expression } });
const template = (written: string) => refused({ path: { template: written } });

test.each(['/v[0-9]+/.*', '(?i)/api', '/(orders|items)/[^/]+', '.*\\.(jpg|png)', 'a{96}'])(
  'the regex %s',
  (written) => {
    expect(regex(written)).toEqual([]);
  },
);

test.each(['', '/(a', '/a)', '[', 'a**', '\\1', '(?=a)', '\\pL', 'a{97}', 'a{1001}', '/a\n'])(
  'no regex %j',
  (written) => {
    expect(regex(written)).toEqual(['invalid /spec/match/path/regex']);
  },
);

test.each(['/v1/{id}/items', '/{a}/{b}/{c}/{d}/{e}', '/v1/', '/{a_1}/a.b-c=d'])('the template %s', (written) => {
  expect(template(written)).toEqual([]);
});

test.each([
  '',
  'v1',
  '/{a}/{a}',
  '/{a}/{b}/{c}/{d}/{e}/{f}',
  '/{1a}',
  '/{}',
  '/x{a}',
  '/{a}.x',
  '/a//b',
  '/**',
  '/a|b',
  '/a?b',
])('no template %j', (written) => {
  expect(template(written)).toEqual(['invalid /spec/match/path/template']);
});

const query = (condition: object) => refused({ query: [{ name: 'a', ...condition }] });

test.each([
  [refused({ path: { regex: 'a', template: '/a' } }), 'invalid /spec/match/path'],
  [refused({ path: { regex: 'a', ignoreCase: true } }), 'invalid /spec/match/path/ignoreCase'],
  [refused({ path: { template: '/a', ignoreCase: true } }), 'invalid /spec/match/path/ignoreCase'],
  [query({}), 'invalid /spec/match/query/0'],
  [query({ exact: 'a', present: true }), 'invalid /spec/match/query/0'],
  [query({ exact: 5 }), 'invalid /spec/match/query/0/exact'],
  [query({ prefix: '' }), 'invalid /spec/match/query/0/prefix'],
  [query({ regex: '(' }), 'invalid /spec/match/query/0/regex'],
  [query({ present: true, range: [1, 2] }), 'unknown-field /spec/match/query/0/range'],
  [query({ name: 'a=b', present: true }), 'invalid /spec/match/query/0/name'],
  [query({ name: '', present: true }), 'invalid /spec/match/query/0/name'],
  [refused({ headers: { name: 'a', regex: 'a**' } }), 'invalid /spec/match/headers/regex'],
  // it would take what is empty, and so what is absent
  [refused({ headers: { name: 'a', regex: 'a*', not: true } }), 'invalid /spec/match/headers'],
  [refused({ fraction: 10 }), 'invalid /spec/match/fraction'],
  [refused({ fraction: '101%' }), 'invalid /spec/match/fraction'],
  [refused({ fraction: '0.00001%' }), 'invalid /spec/match/fraction'],
  [refused({ fraction: '10%' }, { to: [{ cluster: 'a' }, { cluster: 'b' }] }), 'invalid /spec/to'],
  [
    refused({ methods: Array.from({ length: 20 }, (_, i) => `METHOD${'ABCDEFGHIJKLMNOPQRST'[i]}`) }),
    'invalid /spec/match/methods',
  ],
])('%j is refused: %s', (problems, expected) => {
  expect(problems).toEqual([expected]);
});

test('a fraction is a share of all that else matches', () => {
  const match = { fraction: '12.5%' };
  const spec = specOf({ kind: 'Route', name: 'orders', spec: { ...least, match } });
  expect(spec).toMatchObject({ match: { fractionPercent: 12.5 } });
});
