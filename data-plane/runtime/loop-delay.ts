/** How late timers are: the delay of the event loop, as the 99th percentile of the last few seconds. */

export class LoopDelay {
  readonly #samples: Float64Array;
  #next = 0;

  /** @param samples that are remembered */
  constructor(samples: number) {
    this.#samples = new Float64Array(samples);
  }

  /** A timer came so late. */
  add(lateMs: number): void {
    this.#samples[this.#next] = lateMs;
    this.#next = (this.#next + 1) % this.#samples.length;
  }

  /** One sample in a hundred is above. */
  get p99Ms(): number {
    const sorted = this.#samples.slice().sort();
    return sorted[Math.ceil(sorted.length * 0.99) - 1]!;
  }
}
