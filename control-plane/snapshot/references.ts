/** Which resources of other types a resource names. Read once a resource, however many snapshots it lives through. */
import { decode, messageNameOf } from '../../proto/codec.ts';
import type { MessageName, MessageTypes } from '../../proto/envoy.ts';
import { fallbackMetadata } from '../../proto/names.ts';
import type { XdsType } from '../../proto/type-urls.ts';
import type { EncodedResource } from './snapshot.ts';

export interface References {
  /** The name inside the message; it must be the resource's. */
  readonly name: string;
  readonly clusters: readonly string[];
  readonly endpoints: readonly string[];
  readonly routes: readonly string[];
  readonly secrets: readonly string[];
}

type Named = Partial<Omit<References, 'name'>>;
const nothing = { clusters: [], endpoints: [], routes: [], secrets: [] } as const;

const known = new WeakMap<EncodedResource, References>();

/** `type` is the resource's own type. Throws if the bytes are not such a message. */
export function referencesOf(type: XdsType, resource: EncodedResource): References {
  let references = known.get(resource);
  if (references === undefined) known.set(resource, (references = read(type, resource)));
  return references;
}

function read(type: XdsType, { name, value, parts }: EncodedResource): References {
  // its bytes need not even be there
  if (parts !== undefined) {
    const clusters = new Set(parts.flatMap((part) => referencesOf('virtualHosts', part).clusters));
    return { ...nothing, name, clusters: [...clusters] };
  }
  return { ...nothing, name, ...readers[type]?.(value) };
}

/** Types without a reader name nothing. */
const readers: { readonly [T in XdsType]?: (bytes: Uint8Array) => Named & Pick<References, 'name'> } = {
  clusters(bytes) {
    const cluster = decode('envoy.config.cluster.v3.Cluster', bytes);
    const name = cluster.name ?? '';
    const overEds = cluster.type === 'EDS' || cluster.type === 3;
    // an absent service_name means the cluster's own name
    const endpoints = overEds ? [cluster.eds_cluster_config?.service_name || name] : [];
    return { name, endpoints };
  },

  endpoints(bytes) {
    const { cluster_name: name = '' } = decode('envoy.config.endpoint.v3.ClusterLoadAssignment', bytes);
    return { name };
  },

  listeners(bytes) {
    const listener = decode('envoy.config.listener.v3.Listener', bytes);
    const clusters = new Set<string>(clustersOfDatagrams(listener));
    const routes = new Set<string>();
    const chains = [...(listener.filter_chains ?? []), listener.default_filter_chain];
    const configs = chains.flatMap((chain) => chain?.filters ?? []).map((filter) => filter.typed_config);
    for (const config of [...configs, listener.api_listener?.api_listener]) {
      const manager = unpack(
        'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
        config,
      );
      if (manager?.rds?.route_config_name) routes.add(manager.rds.route_config_name);
      for (const name of clustersOfRoutes(manager?.route_config)) clusters.add(name);
      const proxy = unpack('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', config);
      if (proxy?.cluster) clusters.add(proxy.cluster);
      for (const { name } of proxy?.weighted_clusters?.clusters ?? []) if (name) clusters.add(name);
    }
    const secrets = new Set(chains.flatMap((chain) => secretsOfTls(chain?.transport_socket?.typed_config)));
    return { name: listener.name ?? '', clusters: [...clusters], routes: [...routes], secrets: [...secrets] };
  },

  routes(bytes) {
    const configuration = decode('envoy.config.route.v3.RouteConfiguration', bytes);
    return { name: configuration.name ?? '', clusters: [...clustersOfRoutes(configuration)] };
  },

  virtualHosts(bytes) {
    const host = decode('envoy.config.route.v3.VirtualHost', bytes);
    return { name: host.name ?? '', clusters: [...clustersOfRoutes({ virtual_hosts: [host] })] };
  },

  secrets(bytes) {
    return { name: decode('envoy.extensions.transport_sockets.tls.v3.Secret', bytes).name ?? '' };
  },
};

type Listener = MessageTypes['envoy.config.listener.v3.Listener'];

/** Of UDP proxies, which are listener filters. */
function clustersOfDatagrams({ listener_filters: filters = [] }: Listener): string[] {
  return filters.flatMap(({ typed_config }) => {
    const proxy = unpack('envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig', typed_config);
    if (proxy === undefined) return [];
    const matcher = unpack('xds.type.matcher.v3.IPMatcher', proxy.matcher?.matcher_tree?.custom_match?.typed_config);
    const matches = [...(matcher?.range_matchers ?? []).map(({ on_match }) => on_match), proxy.matcher?.on_no_match];
    return matches.flatMap((match) => {
      const route = unpack('envoy.extensions.filters.udp.udp_proxy.v3.Route', match?.action?.typed_config);
      return route?.cluster || [];
    });
  });
}

function secretsOfTls(config: unknown): string[] {
  const context = unpack('envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', config)?.common_tls_context;
  const validation = context?.combined_validation_context ?? context;
  const authorities = validation?.validation_context_sds_secret_config;
  const secrets = [...(context?.tls_certificate_sds_secret_configs ?? []), ...(authorities ? [authorities] : [])];
  return secrets.flatMap(({ name }) => name || []);
}

type RouteConfiguration = MessageTypes['envoy.config.route.v3.RouteConfiguration'];

function clustersOfRoutes(configuration: RouteConfiguration | null | undefined): Set<string> {
  const names = new Set<string>();
  const add = (name: string | undefined): void => {
    if (name) names.add(name);
  };
  for (const host of configuration?.virtual_hosts ?? []) {
    for (const { cluster } of host.request_mirror_policies ?? []) add(cluster);
    for (const { route, metadata } of host.routes ?? []) {
      add(metadata?.filter_metadata?.[fallbackMetadata]?.fields?.['cluster']?.stringValue);
      add(route?.cluster);
      for (const { name } of route?.weighted_clusters?.clusters ?? []) add(name);
      for (const { cluster } of route?.request_mirror_policies ?? []) add(cluster);
    }
  }
  return names;
}

/** The message inside an Any, if it is of that type. */
function unpack<N extends MessageName>(name: N, any: unknown): MessageTypes[N] | undefined {
  if (typeof any !== 'object' || any === null) return undefined;
  const { type_url: url, value } = any as { type_url?: string; value?: Uint8Array };
  return url !== undefined && messageNameOf(url) === name ? decode(name, value ?? new Uint8Array()) : undefined;
}
