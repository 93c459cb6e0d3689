import { expect, test } from 'vitest';
import { packAny } from '../../proto/codec.ts';
import { routeMatch } from './route-match.ts';
import { typed } from './testing.ts';

function matchOf(match: Readonly<Record<string, unknown>>) {
  return routeMatch(typed('Route', 'orders', { match }).spec.match, false);
}

test.each([
  [{ exact: '/login' }, { path: '/login' }],
  [{ prefix: '/' }, { prefix: '/' }],
  [{ prefix: '/api/v1' }, { path_separated_prefix: '/api/v1' }],
  [{ prefix: '/api/v1/' }, { path_separated_prefix: '/api/v1' }],
  [{ rawPrefix: '/api/v1' }, { prefix: '/api/v1' }],
  [{ regex: '/v[0-9]+' }, { safe_regex: { regex: '/v[0-9]+' } }],
  [
    { exact: '/login', ignoreCase: true },
    { path: '/login', case_sensitive: { value: false } },
  ],
])('path %j is %j', (path, expected) => {
  expect(matchOf({ path })).toEqual({ ...expected, headers: [] });
});

test('no match at all matches everything', () => {
  expect(matchOf({})).toEqual({ prefix: '/', headers: [] });
});

test.each([
  ['GET', { exact: 'GET' }],
  [['GET', 'POST'], { safe_regex: { regex: 'GET|POST' } }],
  [['GET', 'M.X'], { safe_regex: { regex: 'GET|M\\.X' } }],
])('methods %j are a condition on :method', (methods, string_match) => {
  expect(matchOf({ methods }).headers).toEqual([{ name: ':method', string_match }]);
});

test.each([
  [{ exact: 'v' }, { string_match: { exact: 'v' } }],
  [{ prefix: 'v' }, { string_match: { prefix: 'v' } }],
  [{ suffix: 'v' }, { string_match: { suffix: 'v' } }],
  [{ contains: 'v' }, { string_match: { contains: 'v' } }],
  [{ regex: 'v+' }, { string_match: { safe_regex: { regex: 'v+' } } }],
  [{ range: [18, 65] }, { range_match: { start: 18, end: 65 } }],
])('header condition %j is %j, and its inverse sees an absent header as empty', (condition, expected) => {
  expect(matchOf({ headers: { name: 'X-Version', ...condition } }).headers).toEqual([
    { name: 'x-version', ...expected },
  ]);
  expect(matchOf({ headers: { name: 'x-version', ...condition, not: true } }).headers).toEqual([
    { name: 'x-version', ...expected, invert_match: true, treat_missing_header_as_empty: true },
  ]);
});

test.each([
  [true, false, true],
  [true, true, false],
  [false, false, false],
  [false, true, true],
])('present: %s with not: %s is present_match: %s', (present, not, expected) => {
  expect(matchOf({ headers: { name: 'x-debug', present, not } }).headers).toEqual([
    { name: 'x-debug', present_match: expected },
  ]);
});

test('a template is a policy of its own', () => {
  const { path_match_policy: policy } = matchOf({ path: { template: '/v1/{id}' } });
  expect(policy?.typed_config).toEqual(
    packAny('envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig', { path_template: '/v1/{id}' }),
  );
});

test('query conditions keep their order', () => {
  const query = [
    { name: 'a', exact: 'b' },
    { name: 'c', regex: 'd+' },
    { name: 'e', present: false },
  ];
  expect(matchOf({ query }).query_parameters).toEqual([
    { name: 'a', string_match: { exact: 'b' } },
    { name: 'c', string_match: { safe_regex: { regex: 'd+' } } },
    { name: 'e', present_match: false },
  ]);
});

test.each([
  ['10%', { numerator: 10, denominator: 'HUNDRED' }],
  ['12.5%', { numerator: 1250, denominator: 'TEN_THOUSAND' }],
  ['0.0001%', { numerator: 1, denominator: 'MILLION' }],
])('a fraction of %s is %j', (fraction, default_value) => {
  expect(matchOf({ fraction }).runtime_fraction).toEqual({ default_value });
});
