/**
 * Reads small protobuf messages that clients and endpoints send with each request, where a decoder that makes an object
 * of all of it would be too much.
 */
export class MessageReader {
  /** These bytes are no message. */
  failed = false;
  readonly #from: Buffer;
  #at = 0;

  constructor(from: Buffer) {
    this.#from = from;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#from.length;
  }

  varint(): number {
    let value = 0;
    for (let factor = 1, count = 0; count < 10; factor *= 128, count++) {
      const byte = this.#from[this.#at++];
      if (byte === undefined) break;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    this.failed = true;
    return 0;
  }

  bytes(): Buffer {
    const length = this.varint();
    const start = this.#at;
    this.#advance(length);
    return this.#from.subarray(start, this.#at);
  }

  double(): number {
    const start = this.#at;
    this.#advance(8);
    return this.failed ? 0 : this.#from.readDoubleLE(start);
  }

  /** Of a field that is not known. */
  skip(tag: number): void {
    const wire = tag % 8;
    if (tag < 8) this.failed = true;
    else if (wire === 0) this.varint();
    else if (wire === 1) this.#advance(8);
    else if (wire === 2) this.bytes();
    else if (wire === 5) this.#advance(4);
    else this.failed = true;
  }

  #advance(bytes: number): void {
    this.#at += bytes;
    if (this.#at > this.#from.length) this.failed = true;
  }
}
