/** Base64 as it comes: in pieces of any length, each of which its sender may have padded by itself (RFC 4648 section 4). */
import type { Ranges } from '../codec/h1-chunked.ts';

const pad = -2;
/** Values of the letters; -1: none of them. */
const values = new Int8Array(256).fill(-1);
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
for (let i = 0; i < letters.length; i++) values[letters.charCodeAt(i)] = i;
values['='.charCodeAt(0)] = pad;

export class Base64Reader {
  /** Of the four letters that are being read: how many are here, how many of them are padding, and what they say. */
  #letters = 0;
  #pads = 0;
  #bits = 0;

  /** The letters so far are not whole groups of four. */
  get isInMiddle(): boolean {
    return this.#letters > 0;
  }

  /** Null: it is no base64, or bits are left over that say something. */
  read(b: Buffer, data: Ranges): Buffer | null {
    const out = Buffer.allocUnsafe(Math.ceil((data.bytes + 3) / 4) * 3);
    let length = 0;
    for (let range = 0; range < data.count; range++) {
      const end = data.ends[range]!;
      for (let i = data.starts[range]!; i < end; i++) {
        const value = values[b[i]!]!;
        if (value >= 0 ? this.#pads > 0 : value !== pad || this.#letters < 2) return null;
        if (value < 0) this.#pads++;
        this.#bits = (this.#bits << 6) | Math.max(value, 0);
        if (++this.#letters < 4) continue;
        const bits = this.#bits;
        const bytes = 3 - this.#pads;
        if ((bits & ((1 << (8 * this.#pads)) - 1)) !== 0) return null;
        out[length] = bits >> 16;
        out[length + 1] = bits >> 8;
        out[length + 2] = bits;
        length += bytes;
        this.#letters = 0;
        this.#pads = 0;
        this.#bits = 0;
      }
    }
    return out.subarray(0, length);
  }
}
