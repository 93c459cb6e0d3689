import { limits } from './limits.ts';

/**
 * Earliest deadline first: entries wait in a queue ordered by deadline, equal ones in the order of their insertion; the
 * first is taken and put back `1 / weight` later. Over time each entry is taken in proportion to its weight, evenly spread.
 */
export class EdfQueue {
  readonly #weightOf: (index: number) => number;
  /** Binary heap of entries. */
  readonly #heap: Uint32Array;
  readonly #deadlines: Float64Array;
  readonly #inserted: Float64Array;
  #insertions = 0;

  /** @param weightOf above 0; asked each time an entry is put back */
  constructor(count: number, weightOf: (index: number) => number) {
    this.#weightOf = weightOf;
    this.#heap = Uint32Array.from({ length: count }, (_, index) => index);
    this.#deadlines = Float64Array.from({ length: count }, (_, index) => 1 / weightOf(index));
    this.#inserted = Float64Array.from({ length: count }, () => this.#insertions++);
    for (let position = (count >> 1) - 1; position >= 0; position--) this.#sink(position);
  }

  /** The next entry; there must be at least one. */
  pick(): number {
    const first = this.#heap[0]!;
    this.#deadlines[first]! += 1 / this.#weightOf(first);
    this.#inserted[first] = this.#insertions++;
    this.#sink(0);
    return first;
  }

  /** Lets a part of a round pass, so that proxies that were configured at once do not pick in step. */
  startAnywhere(random: () => number): void {
    let sum = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let index = 0; index < this.#heap.length; index++) {
      const weight = this.#weightOf(index);
      sum += weight;
      least = Math.min(least, weight);
    }
    const round = Math.min(limits.picksBeforeStart, sum / least);
    for (let skipped = Math.floor(random() * round); skipped > 0; skipped--) this.pick();
  }

  #isBefore(a: number, b: number): boolean {
    const difference = this.#deadlines[a]! - this.#deadlines[b]!;
    return difference < 0 || (difference === 0 && this.#inserted[a]! < this.#inserted[b]!);
  }

  #sink(position: number): void {
    const heap = this.#heap;
    const entry = heap[position]!;
    for (;;) {
      let child = 2 * position + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#isBefore(heap[child]!, entry)) break;
      heap[position] = heap[child]!;
      position = child;
    }
    heap[position] = entry;
  }
}
