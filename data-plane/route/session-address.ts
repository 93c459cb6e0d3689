/** The endpoint that a client is bound to, as Envoy's session cookie carries it: a message of an address and an expiry. */

const addressTag = 0x0a;
const expiresTag = 0x10;

export interface SessionAddress {
  readonly address: string;
  /** Epoch seconds; 0: never. */
  readonly expires: number;
}

/** Undefined: it is no base64. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

/** Undefined: these bytes are no such message. */
export function readSessionAddress(bytes: Buffer): SessionAddress | undefined {
  const reader = new Reader(bytes);
  let address = '';
  let expires = 0;
  while (reader.at < bytes.length) {
    const tag = reader.varint();
    if (tag === addressTag) address = reader.bytes().toString('latin1');
    else if (tag === expiresTag) expires = reader.varint();
    else reader.skip(tag);
    if (reader.failed) return undefined;
  }
  return { address, expires };
}

export function writeSessionAddress({ address, expires }: SessionAddress): Buffer {
  const head = Buffer.from([addressTag, ...varint(address.length)]);
  const tail = expires === 0 ? [] : [expiresTag, ...varint(expires)];
  return Buffer.concat([head, Buffer.from(address, 'latin1'), Buffer.from(tail)]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left > 127; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
  bytes.push(left);
  return bytes;
}

/** Protobuf's wire format. */
class Reader {
  at = 0;
  failed = false;
  readonly #from: Buffer;

  constructor(from: Buffer) {
    this.#from = from;
  }

  varint(): number {
    let value = 0;
    for (let factor = 1, count = 0; count < 10; factor *= 128, count++) {
      const byte = this.#from[this.at++];
      if (byte === undefined) break;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    this.failed = true;
    return 0;
  }

  bytes(): Buffer {
    const length = this.varint();
    const start = this.at;
    this.#advance(length);
    return this.#from.subarray(start, this.at);
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
    this.at += bytes;
    if (this.at > this.#from.length) this.failed = true;
  }
}
