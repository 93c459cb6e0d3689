import { expect, test } from 'vitest';
import { compareUtf8 } from './compare-utf8.ts';
import { combineHash, type MutableHash64, remainder } from './hash64.ts';
import { murmurHash64 } from './murmur-hash64.ts';
import { fromBigInt, toBigInt, xxHashOf } from './testing.ts';
import { TextBytes } from './text-bytes.ts';
import { xxHash64 } from './xx-hash64.ts';

const text = new TextBytes();

/** Envoy's test/common/common/hash_test.cc, and what an independent implementation says. */
test.each([
  ['', 17241709254077376921n],
  ['foo', 3728699739546630719n],
  ['bar', 5234164152756840025n],
  ['foo\nbar', 8917841378505826757n],
  ['lyft', 4400747396090729504n],
  ['a', 15154266338359012955n],
  ['abc', 4952883123889572249n],
  ['foobar', 11721187498075204345n],
  ['hello', 2794345569481354659n],
  ['127.0.0.1:80', 2369562380905863771n],
  ['127.0.0.1:80_0', 5454692015285649509n],
  ['[::1]:80_0', 1098799882277292697n],
  ['127.0.0.1:90', 13180206916909469397n],
  ['127.0.0.1:95', 2722563676200318021n],
])('xxHash64 of %j is %i', (key, expected) => {
  expect(toBigInt(xxHashOf(key))).toBe(expected);
});

test.each([
  ['', 15397730242686860875n],
  ['a', 16051599287423682246n],
  ['127.0.0.1:90', 1521841302816948213n],
  ['127.0.0.1:91', 17357142112957331357n],
  ['127.0.0.1:95', 10218045428051726404n],
])('with a seed of 1, xxHash64 of %j is %i', (key, expected) => {
  expect(toBigInt(xxHashOf(key, { high: 0, low: 1 }))).toBe(expected);
});

test('a hash is a seed, too', () => {
  expect(toBigInt(xxHashOf('bar', xxHashOf('foo')))).toBe(17745830980996999794n);
});

/** The self-check of xxHash's own command, on bytes of every kind and long ones. */
test.each([
  [1, 0, 0xe934a84adb052768n],
  [1, 2654435761, 0x5014607643a9b4c3n],
  [4, 0, 0x9136a0dca57457een],
  [14, 0, 0x8282dcc4994e35c8n],
  [14, 2654435761, 0xc3bd6bf63deb6df0n],
  [222, 0, 0xb641ae8cb691c174n],
  [222, 2654435761, 0x20cb8ab7ae10c14an],
])('xxHash64 of %i bytes with seed %i', (length, seed, expected) => {
  const bytes = new Uint8Array(length);
  for (let index = 0, generator = 2654435761n; index < length; index++) {
    bytes[index] = Number(generator >> 56n);
    generator = BigInt.asUintN(64, generator * 11400714785074694797n);
  }
  const hash: MutableHash64 = { high: 0, low: 0 };
  xxHash64(bytes, length, hash, { high: 0, low: seed });
  expect(toBigInt(hash)).toBe(expected);
});

/** Envoy's test/common/common/hash_test.cc. */
test.each([
  ['', 6142509188972423790n],
  ['foo', 9631199822919835226n],
  ['bar', 11474628671133349555n],
  ['foo\nbar', 16306510975912980159n],
  ['lyft', 12847078931730529320n],
])('MurmurHash2 of %j is %i', (key, expected) => {
  const hash: MutableHash64 = { high: 0, low: 0 };
  murmurHash64(text.bytes, text.putLatin1(key), hash);
  expect(toBigInt(hash)).toBe(expected);
});

test('MurmurHash2 is as its reference says, for any length', () => {
  const bytes = Uint8Array.from({ length: 70 }, (_, index) => index * 37 + 200);
  const hash: MutableHash64 = { high: 0, low: 0 };
  for (let length = 0; length <= bytes.length; length++) {
    murmurHash64(bytes, length, hash);
    expect(toBigInt(hash), `${length} bytes`).toBe(plainMurmurHash(bytes.subarray(0, length)));
  }
});

/** The slow way, in numbers of 64 bits. */
function plainMurmurHash(bytes: Uint8Array): bigint {
  const multiply = (value: bigint): bigint => BigInt.asUintN(64, value * 0xc6a4a7935bd1e995n);
  const mix = (value: bigint): bigint => value ^ (value >> 47n);
  let hash = 0xc70f6907n ^ multiply(BigInt(bytes.length));
  for (let at = 0; at < bytes.length; at += 8) {
    const lane = bytes.subarray(at, at + 8);
    const value = lane.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    hash = multiply(hash ^ (lane.length === 8 ? multiply(mix(multiply(value))) : value));
  }
  return mix(multiply(mix(hash)));
}

test('header bytes are hashed as they came, other texts as UTF-8', () => {
  expect([...text.bytes.subarray(0, text.putLatin1('\xe9t'))]).toEqual([0xe9, 0x74]);
  expect([...text.bytes.subarray(0, text.putUtf8('\xe9t'))]).toEqual([0xc3, 0xa9, 0x74]);
  const long = '\u20ac'.repeat(1_000);
  expect(text.putUtf8(long)).toBe(3_000);
  expect(new TextDecoder().decode(text.bytes.subarray(0, 3_000))).toBe(long);
});

test('digits are appended to what is there', () => {
  for (const value of [0, 9, 10, 99, 100, 8_388_607]) {
    const end = text.putDigits(text.putUtf8('a_'), value);
    expect(new TextDecoder().decode(text.bytes.subarray(0, end))).toBe(`a_${value}`);
  }
});

test('the hash of several keys turns that of the ones before by a bit', () => {
  const [one, other] = [0x8123_4567_89ab_cdefn, 0xfedc_ba98_7654_3210n];
  const into: MutableHash64 = { ...fromBigInt(one) };
  combineHash(into, fromBigInt(other));
  const turned = BigInt.asUintN(64, one << 1n) | (one >> 63n);
  expect(toBigInt(into)).toBe(turned ^ other);
});

test.each([7, 17, 65_536, 65_537, 5_000_011, 4_294_967_291])('the remainder by %i is exact', (divisor) => {
  for (const value of [0n, 1n, 2n ** 64n - 1n, 13180206916909469397n, 2n ** 32n, 2n ** 63n]) {
    expect(remainder(fromBigInt(value), divisor)).toBe(Number(value % BigInt(divisor)));
  }
});

test('texts are compared by their bytes', () => {
  expect(compareUtf8('127.0.0.1:9', '127.0.0.1:10')).toBeGreaterThan(0);
  expect(compareUtf8('a', 'ab')).toBeLessThan(0);
  expect(compareUtf8('a', 'a')).toBe(0);
  // U+FF5E has the lower code point, and the higher unit of UTF-16
  expect(compareUtf8('\uff5e', '\u{1f600}')).toBeLessThan(0);
});
