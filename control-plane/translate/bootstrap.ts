/** The bootstrap files with which a real Envoy, or a program that uses gRPC's own xDS client, joins a node group. */
import net from 'node:net';

/** Paths of PEM files on the machine of the client. */
export interface BootstrapTls {
  readonly ca: string;
  /** Undefined: it presents no certificate. */
  readonly client: { readonly cert: string; readonly key: string } | undefined;
}

export interface GrpcBootstrapOptions {
  readonly group: string;
  /** Node id, unique in the fleet. */
  readonly id: string;
  /** Where it reaches the control plane's xDS port. `host`: an IP address or a DNS name. */
  readonly xds: { readonly host: string; readonly port: number };
  /** The node's token; undefined: its certificate says who it is. */
  readonly token: string | undefined;
  /** Undefined: plain. */
  readonly tls: BootstrapTls | undefined;
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
  const { group, id, xds, token, tls, variant, adminPort } = options;
  const grpc_services = [
    {
      envoy_grpc: { cluster_name: xdsCluster },
      ...(token !== undefined && { initial_metadata: [{ key: 'authorization', value: `Bearer ${token}` }] }),
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
    static_resources: { clusters: [controlPlaneCluster(xds, tls)] },
    overload_manager: { resource_monitors: [connectionLimit] },
  };
}

/**
 * A plain object in the shape of gRPC's bootstrap (grpc/proposal A27, and A65 for TLS), to be printed as JSON. Its
 * clients can set no header on the channel, so the token stands in the node's metadata.
 */
export function grpcBootstrap({ group, id, xds, token, tls }: GrpcBootstrapOptions): Record<string, unknown> {
  const host = net.isIPv6(xds.host) ? `[${xds.host}]` : xds.host;
  const channel_creds = [tls === undefined ? { type: 'insecure' } : { type: 'tls', config: grpcTls(tls) }];
  return {
    xds_servers: [{ server_uri: `${host}:${xds.port}`, channel_creds, server_features: ['xds_v3'] }],
    // grpc-js does without a bootstrap whose node has no locality
    node: { id, cluster: group, locality: {}, ...(token !== undefined && { metadata: { 'fairlead.token': token } }) },
  };
}

function grpcTls({ ca, client }: BootstrapTls): Record<string, unknown> {
  return {
    ca_certificate_file: ca,
    ...(client !== undefined && { certificate_file: client.cert, private_key_file: client.key }),
    refresh_interval: '600s',
  };
}

/** The certificate of the control plane has to be for the host by which it is reached. */
function envoyTls({ ca, client }: BootstrapTls, host: string): Record<string, unknown> {
  const isAddress = net.isIP(host) !== 0;
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
      // a server name is never an address (RFC 6066, section 3)
      ...(!isAddress && { sni: host }),
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: 'TLSv1_2', tls_maximum_protocol_version: 'TLSv1_3' },
        ...(client !== undefined && {
          tls_certificates: [{ certificate_chain: { filename: client.cert }, private_key: { filename: client.key } }],
        }),
        validation_context: {
          trusted_ca: { filename: ca },
          match_typed_subject_alt_names: [
            { san_type: isAddress ? 'IP_ADDRESS' : 'DNS', matcher: { exact: host.toLowerCase() } },
          ],
        },
      },
    },
  };
}

function controlPlaneCluster(
  { host, port }: EnvoyBootstrapOptions['xds'],
  tls: BootstrapTls | undefined,
): Record<string, unknown> {
  return {
    name: xdsCluster,
    // of a name with addresses of both families Envoy would take one family alone, whether it is listened on or not
    ...(net.isIP(host) === 0 ? { type: 'STRICT_DNS', dns_lookup_family: 'ALL' } : { type: 'STATIC' }),
    connect_timeout: '1s',
    ...(tls !== undefined && { transport_socket: envoyTls(tls, host) }),
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
