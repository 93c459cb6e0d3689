/** Time that passes only when a test says so. */
import type { Timers } from '../ports.ts';

export class ManualTimers implements Timers {
  #nowMs = 0;
  #pending: { atMs: number; run: () => void }[] = [];
  #waits: { readonly count: number; readonly resolve: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  after(ms: number, run: () => void): () => void {
    const entry = { atMs: this.#nowMs + ms, run };
    this.#pending.push(entry);
    for (const { count, resolve } of this.#waits) if (this.#pending.length >= count) resolve();
    return () => {
      this.#pending = this.#pending.filter((other) => other !== entry);
    };
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    const due = this.#pending.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#pending = this.#pending.filter(({ atMs }) => atMs > this.#nowMs);
    for (const { run } of due) run();
  }

  /** Resolves once so many timers are set at the same time. */
  untilPending(count: number): Promise<void> {
    if (this.#pending.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waits.push({ count, resolve }));
  }

  get pending(): number {
    return this.#pending.length;
  }
}
