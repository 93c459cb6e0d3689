/** What is wrong by Envoy's own rules: it and we refuse the same. */
import { expect, test } from 'vitest';
import { requirePeer } from '../../../e2e/support/peers.ts';
import type {
  Cluster,
  ClusterLoadAssignment,
  HealthCheck,
  HttpConnectionManager,
  MessageName,
  MessageTypes,
} from '../../../proto/envoy.ts';
import type { NodeType } from '../types.ts';
import { decoders } from './decoders.ts';
import { startJudge } from './envoy-testing.ts';
import {
  any,
  edsCluster,
  httpManager,
  lbEndpoint,
  listener,
  problemsOf,
  type Route,
  route,
  routerFilter,
  seconds,
  virtualHost,
} from './testing.ts';

type HttpFilters = NonNullable<HttpConnectionManager['http_filters']>;
type HashPolicy = NonNullable<NonNullable<Route['route']>['hash_policy']>[number];

interface Case {
  readonly type: NodeType;
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly expected: readonly string[];
}

function cluster(patch: Partial<Cluster>, ...expected: string[]): Case {
  const load_assignment = { cluster_name: 'c', endpoints: [{ lb_endpoints: [lbEndpoint('10.0.0.1', 80)] }] };
  const bytes = edsCluster({ name: 'c', type: 'STATIC', eds_cluster_config: null, load_assignment, ...patch });
  return { type: 'clusters', name: 'c', bytes, expected };
}

function assignment(patch: Partial<ClusterLoadAssignment>, ...expected: string[]): Case {
  return cluster(
    { load_assignment: { cluster_name: 'c', ...patch } },
    ...expected.map((one) => `load_assignment.${one}`),
  );
}

type Locality = NonNullable<ClusterLoadAssignment['endpoints']>[number];
type Endpoint = NonNullable<Locality['lb_endpoints']>[number];

const locality = (patch: Locality, expected: string): Case =>
  assignment({ endpoints: [{ lb_endpoints: [lbEndpoint('10.0.0.1', 80)], ...patch }] }, `endpoints[0].${expected}`);

function endpoint(patch: Endpoint, inner: Endpoint['endpoint'], expected: string): Case {
  const one = { endpoint: { ...lbEndpoint('10.0.0.1', 80).endpoint, ...inner }, ...patch };
  return locality({ lb_endpoints: [one] }, `lb_endpoints[0].${expected}`);
}

const policies = 'envoy.extensions.load_balancing_policies';

function listed<N extends MessageName>(name: N, message: MessageTypes[N]): Partial<Cluster> {
  return {
    load_balancing_policy: { policies: [{ typed_extension_config: { name: 'p', typed_config: any(name, message) } }] },
  };
}

const random = listed(`${policies}.random.v3.Random`, {});
const clash = 'must not stand beside load_balancing_policy';
const inList = 'load_balancing_policy.policies[0].typed_extension_config.typed_config';

const balancing: Case[] = [
  cluster({ lb_policy: 9 as never }, 'lb_policy: 9 is not supported by this data plane'),
  cluster({ lb_policy: 'LOAD_BALANCING_POLICY_CONFIG' }, 'load_balancing_policy: must be set'),
  cluster(
    { lb_policy: 'LEAST_REQUEST', least_request_lb_config: { choice_count: { value: 1 } } },
    'least_request_lb_config.choice_count: must be between 2 and 128',
  ),
  cluster(
    { lb_policy: 'RING_HASH', ring_hash_lb_config: { maximum_ring_size: { value: 5 } } },
    'ring_hash_lb_config.minimum_ring_size: 1024 must not be more than maximum_ring_size, 5',
  ),
  cluster(
    { lb_policy: 'RING_HASH', ring_hash_lb_config: { maximum_ring_size: { value: 8_388_609 } } },
    'ring_hash_lb_config.maximum_ring_size: must be between 0 and 8388608',
  ),
  cluster(
    { lb_policy: 'RING_HASH', ring_hash_lb_config: { hash_function: 7 as never } },
    'ring_hash_lb_config.hash_function: 7 is not supported by this data plane',
  ),
  cluster(
    { lb_policy: 'MAGLEV', maglev_lb_config: { table_size: { value: 8 } } },
    'maglev_lb_config.table_size: 8 must be a prime number',
  ),
  cluster(
    { lb_policy: 'MAGLEV', maglev_lb_config: { table_size: { value: 5_000_077 } } },
    'maglev_lb_config.table_size: must be between 2 and 5000011',
  ),
  cluster(
    {
      lb_policy: 'MAGLEV',
      common_lb_config: { consistent_hashing_lb_config: { hash_balance_factor: { value: 99 } } },
    },
    'common_lb_config.consistent_hashing_lb_config.hash_balance_factor: must be between 100 and 4294967295',
  ),
  cluster(
    { round_robin_lb_config: { slow_start_config: { slow_start_window: { seconds: -1 } } } },
    'round_robin_lb_config.slow_start_config.slow_start_window: must be a duration of 0 or more',
  ),
  cluster(
    { round_robin_lb_config: { slow_start_config: { min_weight_percent: { value: 101 } } } },
    'round_robin_lb_config.slow_start_config.min_weight_percent: must be between 0 and 100',
  ),
  cluster(
    { common_lb_config: { healthy_panic_threshold: { value: 101 } } },
    'common_lb_config.healthy_panic_threshold: must be between 0 and 100',
  ),
  cluster(
    { common_lb_config: { zone_aware_lb_config: { routing_enabled: { value: 101 } } } },
    'common_lb_config.zone_aware_lb_config.routing_enabled: must be between 0 and 100',
  ),
  cluster(
    { lb_subset_config: { locality_weight_aware: true, subset_selectors: [{ keys: ['a'] }] } },
    'lb_subset_config.locality_weight_aware: needs common_lb_config.locality_weighted_lb_config',
  ),
  cluster(
    listed(`${policies}.ring_hash.v3.RingHash`, { minimum_ring_size: { value: 10 }, maximum_ring_size: { value: 5 } }),
    `${inList}.minimum_ring_size: 10 must not be more than maximum_ring_size, 5`,
  ),
  cluster(
    listed(`${policies}.maglev.v3.Maglev`, { table_size: { value: 0 } }),
    `${inList}.table_size: must be between 2 and 5000011`,
  ),
  cluster(
    listed(`${policies}.subset.v3.Subset`, {}),
    `${inList}.subset_lb_policy.policies: no policy of an empty list is supported by this data plane`,
  ),
  cluster({ ...random, lb_subset_config: {} }, `lb_subset_config: ${clash}`),
  cluster(
    { ...random, common_lb_config: { locality_weighted_lb_config: {} } },
    `common_lb_config.locality_weighted_lb_config: ${clash}`,
  ),
  cluster(
    { ...random, common_lb_config: { zone_aware_lb_config: {} } },
    `common_lb_config.zone_aware_lb_config: ${clash}`,
  ),
  cluster(
    { ...random, common_lb_config: { consistent_hashing_lb_config: {} } },
    `common_lb_config.consistent_hashing_lb_config: ${clash}`,
  ),
];

const statusRange = 'must be a range [start, end) within [100, 600)';
const elsewhere = (address: string) => ({ address: { socket_address: { address, port_value: 1 } } });

const endpoints: Case[] = [
  locality({ priority: 129 }, 'priority: must be between 0 and 128'),
  locality({ load_balancing_weight: {} }, 'load_balancing_weight: must be between 1 and 4294967295'),
  assignment(
    { policy: { overprovisioning_factor: {} } },
    'policy.overprovisioning_factor: must be between 1 and 4294967295',
  ),
  endpoint({ load_balancing_weight: {} }, {}, 'load_balancing_weight: must be between 1 and 4294967295'),
  endpoint(
    {},
    { health_check_config: { port_value: 65_536 } },
    'endpoint.health_check_config.port_value: must be between 0 and 65535',
  ),
  endpoint(
    {},
    { health_check_config: elsewhere('orders.internal') },
    'endpoint.health_check_config.address.socket_address.address: "orders.internal" is no IP address',
  ),
];

const probed = { ...{ timeout: seconds(1), interval: seconds(5) }, ...{ unhealthy_threshold: { value: 3 } } };

function check(patch: HealthCheck, expected: string): Case {
  const one = { ...probed, healthy_threshold: { value: 2 }, ...patch };
  return cluster({ health_checks: [one] }, `health_checks[0]${expected}`);
}

const tcp = (patch: HealthCheck, expected: string): Case => check({ tcp_health_check: {}, ...patch }, `.${expected}`);
const http = (patch: HealthCheck['http_health_check'], expected: string): Case =>
  check({ http_health_check: { path: '/', ...patch } }, `.http_health_check.${expected}`);
const header = (key: string, value: string) => ({ request_headers_to_add: [{ header: { key, value } }] });
const inHeader = 'request_headers_to_add[0].header';

const checks: Case[] = [
  check({}, ': says no health checker'),
  tcp({ interval: null }, 'interval: must be set'),
  tcp({ timeout: {} }, 'timeout: must be more than 0'),
  tcp({ unhealthy_threshold: null }, 'unhealthy_threshold: must be set'),
  tcp({ no_traffic_interval: {} }, 'no_traffic_interval: must be more than 0'),
  tcp({ unhealthy_interval: {} }, 'unhealthy_interval: must be more than 0'),
  tcp({ unhealthy_edge_interval: {} }, 'unhealthy_edge_interval: must be more than 0'),
  tcp({ healthy_edge_interval: {} }, 'healthy_edge_interval: must be more than 0'),
  tcp({ interval_jitter: { seconds: -1 } }, 'interval_jitter: must be a duration of 0 or more'),
  tcp({ initial_jitter: { seconds: -1 } }, 'initial_jitter: must be a duration of 0 or more'),
  tcp({ tcp_health_check: { send: { text: 'PING' } } }, 'tcp_health_check.send.text: must be pairs of hex digits'),
  http({ path: '' }, 'path: must not be empty'),
  http({ path: '/a\r\nb' }, 'path: must not hold spaces or control characters'),
  http({ host: 'a\r\nb' }, 'host: must not hold control characters'),
  http({ method: 'CONNECT' }, 'method: CONNECT is not supported by this data plane'),
  http({ expected_statuses: [{ start: 200, end: 200 }] }, `expected_statuses[0]: ${statusRange}`),
  http({ expected_statuses: [{ start: 200, end: 601 }] }, `expected_statuses[0]: ${statusRange}`),
  http({ retriable_statuses: [{ start: 99, end: 200 }] }, `retriable_statuses[0]: ${statusRange}`),
  http({ receive: [{ text: 'abc' }] }, 'receive[0].text: must be pairs of hex digits'),
  http({ receive: [{}] }, 'receive[0].text: must be pairs of hex digits'),
  http(header('host', 'a'), `${inHeader}.key: to change host is not supported by this data plane`),
  http(header('', 'a'), `${inHeader}.key: must be the name of a header`),
  http(header('a', 'b\r\nc'), `${inHeader}.value: must hold visible ASCII characters alone`),
  check({ grpc_health_check: {} }, '.grpc_health_check: needs a cluster that speaks HTTP/2'),
];

const outlier = (patch: Cluster['outlier_detection'], expected: string): Case =>
  cluster({ outlier_detection: patch ?? null }, `outlier_detection.${expected}`);
const percents = [
  ...(['max_ejection_percent', 'enforcing_consecutive_5xx', 'enforcing_success_rate'] as const),
  ...(['enforcing_consecutive_gateway_failure', 'enforcing_consecutive_local_origin_failure'] as const),
  ...(['enforcing_local_origin_success_rate', 'failure_percentage_threshold'] as const),
  ...(['enforcing_failure_percentage', 'enforcing_failure_percentage_local_origin'] as const),
];

const passive: Case[] = [
  outlier({ interval: {} }, 'interval: must be more than 0'),
  outlier({ base_ejection_time: {} }, 'base_ejection_time: must be more than 0'),
  outlier({ max_ejection_time: seconds(10) }, 'max_ejection_time: must not be less than base_ejection_time'),
  outlier({ max_ejection_time_jitter: { seconds: -1 } }, 'max_ejection_time_jitter: must be a duration of 0 or more'),
  ...percents.map((field) => outlier({ [field]: { value: 101 } }, `${field}: must be between 0 and 100`)),
];

const inBreakers = (patch: Cluster['circuit_breakers'], expected: string): Case =>
  cluster({ circuit_breakers: patch ?? null }, `circuit_breakers.${expected}`);

const breakers: Case[] = [
  inBreakers(
    { thresholds: [{ priority: 9 as never }] },
    'thresholds[0].priority: 9 is not supported by this data plane',
  ),
  inBreakers(
    { thresholds: [{ retry_budget: { budget_percent: { value: 101 } } }] },
    'thresholds[0].retry_budget.budget_percent: must be between 0 and 100',
  ),
  inBreakers(
    { per_host_thresholds: [{ max_pending_requests: { value: 1 } }] },
    'per_host_thresholds[0].max_pending_requests: not supported by this data plane',
  ),
];

const localhost = lbEndpoint('localhost', 80);

function dns(patch: Partial<Cluster>, expected: string): Case {
  return cluster(
    {
      type: 'STRICT_DNS',
      load_assignment: { cluster_name: 'c', endpoints: [{ lb_endpoints: [localhost] }] },
      ...patch,
    },
    expected,
  );
}

const logical = (...endpoints: Locality[]): Case =>
  dns(
    { type: 'LOGICAL_DNS', load_assignment: { cluster_name: 'c', endpoints } },
    'load_assignment: must be of one locality with one endpoint',
  );

const names: Case[] = [
  dns({ dns_refresh_rate: { nanos: 1_000_000 } }, 'dns_refresh_rate: must be more than 1 ms'),
  dns({ dns_failure_refresh_rate: {} }, 'dns_failure_refresh_rate.base_interval: must be set'),
  dns(
    { dns_failure_refresh_rate: { base_interval: seconds(5), max_interval: seconds(1) } },
    'dns_failure_refresh_rate.max_interval: must not be less than base_interval',
  ),
  dns({ dns_lookup_family: 9 as never }, 'dns_lookup_family: 9 is not supported by this data plane'),
  dns({ dns_jitter: { seconds: -1 } }, 'dns_jitter: must be a duration of 0 or more'),
  dns(
    { eds_cluster_config: { eds_config: { ads: {}, resource_api_version: 'V3' } } },
    'eds_cluster_config: belongs to clusters of type EDS only',
  ),
  dns(
    { load_assignment: { cluster_name: 'c', endpoints: [{ lb_endpoints: [lbEndpoint('', 80)] }] } },
    'load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address: must not be empty',
  ),
  logical(),
  logical({ lb_endpoints: [localhost, localhost] }),
  logical({ lb_endpoints: [localhost] }, {}),
];

const manager = 'filter_chains[0].filters[0].typed_config';

/** A listener with one route. */
function routed(patch: Partial<Route>, filters: HttpFilters, ...expected: string[]): Case {
  const virtual_hosts = [virtualHost({ routes: [route(patch)] })];
  const route_config = { name: 'r', virtual_hosts, validate_clusters: { value: false } };
  const http = { ...httpManager({ route_config, http_filters: [...filters, routerFilter] }) };
  delete http.rds;
  const bytes = listener({ http }, { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } });
  return { type: 'listeners', name: 'public', bytes, expected: expected.map((one) => `${manager}.${one}`) };
}

const inRoute = 'route_config.virtual_hosts[0].routes[0]';
const hashed = (hash: HashPolicy, expected: string): Case =>
  routed({ route: { cluster: 'c', hash_policy: [hash] } }, [], `${inRoute}.route.hash_policy[0]${expected}`);
const bare = { pattern: { regex: '(' }, substitution: '' };

const sessionKey = 'envoy.filters.http.stateful_session';
const session = 'envoy.extensions.filters.http.stateful_session.v3.StatefulSession';
const byCookie = 'envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState';
const byHeader = 'envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState';

function stateful(by: 'cookie' | 'header', state: object, expected: string): Case {
  const typed_config = any(by === 'cookie' ? byCookie : byHeader, state);
  const session_state = { name: `envoy.http.stateful_session.${by}`, typed_config };
  const filter = { name: sessionKey, typed_config: any(session, { session_state }) };
  return routed({}, [filter], `http_filters[0].typed_config.session_state.typed_config.${expected}`);
}

const ofRoute = (said: object, expected: string): Case =>
  routed(
    { typed_per_filter_config: { [sessionKey]: any(`${session}PerRoute`, said) } },
    [{ name: sessionKey, typed_config: any(session, {}) }],
    `${inRoute}.typed_per_filter_config["${sessionKey}"]${expected}`,
  );

const affinity: Case[] = [
  hashed({}, ': says no key'),
  hashed({ header: {} }, '.header.header_name: must not be empty'),
  hashed({ header: { header_name: 'a\nb' } }, '.header.header_name: must be the name of a header'),
  hashed(
    { header: { header_name: 'a', regex_rewrite: bare } },
    `.header.regex_rewrite.pattern.regex: is no regular expression of RE2's: missing )`,
  ),
  hashed({ cookie: {} }, '.cookie.name: must not be empty'),
  hashed({ cookie: { name: 'a', ttl: { seconds: -1 } } }, '.cookie.ttl: must be a duration of 0 or more'),
  hashed({ cookie: { name: 'a', attributes: [{}] } }, '.cookie.attributes[0].name: must not be empty'),
  hashed(
    { cookie: { name: 'a', attributes: [{ name: 'b', value: 'c\nd' }] } },
    '.cookie.attributes[0].value: must not hold control characters',
  ),
  hashed({ query_parameter: {} }, '.query_parameter.name: must not be empty'),
  stateful('cookie', { cookie: {} }, 'cookie.name: must not be empty'),
  stateful('cookie', { cookie: { name: 'a', ttl: { seconds: -1 } } }, 'cookie.ttl: must be a duration of 0 or more'),
  stateful('cookie', { cookie: { name: 'a', attributes: [{}] } }, 'cookie.attributes[0].name: must not be empty'),
  stateful('header', {}, 'name: must be the name of a header'),
  ofRoute({}, ': says neither stateful_session nor disabled'),
  ofRoute({ disabled: false }, '.disabled: must be true'),
];

const cases: readonly Case[] = [...balancing, ...endpoints, ...checks, ...passive, ...breakers, ...names, ...affinity];
const good = [cluster({ connect_timeout: seconds(1) }), routed({}, [])];

test.each(cases.map((one) => ({ law: one.expected.join('; '), ...one })))(
  'refused: $law',
  ({ type, bytes, expected }) => {
    expect(problemsOf(decoders[type](bytes))).toEqual(expected);
  },
);

test('what these say wrongly makes all the difference', () => {
  for (const { type, bytes } of good) expect(problemsOf(decoders[type](bytes))).toEqual([]);
});

test.skipIf(requirePeer('envoy') === undefined)('a real Envoy refuses the same', async () => {
  const objections = await startJudge();
  for (const { type, name, bytes } of good) expect(await objections(type, name, bytes)).toBe('');
  for (const { type, name, bytes, expected } of cases) {
    expect(await objections(type, name, bytes), expected.join('; ')).not.toBe('');
  }
});
