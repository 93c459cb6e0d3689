/** Which ends of a try are a reason for another one, and how long to wait before it: Envoy's rules. Pure. */
import type { MessageHead } from '../codec/message-head.ts';
import type { RetryConfig } from '../model/config.ts';
import { readGrpcStatus } from './grpc.ts';

type AnswerHead = Pick<MessageHead, 'status' | 'first'>;

/** How a try ended without an answer. */
export type TryEnd = RetryConfig['failures'][number];

export function retriesEnd({ failures }: RetryConfig, end: TryEnd): boolean {
  return failures.includes(end);
}

/** By its head: as in Envoy a gRPC status that comes in the trailers is too late. */
export function retriesAnswer({ statuses, grpcStatuses }: RetryConfig, head: AnswerHead): boolean {
  const { status } = head;
  for (let i = 0; i < statuses.length; i++) {
    if (status >= statuses[i]!.start && status < statuses[i]!.end) return true;
  }
  return grpcStatuses.length > 0 && grpcStatuses.includes(readGrpcStatus(head.first('grpc-status')));
}

/** Waits differ by at least this share of the longest one, so that few lengths are in use at a time. */
const steps = 25;

/**
 * Milliseconds, at least 1: anything up to the base before the first retry, twice as much before each further one.
 * @param retry 1 for the first
 * @param random 0 ≤ x < 1
 */
export function backoffMs({ baseMs, maxMs }: RetryConfig['backoff'], retry: number, random: number): number {
  const longest = Math.min(baseMs * 2 ** (retry - 1), maxMs);
  const step = Math.max(1, Math.ceil(longest / steps));
  return Math.max(1, Math.floor((random * longest) / step) * step);
}
