/** The Mersenne Twister that C++ calls mt19937 (Matsumoto and Nishimura, 1998): 32 bits a draw, from a seed of 32 bits. */
const size = 624;
const middle = 397;

export class Mt19937 {
  readonly #state = new Int32Array(size);
  #next = 0;

  /** Begins anew. */
  seed(seed: number): void {
    const state = this.#state;
    let last = seed | 0;
    state[0] = last;
    for (let index = 1; index < size; index++) {
      last = (Math.imul(1812433253, last ^ (last >>> 30)) + index) | 0;
      state[index] = last;
    }
    this.#next = 0;
  }

  /** Unsigned, 32 bits. */
  draw(): number {
    const state = this.#state;
    const at = this.#next;
    const after = at + 1 === size ? 0 : at + 1;
    const joined = (state[at]! & 0x8000_0000) | (state[after]! & 0x7fff_ffff);
    const ahead = at + middle >= size ? at + middle - size : at + middle;
    let word = state[ahead]! ^ (joined >>> 1) ^ (joined & 1 ? 0x9908_b0df : 0);
    state[at] = word;
    this.#next = after;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c_5680;
    word ^= (word << 15) & 0xefc6_0000;
    return (word ^ (word >>> 18)) >>> 0;
  }
}
