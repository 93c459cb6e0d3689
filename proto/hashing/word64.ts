/**
 * A 64-bit number that is computed with in place. Its halves are kept as signed 32-bit numbers, which JavaScript's
 * engines hold without allocating.
 */
export class Word64 {
  high = 0;
  low = 0;

  set(high: number, low: number): void {
    this.high = high | 0;
    this.low = low | 0;
  }

  add(high: number, low: number): void {
    const sum = (this.low >>> 0) + (low >>> 0);
    this.high = (this.high + high + (sum > 0xffff_ffff ? 1 : 0)) | 0;
    this.low = sum | 0;
  }

  xor(high: number, low: number): void {
    this.high ^= high;
    this.low ^= low;
  }

  multiply(high: number, low: number): void {
    const mine = this.low;
    const mineUpper = mine >>> 16;
    const mineLower = mine & 0xffff;
    const upper = low >>> 16;
    const lower = low & 0xffff;
    // the upper half of the product of the lower halves, from products of sixteen bits
    const first = (Math.imul(mineUpper, lower) + (Math.imul(mineLower, lower) >>> 16)) | 0;
    const second = (Math.imul(mineLower, upper) + (first & 0xffff)) | 0;
    const carried = (Math.imul(mineUpper, upper) + (first >>> 16) + (second >>> 16)) | 0;
    this.high = (carried + Math.imul(this.high, low) + Math.imul(mine, high)) | 0;
    this.low = Math.imul(mine, low);
  }

  /** @param bits 1 to 31 */
  rotateLeft(bits: number): void {
    const { high, low } = this;
    this.high = (high << bits) | (low >>> (32 - bits));
    this.low = (low << bits) | (high >>> (32 - bits));
  }

  /** `x ^= x >> bits`. @param bits 1 to 63 */
  xorShiftRight(bits: number): void {
    const { high } = this;
    if (bits >= 32) {
      this.low ^= high >>> (bits - 32);
      return;
    }
    this.low ^= (this.low >>> bits) | (high << (32 - bits));
    this.high ^= high >>> bits;
  }
}
