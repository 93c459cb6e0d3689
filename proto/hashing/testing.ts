/** For tests. */

import type { TableHost } from './hash-table.ts';
import type { Hash64, MutableHash64 } from './hash64.ts';
import { TextBytes } from './text-bytes.ts';
import { xxHash64 } from './xx-hash64.ts';

const text = new TextBytes();

export function toBigInt({ high, low }: Hash64): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}

export function fromBigInt(value: bigint): Hash64 {
  return { high: Number((value >> 32n) & 0xffff_ffffn), low: Number(value & 0xffff_ffffn) };
}

export function xxHashOf(key: string, seed?: Hash64): Hash64 {
  const hash: MutableHash64 = { high: 0, low: 0 };
  xxHash64(text.bytes, text.putUtf8(key), hash, seed);
  return hash;
}

/** Of equal weights. */
export function equalHosts(keys: readonly string[]): TableHost[] {
  return keys.map((key) => ({ key, weight: 1 / keys.length }));
}

/** `10.0.0.1:8080` and on. */
export function manyHosts(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `10.0.${Math.floor(index / 250)}.${(index % 250) + 1}:8080`);
}
