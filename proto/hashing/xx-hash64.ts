/** xxHash64 (github.com/Cyan4973/xxHash, doc/xxhash_spec.md), which allocates nothing. */
import type { Hash64, MutableHash64 } from './hash64.ts';
import { zeroHash } from './hash64.ts';
import { readInt32 } from './text-bytes.ts';
import { Word64 } from './word64.ts';

// the five primes of the specification, in halves
const p1h = 0x9e3779b1 | 0;
const p1l = 0x85ebca87 | 0;
const p2h = 0xc2b2ae3d | 0;
const p2l = 0x27d4eb4f | 0;
const p3h = 0x165667b1 | 0;
const p3l = 0x9e3779f9 | 0;
const p4h = 0x85ebca77 | 0;
const p4l = 0xc2b2ae63 | 0;
const p5h = 0x27d4eb2f | 0;
const p5l = 0x165667c5 | 0;

const hash = new Word64();
const lane = new Word64();
const lanes = [new Word64(), new Word64(), new Word64(), new Word64()] as const;

/** Of the first `length` bytes. */
export function xxHash64(bytes: Uint8Array, length: number, into: MutableHash64, seed: Hash64 = zeroHash): void {
  let at = 0;
  if (length >= 32) {
    at = hashStripes(bytes, length, seed);
  } else {
    hash.set(seed.high, seed.low);
    hash.add(p5h, p5l);
  }
  hash.add(0, length);
  for (; at + 8 <= length; at += 8) {
    lane.set(readInt32(bytes, at + 4), readInt32(bytes, at));
    scramble(lane);
    hash.xor(lane.high, lane.low);
    hash.rotateLeft(27);
    hash.multiply(p1h, p1l);
    hash.add(p4h, p4l);
  }
  if (at + 4 <= length) {
    lane.set(0, readInt32(bytes, at));
    lane.multiply(p1h, p1l);
    hash.xor(lane.high, lane.low);
    hash.rotateLeft(23);
    hash.multiply(p2h, p2l);
    hash.add(p3h, p3l);
    at += 4;
  }
  for (; at < length; at++) {
    lane.set(0, bytes[at]!);
    lane.multiply(p5h, p5l);
    hash.xor(lane.high, lane.low);
    hash.rotateLeft(11);
    hash.multiply(p1h, p1l);
  }
  hash.xorShiftRight(33);
  hash.multiply(p2h, p2l);
  hash.xorShiftRight(29);
  hash.multiply(p3h, p3l);
  hash.xorShiftRight(32);
  into.high = hash.high >>> 0;
  into.low = hash.low >>> 0;
}

/** All whole stripes of 32 bytes; says where they end. */
function hashStripes(bytes: Uint8Array, length: number, { high, low }: Hash64): number {
  const [first, second, third, fourth] = lanes;
  first.set(high, low);
  first.add(p1h, p1l);
  first.add(p2h, p2l);
  second.set(high, low);
  second.add(p2h, p2l);
  third.set(high, low);
  fourth.set(high, low);
  fourth.add(~p1h, -p1l);
  let at = 0;
  for (; at + 32 <= length; at += 32) {
    for (let index = 0; index < 4; index++) {
      const here = at + 8 * index;
      const one = lanes[index as 0 | 1 | 2 | 3];
      lane.set(readInt32(bytes, here + 4), readInt32(bytes, here));
      lane.multiply(p2h, p2l);
      one.add(lane.high, lane.low);
      one.rotateLeft(31);
      one.multiply(p1h, p1l);
    }
  }
  hash.set(0, 0);
  addRotated(first, 1);
  addRotated(second, 7);
  addRotated(third, 12);
  addRotated(fourth, 18);
  for (const one of lanes) {
    scramble(one);
    hash.xor(one.high, one.low);
    hash.multiply(p1h, p1l);
    hash.add(p4h, p4l);
  }
  return at;
}

function addRotated({ high, low }: Word64, bits: number): void {
  hash.add((high << bits) | (low >>> (32 - bits)), (low << bits) | (high >>> (32 - bits)));
}

/** One round that begins at 0. */
function scramble(word: Word64): void {
  word.multiply(p2h, p2l);
  word.rotateLeft(31);
  word.multiply(p1h, p1l);
}
