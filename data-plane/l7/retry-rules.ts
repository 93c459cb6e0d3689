/** Which ends of a try are a reason for another one, and how long to wait before it: Envoy's rules. Pure. */
import type { RetryConfig } from '../model/config.ts';

/** How a try ended without an answer. */
export type TryEnd = RetryConfig['failures'][number];

export function retriesEnd({ failures }: RetryConfig, end: TryEnd): boolean {
  return failures.includes(end);
}

export function retriesStatus({ statuses }: RetryConfig, status: number): boolean {
  for (let i = 0; i < statuses.length; i++) {
    if (status >= statuses[i]!.start && status < statuses[i]!.end) return true;
  }
  return false;
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
