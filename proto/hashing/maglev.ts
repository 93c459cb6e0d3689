/**
 * Maglev's table (Eisenbud et al., NSDI 2016, section 3.4), filled as Envoy fills its own: hosts take turns at the slots
 * that each prefers, the heavier ones more often.
 */
import { compareUtf8 } from './compare-utf8.ts';
import { emptyTable, type HashTable, indexArray, type TableHost, type TableSteps } from './hash-table.ts';
import { type Hash64, type MutableHash64, remainder } from './hash64.ts';
import { TextBytes } from './text-bytes.ts';
import { xxHash64 } from './xx-hash64.ts';

export interface MaglevSettings {
  /** Slots: a prime, so that each host's steps come by every one. */
  readonly tableSize: number;
}

const stepSlots = 2_048;
const skipSeed: Hash64 = { high: 0, low: 1 };

/** @param hosts in any order */
export function* maglevSteps({ tableSize }: MaglevSettings, hosts: readonly TableHost[]): TableSteps {
  if (hosts.length === 0) return emptyTable;
  const order = Uint32Array.from(hosts.keys()).sort((a, b) => compareUtf8(hosts[a]!.key, hosts[b]!.key));
  const weights = Float64Array.from(hosts, ({ weight }) => weight);
  const wishes = preferences(hosts, tableSize);
  yield;
  return yield* fillSteps(tableSize, order, weights, wishes);
}

/** By host: the slot that it wants first, and by how much it goes on from there. */
export interface Preferences {
  readonly offsets: Uint32Array;
  readonly skips: Uint32Array;
}

/** @param order in which hosts take their turns */
export function* fillSteps(
  tableSize: number,
  order: Uint32Array,
  weights: Float64Array,
  { offsets, skips }: Preferences,
): Generator<undefined, Maglev, undefined> {
  const largest = weights.reduce((sofar, weight) => Math.max(sofar, weight), 0);
  const targets = new Float64Array(order.length);
  const wanted = offsets.slice();
  const table = indexArray(tableSize, order.length);
  const taken = new Uint8Array(tableSize);
  let filled = 0;
  let work = 0;
  for (let turn = 1; filled < tableSize; turn++) {
    for (let index = 0; index < order.length && filled < tableSize; index++) {
      const host = order[index]!;
      if (turn * weights[host]! < targets[host]!) continue;
      targets[host]! += largest;
      const skip = skips[host]!;
      let slot = wanted[host]!;
      while (taken[slot] !== 0) {
        slot += skip;
        if (slot >= tableSize) slot -= tableSize;
        work++;
      }
      taken[slot] = 1;
      table[slot] = host;
      slot += skip;
      wanted[host] = slot >= tableSize ? slot - tableSize : slot;
      filled++;
      if (++work >= stepSlots) {
        work = 0;
        yield;
      }
    }
  }
  return new Maglev(table);
}

function preferences(hosts: readonly TableHost[], tableSize: number): Preferences {
  const offsets = new Uint32Array(hosts.length);
  const skips = new Uint32Array(hosts.length);
  const text = new TextBytes();
  const hash: MutableHash64 = { high: 0, low: 0 };
  hosts.forEach(({ key }, index) => {
    const length = text.putUtf8(key);
    xxHash64(text.bytes, length, hash);
    offsets[index] = remainder(hash, tableSize);
    xxHash64(text.bytes, length, hash, skipSeed);
    skips[index] = remainder(hash, tableSize - 1) + 1;
  });
  return { offsets, skips };
}

export class Maglev implements HashTable {
  readonly #slots: Uint16Array | Uint32Array;
  readonly #changed: MutableHash64 = { high: 0, low: 0 };

  constructor(slots: Uint16Array | Uint32Array) {
    this.#slots = slots;
  }

  get size(): number {
    return this.#slots.length;
  }

  /** An attempt goes by another hash, of most bits turned over. */
  pick(hash: Hash64, attempt: number): number {
    const slots = this.#slots;
    if (attempt === 0) return slots[remainder(hash, slots.length)]!;
    const changed = this.#changed;
    changed.high = ~hash.high >>> 0;
    changed.low = (hash.low ^ -attempt) >>> 0;
    return slots[remainder(changed, slots.length)]!;
  }
  shares(hosts: number): Float64Array {
    const shares = new Float64Array(hosts);
    for (const host of this.#slots) shares[host]! += 1 / this.#slots.length;
    return shares;
  }
}
