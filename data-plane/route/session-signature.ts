/** What makes a client's word on its endpoint our own: a code over it, by a key that all nodes share. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { SessionAddress } from './session-address.ts';

/** Bytes of HMAC-SHA256: half of them are as good for codes as short-lived as these (RFC 2104 section 5). */
const codeBytes = 16;

/** @param name of the cookie or header, so that what one route has said is nothing to another */
export function signatureOf(key: Uint8Array, name: string, { address, expires }: SessionAddress): Buffer {
  const said = Buffer.from(`${name}\n${address}\n${expires}`, 'latin1');
  return createHmac('sha256', key).update(said).digest().subarray(0, codeBytes);
}

/** @param keys any of them may have signed */
export function isSigned(keys: readonly Uint8Array[], name: string, said: SessionAddress): boolean {
  if (said.signature.length !== codeBytes) return false;
  return keys.some((key) => timingSafeEqual(signatureOf(key, name, said), said.signature));
}
