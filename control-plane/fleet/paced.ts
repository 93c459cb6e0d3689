/** Work that is asked for often and done seldom: what comes together is done together, one at a time. */
import type { Timers } from '../xds/ports.ts';

export type { Timers };

export interface Pace {
  /** From a request to the work, at least: what follows at once comes along. */
  readonly settleMs: number;
  /** From the end of the work to its next beginning, at least. */
  readonly gapMs: number;
}

export class Paced {
  readonly #work: () => Promise<void>;
  readonly #pace: Pace;
  readonly #timers: Timers;
  #lastMs = Number.NEGATIVE_INFINITY;
  #cancel: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;

  /** `work` never rejects. */
  constructor(work: () => Promise<void>, pace: Pace, timers: Timers) {
    this.#work = work;
    this.#pace = pace;
    this.#timers = timers;
  }

  request(): void {
    if (this.#closed || this.#cancel !== undefined) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    const { settleMs, gapMs } = this.#pace;
    const waitMs = Math.max(settleMs, this.#lastMs + gapMs - this.#timers.now());
    this.#cancel = this.#timers.after(waitMs, () => {
      this.#cancel = undefined;
      this.#running = this.#run();
    });
  }

  /** Forgets what was asked for; resolves once what is under way has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    this.#cancel = undefined;
    await this.#running;
  }

  async #run(): Promise<void> {
    await this.#work();
    this.#lastMs = this.#timers.now();
    this.#running = undefined;
    if (!this.#again) return;
    this.#again = false;
    this.request();
  }
}
