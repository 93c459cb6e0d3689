/** The real clock, timers, chance and network, as the parts of a node are handed them. */
import net from 'node:net';
import type { HealthDeps } from './health/active.ts';
import { placeOf } from './upstream/place.ts';

/** Monotonic milliseconds. */
export const now = (): number => performance.now();

/** Epoch milliseconds. */
export const wallClock: () => number = Date.now;

/** In [0, 1). */
export const random: () => number = Math.random;

/** Calls back once; does not keep the process alive. */
export function setTimer(callback: () => void, ms: number): void {
  setTimeout(callback, ms).unref();
}

/** Milliseconds of a clock that all threads share, and that nobody sets. */
export const nodeNow = (): number => performance.timeOrigin + performance.now();

/** What outlier detection is done with. */
export const judging = { now: nodeNow, wallClock, random, setTimer };

/** What health checks are made with. */
export const checking: HealthDeps = {
  random,
  connect: (target) => net.connect({ ...placeOf(target), noDelay: true }),
  // answers that are here are read before, however late a thread with other things to do looks at the time
  setTimer: (callback, ms) => {
    let turn: NodeJS.Immediate | undefined;
    const timer = setTimeout(() => {
      turn = setImmediate(callback);
    }, ms).unref();
    return () => {
      clearTimeout(timer);
      clearImmediate(turn);
    };
  },
};
