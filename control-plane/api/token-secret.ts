/** The secret that a token is: `fl_`, 32 random bytes, and a checksum by which a mistyped one is known at once. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

const prefix = 'fl_';
const form = /^fl_([A-Za-z0-9_-]{43})([0-9a-f]{8})$/;

/** A new secret. `random` is handed in by tests only. */
export function newSecret(random: (bytes: number) => Buffer = randomBytes): string {
  const body = random(32).toString('base64url');
  return `${prefix}${body}${checksum(body)}`;
}

/** False for anything that {@link newSecret} cannot have made; says nothing of whether it is valid. */
export function isWellFormed(secret: string): boolean {
  const match = form.exec(secret);
  return match !== null && checksum(match[1]!) === match[2];
}

/** What the store keeps: SHA-256 in hex. The secret has 256 bits of chance, so a slow hash would add nothing. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Compares two hashes of {@link hashSecret} in constant time. */
export function sameHash(a: string, b: string): boolean {
  const left = Buffer.from(a, 'hex');
  const right = Buffer.from(b, 'hex');
  return left.length === right.length && timingSafeEqual(left, right);
}

function checksum(body: string): string {
  return crc32(body).toString(16).padStart(8, '0');
}
