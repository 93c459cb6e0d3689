import { expect, test } from 'vitest';
import { decodeRoutes } from './route.ts';
import { problemsOf, type Route, refusals, route, routes, taken, virtualHost } from './testing.ts';

const decodeAnswer = (patch: Partial<Route>) =>
  decodeRoutes(routes({ virtual_hosts: [virtualHost({ routes: [route({ route: null, ...patch })] })] }));

const redirect = (message: NonNullable<Route['redirect']>) => ({ redirect: message });
const respond = (message: NonNullable<Route['direct_response']>) => ({ direct_response: message });

test.each<[Partial<Route>, object]>([
  [redirect({ https_redirect: true }), { type: 'redirect', status: 301, scheme: 'https', host: '', port: 0 }],
  [
    redirect({ scheme_redirect: 'http', host_redirect: 'a', port_redirect: 8080, response_code: 'SEE_OTHER' }),
    { status: 303, scheme: 'http', host: 'a', port: 8080 },
  ],
  [redirect({ path_redirect: '/a?b', strip_query: true }), { path: '/a?b', rewrite: null, stripQuery: true }],
  [redirect({ prefix_rewrite: '/b' }), { path: '', rewrite: { type: 'prefix', value: '/b' } }],
  [
    redirect({ regex_rewrite: { pattern: { regex: '^/(a)' }, substitution: '/\\1b' } }),
    { rewrite: { type: 'regex', regex: '^/(a)', substitution: '/\\1b' } },
  ],
  [respond({ status: 421, body: { inline_string: '\u00e9' } }), { type: 'respond', status: 421, body: '\u00c3\u00a9' }],
  [respond({ status: 204 }), { type: 'respond', status: 204, body: '' }],
])('%j is an answer', (patch, expected) => {
  expect(taken(decodeAnswer(patch)).hosts[0]?.routes[0]).toMatchObject({ to: [], answer: expected });
});

const at = 'virtual_hosts[0].routes[0]';
const unsupported = 'not supported by this data plane';
const substitution = `${at}.redirect.regex_rewrite.substitution`;
test.each(
  refusals<Partial<Route>>(
    [respond({ status: 199 }), [`${at}.direct_response.status: must be between 200 and 599`]],
    [respond({}), [`${at}.direct_response.status: must be between 200 and 599`]],
    [
      respond({ status: 200, body: { inline_string: 'a'.repeat(4097) } }),
      [`${at}.direct_response.body: must be 4096 bytes at most`],
    ],
    [
      respond({ status: 204, body: { inline_string: 'a' } }),
      [`${at}.direct_response.body: beside a status of 204 is ${unsupported}`],
    ],
    [
      respond({ status: 200, body: { filename: '/etc/passwd' } }),
      [`${at}.direct_response.body.filename: ${unsupported}`],
    ],
    [redirect({ scheme_redirect: 'a b' }), [`${at}.redirect.scheme_redirect: must be a scheme`]],
    [redirect({ port_redirect: 70_000 }), [`${at}.redirect.port_redirect: must be a port`]],
    [redirect({ path_redirect: '/a b' }), [`${at}.redirect.path_redirect: must hold visible ASCII characters alone`]],
    [
      redirect({ regex_rewrite: { pattern: { regex: '(' }, substitution: '' } }),
      [`${at}.redirect.regex_rewrite.pattern.regex: is no regular expression of RE2's: missing )`],
    ],
    [
      redirect({ regex_rewrite: { pattern: { regex: 'a' }, substitution: '\\1' } }),
      [`${substitution}: holds \\1, but the regex has 0 groups`],
    ],
  ),
)('an answer is refused: $law', ({ patch, expected }) => {
  expect(problemsOf(decodeAnswer(patch))).toEqual(expected);
});
