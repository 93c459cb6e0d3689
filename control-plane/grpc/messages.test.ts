import { deflateSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { MessageReader, prefixOf } from './messages.ts';
import { status } from './status.ts';

const framed = (message: Buffer, flag = 0): Buffer => {
  const prefix = prefixOf(message.length);
  prefix[0] = flag;
  return Buffer.concat([prefix, message]);
};
const texts = ['', 'a', 'x'.repeat(70_000), 'last'];

test.each([1, 3, 5, 1_000, 1_000_000])('messages come out whole, in pieces of %i bytes', (size) => {
  const bytes = Buffer.concat(texts.map((text) => framed(Buffer.from(text))));
  const reader = new MessageReader('identity', 100_000);
  const seen: string[] = [];
  for (let from = 0; from < bytes.length; from += size) {
    const chunk = Buffer.from(bytes.subarray(from, from + size));
    reader.push(chunk);
    // the transport reads the next bytes into the same place
    chunk.fill(0xff);
    for (let message = reader.next(); message !== undefined; message = reader.next()) seen.push(String(message));
  }
  expect(seen).toEqual(texts);
  expect(reader.pending).toBe(0);
});

test('a message costs by its bytes, not by its pieces times its bytes', () => {
  // were it copied with each piece, no limit of a test would be long enough
  const bytes = framed(Buffer.alloc(2_000_000, 'x'));
  const reader = new MessageReader('identity', bytes.length);
  for (let at = 0; at < bytes.length - 1; at++) {
    reader.push(bytes.subarray(at, at + 1));
    reader.next();
  }
  expect(reader.next()).toBeUndefined();
  reader.push(bytes.subarray(-1));
  expect(bytes.subarray(5).equals(reader.next() as Buffer)).toBe(true);
});

test.each([
  ['gzip', gzipSync],
  ['deflate', deflateSync],
] as const)('a message by %s is decompressed, up to the bound', (encoding, compress) => {
  const reader = new MessageReader(encoding, 1_000);
  reader.push(framed(compress('hello'), 1));
  expect(String(reader.next())).toBe('hello');
  reader.push(framed(compress('x'.repeat(2_000)), 1));
  expect(reader.next()).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  const broken = new MessageReader(encoding, 1_000);
  broken.push(framed(Buffer.from('nothing of the kind'), 1));
  expect(broken.next()).toMatchObject({ code: status.INTERNAL });
});

test.each([
  ['is too large', framed(Buffer.alloc(11)), status.RESOURCE_EXHAUSTED],
  ['is compressed nobody knows how', framed(Buffer.alloc(1), 1), status.INTERNAL],
  ['has an odd flag', framed(Buffer.alloc(1), 2), status.INTERNAL],
])('a message that %s is refused', (_what, bytes, code) => {
  const reader = new MessageReader('identity', 10);
  reader.push(bytes);
  expect(reader.next()).toMatchObject({ code });
});
