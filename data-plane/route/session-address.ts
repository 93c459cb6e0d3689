/**
 * The endpoint that a client is bound to, as Envoy's session cookie carries it: a message of an address and an expiry. Ours
 * may hold a signature beside them, over which Envoy passes.
 */
import { Reader, skipField, Writer } from '../../proto/wire/fields.ts';

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
  const reader = Reader.create(bytes);
  let address = '';
  let expires = 0;
  let signature: Uint8Array = noSignature;
  try {
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag === addressTag) address = Buffer.from(reader.bytes()).toString('latin1');
      else if (tag === expiresTag) expires = Number(reader.uint64());
      else if (tag === signatureTag) signature = reader.bytes();
      else skipField(reader, tag);
    }
  } catch {
    return undefined;
  }
  return { address, expires, signature };
}

export function writeSessionAddress({ address, expires, signature }: SessionAddress): Buffer {
  const writer = Writer.create().uint32(addressTag).bytes(Buffer.from(address, 'latin1'));
  if (expires !== 0) writer.uint32(expiresTag).uint64(expires);
  if (signature.length > 0) writer.uint32(signatureTag).bytes(signature);
  return Buffer.from(writer.finish());
}
