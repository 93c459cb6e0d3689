/** The endpoint that a client is bound to, as Envoy's session cookie carries it: a message of an address and an expiry. */

import { MessageReader } from './message-reader.ts';

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
  const reader = new MessageReader(bytes);
  let address = '';
  let expires = 0;
  while (!reader.isAtEnd) {
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
