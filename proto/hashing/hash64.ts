/** A 64-bit hash as two halves: a Number would lose bits, a BigInt costs an allocation each. */
export interface Hash64 {
  /** Unsigned, 32 bits. */
  readonly high: number;
  /** Unsigned, 32 bits. */
  readonly low: number;
}

/** One that is written over, again and again, so that a request hashes without allocating. */
export interface MutableHash64 {
  high: number;
  low: number;
}

export const zeroHash: Hash64 = { high: 0, low: 0 };

/** Adds the hash of one more key to that of the keys before it, as Envoy's router does. */
export function combineHash(into: MutableHash64, next: Hash64): void {
  const { high, low } = into;
  into.high = (((high << 1) | (low >>> 31)) ^ next.high) >>> 0;
  into.low = (((low << 1) | (high >>> 31)) ^ next.low) >>> 0;
}

/** The remainder of `hash` by a divisor of at most 2^32. */
export function remainder({ high, low }: Hash64, divisor: number): number {
  // sixteen bits at a time, so that no step needs more than 48
  const upper = (((high >>> 0) % divisor) * 0x1_0000 + (low >>> 16)) % divisor;
  return (upper * 0x1_0000 + (low & 0xffff)) % divisor;
}
