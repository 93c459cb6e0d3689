/** envoy.config.route.v3.RouteConfiguration and VirtualHost: hosts, their routes in order, and where each route leads. */
import type { RouteConfiguration, VirtualHost } from '../../../proto/envoy.ts';
import type { RouteConfig, RouteTableConfig, VirtualHostConfig, WeightedClusterConfig } from '../../model/config.ts';
import { readStreamSource } from './address.ts';
import { checkDomains, checkOwnDomains } from './domains.ts';
import { readFallback } from './fallback.ts';
import { checkFields, fieldTable } from './fields.ts';
import { readHashPolicies } from './hash-policies.ts';
import { readHeaderChanges } from './header-changes.ts';
import { readRouteFilters } from './http-filters.ts';
import { decodeWith, type StructMessage, structToJson } from './messages.ts';
import { type Decoded, type Place, unsupported } from './problems.ts';
import type { RoutesResource, VirtualHostResource } from './resources.ts';
import { readRetryPolicy } from './retry-policy.ts';
import { readRewrite } from './rewrite.ts';
import { readAnswer } from './route-answer.ts';
import { readMatch } from './route-match.ts';
import { readRouteUpgrades } from './upgrades.ts';
import { millis, required, uint32 } from './values.ts';
import { checkWeightSum } from './weights.ts';

type Route = NonNullable<VirtualHost['routes']>[number];
type RouteAction = NonNullable<Route['route']>;

// hosts are compared without their port, whatever ignore_port_in_host_matching says; domains.ts refuses what that loses
const tableFields = fieldTable('envoy.config.route.v3.RouteConfiguration', {
  carried: ['name', 'virtual_hosts', 'vhds', 'ignore_port_in_host_matching'],
  ignored: [
    'metadata',
    // a route may name a cluster that is not there yet, whatever this says
    'validate_clusters',
    // about header changes, of which there are none
    'most_specific_header_mutations_wins',
    // bodies of direct responses are held to the default, whatever this says
    'max_direct_response_body_size_bytes',
  ],
});

const vhdsFields = fieldTable('envoy.config.route.v3.Vhds', { carried: ['config_source'] });

const hostFields = fieldTable('envoy.config.route.v3.VirtualHost', {
  carried: ['name', 'domains', 'routes', 'retry_policy'],
  // statistics, and what bounds or marks retries, of which fewer are made and none marked
  ignored: ['metadata', 'virtual_clusters', 'per_request_buffer_limit_bytes', 'include_is_timeout_retry_header'],
});

const routeFields = fieldTable('envoy.config.route.v3.Route', {
  carried: [
    ...['name', 'match', 'route', 'redirect', 'direct_response', 'request_headers_to_add', 'request_headers_to_remove'],
    ...['response_headers_to_add', 'response_headers_to_remove', 'typed_per_filter_config', 'metadata'],
  ],
  ignored: ['decorator', 'tracing', 'stat_prefix', 'per_request_buffer_limit_bytes'],
});

const actionFields = fieldTable('envoy.config.route.v3.RouteAction', {
  carried: [
    ...['cluster', 'weighted_clusters', 'cluster_header', 'timeout', 'prefix_rewrite', 'regex_rewrite'],
    ...['host_rewrite_literal', 'append_x_forwarded_host', 'idle_timeout', 'retry_policy', 'upgrade_configs'],
    ...['max_stream_duration', 'hash_policy', 'metadata_match'],
  ],
  // about TLS early data and about rate limits, which are not there
  ignored: ['early_data_policy', 'include_vh_rate_limits'],
});

const maxStreamFields = fieldTable('envoy.config.route.v3.RouteAction.MaxStreamDuration', {
  carried: ['max_stream_duration', 'grpc_timeout_header_max'],
});

const weightedFields = fieldTable('envoy.config.route.v3.WeightedCluster', {
  carried: ['clusters'],
  ignored: ['total_weight', 'runtime_key_prefix'],
});

const weightFields = fieldTable('envoy.config.route.v3.WeightedCluster.ClusterWeight', {
  carried: ['name', 'weight', 'metadata_match'],
});

const defaultTimeoutMs = 15_000;

/** Of a route that answers by itself. */
const withoutCluster = {
  hashPolicies: [],
  to: [],
  clusterHeader: '',
  rewrite: null,
  timeoutMs: 0,
  maxStream: null,
  streamIdleTimeoutMs: null,
  retry: null,
  fallback: null,
  upgrades: [],
} as const;

export function decodeRoutes(bytes: Uint8Array): Decoded<RoutesResource> {
  return decodeWith('envoy.config.route.v3.RouteConfiguration', bytes, (place, message) => {
    required(place.field('name'), message.name);
    return { ...readTable(place, message), vhds: readVhds(place.field('vhds'), message.vhds) };
  });
}

/** A host that came as a resource of its own. */
export function decodeVirtualHost(bytes: Uint8Array): Decoded<VirtualHostResource> {
  return decodeWith('envoy.config.route.v3.VirtualHost', bytes, (place, message) => {
    const host = readHost(place, message);
    if (host.name !== '' && !/^.+\//.test(host.name)) {
      place.field('name').refuse('must begin with the name of its route configuration and a slash');
    }
    checkOwnDomains(place, host);
    return host;
  });
}

/** A table that stands inline in a listener, where it may lack a name. */
export function readRouteTable(place: Place, message: RouteConfiguration): RouteTableConfig {
  if (message.vhds) place.field('vhds').refuse(`in a listener is ${unsupported}`);
  return readTable(place, message);
}

function readVhds(place: Place, message: RouteConfiguration['vhds']): RoutesResource['vhds'] {
  if (message === null || message === undefined) return null;
  checkFields(place, message, vhdsFields);
  return { fetchTimeoutMs: readStreamSource(place.field('config_source'), message.config_source) };
}

function readTable(place: Place, message: RouteConfiguration): RouteTableConfig {
  checkFields(place, message, tableFields);
  const hosts = (message.virtual_hosts ?? []).map((host, index) => readHost(place.item('virtual_hosts', index), host));
  checkDomains(place, hosts, { ignorePort: message.ignore_port_in_host_matching ?? false });
  return { name: message.name ?? '', hosts };
}

function readHost(place: Place, message: VirtualHost): VirtualHostConfig {
  checkFields(place, message, hostFields);
  const retries: HostRetries = { at: place.field('retry_policy'), policy: message.retry_policy ?? null };
  return {
    name: required(place.field('name'), message.name),
    domains: (message.domains ?? []).map((domain) => domain.toLowerCase()),
    routes: (message.routes ?? []).flatMap(
      (route, index) => readRoute(place.item('routes', index), route, retries) ?? [],
    ),
  };
}

/** What a host says for those of its routes that say nothing themselves. */
interface HostRetries {
  readonly at: Place;
  readonly policy: NonNullable<VirtualHost['retry_policy']> | null;
}

function readRoute(place: Place, message: Route, ofHost: HostRetries): RouteConfig | null {
  checkFields(place, message, routeFields);
  const match = readMatch(place.field('match'), message.match ?? {});
  const filters = readRouteFilters(place, message);
  const named = { name: message.name ?? '', match, ...filters, ...readHeaderChanges(place, message) };
  const answer = readAnswer(place, message);
  if (answer !== null) {
    return { ...named, ...withoutCluster, answer };
  }
  if (message.route === null || message.route === undefined) {
    const others = ['filter_action', 'non_forwarding_action'] as const;
    if (others.every((action) => message[action] === undefined)) place.refuse('says no action');
    return null;
  }
  const at = place.field('route');
  checkFields(at, message.route, actionFields);
  const { idle_timeout: idle, retry_policy: own } = message.route;
  const retries = own ? { at: at.field('retry_policy'), policy: own } : ofHost;
  const rewrite = readRewrite(at, message.route);
  if (rewrite !== null && match.path.type === 'connect') at.refuse(`a rewrite of CONNECT is ${unsupported}`);
  const maxStream = readMaxStream(at.field('max_stream_duration'), message.route.max_stream_duration);
  const saidMs = millis(at.field('timeout'), message.route.timeout, defaultTimeoutMs);
  // as in Envoy one takes the place of the other
  const timeoutMs = maxStream === null ? saidMs : 0;
  return {
    ...named,
    to: readTarget(at, message.route),
    clusterHeader: (message.route.cluster_header ?? '').toLowerCase(),
    answer: null,
    rewrite,
    timeoutMs,
    maxStream,
    streamIdleTimeoutMs: idle ? millis(at.field('idle_timeout'), idle, 0) : null,
    retry: readRetryPolicy(retries.at, retries.policy, timeoutMs),
    fallback: readFallback(place, message.metadata),
    upgrades: readRouteUpgrades(at, message.route.upgrade_configs),
    hashPolicies: readHashPolicies(at, message.route.hash_policy),
  };
}

function readMaxStream(place: Place, message: RouteAction['max_stream_duration']): RouteConfig['maxStream'] {
  if (message === null || message === undefined) return null;
  checkFields(place, message, maxStreamFields);
  const { max_stream_duration: max, grpc_timeout_header_max: grpcMax } = message;
  return {
    maxMs: millis(place.field('max_stream_duration'), max, 0),
    grpcMaxMs: grpcMax ? millis(place.field('grpc_timeout_header_max'), grpcMax, 0) : null,
  };
}

function readTarget(place: Place, action: RouteAction): WeightedClusterConfig[] {
  const ofRoute = readSubset(place.field('metadata_match'), action.metadata_match);
  if (action.weighted_clusters) {
    const at = place.field('weighted_clusters');
    const weighted = action.weighted_clusters;
    checkFields(at, weighted, weightedFields);
    const to = (weighted.clusters ?? []).map((one, index) => {
      const item = at.item('clusters', index);
      checkFields(item, one, weightFields);
      const subset = { ...ofRoute, ...readSubset(item.field('metadata_match'), one.metadata_match) };
      return { cluster: required(item.field('name'), one.name), weight: uint32(one.weight, 0), ...chosen(subset) };
    });
    checkWeightSum(at, to);
    return to;
  }
  if (action.cluster_header) {
    if (Object.keys(ofRoute).length > 0)
      place.field('metadata_match').refuse(`beside cluster_header is ${unsupported}`);
    return [];
  }
  const others = ['cluster_specifier_plugin', 'inline_cluster_specifier_plugin'] as const;
  if (others.some((specifier) => action[specifier])) return [];
  return [{ cluster: required(place.field('cluster'), action.cluster), weight: 1, ...chosen(ofRoute) }];
}

type Subset = Readonly<Record<string, string>>;

/** The labels that endpoints have to have; envoy.config.core.v3.Metadata, of which other keys mean nothing here. */
function readSubset(place: Place, metadata: RouteAction['metadata_match']): Subset {
  const said = (metadata?.filter_metadata as Readonly<Record<string, StructMessage>> | undefined)?.['envoy.lb'];
  if (said === undefined) return {};
  const at = place.entry('filter_metadata', 'envoy.lb');
  return Object.fromEntries(
    Object.entries(structToJson(said)).map(([name, value]) => {
      if (typeof value !== 'string') at.field(name).refuse(`a label that is no text is ${unsupported}`);
      return [name, String(value)];
    }),
  );
}

function chosen(subset: Subset): { subset?: Subset } {
  return Object.keys(subset).length === 0 ? {} : { subset };
}
