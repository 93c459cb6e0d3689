/** What routes say of affinity: hash policies, sessions, and the labels that endpoints have to have. */
import { expect, test } from 'vitest';
import type { StatefulSession } from '../../../proto/envoy.ts';
import { decodeListener } from './listener.ts';
import {
  any,
  decodeRoute,
  httpManager,
  listener,
  problemsOf,
  type Route,
  routerFilter,
  seconds,
  taken,
} from './testing.ts';

const unsupported = 'not supported by this data plane';

const routeOf = (patch: Partial<Route>) => taken(decodeRoute(patch)).hosts[0]!.routes[0]!;
const inRoute = 'virtual_hosts[0].routes[0]';

type Action = NonNullable<Route['route']>;
type HashPolicies = NonNullable<Action['hash_policy']>;

const hashed = (...hash_policy: HashPolicies): Partial<Route> => ({ route: { cluster: 'a', hash_policy } });

test('hash policies keep their order', () => {
  const regex_rewrite = { pattern: { regex: '[0-9]+' }, substitution: 'a b' };
  const attributes = [{ name: 'SameSite', value: 'Lax' }, { name: 'Secure' }];
  const found = routeOf(
    hashed(
      { header: { header_name: 'X-User' }, terminal: true },
      { header: { header_name: ':path', regex_rewrite } },
      { cookie: { name: 'sid' } },
      { cookie: { name: 'Sid', ttl: seconds(0), path: '/p', attributes } },
      { query_parameter: { name: 'k' } },
      { connection_properties: {} },
      { connection_properties: { source_ip: true } },
    ),
  );
  expect(found.hashPolicies).toEqual([
    { type: 'header', name: 'x-user', rewrite: null, terminal: true },
    { type: 'header', name: ':path', rewrite: { regex: '[0-9]+', substitution: 'a b' }, terminal: false },
    { type: 'cookie', name: 'sid', ttlMs: null, path: '', attributes: [], terminal: false },
    {
      ...{ type: 'cookie', name: 'Sid', ttlMs: 0, path: '/p', terminal: false },
      attributes: [
        { name: 'SameSite', value: 'Lax' },
        { name: 'Secure', value: '' },
      ],
    },
    { type: 'query', name: 'k', terminal: false },
    { type: 'source', terminal: false },
  ]);
});

test.each<[HashPolicies[number], string]>([
  [{}, ': says no key'],
  [{ header: {} }, '.header.header_name: must not be empty'],
  [{ cookie: {} }, '.cookie.name: must not be empty'],
  [{ cookie: { name: 'a', path: 'x\r\ny' } }, '.cookie.path: must not hold control characters'],
  [{ cookie: { name: 'a', ttl: seconds(-1) } }, '.cookie.ttl: must be a duration of 0 or more'],
  [{ query_parameter: {} }, '.query_parameter.name: must not be empty'],
  [{ filter_state: { key: 'a' } }, `.filter_state: ${unsupported}`],
  [
    { header: { header_name: 'a', regex_rewrite: { pattern: { regex: 'a' }, substitution: '\\1' } } },
    '.header.regex_rewrite.substitution: holds \\1, but the regex has 0 groups',
  ],
])('a hash policy %j is refused', (policy, problem) => {
  expect(problemsOf(decodeRoute(hashed(policy)))).toEqual([`${inRoute}.route.hash_policy[0]${problem}`]);
});

const perRoute = 'envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute';
const byCookie = 'envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState';
const byHeader = 'envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState';
const filterName = 'envoy.filters.http.stateful_session';
const sticky = (session: object): Partial<Route> => ({
  typed_per_filter_config: { [filterName]: any(perRoute, session) },
});
const cookieState = (cookie: object): NonNullable<StatefulSession['session_state']> => ({
  name: 'c',
  typed_config: any(byCookie, { cookie }),
});

test('sessions are by cookie or by header, strict or not', () => {
  const cookie = { name: 'St', ttl: seconds(60), path: '/p', attributes: [{ name: 'SameSite', value: 'Lax' }] };
  expect(routeOf(sticky({ stateful_session: { session_state: cookieState(cookie), strict: true } }))).toMatchObject({
    stickySession: {
      by: {
        ...{ type: 'cookie', name: 'St', ttlMs: 60_000, path: '/p' },
        attributes: [{ name: 'SameSite', value: 'Lax' }],
      },
      strict: true,
      signed: false,
    },
    fault: null,
  });
  const session_state = { name: 'h', typed_config: any(byHeader, { name: 'X-Sticky' }) };
  expect(routeOf(sticky({ stateful_session: { session_state } })).stickySession).toEqual({
    by: { type: 'header', name: 'x-sticky' },
    strict: false,
    signed: false,
  });
  expect(routeOf(sticky({ disabled: true })).stickySession).toBe('none');
  expect(routeOf(sticky({ stateful_session: {} })).stickySession).toBe('none');
  expect(routeOf({}).stickySession).toBeNull();
});

const saying = (fields: object): Partial<Route> => ({
  ...sticky({ stateful_session: { session_state: cookieState({ name: 'a' }) } }),
  metadata: { filter_metadata: { 'fairlead.sticky': { fields } } } as never,
});

test('a session is signed where the metadata of its route says so', () => {
  expect(routeOf(saying({ signed: { boolValue: true } })).stickySession).toMatchObject({ signed: true });
  expect(routeOf(saying({ signed: { boolValue: false } })).stickySession).toMatchObject({ signed: false });
  const place = `${inRoute}.metadata.filter_metadata["fairlead.sticky"]`;
  expect(problemsOf(decodeRoute(saying({ by: { stringValue: 'me' } })))).toEqual([
    `${place}.by: ${unsupported}`,
    `${place}.signed: must be true or false`,
  ]);
  const { metadata = null } = saying({ signed: { boolValue: true } });
  expect(problemsOf(decodeRoute({ metadata }))).toEqual([`${place}: needs a session of the route itself`]);
});

test.each<[object, string]>([
  [{}, ': says neither stateful_session nor disabled'],
  [{ disabled: false }, '.disabled: must be true'],
  [
    { stateful_session: { session_state: cookieState({}) } },
    '.stateful_session.session_state.typed_config.cookie.name: must not be empty',
  ],
  [
    { stateful_session: { session_state: { typed_config: any(byHeader, { name: 'a b' }) } } },
    '.stateful_session.session_state.typed_config.name: must be the name of a header',
  ],
  [
    { stateful_session: { session_state: { name: 'x' } } },
    `.stateful_session.session_state.typed_config: a session by nothing is ${unsupported}`,
  ],
])('a session %j is refused', (session, problem) => {
  const place = `${inRoute}.typed_per_filter_config["${filterName}"]`;
  expect(problemsOf(decodeRoute(sticky(session)))).toEqual([`${place}${problem}`]);
});

const chain = (...sessions: StatefulSession[]) => {
  const filters = sessions.map((session) => ({
    name: filterName,
    typed_config: any('envoy.extensions.filters.http.stateful_session.v3.StatefulSession', session),
  }));
  return decodeListener(listener({ http: httpManager({ http_filters: [...filters, routerFilter] }) }));
};

test.each<[string, StatefulSession[], unknown]>([
  ['without the filter nobody stays', [], null],
  ['one that says nothing leaves it to the routes', [{}], 'none'],
  [
    'one that says something speaks for the routes that do not',
    [{ session_state: cookieState({ name: 'a' }) }],
    { by: { type: 'cookie', name: 'a', ttlMs: 0, path: '', attributes: [] }, strict: false },
  ],
])('in a chain: %s', (_law, sessions, expected) => {
  const { chain: http } = taken(chain(...sessions));
  expect(http).toMatchObject({ config: { stickySession: expected, filters: [] } });
});

test('a filter that is off is there for the routes that turn it on', () => {
  const typed_config = any('envoy.extensions.filters.http.stateful_session.v3.StatefulSession', {
    session_state: cookieState({ name: 'a' }),
  });
  const http_filters = [{ name: filterName, typed_config, disabled: true }, routerFilter];
  const { chain: http } = taken(decodeListener(listener({ http: httpManager({ http_filters }) })));
  expect(http).toMatchObject({ config: { stickySession: 'none' } });
});

test('the filter stands in a chain once', () => {
  expect(problemsOf(chain({}, {}))).toEqual([
    'filter_chains[0].filters[0].typed_config.http_filters[1].typed_config: is in this chain already',
  ]);
});

const labels = (fields: object) => ({ filter_metadata: { 'envoy.lb': { fields }, other: { fields: {} } } }) as never;

test('clusters are asked for endpoints with labels: the route’s, and over them their own', () => {
  const ofRoute = labels({ v: { stringValue: '1' }, stage: { stringValue: 'prod' } });
  expect(routeOf({ route: { cluster: 'a', metadata_match: ofRoute } }).to).toEqual([
    { cluster: 'a', weight: 1, subset: { v: '1', stage: 'prod' } },
  ]);
  const clusters = [
    { name: 'a', weight: { value: 1 }, metadata_match: labels({ v: { stringValue: '2' } }) },
    { name: 'b', weight: { value: 1 } },
  ];
  expect(routeOf({ route: { weighted_clusters: { clusters }, metadata_match: ofRoute } }).to).toMatchObject([
    { cluster: 'a', subset: { v: '2', stage: 'prod' } },
    { cluster: 'b', subset: { v: '1', stage: 'prod' } },
  ]);
  const metadata_match = labels({ v: { numberValue: 1 } });
  expect(problemsOf(decodeRoute({ route: { cluster: 'a', metadata_match } }))).toEqual([
    `${inRoute}.route.metadata_match.filter_metadata["envoy.lb"].v: a label that is no text is ${unsupported}`,
  ]);
  expect(problemsOf(decodeRoute({ route: { cluster_header: 'a', metadata_match: ofRoute } }))).toEqual([
    `${inRoute}.route.metadata_match: beside cluster_header is ${unsupported}`,
  ]);
});
