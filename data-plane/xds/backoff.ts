/** When to try again: a random time within an interval that doubles, so that a fleet does not come back at once. */
import { limits } from './limits.ts';

export class Backoff {
  readonly #random: () => number;
  #intervalMs: number = limits.retryBaseMs;

  /** @param random in [0, 1) */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Milliseconds to wait before the next attempt. */
  next(): number {
    const waitMs = Math.floor(this.#random() * this.#intervalMs);
    this.#intervalMs = Math.min(2 * this.#intervalMs, limits.retryCapMs);
    return waitMs;
  }

  reset(): void {
    this.#intervalMs = limits.retryBaseMs;
  }
}
