/**
 * What a node does when it has more to do than it can: the readings of a moment in, measures out. Envoy's words for them
 * are its overload actions. The two resources are memory, and the time of the event loop.
 */
import type { NodeLimits } from '../limits.ts';

export interface Readings {
  /** Of the memory that there may be, 0 to 1. */
  readonly memoryShare: number;
  /** How late the event loop is: of the last few seconds, what one time in a hundred is exceeded. */
  readonly loopDelayMs: number;
  /** Of the last two seconds, the share in which the thread of the loop had a core and worked. */
  readonly busyShare: number;
}

export interface Measures {
  /** Connections without a request are closed (`reduce_timeouts`). */
  readonly shedsIdle: boolean;
  /** No connection is let in (`stop_accepting_connections`). */
  readonly stopsAccepting: boolean;
  /** Of new requests, the share that is answered 503 (`stop_accepting_requests`). */
  readonly refusedShare: number;
}

/** At so many times the allowed delay every new request is refused. */
const saturation = 5;

export function measuresFor(
  { memoryShare, loopDelayMs, busyShare }: Readings,
  { shedIdlePercent, stopAcceptingPercent, loopDelayMs: allowedMs, loopBusyPercent }: NodeLimits,
): Measures {
  // a thread that waits for a core is late through others, and refusing requests would not make it any earlier
  const own = busyShare * 100 >= loopBusyPercent;
  const late = allowedMs > 0 && own ? (loopDelayMs / allowedMs - 1) / (saturation - 1) : 0;
  return {
    shedsIdle: memoryShare * 100 >= shedIdlePercent,
    stopsAccepting: memoryShare * 100 >= stopAcceptingPercent,
    refusedShare: Math.min(1, Math.max(0, late)),
  };
}
