/** A small histogram of milliseconds that several threads count in: four buckets for each doubling, from 1 ms to 65 s. */

const perDoubling = 4;
const bucketCount = 16 * perDoubling;

/** Lower edge, ms; the first bucket begins at 0. */
function startMs(bucket: number): number {
  return bucket === 0 ? 0 : 2 ** (bucket / perDoubling);
}

export class LatencyBuckets {
  static readonly count = bucketCount;
  readonly #cells: Int32Array;
  readonly #at: number;

  constructor(cells: Int32Array, at: number) {
    this.#cells = cells;
    this.#at = at;
  }

  record(ms: number): void {
    const bucket = ms < 1 ? 0 : Math.min(bucketCount - 1, Math.floor(Math.log2(ms) * perDoubling));
    Atomics.add(this.#cells, this.#at + bucket, 1);
  }

  /** All counts so far: 32 bits that wrap. */
  read(): Int32Array {
    return this.#cells.slice(this.#at, this.#at + bucketCount);
  }
}

/** The time under which so much (0 … 1) of what came between two readings lies, interpolated; NaN if nothing came. */
export function quantileMs(before: Int32Array, after: Int32Array, quantile: number): number {
  let count = 0;
  for (let bucket = 0; bucket < bucketCount; bucket++) count += (after[bucket]! - before[bucket]!) >>> 0;
  if (count === 0) return Number.NaN;
  let left = quantile * count;
  let bucket = 0;
  for (; bucket < bucketCount - 1; bucket++) {
    const here = (after[bucket]! - before[bucket]!) >>> 0;
    if (here >= left && here > 0) break;
    left -= here;
  }
  const here = (after[bucket]! - before[bucket]!) >>> 0;
  return startMs(bucket) + (startMs(bucket + 1) - startMs(bucket)) * Math.min(1, left / here);
}
