/**
 * The endpoint that a client is bound to, as Envoy's session cookie carries it: a message of an address and an expiry. Ours
 * may hold a signature beside them, over which Envoy passes.
 */

import { MessageReader } from './message-reader.ts';

const addressTag = 0x0a;
const expiresTag = 0x10;
const signatureTag = 0x7a;

export interface SessionAddress {
  readonly address: string;
  /** Epoch seconds; 0: never. */
  readonly expires: number;
  /** Empty: it is not signed. */
  readonly signature: Uint8Array;
}

export const noSignature = new Uint8Array();

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
  let signature: Uint8Array = noSignature;
  while (!reader.isAtEnd) {
    const tag = reader.varint();
    if (tag === addressTag) address = reader.bytes().toString('latin1');
    else if (tag === expiresTag) expires = reader.varint();
    else if (tag === signatureTag) signature = reader.bytes();
    else reader.skip(tag);
    if (reader.failed) return undefined;
  }
  return { address, expires, signature };
}

export function writeSessionAddress({ address, expires, signature }: SessionAddress): Buffer {
  const head = Buffer.from([addressTag, ...varint(address.length)]);
  const tail = expires === 0 ? [] : [expiresTag, ...varint(expires)];
  const signed = signature.length === 0 ? [] : [signatureTag, signature.length, ...signature];
  return Buffer.concat([head, Buffer.from(address, 'latin1'), Buffer.from([...tail, ...signed])]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left > 127; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
  bytes.push(left);
  return bytes;
}
