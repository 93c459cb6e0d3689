/** Cluster documents to envoy.config.cluster.v3.Cluster. */
import { durationOf, packAny } from '../../proto/codec.ts';
import type { Cluster } from '../../proto/envoy.ts';
import { keepAliveMetadata, resourceName } from '../../proto/names.ts';
import type { DocumentSet } from '../model/document-set.ts';
import { defaultHealth } from '../model/schemas/health-policy.ts';
import type { ClusterSpec, HealthPolicySpec, PassiveSpec, Typed } from '../model/specs.ts';
import { speaksHttp2 } from '../model/world/grpc-clients.ts';
import { balancing } from './balance.ts';
import { overDns } from './dns.ts';
import { endpointsName } from './endpoints.ts';
import { healthChecks } from './health-checks.ts';
import { limits } from './limits.ts';
import { Memo } from './memo.ts';
import { outlierDetection, passiveWords } from './outlier-detection.ts';
import { proxyHeaderSocket } from './proxy-protocol.ts';
import { keyOf, TranslationError } from './resources.ts';
import { fromAds, nameOf, structOf, uint32 } from './wire.ts';

const httpProtocolOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

const clusters = new Memo<Typed<'Cluster'>, Cluster>();

/** A `tcp` or `udp` cluster is one without HTTP protocol options. gRPC's clients read none. */
export function clusterMessage(documents: DocumentSet, cluster: Typed<'Cluster'>): Cluster {
  const health = healthPolicyOf(documents, cluster);
  return clusters.get(cluster, [health], () => {
    const { document, spec } = cluster;
    return {
      name: resourceName(document.tenant, document.name),
      ...(spec.dns === null ? overEds(cluster, health.active !== null) : overDns(cluster, spec.dns)),
      connect_timeout: durationOf(spec.connectTimeoutMs),
      per_connection_buffer_limit_bytes: uint32(limits.connectionBufferBytes),
      ...balancing(spec),
      health_checks: healthChecks(health, document.name, speaksHttp2(spec.protocol)),
      ...(health.passive !== null && outlierDetection(health.passive)),
      ...metadataOf(spec, health.passive),
      // else Envoy uses an endpoint that was taken out for as long as it passes its checks
      ignore_health_on_host_removal: health.active !== null,
      ...protocolOptions(spec),
      ...proxyHeaderSocket(spec),
      circuit_breakers: circuitBreakers(spec),
    };
  });
}

function overEds(cluster: Typed<'Cluster'>, checked: boolean): Partial<Cluster> {
  return {
    type: 'EDS',
    eds_cluster_config: {
      eds_config: fromAds,
      ...(checked && { service_name: endpointsName(cluster, checked) }),
    },
  };
}

/** True if nodes check the endpoints before they use them. */
export function isChecked(documents: DocumentSet, cluster: Typed<'Cluster'>): boolean {
  return healthPolicyOf(documents, cluster).active !== null;
}

function healthPolicyOf(documents: DocumentSet, { document, spec }: Typed<'Cluster'>): HealthPolicySpec {
  if (spec.health === null) return defaultHealth;
  if ('inline' in spec.health) return spec.health.inline;
  const { tenant, name } = spec.health.policy;
  const policy = documents.get('HealthPolicy', tenant, name);
  if (policy !== undefined) return policy.spec;
  throw new TranslationError(
    keyOf(document),
    `/spec/health names the HealthPolicy ${nameOf(spec.health.policy)}, which does not exist`,
  );
}

// what routes say of upgrades holds for endpoints of both versions
const http2Options = { allow_connect: true };
const http2 = { explicit_http_config: { http2_protocol_options: http2Options } };
const versions = {
  http1: { explicit_http_config: { http_protocol_options: {} } },
  ...{ http2, grpc: http2 },
  'same-as-client': {
    use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: http2Options },
  },
};

function protocolOptions(spec: ClusterSpec): Pick<Cluster, 'typed_extension_protocol_options'> {
  if (spec.protocol === 'tcp' || spec.protocol === 'udp') return {};
  return {
    typed_extension_protocol_options: {
      [httpProtocolOptions]: packAny(httpProtocolOptions, {
        common_http_protocol_options: {
          idle_timeout: durationOf(spec.keepAlive.idleMs),
          ...(spec.keepAlive.requests > 0 && { max_requests_per_connection: uint32(spec.keepAlive.requests) }),
        },
        ...versions[spec.protocol],
      }),
    },
  };
}

/** What Envoy has no words for; it passes over metadata that it does not know. */
function metadataOf(spec: ClusterSpec, passive: PassiveSpec | null): Pick<Cluster, 'metadata'> {
  const { connections } = spec.keepAlive;
  const words = {
    ...(passive !== null && passiveWords(passive)),
    ...(connections !== null && { [keepAliveMetadata]: structOf({ connections }) }),
  };
  return Object.keys(words).length === 0 ? {} : { metadata: { filter_metadata: words } };
}

/** Of a tcp cluster only connections count, of a udp one sessions; Envoy's own numbers stand for the rest. */
function circuitBreakers({ protocol, breakers }: ClusterSpec): NonNullable<Cluster['circuit_breakers']> {
  const { connections, pending, requests, retryBudgetPercent, perEndpoint } = breakers;
  if (protocol === 'tcp' || protocol === 'udp') return { thresholds: [{ max_connections: uint32(connections) }] };
  const threshold = {
    max_connections: uint32(connections),
    max_pending_requests: uint32(pending),
    max_requests: uint32(requests),
    retry_budget: { budget_percent: { value: retryBudgetPercent }, min_retry_concurrency: uint32(3) },
  };
  const ofEach = perEndpoint.connections;
  return {
    thresholds: [threshold],
    ...(ofEach !== null && { per_host_thresholds: [{ max_connections: uint32(ofEach) }] }),
  };
}
