/** A 64-bit hash as two halves: a Number would lose bits, a BigInt costs an allocation each. */
export interface Hash64 {
  /** Unsigned, 32 bits. */
  readonly high: number;
  /** Unsigned, 32 bits. */
  readonly low: number;
}
