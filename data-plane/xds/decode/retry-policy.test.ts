import { expect, test } from 'vitest';
import type { Cluster } from '../../../proto/envoy.ts';
import { decodeCluster } from './cluster.ts';
import { decodeRoutes } from './route.ts';
import { edsCluster, problemsOf, type Route, refusals, route, routes, seconds, taken, virtualHost } from './testing.ts';

const unsupported = 'not supported by this data plane';
type Action = NonNullable<Route['route']>;
type Policy = NonNullable<Action['retry_policy']>;

const decode = (retry_policy: Policy, action: Action = {}) =>
  decodeRoutes(
    routes({ virtual_hosts: [virtualHost({ routes: [route({ route: { cluster: 'a', ...action, retry_policy } })] })] }),
  );
const retryOf = (policy: Policy, action: Action = {}) => taken(decode(policy, action)).hosts[0]?.routes[0]?.retry;

const previousHosts = {
  name: 'envoy.retry_host_predicates.previous_hosts',
  typed_config: {
    type_url: 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
    value: Buffer.of(),
  },
};

test("a policy that says nothing else has Envoy's defaults: one retry, of any method, 25 ms to 250 ms later", () => {
  expect(retryOf({ retry_on: 'connect-failure' })).toEqual({
    failures: ['no-connection'],
    statuses: [],
    grpcStatuses: [],
    attempts: 1,
    perTryTimeoutMs: 0,
    backoff: { baseMs: 25, maxMs: 250 },
    hostSelections: 0,
    methods: null,
  });
});

test('a policy that says everything is read whole', () => {
  const methods = { name: ':method', string_match: { safe_regex: { regex: 'GET|PUT' } } };
  expect(
    retryOf({
      retry_on: 'retriable-4xx, retriable-status-codes,reset,refused-stream,unavailable',
      num_retries: { value: 3 },
      per_try_timeout: seconds(2),
      retry_host_predicate: [previousHosts],
      host_selection_retry_max_attempts: 5,
      retriable_status_codes: [429],
      retry_back_off: { base_interval: seconds(1), max_interval: seconds(3) },
      retriable_request_headers: [methods, { name: ':method', string_match: { exact: 'HEAD' } }],
    }),
  ).toEqual({
    failures: ['no-connection', 'unprocessed', 'reset'],
    statuses: [
      { start: 409, end: 410 },
      { start: 429, end: 430 },
    ],
    grpcStatuses: [14],
    attempts: 3,
    perTryTimeoutMs: 2_000,
    backoff: { baseMs: 1_000, maxMs: 3_000 },
    hostSelections: 5,
    methods: ['GET', 'PUT', 'HEAD'],
  });
});

const all = ['no-connection', 'unprocessed', 'reset'];
test.each([
  ['5xx', all, [{ start: 500, end: 600 }]],
  ['gateway-error,reset', all, [{ start: 502, end: 505 }]],
  ['reset-before-request', ['no-connection', 'unprocessed'], []],
  ['refused-stream,cancelled', ['unprocessed'], []],
  ['', [], []],
])('retry_on %s', (retry_on, failures, statuses) => {
  expect(retryOf({ retry_on, retriable_status_codes: [500] })).toMatchObject({ failures, statuses });
});

test('a try that may take as long as the request has no time of its own', () => {
  expect(retryOf({ per_try_timeout: seconds(15) })?.perTryTimeoutMs).toBe(0);
  expect(retryOf({ per_try_timeout: seconds(15) }, { timeout: seconds(0) })?.perTryTimeoutMs).toBe(15_000);
});

test.each(
  refusals<Policy>(
    [{ retry_on: 'reset,retriable-headers' }, [`retry_on: retriable-headers is ${unsupported}`]],
    [{ retry_on: 'sometimes' }, [`retry_on: sometimes is ${unsupported}`]],
    [{ per_try_idle_timeout: seconds(1) }, [`per_try_idle_timeout: ${unsupported}`]],
    [{ retry_priority: { name: 'x' } }, [`retry_priority: ${unsupported}`]],
    [{ retry_host_predicate: [{ name: 'x' }] }, [`retry_host_predicate[0]:  is ${unsupported}`]],
    [{ retry_back_off: {} }, ['retry_back_off.base_interval: must be said']],
    [
      { retry_back_off: { base_interval: seconds(2), max_interval: seconds(1) } },
      ['retry_back_off.max_interval: must not be less than base_interval'],
    ],
    [
      { retriable_request_headers: [{ name: 'x-again', present_match: true }] },
      [`retriable_request_headers[0]: anything but :method, exact or one of some, is ${unsupported}`],
    ],
  ),
)('a policy is refused: $law', ({ patch, expected }) => {
  const at = 'virtual_hosts[0].routes[0].route.retry_policy.';
  expect(problemsOf(decode(patch)).map((text) => text.slice(text.indexOf(at) + at.length))).toEqual(expected);
});

test('what the host says counts for its routes that say nothing, and is refused where it stands', () => {
  const bare = route({ route: { cluster: 'a' } });
  const own = route({ route: { cluster: 'a', retry_policy: { num_retries: { value: 0 } } } });
  const host = (retry_on: string) => virtualHost({ routes: [bare, own], retry_policy: { retry_on } });
  const decodeHost = (retry_on: string) => decodeRoutes(routes({ virtual_hosts: [host(retry_on)] }));
  const [first, second] = taken(decodeHost('5xx')).hosts[0]?.routes ?? [];
  expect(first?.retry).toMatchObject({ statuses: [{ start: 500, end: 600 }], attempts: 1 });
  expect(second?.retry).toBeNull();
  expect(problemsOf(decodeHost('odd'))).toEqual([`virtual_hosts[0].retry_policy.retry_on: odd is ${unsupported}`]);
});

test('a route has its own stream idle timeout where it says one', () => {
  const host = virtualHost({ routes: [route({ route: { cluster: 'a', idle_timeout: seconds(0) } })] });
  expect(taken(decodeRoutes(routes({ virtual_hosts: [host] }))).hosts[0]?.routes[0]?.streamIdleTimeoutMs).toBe(0);
});

test.each<[NonNullable<Cluster['circuit_breakers']>['thresholds'], object]>([
  [[{ max_retries: { value: 7 } }], { percent: 0, least: 7 }],
  [[{ retry_budget: {} }], { percent: 20, least: 3 }],
  [
    [
      {
        max_retries: { value: 7 },
        retry_budget: { budget_percent: { value: 50 }, min_retry_concurrency: { value: 0 } },
      },
    ],
    { percent: 50, least: 0 },
  ],
  [[{ priority: 'HIGH', max_retries: { value: 7 } }], { percent: 0, least: 3 }],
])('the retry budget of %j', (thresholds, expected) => {
  const bytes = edsCluster({ circuit_breakers: { thresholds: thresholds ?? [] } });
  expect(taken(decodeCluster(bytes)).config.retryBudget).toEqual(expected);
});
