/** Listener documents to envoy.config.listener.v3.Listener. */
import { durationOf, packAny } from '../../proto/codec.ts';
import type { Listener } from '../../proto/envoy.ts';
import { routeConfigurationName } from '../../proto/names.ts';
import type { ListenerSpec, Typed } from '../model/specs.ts';
import { accessLogs, httpLogFields, tcpLogFields } from './access-log.ts';
import { httpFilters } from './http-filters.ts';
import { limits as fixed } from './limits.ts';
import { Memo } from './memo.ts';
import { tlsOf } from './secrets.ts';
import { fromAds, nameOf, uint32 } from './wire.ts';

/** A request on which nothing moves for so long is given up (Envoy's own default, said aloud). */
const streamIdleTimeoutMs = 300_000;

/** What an HTTP/2 client may have under way on a stream, and on a connection, bytes (Envoy's edge page). */
const http2Windows = { stream: 64 * 1024, connection: 1024 * 1024 };

const escapedSlashesAction = {
  keep: 'KEEP_UNCHANGED',
  reject: 'REJECT_REQUEST',
  redirect: 'UNESCAPE_AND_REDIRECT',
  unescape: 'UNESCAPE_AND_FORWARD',
} as const;

const httpListeners = new Memo<Typed<'Listener'>, Listener>();
const tcpListeners = new Memo<Typed<'Listener'>, Listener>();

/** A listener whose routes come over RDS under the listener's name. */
export function httpListener(listener: Typed<'Listener'>): Listener {
  return httpListeners.get(listener, [], () => {
    const filter = {
      name: 'envoy.filters.network.http_connection_manager',
      typed_config: connectionManager(listener.document.name, listener.spec),
    };
    return socketListener(listener, filter);
  });
}

/** A listener that hands each connection to the clusters of `route`. */
export function tcpListener(listener: Typed<'Listener'>, route: Typed<'L4Route'>): Listener {
  return tcpListeners.get(listener, [route], () => {
    const filter = {
      name: 'envoy.filters.network.tcp_proxy',
      typed_config: packAny('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
        stat_prefix: listener.document.name,
        ...tcpTarget(route.spec.to),
        idle_timeout: durationOf(route.spec.idleTimeoutMs),
        // an endpoint that does not answer is no reason to fail: the next ones are tried, as our own node does
        max_connect_attempts: { value: 3 },
        access_log: accessLogs(listener.spec.accessLog, tcpLogFields),
      }),
    };
    return socketListener(listener, filter);
  });
}

type Filter = NonNullable<NonNullable<Listener['filter_chains']>[number]['filters']>[number];

function socketListener({ document, spec }: Typed<'Listener'>, filter: Filter): Listener {
  return {
    name: document.name,
    address: { socket_address: { address: spec.address, port_value: spec.port } },
    per_connection_buffer_limit_bytes: uint32(fixed.connectionBufferBytes),
    filter_chains: [
      { ...(spec.tls !== null && tlsOf(spec.tls)), filters: [connectionLimit(document.name, spec), filter] },
    ],
  };
}

/** Envoy's own limit of a listener is a runtime key, which no listener can carry. */
function connectionLimit(name: string, { limits }: ListenerSpec): Filter {
  const limit = { stat_prefix: name, max_connections: { value: limits.connections } };
  return {
    name: 'envoy.filters.network.connection_limit',
    typed_config: packAny('envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit', limit),
  };
}

function connectionManager(name: string, { accessLog, limits, paths, tls, trustedHops, filters }: ListenerSpec) {
  return packAny('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: name,
    codec_type: 'AUTO',
    rds: { config_source: fromAds, route_config_name: routeConfigurationName(name) },
    http_filters: httpFilters(filters),
    server_name: 'fairlead',
    // an edge: the peer's address is the truth, what it claims in x-forwarded-for is not, but for what proxies in front said
    use_remote_address: { value: true },
    ...(trustedHops > 0 && { xff_num_trusted_hops: trustedHops, preserve_external_request_id: true }),
    // without certificates of clients nobody's word on one is passed on, which is Envoy's default
    ...(tls?.client && {
      forward_client_cert_details: 'SANITIZE_SET',
      set_current_client_cert_details: { subject: { value: true }, uri: true, dns: true },
    }),
    normalize_path: { value: paths.normalize },
    merge_slashes: paths.mergeSlashes,
    path_with_escaped_slashes_action: escapedSlashesAction[paths.escapedSlashes],
    max_request_headers_kb: uint32(Math.ceil(limits.headerBytes / 1024)),
    common_http_protocol_options: {
      idle_timeout: durationOf(limits.idleTimeoutMs),
      max_headers_count: uint32(limits.headers),
      headers_with_underscores_action: 'REJECT_REQUEST',
    },
    http2_protocol_options: {
      // what routes say of upgrades holds in both versions
      allow_connect: true,
      max_concurrent_streams: uint32(limits.streams),
      initial_stream_window_size: uint32(http2Windows.stream),
      initial_connection_window_size: uint32(http2Windows.connection),
      // one client's bad message is no reason to end what others have under way on the connection of a proxy before us
      override_stream_error_on_invalid_http_message: { value: true },
    },
    request_headers_timeout: durationOf(limits.headersTimeoutMs),
    request_timeout: durationOf(limits.bodyTimeoutMs),
    stream_idle_timeout: durationOf(streamIdleTimeoutMs),
    access_log: accessLogs(accessLog, httpLogFields),
  });
}

function tcpTarget(to: Typed<'L4Route'>['spec']['to']) {
  const [first, ...others] = to;
  if (first !== undefined && others.length === 0) return { cluster: nameOf(first.cluster) };
  // unlike in HTTP routes, Envoy refuses a weight of 0 here
  const clusters = to
    .filter(({ weight }) => weight > 0)
    .map(({ cluster, weight }) => ({ name: nameOf(cluster), weight }));
  return { weighted_clusters: { clusters } };
}
