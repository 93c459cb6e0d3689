/**
 * A consistent-hashing ring, built as Envoy builds its own, entry by entry: each host stands on it in so many places as
 * its weight says, and a hash belongs to the host at the first place that is not before it.
 */

import { emptyTable, type HashTable, indexArray, type TableHost, type TableSteps } from './hash-table.ts';
import type { Hash64, MutableHash64 } from './hash64.ts';
import { murmurHash64 } from './murmur-hash64.ts';
import { TextBytes } from './text-bytes.ts';
import { xxHash64 } from './xx-hash64.ts';

export interface RingSettings {
  readonly function: 'xx-hash' | 'murmur-hash-2';
  /** Entries that there are at least, if the most allow it. */
  readonly minSize: number;
  readonly maxSize: number;
}

/** Entries that are made, or moved, in one step. */
const stepEntries = 2_048;

interface Entries {
  readonly high: Uint32Array;
  readonly low: Uint32Array;
  readonly hosts: Uint16Array | Uint32Array;
}

/** @param hosts in an order that all builders agree on: rounding depends on it */
export function* ringSteps(settings: RingSettings, hosts: readonly TableHost[]): TableSteps {
  if (hosts.length === 0) return emptyTable;
  const scale = ringSize(settings, hosts);
  // the shares may add up to a little more than 1
  const entries = newEntries(Math.ceil(scale) + 1, hosts.length);
  const text = new TextBytes();
  const hash: MutableHash64 = { high: 0, low: 0 };
  let size = 0;
  let target = 0;
  for (let host = 0; host < hosts.length; host++) {
    const { key, weight } = hosts[host]!;
    const prefix = text.putUtf8(`${key}_`);
    target += scale * weight;
    for (let number = 0; size < target; number++) {
      const length = text.putDigits(prefix, number);
      if (settings.function === 'xx-hash') xxHash64(text.bytes, length, hash);
      else murmurHash64(text.bytes, length, hash);
      entries.high[size] = hash.high;
      entries.low[size] = hash.low;
      entries.hosts[size] = host;
      size++;
      if (size % stepEntries === 0) yield;
    }
  }
  return new Ring(yield* sorted(entries, size, hosts.length));
}

/** Entries that the ring will have, give or take what rounding does. */
export function ringSize({ minSize, maxSize }: RingSettings, hosts: readonly TableHost[]): number {
  const least = hosts.reduce((sofar, { weight }) => Math.min(sofar, weight), 1);
  return Math.min(Math.ceil(least * minSize) / least, maxSize);
}

function newEntries(size: number, hosts: number): Entries {
  return { high: new Uint32Array(size), low: new Uint32Array(size), hosts: indexArray(size, hosts) };
}

/** Into buckets of about one entry by the uppermost bits, then each with its neighbours; equal ones keep their order. */
function* sorted(from: Entries, size: number, hostCount: number): Generator<undefined, Entries, undefined> {
  const shift = Math.clz32(size);
  const starts = new Uint32Array(2 ** (32 - shift) + 1);
  for (let index = 0; index < size; index++) {
    starts[(from.high[index]! >>> shift) + 1]!++;
    if (index % stepEntries === 0) yield;
  }
  for (let bucket = 1; bucket < starts.length; bucket++) {
    starts[bucket]! += starts[bucket - 1]!;
    if (bucket % stepEntries === 0) yield;
  }
  const to = newEntries(size, hostCount);
  for (let index = 0; index < size; index++) {
    const place = starts[from.high[index]! >>> shift]!++;
    to.high[place] = from.high[index]!;
    to.low[place] = from.low[index]!;
    to.hosts[place] = from.hosts[index]!;
    if (index % stepEntries === 0) yield;
  }
  for (let index = 1; index < size; index++) {
    sink(to, index);
    if (index % stepEntries === 0) yield;
  }
  return to;
}

/** Moves an entry to its place among those before it, which are in order. */
function sink({ high, low, hosts }: Entries, index: number): void {
  const ownHigh = high[index]!;
  const ownLow = low[index]!;
  const host = hosts[index]!;
  let place = index;
  for (; place > 0; place--) {
    const before = high[place - 1]!;
    if (before < ownHigh || (before === ownHigh && low[place - 1]! <= ownLow)) break;
    high[place] = before;
    low[place] = low[place - 1]!;
    hosts[place] = hosts[place - 1]!;
  }
  high[place] = ownHigh;
  low[place] = ownLow;
  hosts[place] = host;
}

export class Ring implements HashTable {
  readonly #entries: Entries;

  constructor(entries: Entries) {
    this.#entries = entries;
  }

  get size(): number {
    return this.#entries.hosts.length;
  }

  /** An attempt goes one entry further, which may be of the same host. */
  pick(hash: Hash64, attempt: number): number {
    const { high, low, hosts } = this.#entries;
    const hashHigh = hash.high;
    const hashLow = hash.low;
    let from = 0;
    let to = hosts.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const here = high[middle]!;
      if (here < hashHigh || (here === hashHigh && low[middle]! < hashLow)) from = middle + 1;
      else to = middle;
    }
    return hosts[(from + attempt) % hosts.length]!;
  }
  shares(hosts: number): Float64Array {
    const { high, low, hosts: own } = this.#entries;
    const shares = new Float64Array(hosts);
    // each has what lies between the entry before and itself; the first also what comes after the last
    let before = entryPlace(high.at(-1)!, low.at(-1)!) - 1;
    for (let index = 0; index < own.length; index++) {
      const place = entryPlace(high[index]!, low[index]!);
      shares[own[index]!]! += place - before;
      before = place;
    }
    return shares;
  }
}

/** On a ring of length 1. */
function entryPlace(high: number, low: number): number {
  return high / 2 ** 32 + low / 2 ** 64;
}
