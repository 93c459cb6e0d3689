/** http and https listeners to envoy.config.listener.v3.Listener. */
import { durationOf, packAny } from '../../proto/codec.ts';
import type { Listener } from '../../proto/envoy.ts';
import { routeConfigurationName } from '../../proto/names.ts';
import type { ListenerSpec, Typed } from '../model/specs.ts';
import { accessLogs, httpLogFieldsOf } from './access-log.ts';
import { httpFilters } from './http-filters.ts';
import { filterChain, tcpSocket } from './listener-frame.ts';
import { Memo } from './memo.ts';
import { readProxyHeaders, trustedAlone } from './proxy-protocol.ts';
import { tlsOf } from './secrets.ts';
import { fromAds, uint32 } from './wire.ts';

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

const underscoresAction = { keep: 'ALLOW', reject: 'REJECT_REQUEST', drop: 'DROP_HEADER' } as const;

const httpListeners = new Memo<Typed<'Listener'>, Listener>();

/** A listener whose routes come over RDS under the listener's name. */
export function httpListener(listener: Typed<'Listener'>): Listener {
  return httpListeners.get(listener, [], () => {
    const filter = {
      name: 'envoy.filters.network.http_connection_manager',
      typed_config: connectionManager(listener.document.name, listener.spec),
    };
    const { spec } = listener;
    const chain = filterChain(listener, trustedAlone(spec), [filter]);
    return {
      ...tcpSocket(listener),
      ...readProxyHeaders(spec, 'FILTER_STATE'),
      filter_chains: [{ ...(spec.tls !== null && tlsOf(spec.tls)), ...chain }],
    };
  });
}

function connectionManager(name: string, spec: ListenerSpec) {
  const { accessLog, limits, paths, tls, trustedHops, filters } = spec;
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
      headers_with_underscores_action: underscoresAction[paths.underscores],
    },
    ...(paths.http10 && { http_protocol_options: { accept_http_10: true } }),
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
    access_log: accessLogs(accessLog, httpLogFieldsOf(spec)),
  });
}
