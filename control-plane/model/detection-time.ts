/** How long an endpoint that stopped serving may still be sent requests. */
import type { ActiveSpec } from './cluster-specs.ts';

export interface DetectionTime {
  /** Connections to it are refused or reset, and the last probe is one that gets no answer. */
  readonly crashMs: number;
  /** It takes connections, and never answers: every probe has its whole timeout. */
  readonly hangMs: number;
}

type Times = Pick<ActiveSpec, 'intervalMs' | 'jitterPercent' | 'timeoutMs' | 'unhealthyAfter'>;

/**
 * The worst case of one node: it fails right after a probe that went well, every interval has all of its jitter, and each
 * one begins when the probe before it has ended. Whole milliseconds, rounded up.
 */
export function detectionTime({ intervalMs, jitterPercent, timeoutMs, unhealthyAfter }: Times): DetectionTime {
  const waitsMs = unhealthyAfter * intervalMs * (1 + jitterPercent / 100);
  return { crashMs: Math.ceil(waitsMs + timeoutMs), hangMs: Math.ceil(waitsMs + unhealthyAfter * timeoutMs) };
}
