/** An order of hosts that is random but for its seed: Envoy goes by it from a host that has too much to do. */
import { Mt19937 } from './mt19937.ts';

export class SeededShuffle {
  readonly #random = new Mt19937();
  readonly #order: Uint32Array;
  #drawn = 0;

  constructor(count: number) {
    this.#order = new Uint32Array(count);
  }

  /** Begins anew. @param seed 32 bits */
  begin(seed: number): void {
    this.#random.seed(seed);
    this.#drawn = 0;
    for (let index = 0; index < this.#order.length; index++) this.#order[index] = index;
  }

  /** The next index; -1 after the last. */
  next(): number {
    const order = this.#order;
    const place = this.#drawn;
    if (place === order.length) return -1;
    const other = place + this.#below(order.length - place);
    const index = order[other]!;
    order[other] = order[place]!;
    order[place] = index;
    this.#drawn++;
    return index;
  }

  #below(bound: number): number {
    const width = Math.floor(2 ** 32 / bound);
    for (;;) {
      const value = Math.floor(this.#random.draw() / width);
      if (value < bound) return value;
    }
  }
}
