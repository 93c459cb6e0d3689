/**
 * Log-linear histogram of milliseconds: exact to the microsecond below 0.1 ms, then 90 buckets a power of ten, so every
 * bound with two significant digits (0.5, 25, 2500 …) lies on a bucket's edge.
 */

const linearBuckets = 100;
const bucketsPerDecade = 90;
/** 100 µs up to 10^11 µs (27 hours); what is longer counts in the last bucket. */
const decades = 9;
const bucketCount = linearBuckets + decades * bucketsPerDecade;

const powersOfTen = Array.from({ length: 12 }, (_, exponent) => 10 ** exponent);
/** By number of leading zero bits: the decimal exponent of the smallest number with so many. */
const exponentOfZeros = Uint8Array.from({ length: 33 }, (_, zeros) =>
  zeros === 32 ? 0 : Math.floor(Math.log10(2 ** (31 - zeros))),
);

/** Bucket of a whole number of units from 100 up to 2^31 - 1. */
function decadeBucket(units: number): number {
  let exponent = exponentOfZeros[Math.clz32(units)]!;
  if (units >= powersOfTen[exponent + 1]!) exponent++;
  return linearBuckets + (exponent - 2) * bucketsPerDecade + ((units / powersOfTen[exponent - 1]!) | 0) - 10;
}

export function bucketOf(ms: number): number {
  const us = ms * 1000;
  if (us < linearBuckets) return us > 0 ? us | 0 : 0;
  if (us < 0x7fffffff) return decadeBucket(us | 0);
  // The same in milliseconds, three decades up; beyond 2^31 ms everything is in the last bucket anyway.
  if (us < 1e11) return decadeBucket(ms | 0) + 3 * bucketsPerDecade;
  return us >= 1e11 ? bucketCount - 1 : 0;
}

/** Lower edge of a bucket, ms; of `bucketCount`: the upper edge of the last one. */
export function bucketStartMs(bucket: number): number {
  if (bucket < linearBuckets) return bucket / 1000;
  const exponent = Math.floor((bucket - linearBuckets) / bucketsPerDecade) + 2;
  const mantissa = ((bucket - linearBuckets) % bucketsPerDecade) + 10;
  return (mantissa * powersOfTen[exponent - 1]!) / 1000;
}

/** Of the memory of a histogram. */
export const histogramBytes = 16 + 4 * bucketCount;

export class Histogram {
  /** Sum and number of what was recorded. */
  readonly #totals: Float64Array;
  readonly #counts: Uint32Array;

  /** @param memory `histogramBytes` of zeros, or what another histogram counts in */
  constructor(memory: ArrayBufferLike = new ArrayBuffer(histogramBytes)) {
    this.#totals = new Float64Array(memory, 0, 2);
    this.#counts = new Uint32Array(memory, 16, bucketCount);
  }

  get sumMs(): number {
    return this.#totals[0]!;
  }

  get count(): number {
    return this.#totals[1]!;
  }

  record(ms: number): void {
    this.#totals[0]! += ms;
    this.#totals[1]!++;
    this.#counts[bucketOf(ms)]!++;
  }

  /** Takes over what another one recorded. */
  add(other: Histogram): void {
    this.#totals[0]! += other.sumMs;
    this.#totals[1]! += other.count;
    for (let bucket = 0; bucket < bucketCount; bucket++) this.#counts[bucket]! += other.#counts[bucket]!;
  }

  /** The value under which so much of all recorded values lies (0 … 1), interpolated within its bucket; NaN if empty. */
  quantileMs(quantile: number): number {
    if (this.count === 0) return Number.NaN;
    const rank = quantile * this.count;
    let below = 0;
    let last = 0;
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      const here = this.#counts[bucket]!;
      if (here === 0) continue;
      if (below + here >= rank) {
        const start = bucketStartMs(bucket);
        return start + (bucketStartMs(bucket + 1) - start) * Math.max(0, (rank - below) / here);
      }
      below += here;
      last = bucket;
    }
    return bucketStartMs(last + 1);
  }

  /** How many recorded values lie below each bound; bounds ascend and have at most two significant digits. */
  countsBelow(boundsMs: readonly number[]): number[] {
    const counts: number[] = [];
    let below = 0;
    let bucket = 0;
    for (const bound of boundsMs) {
      for (const end = bucketOf(bound); bucket < end; bucket++) below += this.#counts[bucket]!;
      counts.push(below);
    }
    return counts;
  }
}
