/** envoy.config.cluster.v3.Cluster: endpoints over EDS or inline, and how to reach them. */
import type { Cluster } from '../../../proto/envoy.ts';
import type { ClusterConfig } from '../../model/config.ts';
import { readStreamSource } from './address.ts';
import { readBalance } from './balance.ts';
import { readBreakers } from './circuit-breakers.ts';
import { readDns } from './dns.ts';
import { noAssignment, readAssignment } from './endpoints.ts';
import { checkFields, fieldTable } from './fields.ts';
import { type CheckedCluster, readHealthCheck } from './health-check.ts';
import { readMaxIdle } from './keep-alive.ts';
import { decodeWith } from './messages.ts';
import { readOutlierDetection } from './outlier-detection.ts';
import { type Decoded, type Place, unsupported } from './problems.ts';
import { readProtocol } from './protocol-options.ts';
import { readProxyHeader } from './proxy-protocol.ts';
import type { ClusterResource } from './resources.ts';
import { positiveMillis, required } from './values.ts';

const clusterFields = fieldTable('envoy.config.cluster.v3.Cluster', {
  carried: [
    ...['name', 'type', 'cluster_type', 'eds_cluster_config', 'load_assignment', 'connect_timeout', 'health_checks'],
    ...['lb_policy', 'load_balancing_policy', 'round_robin_lb_config', 'least_request_lb_config', 'common_lb_config'],
    ...['ring_hash_lb_config', 'maglev_lb_config', 'lb_subset_config'],
    ...['typed_extension_protocol_options', 'common_http_protocol_options', 'http_protocol_options'],
    ...['http2_protocol_options', 'outlier_detection', 'metadata'],
    ...['max_requests_per_connection', 'circuit_breakers', 'transport_socket'],
  ],
  ignored: [
    ...['alt_stat_name', 'track_timeout_budgets', 'track_cluster_stats'],
    'per_connection_buffer_limit_bytes',
    // endpoints that leave the assignment leave at once, and nothing serves before it is warm
    ...['ignore_health_on_host_removal', 'wait_for_warm_on_init'],
    // about original destinations, which a cluster type that is refused asks for
    'cleanup_interval',
    // about names, which clusters of other types have none of; dns.ts reads them, or refuses them
    ...['dns_refresh_rate', 'dns_failure_refresh_rate', 'respect_dns_ttl', 'dns_lookup_family', 'dns_jitter'],
    ...['dns_resolvers', 'use_tcp_for_dns_lookups', 'dns_resolution_config', 'typed_dns_resolver_config'],
  ],
});

const edsFields = fieldTable('envoy.config.cluster.v3.Cluster.EdsClusterConfig', {
  carried: ['eds_config', 'service_name'],
});

export function decodeCluster(bytes: Uint8Array): Decoded<ClusterResource> {
  return decodeWith('envoy.config.cluster.v3.Cluster', bytes, readCluster);
}

function readCluster(place: Place, message: Cluster): ClusterResource {
  checkFields(place, message, clusterFields);
  const name = required(place.field('name'), message.name);
  const { protocol, keepAlive, http2 } = readProtocol(place, message);
  const { endpoints, dns } = readSource(place, message, name);
  return {
    name,
    config: {
      name,
      protocol,
      proxyHeader: readProxyHeader(place, message),
      connectTimeoutMs: positiveMillis(place.field('connect_timeout'), message.connect_timeout, 5_000),
      balance: readBalance(place, message),
      outlierDetection: readOutlierDetection(place, message),
      ...readBreakers(place.field('circuit_breakers'), message.circuit_breakers),
      dns,
      healthCheck: readOnlyHealthCheck(place, message, { name, protocol }),
      keepAlive: { ...keepAlive, maxIdle: readMaxIdle(place, message.metadata) },
      http2,
    },
    endpoints,
  };
}

type Source = Pick<ClusterResource, 'endpoints'> & Pick<ClusterConfig, 'dns'>;

const nowhere: Source = { endpoints: { type: 'inline', assignment: noAssignment }, dns: null };

/** Where its endpoints come from. */
function readSource(place: Place, message: Cluster, name: string): Source {
  if (message.cluster_type) {
    place.field('cluster_type').refuse(`${JSON.stringify(message.cluster_type.name ?? '')} is ${unsupported}`);
    return nowhere;
  }
  const type = message.type ?? 'STATIC';
  const { eds_cluster_config: eds, load_assignment: told } = message;
  if (eds && type !== 'EDS') place.field('eds_cluster_config').refuse('belongs to clusters of type EDS only');
  switch (type) {
    case 'STATIC': {
      const assignment = readAssignment(place.field('load_assignment'), told ?? {});
      return { endpoints: { type: 'inline', assignment }, dns: null };
    }
    case 'STRICT_DNS':
    case 'LOGICAL_DNS': {
      const { dns, assignment } = readDns(place, message, type === 'STRICT_DNS' ? 'strict' : 'logical');
      return { endpoints: { type: 'inline', assignment }, dns };
    }
    case 'EDS': {
      if (told) place.field('load_assignment').refuse('does not belong to a cluster of type EDS');
      const at = place.field('eds_cluster_config');
      checkFields(at, eds ?? {}, edsFields);
      const fetchTimeoutMs = readStreamSource(at.field('eds_config'), eds?.eds_config);
      return { endpoints: { type: 'eds', from: { name: eds?.service_name || name, fetchTimeoutMs } }, dns: null };
    }
    default:
      place.field('type').refuse(`${type} is ${unsupported}`);
      return nowhere;
  }
}

function readOnlyHealthCheck(place: Place, message: Cluster, of: CheckedCluster) {
  const checks = (message.health_checks ?? []).map((check, index) =>
    readHealthCheck(place.item('health_checks', index), check, of),
  );
  if (checks.length > 1) place.field('health_checks').refuse(`more than one health check is ${unsupported}`);
  return checks[0] ?? null;
}
