/** envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager. */
import type { HttpConnectionManager } from '../../../proto/envoy.ts';
import type { ForwardClientCertConfig, HttpChainConfig } from '../../model/config.ts';
import { limits } from '../limits.ts';
import { readAccessLogs } from './access-log.ts';
import { readStreamSource } from './address.ts';
import { checkFields, fieldTable } from './fields.ts';
import { readChainGrpcWeb } from './grpc-web.ts';
import { readHttpFilters } from './http-filters.ts';
import { type Place, unsupported } from './problems.ts';
import { readHttp10 } from './protocol-options.ts';
import type { HttpChainResource } from './resources.ts';
import { readRouteTable } from './route.ts';
import { readChainSession } from './stateful-session.ts';
import { readManagerUpgrades } from './upgrades.ts';
import { bool, millis, required, uint32Within, wireText } from './values.ts';

const managerFields = fieldTable('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
  carried: [
    ...['stat_prefix', 'rds', 'route_config', 'http_filters', 'access_log', 'use_remote_address'],
    ...['server_name', 'normalize_path', 'merge_slashes', 'path_with_escaped_slashes_action'],
    ...['common_http_protocol_options', 'http_protocol_options', 'http2_protocol_options', 'codec_type'],
    ...['max_request_headers_kb', 'xff_num_trusted_hops', 'preserve_external_request_id', 'upgrade_configs'],
    ...['forward_client_cert_details', 'set_current_client_cert_details'],
    ...['request_timeout', 'request_headers_timeout', 'stream_idle_timeout'],
  ],
  ignored: [
    'tracing',
    // how a connection ends is decided by the node's own drain
    ...['drain_timeout', 'delayed_close_timeout'],
    // about connections that no listener here takes: HTTP/3, PROXY protocol
    ...['http3_protocol_options', 'add_proxy_protocol_connection_state'],
  ],
  only: {
    server_header_transformation: ['OVERWRITE', 'PASS_THROUGH'],
    generate_request_id: [true],
    add_user_agent: [false],
    stream_error_on_invalid_http_message: [false],
  },
});

const detailFields = fieldTable(
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.SetCurrentClientCertDetails',
  { carried: ['subject', 'uri', 'dns'], only: { cert: [false], chain: [false] } },
);

const http2Fields = fieldTable('envoy.config.core.v3.Http2ProtocolOptions', {
  carried: [
    ...['max_concurrent_streams', 'initial_stream_window_size', 'initial_connection_window_size', 'allow_connect'],
  ],
  ignored: [
    // how much memory a peer's header compression may save, and how many frames that carry nothing it may send: the
    // node's own bounds are as strict as Envoy's defaults
    ...['hpack_table_size', 'max_outbound_frames', 'max_outbound_control_frames'],
    ...['max_consecutive_inbound_frames_with_empty_payload', 'max_inbound_priority_frames_per_stream'],
    'max_inbound_window_update_frames_per_data_frame_sent',
    // a bad message never costs more than its stream
    ...['stream_error_on_invalid_http_messaging', 'override_stream_error_on_invalid_http_message'],
    'use_oghttp2_codec',
  ],
  only: { allow_metadata: [false] },
});

const codecs: Readonly<Record<string, HttpChainConfig['codec']>> = { AUTO: 'auto', HTTP1: 'http1', HTTP2: 'http2' };

const rdsFields = fieldTable('envoy.extensions.filters.network.http_connection_manager.v3.Rds', {
  carried: ['config_source', 'route_config_name'],
});

const commonFields = fieldTable('envoy.config.core.v3.HttpProtocolOptions', {
  carried: ['idle_timeout', 'max_headers_count', 'headers_with_underscores_action'],
  only: { max_requests_per_connection: [0] },
});

const escapedSlashes: Readonly<Record<string, HttpChainConfig['paths']['escapedSlashes']>> = {
  IMPLEMENTATION_SPECIFIC_DEFAULT: 'keep',
  KEEP_UNCHANGED: 'keep',
  REJECT_REQUEST: 'reject',
  UNESCAPE_AND_REDIRECT: 'redirect',
  UNESCAPE_AND_FORWARD: 'unescape',
};

const underscores: Readonly<Record<string, HttpChainConfig['paths']['underscores']>> = {
  ALLOW: 'keep',
  REJECT_REQUEST: 'reject',
  DROP_HEADER: 'drop',
};

/** @param asksForCertificates the listener asks clients for them */
export function readHttpConnectionManager(
  place: Place,
  message: HttpConnectionManager,
  asksForCertificates: boolean,
): HttpChainResource | null {
  checkFields(place, message, managerFields);
  const config = {
    statPrefix: message.stat_prefix ?? '',
    filters: readHttpFilters(place, message.http_filters ?? []),
    accessLogs: readAccessLogs(place, message.access_log),
    codec: readCodec(place, message),
    http2: readHttp2(place.field('http2_protocol_options'), message.http2_protocol_options ?? {}),
    serverName: readServerName(place, message),
    useRemoteAddress: bool(message.use_remote_address, false),
    trustedHops: message.xff_num_trusted_hops ?? 0,
    preserveRequestId: message.preserve_external_request_id ?? false,
    forwardClientCert: readForwardClientCert(place, message, asksForCertificates),
    upgrades: readManagerUpgrades(place, message.upgrade_configs),
    stickySession: readChainSession(place, message.http_filters ?? []),
    grpcWeb: readChainGrpcWeb(place, message.http_filters ?? []),
    paths: readPaths(place, message),
    limits: readLimits(place, message),
  };
  const routes = readRouteSource(place, message);
  return routes === null ? null : { type: 'http', config, routes };
}

/** Where clients show no certificate all of these remove x-forwarded-client-cert. */
const forwardModes = ['SANITIZE', 'FORWARD_ONLY', 'APPEND_FORWARD', 'SANITIZE_SET'];

function readForwardClientCert(
  place: Place,
  { forward_client_cert_details: mode = 'SANITIZE', set_current_client_cert_details: details }: HttpConnectionManager,
  asksForCertificates: boolean,
): ForwardClientCertConfig | null {
  const known = asksForCertificates ? ['SANITIZE', 'SANITIZE_SET'] : forwardModes;
  if (!known.includes(`${mode}`))
    place.field('forward_client_cert_details').refuse(`${JSON.stringify(mode)} is ${unsupported}`);
  if (!asksForCertificates || mode !== 'SANITIZE_SET') return null;
  const said = details ?? {};
  checkFields(place.field('set_current_client_cert_details'), said, detailFields);
  return { subject: bool(said.subject, false), uri: said.uri ?? false, dns: said.dns ?? false };
}

function readCodec(place: Place, { codec_type: said = 'AUTO' }: HttpConnectionManager): HttpChainConfig['codec'] {
  const known = codecs[said];
  if (known === undefined) place.field('codec_type').refuse(`${said} is ${unsupported}`);
  return known ?? 'auto';
}

type Http2Options = NonNullable<HttpConnectionManager['http2_protocol_options']>;

function readHttp2(place: Place, options: Http2Options): HttpChainConfig['http2'] {
  checkFields(place, options, http2Fields);
  const { http2Streams, http2StreamWindowBytes, http2ConnectionWindowBytes } = limits;
  const within = (
    field: 'max_concurrent_streams' | 'initial_stream_window_size' | 'initial_connection_window_size',
    fallback: number,
    least: number,
  ) => uint32Within(place.field(field), options[field], fallback, least, 2_147_483_647);
  return {
    extendedConnect: options.allow_connect ?? false,
    maxConcurrentStreams: within('max_concurrent_streams', http2Streams, 1),
    streamWindowBytes: within('initial_stream_window_size', http2StreamWindowBytes, 65_535),
    connectionWindowBytes: within('initial_connection_window_size', http2ConnectionWindowBytes, 65_535),
  };
}

function readServerName(place: Place, message: HttpConnectionManager): string {
  if (message.server_header_transformation === 'PASS_THROUGH') return '';
  return wireText(place.field('server_name'), message.server_name || 'envoy');
}

function readPaths(place: Place, message: HttpConnectionManager): HttpChainConfig['paths'] {
  const action = message.path_with_escaped_slashes_action ?? 'KEEP_UNCHANGED';
  const known = escapedSlashes[action];
  if (known === undefined) place.field('path_with_escaped_slashes_action').refuse(`${action} is ${unsupported}`);
  return {
    normalize: bool(message.normalize_path, false),
    mergeSlashes: message.merge_slashes ?? false,
    escapedSlashes: known ?? 'keep',
    underscores: readUnderscores(place.field('common_http_protocol_options'), message.common_http_protocol_options),
    http10: readHttp10(place.field('http_protocol_options'), message.http_protocol_options),
  };
}

function readUnderscores(
  place: Place,
  options: HttpConnectionManager['common_http_protocol_options'],
): HttpChainConfig['paths']['underscores'] {
  const action = options?.headers_with_underscores_action ?? 'ALLOW';
  const known = underscores[action];
  if (known === undefined) place.field('headers_with_underscores_action').refuse(`${action} is ${unsupported}`);
  return known ?? 'keep';
}

function readLimits(place: Place, message: HttpConnectionManager): HttpChainConfig['limits'] {
  const common = message.common_http_protocol_options ?? {};
  const at = place.field('common_http_protocol_options');
  checkFields(at, common, commonFields);
  const kilobytes = uint32Within(place.field('max_request_headers_kb'), message.max_request_headers_kb, 60, 1, 8192);
  const time = (field: 'request_headers_timeout' | 'request_timeout' | 'stream_idle_timeout', fallback: number) =>
    millis(place.field(field), message[field], fallback);
  return {
    headerBytes: kilobytes * 1024,
    headers: uint32Within(at.field('max_headers_count'), common.max_headers_count, 100, 1, limits.headers),
    headersTimeoutMs: time('request_headers_timeout', 0),
    requestTimeoutMs: time('request_timeout', 0),
    idleTimeoutMs: millis(at.field('idle_timeout'), common.idle_timeout, 3_600_000),
    streamIdleTimeoutMs: time('stream_idle_timeout', 300_000),
  };
}

function readRouteSource(place: Place, message: HttpConnectionManager): HttpChainResource['routes'] | null {
  if (message.route_config) {
    return { type: 'inline', table: readRouteTable(place.field('route_config'), message.route_config) };
  }
  if (message.rds) {
    const at = place.field('rds');
    checkFields(at, message.rds, rdsFields);
    const name = required(at.field('route_config_name'), message.rds.route_config_name);
    const fetchTimeoutMs = readStreamSource(at.field('config_source'), message.rds.config_source);
    return { type: 'rds', from: { name, fetchTimeoutMs } };
  }
  place.refuse('needs rds or route_config');
  return null;
}
