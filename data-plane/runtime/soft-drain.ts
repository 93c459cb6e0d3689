/**
 * A node that clients shall leave and that serves whoever has not left: its connections are told, closed where they are
 * idle, and at last cut, each at a time of its own, so that what leaves does not all arrive elsewhere in one moment.
 */
import { limits } from '../limits.ts';

/** A connection of a client. Each of these does nothing where it has been done, or makes no sense. */
export interface DrainedConnection {
  /** By the clock of the drain. */
  readonly openedMs: number;
  /** Asks the client to go elsewhere, where its protocol has words for that. */
  announce?(): void;
  /** Closes it if nothing is under way. */
  drain?(): void;
  destroy(): void;
}

export interface SoftDrainDeps {
  /** Those of each listener. */
  readonly connections: () => readonly Iterable<DrainedConnection>[];
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** 0 ≤ x < 1 */
  readonly random: () => number;
  /** Calls back once; must not keep the process alive. */
  readonly setTimer: (callback: () => void, ms: number) => void;
  /** A bug showed itself with one connection. */
  readonly onFault: (fault: unknown) => void;
}

export type DrainStep = 'announce' | 'drain' | 'destroy';

export class SoftDrain {
  readonly #deps: SoftDrainDeps;
  #sinceMs = 0;
  #timeoutMs = 0;
  /** Of the sweeps that are planned; null: it is off. */
  #plan: object | null = null;

  constructor(deps: SoftDrainDeps) {
    this.#deps = deps;
  }

  get isOn(): boolean {
    return this.#plan !== null;
  }

  /**
   * Whoever comes later has as long, but no less than others have before a stop.
   * @param timeoutMs from now on, also where it has begun before
   */
  begin(timeoutMs: number): void {
    const nowMs = this.#deps.now();
    if (!this.isOn) this.#sinceMs = nowMs;
    this.#timeoutMs = nowMs - this.#sinceMs + timeoutMs;
    const plan = {};
    this.#plan = plan;
    this.#sweep(plan, sweepMsOf(this.#timeoutMs));
  }

  end(): void {
    this.#plan = null;
  }

  #sweep(plan: object, sweepMs: number): void {
    if (this.#plan !== plan) return;
    const { connections, now, random, setTimer, onFault } = this.#deps;
    const nowMs = now();
    for (const some of connections()) {
      // a copy: they leave meanwhile
      for (const connection of [...some]) {
        const { openedMs } = connection;
        const isLate = openedMs > this.#sinceMs;
        const timeoutMs = isLate ? Math.max(this.#timeoutMs, limits.drainTimeoutMs) : this.#timeoutMs;
        const { step, chance } = stepAt(nowMs - (isLate ? openedMs : this.#sinceMs), timeoutMs, sweepMs);
        if (random() >= chance) continue;
        try {
          connection[step]?.();
        } catch (fault) {
          onFault(fault);
          connection.destroy();
        }
      }
    }
    setTimer(() => this.#sweep(plan, sweepMs), sweepMs);
  }
}

const leastSweepMs = 10;
/** Idle connections are closed in the last quarter of the time: until then their clients may use them once more, and be told. */
const idleFrom = 0.75;
const spread = 0.1;

export function sweepMsOf(timeoutMs: number): number {
  return Math.min(Math.max(Math.round(timeoutMs / 100), leastSweepMs), limits.drainSweepMs);
}

/**
 * What a sweep does with a connection that has been in the drain for so long, and how likely: such that the ends of many
 * are spread evenly, and none outlives its step.
 */
export function stepAt(ageMs: number, timeoutMs: number, sweepMs: number): { step: DrainStep; chance: number } {
  const spreadMs = Math.min(timeoutMs * spread, limits.drainSpreadMs);
  const idleMs = timeoutMs * idleFrom;
  if (ageMs >= timeoutMs) return { step: 'destroy', chance: chanceOf(ageMs - timeoutMs, spreadMs, sweepMs) };
  if (ageMs >= idleMs) return { step: 'drain', chance: chanceOf(ageMs - idleMs, timeoutMs - idleMs, sweepMs) };
  return { step: 'announce', chance: chanceOf(ageMs, spreadMs, sweepMs) };
}

/** One in as many sweeps as are left. */
function chanceOf(intoMs: number, lengthMs: number, sweepMs: number): number {
  const left = Math.ceil((lengthMs - intoMs) / sweepMs);
  return left <= 1 ? 1 : 1 / left;
}
