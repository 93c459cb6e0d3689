/**
 * MurmurHash2 of 64 bits as libstdc++ has it for `std::hash` (the last bytes are not mixed before they are added), by the
 * seed that Envoy gives it. Allocates nothing.
 */
import type { MutableHash64 } from './hash64.ts';
import { readInt32 } from './text-bytes.ts';
import { Word64 } from './word64.ts';

const seed = 0xc70f6907 | 0;
const high = 0xc6a4a793 | 0;
const low = 0x5bd1e995;

const hash = new Word64();
const lane = new Word64();

/** Of the first `length` bytes. */
export function murmurHash64(bytes: Uint8Array, length: number, into: MutableHash64): void {
  hash.set(0, length);
  hash.multiply(high, low);
  hash.xor(0, seed);
  let at = 0;
  for (; at + 8 <= length; at += 8) {
    lane.set(readInt32(bytes, at + 4), readInt32(bytes, at));
    lane.multiply(high, low);
    lane.xorShiftRight(47);
    lane.multiply(high, low);
    hash.xor(lane.high, lane.low);
    hash.multiply(high, low);
  }
  if (at < length) {
    for (let index = length - 1, upper = 0, lower = 0; ; index--) {
      upper = (upper << 8) | (lower >>> 24);
      lower = (lower << 8) | bytes[index]!;
      if (index === at) {
        hash.xor(upper, lower);
        break;
      }
    }
    hash.multiply(high, low);
  }
  hash.xorShiftRight(47);
  hash.multiply(high, low);
  hash.xorShiftRight(47);
  into.high = hash.high >>> 0;
  into.low = hash.low >>> 0;
}
