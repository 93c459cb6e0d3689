import { expect, test } from 'vitest';
import { Ranges } from '../codec/h1-chunked.ts';
import { seededRandom } from '../testing.ts';
import { Base64Reader } from './base64-reader.ts';
import { GrpcText } from './grpc-text.ts';

const seed = Number(process.env['SEED'] ?? 7);

/** Cuts into pieces of up to `most` bytes. */
function pieces(bytes: Buffer, most: number, random: () => number): Buffer[] {
  const cut: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + Math.floor(random() * most);
    cut.push(bytes.subarray(at, end));
    at = end;
  }
  return cut;
}

function randomBytes(length: number, random: () => number): Buffer {
  return Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
}

/** Each text as a read of its own; null: refused. */
function readAll(...texts: readonly (string | Buffer)[]): string | null {
  const reader = new Base64Reader();
  const read: Buffer[] = [];
  for (const text of texts) {
    const bytes = Buffer.concat([Buffer.from('='), Buffer.from(text), Buffer.from('!')]);
    const ranges = new Ranges();
    const middle = 1 + Math.floor(text.length / 2);
    ranges.add(1, middle);
    ranges.add(middle, bytes.length - 1);
    const piece = reader.read(bytes, ranges);
    if (piece === null) return null;
    read.push(Buffer.from(piece));
  }
  return reader.isInMiddle ? 'in the middle' : Buffer.concat(read).toString('latin1');
}

test.each<[string[], string | null]>([
  [[''], ''],
  [['YQ=='], 'a'],
  [['YWI='], 'ab'],
  [['YWJj'], 'abc'],
  [['+/+/'], '\xfb\xff\xbf'],
  [['YQ==YWI=YWJj'], 'aababc'],
  [['Y', 'W', 'I', '='], 'ab'],
  [['YQ', '==YQ', '=='], 'aa'],
  [['YQ'], 'in the middle'],
  [['YWI', ''], 'in the middle'],
  [['YQ=='], 'a'],
  [['YR=='], null],
  [['YWJ='], null],
  [['YQ=a'], null],
  [['Y==='], null],
  [['===='], null],
  [['YW-_'], null],
  [['YWJj\r\n'], null],
  [[' YWJj'], null],
])('%j is %j', (texts, expected) => {
  expect(readAll(...texts)).toBe(expected);
});

test(`what others have written is read, however it is cut (seed ${seed})`, () => {
  const random = seededRandom(seed);
  for (let round = 0; round < 300; round++) {
    const chunks = Array.from({ length: 4 }, () => randomBytes(Math.floor(random() * 40), random));
    const text = Buffer.from(chunks.map((chunk) => chunk.toString('base64')).join(''));
    expect(readAll(...pieces(text, 1 + (round % 9), random))).toBe(Buffer.concat(chunks).toString('latin1'));
  }
});

test(`messages are written one by one, however they come (seed ${seed})`, () => {
  const random = seededRandom(seed);
  for (let round = 0; round < 300; round++) {
    const messages = Array.from({ length: 5 }, () => {
      const message = Buffer.concat([Buffer.alloc(5), randomBytes(Math.floor(random() * 300), random)]);
      message[0] = Math.floor(random() * 2);
      message.writeUInt32BE(message.length - 5, 1);
      return message;
    });
    const text = new GrpcText();
    const written = pieces(Buffer.concat(messages), 1 + (round % 40), random).map((piece) => text.write(piece));
    expect(written.join('') + text.end()).toBe(messages.map((message) => message.toString('base64')).join(''));
  }
});

test('a message leaves as far as it has come', () => {
  const text = new GrpcText();
  const message = Buffer.from([0, 0, 0, 0, 9, 1, 2, 3]);
  expect([text.write(message), text.write(Buffer.from([4, 5])), text.end()]).toEqual(['AAAAAAkB', 'AgME', 'BQ==']);
});
