import { expect, test } from 'vitest';
import { any, decodeRoute, problemsOf, type Route, refusals, taken } from './testing.ts';

const unsupported = 'not supported by this data plane';
type Match = NonNullable<Route['match']>;

const decodeMatch = (match: Match) => decodeRoute({ match });

function template(path_template: string): Match {
  const typed_config = any('envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig', { path_template });
  return { path_match_policy: { name: 'template', typed_config } };
}

const query = (condition: object): Match => ({ prefix: '/', query_parameters: [{ name: 'a', ...condition }] });
const chance = (numerator: number, denominator: 'HUNDRED' | 'TEN_THOUSAND' | 'MILLION'): Match => ({
  prefix: '/',
  runtime_fraction: { default_value: { numerator, denominator } },
});

test.each<[Match, object]>([
  [{ safe_regex: { regex: '/v[0-9]+' } }, { path: { type: 'regex', value: '/v[0-9]+' } }],
  [{ safe_regex: { regex: '/a', google_re2: {} } }, { path: { type: 'regex', value: '/a' } }],
  [template('/v1/{id}/items/'), { path: { type: 'template', value: '/v1/{id}/items/' } }],
  [query({}), { query: [{ name: 'a', condition: { type: 'present', present: true } }] }],
  [query({ present_match: false }), { query: [{ name: 'a', condition: { type: 'present', present: false } }] }],
  [
    query({ string_match: { exact: 'b', ignore_case: true } }),
    { query: [{ name: 'a', condition: { type: 'exact', value: 'b', ignoreCase: true } }] },
  ],
  [
    query({ string_match: { safe_regex: { regex: '[0-9]+' } } }),
    { query: [{ name: 'a', condition: { type: 'regex', value: '[0-9]+' } }] },
  ],
  [chance(10, 'HUNDRED'), { fraction: 0.1 }],
  [chance(10, 'TEN_THOUSAND'), { fraction: 0.001 }],
  [chance(10, 'MILLION'), { fraction: 0.00001 }],
  [chance(0, 'HUNDRED'), { fraction: 0 }],
  [
    { prefix: '/', headers: [{ name: 'a', string_match: { safe_regex: { regex: 'v[0-9]' } } }] },
    { headers: [{ name: 'a', condition: { type: 'regex', value: 'v[0-9]' } }] },
  ],
  // values are compared as the bytes that come
  [
    { prefix: '/', headers: [{ name: 'a', string_match: { exact: '\u00e9' } }] },
    { headers: [{ name: 'a', condition: { type: 'exact', value: '\u00c3\u00a9' } }] },
  ],
])('match %j', (match, expected) => {
  expect(taken(decodeMatch(match)).hosts[0]?.routes[0]?.match).toMatchObject(expected);
});

const at = 'virtual_hosts[0].routes[0].match';
const templateAt = `${at}.path_match_policy.typed_config.path_template`;
test.each(
  refusals<Match>(
    [{ safe_regex: { regex: '/(a' } }, [`${at}.safe_regex.regex: is no regular expression of RE2's: missing )`]],
    [{ safe_regex: { regex: 'a{98}' } }, [`${at}.safe_regex.regex: has RE2 program size 102; 100 is the most`]],
    [{ safe_regex: {} }, [`${at}.safe_regex.regex: must not be empty`]],
    [template('a'), [`${templateAt}: must begin with / and be 256 characters long at most`]],
    [template('/a//b'), [`${templateAt}: must not hold //`]],
    [template('/{a}/{a}'), [`${templateAt}: names a variable twice`]],
    [template('/{a}/{b}/{c}/{d}/{e}/{f}'), [`${templateAt}: holds more than 5 variables`]],
    [template('/a/**'), [`${templateAt}: a segment like "**" is ${unsupported}`]],
    [template('/a/{b=*}'), [`${templateAt}: a segment like "{b=*}" is ${unsupported}`]],
    [{ path_match_policy: { name: 'a' } }, [`${at}.path_match_policy.typed_config: nothing is ${unsupported}`]],
    [
      { prefix: '/', query_parameters: [{ string_match: {} }], runtime_fraction: { runtime_key: 'a' }, grpc: {} },
      [
        `${at}.grpc: ${unsupported}`,
        `${at}.query_parameters[0].name: must not be empty`,
        `${at}.query_parameters[0].string_match: says no pattern`,
        `${at}.runtime_fraction.default_value: must be there`,
        `${at}.runtime_fraction.runtime_key: ${unsupported}`,
      ],
    ],
  ),
)('a match is refused: $law', ({ patch, expected }) => {
  expect(problemsOf(decodeMatch(patch)).sort()).toEqual(expected.toSorted());
});
