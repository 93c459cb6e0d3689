/** Answers that the proxy gives itself: status, flag, details and text as Envoy's. */

import type { RequestFault } from '../codec/h1-request-reader.ts';
import type { HeaderPair } from '../codec/message-head.ts';
import type { HeaderChanges } from '../route/header-changes.ts';
import { grpcStatuses } from './grpc.ts';

export interface LocalReply {
  readonly status: number;
  /** Access-log response flag; empty: none. */
  readonly flag: string;
  readonly details: string;
  readonly body: string;
  /** The message's end is uncertain or nothing more is wanted: the connection ends with this answer. */
  readonly close: boolean;
  /** Headers of its own. */
  readonly headers?: readonly HeaderPair[];
  /** What it is to gRPC, where that is not what follows from `status`. */
  readonly grpcStatus?: number;
  /** No length either: there is no message. */
  readonly headOnly?: boolean;
}

const reply = (status: number, flag: string, details: string, body = '', close = false): LocalReply => ({
  status,
  flag,
  details,
  body,
  close,
});

const beforeHeaders = 'upstream connect error or disconnect/reset before headers. reset reason: ';
const afterRetries = 'upstream connect error or disconnect/reset before headers. retried and the latest reset reason: ';

export const localReplies = {
  badRequest: reply(400, 'DPE', 'http1.codec_error', 'Bad Request', true),
  badTarget: reply(400, '', 'http1.invalid_target', '', true),
  badPath: reply(400, '', 'path_normalization_failed', '', true),
  badHost: reply(400, '', 'invalid_authority', '', true),
  missingHost: reply(400, '', 'missing_host_header', '', true),
  badConnectionHeader: reply(400, '', 'http1.connection_header_rejected', '', true),
  underscore: reply(400, '', 'http1.unexpected_underscore', '', true),
  httpsOnPlain: reply(400, '', 'http1.https_on_plaintext', '', true),
  badBase64: reply(400, '', 'grpc_base_64_decode_failed', 'Bad gRPC-web request, invalid base64 data.'),
  badUpgrade: reply(400, '', 'upgrade_malformed', '', true),
  webSocketVersion: {
    ...reply(426, '', 'upgrade_failed', '', true),
    headers: [['sec-websocket-version', '13']],
  },
  upgradeFailed: reply(403, '', 'upgrade_failed', '', true),
  pathRedirect: reply(307, '', 'path_normalization_redirect'),
  notFound: reply(404, 'NR', 'route_not_found'),
  methodNotAllowed: reply(405, '', 'method_not_allowed', '', true),
  requestTimeout: reply(408, 'UR', 'request_overall_timeout', 'request timeout', true),
  headerTimeout: reply(408, '', 'request_header_timeout', 'request header timeout', true),
  answerIdleTimeout: reply(504, 'SI', 'stream_idle_timeout', 'stream timeout'),
  streamIdleTimeout: reply(408, 'SI', 'stream_idle_timeout', 'stream timeout', true),
  bodyTooLarge: reply(413, '', 'request_payload_too_large', 'Payload Too Large', true),
  uriTooLong: reply(414, '', 'http1.uri_too_long', 'URI Too Long', true),
  expectationFailed: reply(417, '', 'expectation_failed', '', true),
  upgradeRequired: reply(426, '', 'low_version', '', true),
  headersTooLarge: reply(431, '', 'http1.headers_too_large', 'Request Header Fields Too Large', true),
  notImplemented: reply(501, '', 'http1.unknown_method', '', true),
  unsupportedCoding: reply(501, 'DPE', 'http1.unsupported_transfer_encoding', 'Not Implemented', true),
  upstreamProtocolError: reply(
    502,
    'UPE',
    'upstream_reset_before_response_started{protocol_error}',
    `${beforeHeaders}protocol error`,
  ),
  grpcNeedsHttp2: {
    ...reply(502, '', 'grpc_needs_http2', 'gRPC needs an endpoint that speaks HTTP/2; this cluster speaks HTTP/1.1'),
    grpcStatus: grpcStatuses.unimplemented,
  },
  maxStreamDuration: {
    ...reply(504, '', 'max_duration_timeout', 'downstream duration timeout'),
    grpcStatus: grpcStatuses.deadlineExceeded,
  },
  upstreamOffersNoTunnel: reply(502, 'UPE', 'upstream_extended_connect_not_offered'),
  clusterNotFound: reply(503, 'NC', 'cluster_not_found'),
  noHealthyUpstream: reply(503, 'UH', 'no_healthy_upstream', 'no healthy upstream'),
  overflow: {
    ...reply(503, 'UO', 'upstream_reset_before_response_started{overflow}', `${beforeHeaders}overflow`),
    headers: [['x-envoy-overloaded', 'true']],
  },
  overloaded: reply(503, 'OM', 'overload', 'overloaded'),
  connectFailure: reply(
    503,
    'UF',
    'upstream_reset_before_response_started{remote_connection_failure}',
    `${beforeHeaders}remote connection failure`,
  ),
  ownShortage: reply(
    503,
    'UF',
    'upstream_reset_before_response_started{local_connection_failure}',
    `${beforeHeaders}local connection failure`,
  ),
  connectTimeout: reply(
    503,
    'UF',
    'upstream_reset_before_response_started{connection_timeout}',
    `${beforeHeaders}connection timeout`,
  ),
  upstreamTermination: reply(
    503,
    'UC',
    'upstream_reset_before_response_started{connection_termination}',
    `${beforeHeaders}connection termination`,
  ),
  upstreamRefusedStream: reply(
    503,
    'UR',
    'upstream_reset_before_response_started{remote_refused_stream_reset}',
    `${beforeHeaders}remote refused stream reset`,
  ),
  upstreamRemoteReset: reply(
    503,
    'UR',
    'upstream_reset_before_response_started{remote_reset}',
    `${beforeHeaders}remote reset`,
  ),
  perTryTimeout: reply(504, 'UT', 'upstream_per_try_timeout', 'upstream request timeout'),
  upstreamTimeout: reply(504, 'UT', 'response_timeout', 'upstream request timeout'),
  badVersion: reply(505, 'DPE', 'http1.unsupported_version', 'HTTP Version Not Supported', true),
} as const satisfies Record<string, LocalReply>;

const inHttp2 = (one: LocalReply): LocalReply => ({ ...one, details: one.details.replace('http1.', 'http2.') });

/** The same where the request came in HTTP/2: Envoy names the codec in the details. */
export const http2Replies = {
  underscore: inHttp2(localReplies.underscore),
  uriTooLong: inHttp2(localReplies.uriTooLong),
  notImplemented: inHttp2(localReplies.notImplemented),
  badScheme: reply(400, '', 'http2.invalid.header.field'),
  headersTooLarge: { ...localReplies.headersTooLarge, details: 'http2.too_many_headers' },
} as const satisfies Record<string, LocalReply>;
/** The same with the headers that a route adds to answers; what has no body has no type either. */
export function replyWith(reply: LocalReply, changes: HeaderChanges | null): LocalReply {
  if (changes === null) return reply;
  const fitting = reply.body === '' ? changes.added.filter(([name]) => name !== 'content-type') : changes.added;
  return fitting.length === 0 ? reply : { ...reply, headers: [...(reply.headers ?? []), ...fitting] };
}

/** The same where it was not the first try that ended so. */
export function retriedReply(reply: LocalReply): LocalReply {
  if (!reply.body.startsWith(beforeHeaders)) return reply;
  return { ...reply, body: afterRetries + reply.body.slice(beforeHeaders.length) };
}

/** What the reader's faults are answered with; a malformed body is answered only where no answer has begun. */
export const faultReplies: Readonly<Record<RequestFault, LocalReply>> = {
  malformed: localReplies.badRequest,
  'malformed-body': localReplies.badRequest,
  'line-too-long': localReplies.uriTooLong,
  'head-too-large': localReplies.headersTooLarge,
  version: localReplies.badVersion,
  coding: localReplies.unsupportedCoding,
};
