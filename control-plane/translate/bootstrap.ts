/** The bootstrap files with which a real Envoy, or a program that uses gRPC's own xDS client, joins a node group. */
import net from 'node:net';

export interface GrpcBootstrapOptions {
  readonly group: string;
  /** Node id, unique in the fleet. */
  readonly id: string;
  /** Where it reaches the control plane's xDS port. `host`: an IP address or a DNS name. */
  readonly xds: { readonly host: string; readonly port: number };
  /** The node's token. */
  readonly token: string;
}

/** The token goes out as `authorization: Bearer …`. */
export interface EnvoyBootstrapOptions extends GrpcBootstrapOptions {
  /** Incremental or state-of-the-world ADS. */
  readonly variant: 'delta' | 'sotw';
  /** Admin port on 127.0.0.1; 0: a free one. */
  readonly adminPort: number;
}

const xdsCluster = 'fairlead_xds';

/** Of the incremental variant alone: in the other one a heartbeat makes Envoy 1.40 drop what it has, and later crash. */
const ttlFeature = 'xds.config.supports-resource-ttl';

/** Envoy has no limit of its own on all its listeners together, and warns about that. */
const connectionLimit = {
  name: 'envoy.resource_monitors.global_downstream_max_connections',
  typed_config: {
    '@type':
      'type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
    max_active_downstream_connections: 50_000,
  },
};

/** A plain object in the shape of envoy.config.bootstrap.v3.Bootstrap's JSON, to be printed as YAML or JSON. */
export function envoyBootstrap(options: EnvoyBootstrapOptions): Record<string, unknown> {
  const { group, id, xds, token, variant, adminPort } = options;
  const grpc_services = [
    {
      envoy_grpc: { cluster_name: xdsCluster },
      initial_metadata: [{ key: 'authorization', value: `Bearer ${token}` }],
    },
  ];
  return {
    node: { id, cluster: group, ...(variant === 'delta' && { client_features: [ttlFeature] }) },
    admin: { address: socketAddress('127.0.0.1', adminPort) },
    dynamic_resources: {
      ads_config: {
        api_type: variant === 'delta' ? 'DELTA_GRPC' : 'GRPC',
        transport_api_version: 'V3',
        set_node_on_first_message_only: true,
        grpc_services,
      },
      lds_config: { ads: {}, resource_api_version: 'V3' },
      cds_config: { ads: {}, resource_api_version: 'V3' },
    },
    // load reports go where the configuration comes from
    cluster_manager: { load_stats_config: { api_type: 'GRPC', transport_api_version: 'V3', grpc_services } },
    static_resources: { clusters: [controlPlaneCluster(xds)] },
    overload_manager: { resource_monitors: [connectionLimit] },
  };
}

/**
 * A plain object in the shape of gRPC's bootstrap (grpc/proposal A27), to be printed as JSON. Its clients can set no
 * header on a plain channel, so the token stands in the node's metadata.
 */
export function grpcBootstrap({ group, id, xds, token }: GrpcBootstrapOptions): Record<string, unknown> {
  const host = net.isIPv6(xds.host) ? `[${xds.host}]` : xds.host;
  return {
    xds_servers: [
      { server_uri: `${host}:${xds.port}`, channel_creds: [{ type: 'insecure' }], server_features: ['xds_v3'] },
    ],
    // grpc-js does without a bootstrap whose node has no locality
    node: { id, cluster: group, locality: {}, metadata: { 'fairlead.token': token } },
  };
}

function controlPlaneCluster({ host, port }: EnvoyBootstrapOptions['xds']): Record<string, unknown> {
  return {
    name: xdsCluster,
    type: net.isIP(host) === 0 ? 'STRICT_DNS' : 'STATIC',
    connect_timeout: '1s',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: {
          // a control plane that vanished without a word is noticed by pings, and the stream is opened anew
          http2_protocol_options: { connection_keepalive: { interval: '30s', timeout: '5s' } },
        },
      },
    },
    load_assignment: {
      cluster_name: xdsCluster,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(host, port) } }] }],
    },
  };
}

function socketAddress(address: string, port: number): Record<string, unknown> {
  return { socket_address: { address, port_value: port } };
}
