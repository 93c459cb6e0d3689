/** The failures of one endpoint that nginx's `max_fails` goes by, in memory that all threads share. */
import type { FailCells } from '../health/max-fails.ts';

const place = { count: 0, trial: 1 } as const;

export class SharedFails implements FailCells {
  readonly #cells: Int32Array;
  readonly #at: number;
  readonly #times: Float64Array;
  readonly #timesAt: number;

  constructor(cells: Int32Array, at: number, times: Float64Array, timesAt: number) {
    this.#cells = cells;
    this.#at = at;
    this.#times = times;
    this.#timesAt = timesAt;
  }

  get count(): number {
    return this.#cells[this.#at + place.count]!;
  }

  add(): number {
    return Atomics.add(this.#cells, this.#at + place.count, 1) + 1;
  }

  clear(): void {
    Atomics.store(this.#cells, this.#at + place.count, 0);
  }

  offerTrial(): void {
    Atomics.store(this.#cells, this.#at + place.trial, 1);
  }

  takeTrial(): boolean {
    return Atomics.exchange(this.#cells, this.#at + place.trial, 0) === 1;
  }

  get failedAtMs(): number {
    return this.#times[this.#timesAt]!;
  }

  set failedAtMs(ms: number) {
    this.#times[this.#timesAt] = ms;
  }

  get checkedAtMs(): number {
    return this.#times[this.#timesAt + 1]!;
  }

  set checkedAtMs(ms: number) {
    this.#times[this.#timesAt + 1] = ms;
  }
}
