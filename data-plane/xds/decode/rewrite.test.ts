import { expect, test } from 'vitest';
import { decodeRoutes } from './route.ts';
import { problemsOf, type Route, refusals, route, routes, taken, virtualHost } from './testing.ts';

type Action = NonNullable<Route['route']>;
const decodeAction = (patch: Action) =>
  decodeRoutes(routes({ virtual_hosts: [virtualHost({ routes: [route({ route: { cluster: 'a', ...patch } })] })] }));

const kept = { host: '', forwardHost: false, path: null };
test.each<[Action, object | null]>([
  [{}, null],
  [{ prefix_rewrite: '/a' }, { ...kept, path: { type: 'prefix', value: '/a' } }],
  [{ host_rewrite_literal: 'a:80' }, { ...kept, host: 'a:80' }],
  [
    { host_rewrite_literal: 'a', append_x_forwarded_host: true },
    { ...kept, host: 'a', forwardHost: true },
  ],
  [
    { regex_rewrite: { pattern: { regex: '/(a)' }, substitution: '/\\1' } },
    { ...kept, path: { type: 'regex', regex: '/(a)', substitution: '/\\1' } },
  ],
])('%j', (action, rewrite) => {
  expect(taken(decodeAction(action)).hosts[0]?.routes[0]?.rewrite).toEqual(rewrite);
});

const at = 'virtual_hosts[0].routes[0].route';
test.each(
  refusals<Action>(
    [{ prefix_rewrite: '/a b' }, [`${at}.prefix_rewrite: must hold visible ASCII characters alone`]],
    [{ host_rewrite_literal: 'a\r\nb' }, [`${at}.host_rewrite_literal: must hold visible ASCII characters alone`]],
    [
      { prefix_rewrite: '/a', regex_rewrite: { pattern: { regex: 'a' }, substitution: '' } },
      [`${at}.regex_rewrite: must not stand beside prefix_rewrite`],
    ],
    [{ host_rewrite_header: 'x-host' }, [`${at}.host_rewrite_header: not supported by this data plane`]],
  ),
)('a rewrite is refused: $law', ({ patch, expected }) => {
  expect(problemsOf(decodeAction(patch))).toEqual(expected);
});
