/** The moment between asking clients to go elsewhere and closing the doors. */
import { limits } from '../limits.ts';

/** What a node has to do with clients. */
export interface ClientTraffic {
  readonly connections: number;
  /** Connections and requests that have come so far. */
  readonly arrivals: number;
}

export interface QuietDeps {
  readonly traffic: () => Promise<ClientTraffic>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly setTimer: (callback: () => void, ms: number) => void;
}

/** Resolves when nobody is connected, nothing has come for a while, or so long has passed. */
export async function untilQuiet({ traffic, now, setTimer }: QuietDeps, mostMs: number): Promise<void> {
  const startMs = now();
  let arrivals = Number.NaN;
  let sinceMs = startMs;
  while (now() - startMs < mostMs) {
    // a worker that is stuck does not say: others may be busy
    const seen = await traffic().catch(() => null);
    if (seen?.connections === 0) return;
    if (seen === null || seen.arrivals !== arrivals) sinceMs = now();
    if (now() - sinceMs >= limits.quietMs) return;
    arrivals = seen?.arrivals ?? Number.NaN;
    await new Promise<void>((resolve) => setTimer(resolve, limits.quietLookMs));
  }
}
