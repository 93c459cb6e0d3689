/** The values of a log entry by number, so that one loop with one switch reads any format without calls in between. */
import type { LogSegment, PlainOperator } from '../model/log-format.ts';
import type { LogEntry } from './log-entry.ts';

const codes = {
  START_TIME: 0,
  PROTOCOL: 1,
  RESPONSE_CODE: 2,
  RESPONSE_FLAGS: 3,
  RESPONSE_CODE_DETAILS: 4,
  BYTES_RECEIVED: 5,
  BYTES_SENT: 6,
  DURATION: 7,
  UPSTREAM_HOST: 8,
  UPSTREAM_CLUSTER: 9,
  ROUTE_NAME: 10,
  DOWNSTREAM_REMOTE_ADDRESS: 11,
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: 12,
  DOWNSTREAM_LOCAL_ADDRESS: 13,
  GRPC_STATUS: 14,
  GRPC_STATUS_NUMBER: 15,
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: 16,
  DOWNSTREAM_LOCAL_PORT: 17,
  REQUESTED_SERVER_NAME: 18,
  STREAM_ID: 19,
} as const satisfies Record<PlainOperator, number>;
const upstreamServiceTime = 20;
const method = 21;
const path = 22;
const authority = 23;
const requestId = 24;
const proxyTlv = 25;
/** From here on: the n-th of the asked request headers. */
const firstRequestHeader = 26;

/** What TCP sessions have only where somebody reads it. */
export const streamIdCode: number = codes.STREAM_ID;

/** What one segment of a format reads. */
export interface LogField {
  readonly code: number;
  /** Read where `code` gives nothing; the same as `code` where nothing else is to be read. */
  readonly fallback: number;
  /** Of a TLV of the PROXY header; empty: it is something else. */
  readonly name: string;
  readonly maxLength: number;
  readonly isNumber: boolean;
  /** Made by the proxy itself of harmless characters. */
  readonly isClean: boolean;
  /** It came in a way that has let any byte pass, a line end for one. */
  readonly isWild: boolean;
}

const numbers: ReadonlySet<PlainOperator> = new Set([
  ...(['RESPONSE_CODE', 'BYTES_RECEIVED', 'BYTES_SENT', 'DURATION', 'DOWNSTREAM_LOCAL_PORT'] as const),
]);
const unclean: ReadonlySet<PlainOperator> = new Set([
  ...(['RESPONSE_CODE_DETAILS', 'UPSTREAM_CLUSTER', 'ROUTE_NAME', 'REQUESTED_SERVER_NAME', 'STREAM_ID'] as const),
]);

const wild = { isClean: false, isWild: true };
const plainField = { name: '', maxLength: Infinity, isNumber: false, isClean: true, isWild: false };

/** @param requestHeaders names asked for so far; a new one is added */
export function logField(segment: Exclude<LogSegment, { type: 'text' }>, requestHeaders: string[]): LogField {
  if (segment.type === 'plain') {
    const code = codes[segment.operator];
    const isClean = !unclean.has(segment.operator);
    const isWild = segment.operator === 'REQUESTED_SERVER_NAME';
    return { ...plainField, code, fallback: code, isNumber: numbers.has(segment.operator), isClean, isWild };
  }
  if (segment.type === 'upstream-service-time') {
    return { ...plainField, code: upstreamServiceTime, fallback: upstreamServiceTime };
  }
  if (segment.type === 'proxy-tlv') {
    const maxLength = segment.maxLength ?? Infinity;
    return { code: proxyTlv, fallback: proxyTlv, name: segment.name, maxLength, isNumber: false, ...wild };
  }
  const { name, fallback, maxLength } = segment;
  // `path` is the one that the client sent, so there is no other original one to look for.
  const first = name === 'x-envoy-original-path' && fallback === ':path' ? ':path' : name;
  const code = headerCode(first, requestHeaders);
  return {
    code,
    fallback: fallback === null ? code : headerCode(fallback, requestHeaders),
    name: '',
    maxLength: maxLength ?? Infinity,
    isNumber: false,
    isClean: false,
    isWild: false,
  };
}

function headerCode(name: string, requestHeaders: string[]): number {
  if (name === ':method') return method;
  if (name === ':path') return path;
  if (name === ':authority' || name === 'host') return authority;
  if (name === 'x-request-id') return requestId;
  const index = requestHeaders.indexOf(name);
  return firstRequestHeader + (index >= 0 ? index : requestHeaders.push(name) - 1);
}

/** The value as text; the empty string where there is none. @param name as {@link LogField} has it */
export function readLogField(code: number, entry: LogEntry, name: string): string {
  switch (code) {
    case codes.START_TIME:
      return isoTime(entry.startMs);
    case codes.PROTOCOL:
      return entry.protocol;
    case codes.RESPONSE_CODE:
      return '' + entry.status;
    case codes.RESPONSE_FLAGS:
      return entry.flags;
    case codes.RESPONSE_CODE_DETAILS:
      return entry.details;
    case codes.BYTES_RECEIVED:
      return '' + entry.bytesReceived;
    case codes.BYTES_SENT:
      return '' + entry.bytesSent;
    case codes.DURATION:
      return '' + Math.trunc(entry.durationMs);
    case codes.UPSTREAM_HOST:
      return entry.upstreamHost;
    case codes.UPSTREAM_CLUSTER:
      return entry.upstreamCluster;
    case codes.ROUTE_NAME:
      return entry.routeName;
    case codes.DOWNSTREAM_REMOTE_ADDRESS:
      return entry.downstreamAddress;
    case codes.DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT:
      return entry.downstreamIp;
    case codes.DOWNSTREAM_LOCAL_ADDRESS:
      return entry.localAddress;
    case codes.DOWNSTREAM_DIRECT_REMOTE_ADDRESS:
      return entry.directAddress;
    case codes.DOWNSTREAM_LOCAL_PORT:
      return entry.localAddress.slice(entry.localAddress.lastIndexOf(':') + 1);
    case codes.REQUESTED_SERVER_NAME:
      return entry.requestedServerName;
    case codes.STREAM_ID:
      // a request's is its id, as with Envoy
      return entry.streamId || entry.requestId;
    case proxyTlv:
      return entry.proxyTlvs === null ? '' : (entry.proxyTlvs.get(name) ?? '');
    case codes.GRPC_STATUS:
      return entry.grpcStatus < 0 ? '' : (grpcStatusNames[entry.grpcStatus] ?? 'InvalidCode');
    case codes.GRPC_STATUS_NUMBER:
      return entry.grpcStatus < 0 ? '' : '' + entry.grpcStatus;
    case upstreamServiceTime:
      return entry.upstreamServiceMs < 0 ? '' : '' + Math.trunc(entry.upstreamServiceMs);
    case method:
      return entry.method;
    case path:
      return entry.path;
    case authority:
      return entry.authority;
    case requestId:
      return entry.requestId;
    default:
      return entry.requestHeaders[code - firstRequestHeader] ?? '';
  }
}

/** As Envoy writes them, by number. */
const grpcStatusNames = (
  'OK Canceled Unknown InvalidArgument DeadlineExceeded NotFound AlreadyExists PermissionDenied ResourceExhausted ' +
  'FailedPrecondition Aborted OutOfRange Unimplemented Internal Unavailable DataLoss Unauthenticated'
).split(' ');

const milliseconds = Array.from({ length: 1000 }, (_, ms) => `${String(ms).padStart(3, '0')}Z`);
let shownSecond = Number.NaN;
/** `2026-11-21T12:55:56.` */
let shownText = '';

/** `2026-11-21T12:55:56.361Z`; the date is made once a second. */
function isoTime(epochMs: number): string {
  const second = Math.floor(epochMs / 1000);
  if (second !== shownSecond) {
    shownSecond = second;
    shownText = new Date(second * 1000).toISOString().slice(0, 20);
  }
  return shownText + milliseconds[Math.floor(epochMs - second * 1000)]!;
}
