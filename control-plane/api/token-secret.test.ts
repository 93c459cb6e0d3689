import { expect, test } from 'vitest';
import { hashSecret, isWellFormed, newSecret, sameHash } from './token-secret.ts';

test('a secret has a prefix, 256 bits and a checksum that a single wrong character breaks', () => {
  const secret = newSecret();
  expect(secret).toMatch(/^fl_[\w-]{43}[0-9a-f]{8}$/);
  expect(isWellFormed(secret)).toBe(true);
  for (let at = 0; at < secret.length; at++) {
    const other = secret[at] === 'b' ? 'c' : 'b';
    expect(isWellFormed(secret.slice(0, at) + other + secret.slice(at + 1)), `position ${at}`).toBe(false);
  }
});

test('two secrets differ, and the same bytes give the same secret', () => {
  expect(newSecret()).not.toBe(newSecret());
  const zeros = (bytes: number) => Buffer.alloc(bytes);
  expect(newSecret(zeros)).toBe(newSecret(zeros));
});

test('a hash says nothing of the secret but whether it is the same', () => {
  const secret = newSecret();
  expect(hashSecret(secret)).toMatch(/^[0-9a-f]{64}$/);
  expect(sameHash(hashSecret(secret), hashSecret(secret))).toBe(true);
  expect(sameHash(hashSecret(secret), hashSecret(newSecret()))).toBe(false);
  expect(sameHash(hashSecret(secret), '')).toBe(false);
});
