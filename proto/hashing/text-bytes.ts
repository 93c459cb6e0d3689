/** The bytes of a text that is hashed, in a buffer that is used again and again. */
const encoder = new TextEncoder();

export class TextBytes {
  bytes = new Uint8Array(256);

  /** One byte a character, as the texts of header bytes have it. @returns how many there are */
  putLatin1(text: string): number {
    const { length } = text;
    const bytes = this.#withRoom(length);
    for (let index = 0; index < length; index++) bytes[index] = text.charCodeAt(index);
    return length;
  }

  /** @returns how many there are */
  putUtf8(text: string): number {
    return encoder.encodeInto(text, this.#withRoom(3 * text.length)).written;
  }

  /** Appends a whole number, in digits. @returns where it ends */
  putDigits(at: number, value: number): number {
    let digits = 1;
    for (let power = 10; power <= value; power *= 10) digits++;
    const bytes = this.#withRoom(at + digits);
    for (let index = at + digits - 1; index >= at; index--) {
      const rest = (value / 10) | 0;
      bytes[index] = 0x30 + value - 10 * rest;
      value = rest;
    }
    return at + digits;
  }

  /** Keeps what is there. */
  #withRoom(length: number): Uint8Array {
    if (this.bytes.length < length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.bytes.length));
      larger.set(this.bytes);
      this.bytes = larger;
    }
    return this.bytes;
  }
}

/** Little-endian. */
export function readInt32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
