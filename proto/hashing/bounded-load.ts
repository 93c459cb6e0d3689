/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam, 2016) as Envoy does it: whoever has more than
 * its share of what is under way is passed over, in an order that the hash alone decides.
 */
import type { Hash64 } from './hash64.ts';
import { SeededShuffle } from './shuffle.ts';

/** Requests under way. */
export interface CurrentLoad {
  /** Of the cluster. */
  total(): number;
  /** Of a host, by its index. */
  of(index: number): number;
}

export class BoundedLoad {
  readonly #weights: readonly number[];
  readonly #percent: number;
  readonly #load: CurrentLoad;
  readonly #shuffle: SeededShuffle;

  /**
   * @param weights shares, in the order of the hosts
   * @param percent of the average that a host may have, 100 or more
   */
  constructor(weights: readonly number[], percent: number, load: CurrentLoad) {
    this.#weights = weights;
    this.#percent = percent;
    this.#load = load;
    this.#shuffle = new SeededShuffle(weights.length);
  }

  /** The host that takes the request: the one that the table picked, or one in its stead. */
  choose(picked: number, hash: Hash64): number {
    const slots = Math.floor(((this.#load.total() + 1) * this.#percent + 99) / 100);
    let best = picked;
    let least = this.#fill(picked, slots);
    if (least <= 1) return picked;
    const shuffle = this.#shuffle;
    shuffle.begin(hash.low);
    for (let other = shuffle.next(); other >= 0; other = shuffle.next()) {
      if (other === picked) continue;
      const fill = this.#fill(other, slots);
      if (fill <= 1) return other;
      if (fill < least) {
        best = other;
        least = fill;
      }
    }
    return best;
  }

  #fill(index: number, slots: number): number {
    return this.#load.of(index) / Math.max(Math.ceil(slots * this.#weights[index]!), 1);
  }
}
