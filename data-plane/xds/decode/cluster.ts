/** envoy.config.cluster.v3.Cluster: endpoints over EDS or inline, and how to reach them. */
import type { Cluster } from '../../../proto/envoy.ts';
import type { ClusterConfig } from '../../model/config.ts';
import { checkTransportSocket, readStreamSource } from './address.ts';
import { readBalance } from './balance.ts';
import { noAssignment, readAssignment } from './endpoints.ts';
import { checkFields, fieldTable } from './fields.ts';
import { readHealthCheck } from './health-check.ts';
import { decodeWith } from './messages.ts';
import { type Decoded, type Place, unsupported } from './problems.ts';
import { readProtocol } from './protocol-options.ts';
import type { ClusterResource } from './resources.ts';
import { positiveMillis, required, uint32 } from './values.ts';

const clusterFields = fieldTable('envoy.config.cluster.v3.Cluster', {
  carried: [
    ...['name', 'type', 'cluster_type', 'eds_cluster_config', 'load_assignment', 'connect_timeout', 'health_checks'],
    ...['lb_policy', 'load_balancing_policy', 'round_robin_lb_config', 'least_request_lb_config', 'common_lb_config'],
    ...['ring_hash_lb_config', 'maglev_lb_config', 'lb_subset_config'],
    ...['typed_extension_protocol_options', 'common_http_protocol_options', 'http_protocol_options'],
    'http2_protocol_options',
    ...['max_requests_per_connection', 'circuit_breakers', 'transport_socket'],
  ],
  ignored: [
    ...['alt_stat_name', 'metadata', 'track_timeout_budgets', 'track_cluster_stats'],
    'per_connection_buffer_limit_bytes',
    // endpoints that leave the assignment leave at once, and nothing serves before it is warm
    ...['ignore_health_on_host_removal', 'wait_for_warm_on_init'],
    // about name resolution and original destinations, which cluster types that are refused ask for
    ...['dns_refresh_rate', 'dns_failure_refresh_rate', 'respect_dns_ttl', 'dns_lookup_family', 'dns_resolvers'],
    ...['use_tcp_for_dns_lookups', 'dns_resolution_config', 'typed_dns_resolver_config', 'cleanup_interval'],
  ],
});

const edsFields = fieldTable('envoy.config.cluster.v3.Cluster.EdsClusterConfig', {
  carried: ['eds_config', 'service_name'],
});

const breakerFields = fieldTable('envoy.config.cluster.v3.CircuitBreakers', {
  carried: ['thresholds', 'per_host_thresholds'],
});

const unlimited = [4_294_967_295];
const thresholdFields = fieldTable('envoy.config.cluster.v3.CircuitBreakers.Thresholds', {
  carried: ['priority', 'max_retries', 'retry_budget'],
  ignored: ['track_remaining'],
  only: {
    max_connections: unlimited,
    max_pending_requests: unlimited,
    max_requests: unlimited,
    max_connection_pools: unlimited,
  },
});

const budgetFields = fieldTable('envoy.config.cluster.v3.CircuitBreakers.Thresholds.RetryBudget', {
  carried: ['budget_percent', 'min_retry_concurrency'],
});

export function decodeCluster(bytes: Uint8Array): Decoded<ClusterResource> {
  return decodeWith('envoy.config.cluster.v3.Cluster', bytes, readCluster);
}

function readCluster(place: Place, message: Cluster): ClusterResource {
  checkFields(place, message, clusterFields);
  checkTransportSocket(place.field('transport_socket'), message.transport_socket);
  const name = required(place.field('name'), message.name);
  const { protocol, keepAlive, http2 } = readProtocol(place, message);
  return {
    name,
    config: {
      name,
      protocol,
      connectTimeoutMs: positiveMillis(place.field('connect_timeout'), message.connect_timeout, 5_000),
      balance: readBalance(place, message),
      outlierDetection: null,
      breakers: unbroken,
      dns: null,
      healthCheck: readOnlyHealthCheck(place, message, name),
      keepAlive,
      http2,
      retryBudget: readRetryBudget(place.field('circuit_breakers'), message.circuit_breakers),
    },
    endpoints: readEndpoints(place, message, name),
  };
}

function readEndpoints(place: Place, message: Cluster, name: string): ClusterResource['endpoints'] {
  const nowhere = { type: 'inline', assignment: noAssignment } as const;
  if (message.cluster_type) {
    place.field('cluster_type').refuse(`${JSON.stringify(message.cluster_type.name ?? '')} is ${unsupported}`);
    return nowhere;
  }
  switch (message.type ?? 'STATIC') {
    case 'STATIC':
      if (message.eds_cluster_config) place.field('eds_cluster_config').refuse('belongs to clusters of type EDS only');
      return {
        type: 'inline',
        assignment: readAssignment(place.field('load_assignment'), message.load_assignment ?? {}),
      };
    case 'EDS': {
      if (message.load_assignment) place.field('load_assignment').refuse('does not belong to a cluster of type EDS');
      const at = place.field('eds_cluster_config');
      const eds = message.eds_cluster_config ?? {};
      checkFields(at, eds, edsFields);
      const fetchTimeoutMs = readStreamSource(at.field('eds_config'), eds.eds_config);
      return { type: 'eds', from: { name: eds.service_name || name, fetchTimeoutMs } };
    }
    default:
      place.field('type').refuse(`${message.type} is ${unsupported}`);
      return nowhere;
  }
}

function readOnlyHealthCheck(place: Place, message: Cluster, name: string) {
  const checks = (message.health_checks ?? []).map((check, index) =>
    readHealthCheck(place.item('health_checks', index), check, name),
  );
  if (checks.length > 1) place.field('health_checks').refuse(`more than one health check is ${unsupported}`);
  return checks[0] ?? null;
}

const unbroken: ClusterConfig['breakers'] = {
  connections: Number.POSITIVE_INFINITY,
  pending: Number.POSITIVE_INFINITY,
  requests: Number.POSITIVE_INFINITY,
  connectionsPerEndpoint: Number.POSITIVE_INFINITY,
};

/** Of the priority that all requests have. */
function readRetryBudget(place: Place, breakers: Cluster['circuit_breakers']): ClusterConfig['retryBudget'] {
  checkFields(place, breakers ?? {}, breakerFields);
  let budget: ClusterConfig['retryBudget'] = { percent: 0, least: 3 };
  for (const list of ['thresholds', 'per_host_thresholds'] as const) {
    (breakers?.[list] ?? []).forEach((threshold, index) => {
      const at = place.item(list, index);
      checkFields(at, threshold, thresholdFields);
      if (list !== 'thresholds' || (threshold.priority ?? 'DEFAULT') !== 'DEFAULT') return;
      const said = threshold.retry_budget;
      if (said === null || said === undefined) {
        budget = { percent: 0, least: uint32(threshold.max_retries, 3) };
        return;
      }
      const own = at.field('retry_budget');
      checkFields(own, said, budgetFields);
      const percent = said.budget_percent ? Number(said.budget_percent.value ?? 0) : 20;
      if (!(percent >= 0 && percent <= 100)) own.field('budget_percent').refuse('must be between 0 and 100');
      budget = { percent, least: uint32(said.min_retry_concurrency, 3) };
    });
  }
  return budget;
}
