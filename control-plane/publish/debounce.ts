/** Decides when: at once when it was quiet, together when requests come in a burst. */
import type { Timers } from '../fleet/paced.ts';
import type { PublishLimits } from './limits.ts';

export type { Timers };

export class Debounce {
  readonly #run: () => void;
  readonly #timers: Timers;
  readonly #limits: PublishLimits;
  #lastMs = Number.NEGATIVE_INFINITY;
  #pending: { readonly sinceMs: number; readonly cancel: () => void } | undefined;

  constructor(run: () => void, timers: Timers, limits: PublishLimits) {
    this.#run = run;
    this.#timers = timers;
    this.#limits = limits;
  }

  /** Runs now if nothing was asked for during the last `quietMs`, else once it is quiet or `atMostMs` have passed. */
  request(): void {
    const nowMs = this.#timers.now();
    const quiet = nowMs - this.#lastMs >= this.#limits.quietMs;
    this.#lastMs = nowMs;
    if (this.#pending === undefined && quiet) {
      this.#runNow();
      return;
    }
    const sinceMs = this.#pending?.sinceMs ?? nowMs;
    this.#pending?.cancel();
    const delayMs = Math.min(this.#limits.quietMs, sinceMs + this.#limits.atMostMs - nowMs);
    this.#pending = { sinceMs, cancel: this.#timers.after(Math.max(0, delayMs), () => this.#runNow()) };
  }

  /** Forgets what is pending. */
  cancel(): void {
    this.#pending?.cancel();
    this.#pending = undefined;
  }

  #runNow(): void {
    this.#pending = undefined;
    this.#run();
    // a run may take a while; the pause counts from its end
    this.#lastMs = this.#timers.now();
  }
}
