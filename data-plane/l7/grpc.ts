/** What gRPC makes of HTTP: its requests, its status, its deadline. https://github.com/grpc/grpc, PROTOCOL-HTTP2.md. */
import type { MessageHead } from '../codec/message-head.ts';
import type { MaxStreamConfig } from '../model/config.ts';
import type { LocalReply } from './local-reply.ts';
import type { RequestTarget } from './request-target.ts';

/** Of the status codes of gRPC those that stand here by name. */
export const grpcStatuses = { unknown: 2, deadlineExceeded: 4, unimplemented: 12, internal: 13 } as const;

export function isGrpcRequest(method: string, head: MessageHead): boolean {
  return method === 'POST' && /^application\/grpc(?:$|[+;])/i.test(head.first('content-type'));
}

/** Of the value of `grpc-status`; -1: it is none. */
export function readGrpcStatus(value: string): number {
  return /^\d{1,2}$/.test(value) ? Number(value) : -1;
}

/** Envoy's: gRPC's own mapping, with a status of the client's fault for what only it can mend. */
const byHttpStatus = new Map([
  [400, grpcStatuses.internal],
  [401, 16],
  [403, 7],
  [404, grpcStatuses.unimplemented],
  ...[429, 502, 503, 504].map((status) => [status, 14] as const),
]);

/** Statuses for which the endpoint, not the client, is to blame: those that gRPC maps to a 5xx. */
const endpointsFaults = new Set([2, 4, 12, 13, 14, 15]);

export function isEndpointsFault(grpcStatus: number): boolean {
  return endpointsFaults.has(grpcStatus);
}

/** Envoy's, by code; what stands for none of HTTP is 500. */
const httpStatuses = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];

export function httpStatusOf(grpcStatus: number): number {
  return httpStatuses[grpcStatus] ?? 500;
}

/** The same answer for a gRPC client, which wants 200, and its status in the head where no message comes. */
export function grpcReply(reply: LocalReply): LocalReply & { readonly grpcStatus: number } {
  const grpcStatus = reply.grpcStatus ?? byHttpStatus.get(reply.status) ?? grpcStatuses.unknown;
  const message = reply.body === '' ? [] : ([['grpc-message', percentEncoded(reply.body)]] as const);
  const own = [['content-type', 'application/grpc'], ['grpc-status', `${grpcStatus}`], ...message] as const;
  const others = (reply.headers ?? []).filter(([name]) => name !== 'content-type');
  return { ...reply, status: 200, body: '', headers: [...others, ...own], grpcStatus, headOnly: true };
}

/** All but printable ASCII, and percent signs. `text` holds bytes. */
function percentEncoded(text: string): string {
  return text.replace(/[^ -$&-~]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Of the value of `grpc-timeout`, rounded up; -1: it is none. */
export function readGrpcTimeout(value: string): number {
  const parts = /^(\d{1,8})([HMSmun])$/.exec(value);
  return parts === null ? -1 : Math.ceil(Number(parts[1]) * unitMs[parts[2]!]!);
}

function grpcTimeout(ms: number): string {
  return ms < 1e8 ? `${ms}m` : `${Math.floor(ms / 1_000)}S`;
}

const grpcTimeoutHeader = new Set(['grpc-timeout']);

/**
 * How long the stream of a request may last, as its route and the client's deadline say; -1: for ever. As in Envoy the
 * deadline also counts where the request is not gRPC's; a gRPC endpoint is told where the route allows less.
 */
export function streamMs(
  maxStream: MaxStreamConfig | null,
  head: MessageHead,
  isGrpc: boolean,
  target: RequestTarget,
): number {
  if (maxStream === null) return -1;
  const { maxMs, grpcMaxMs } = maxStream;
  const askedMs = grpcMaxMs === null ? -1 : readGrpcTimeout(head.first('grpc-timeout'));
  const capMs = grpcMaxMs === null || grpcMaxMs === 0 ? Number.POSITIVE_INFINITY : grpcMaxMs;
  const ms = askedMs < 0 ? (maxMs > 0 ? maxMs : -1) : Math.min(askedMs, capMs);
  if (isGrpc && ms >= 0 && ms !== askedMs) {
    target.changeHeaders({ added: [['grpc-timeout', grpcTimeout(ms)]], drops: grpcTimeoutHeader });
  }
  return ms < longestMs ? ms : -1;
}

/** Twelve days: what timers of the runtime can still count. A longer time is none. */
const longestMs = 2 ** 30;

/** Longer by at most 1/16, so that few lengths are in use at a time, whatever clients ask for. */
export function roundedMs(ms: number): number {
  const step = Math.max(10, 2 ** Math.floor(Math.log2(Math.max(ms, 1))) / 16);
  return Math.max(1, Math.ceil(ms / step) * step);
}
