import { expect, test } from 'vitest';
import { BlocksReader, type ReplyReader, StatusReader, type Verdict } from './replies.ts';

/** The verdict after the last piece, which all but the last must leave open. */
function feed(reader: ReplyReader, pieces: readonly string[]): Verdict {
  let verdict: Verdict = 'more';
  for (const piece of pieces) {
    expect(verdict).toBe('more');
    verdict = reader.read(Buffer.from(piece, 'latin1'));
  }
  return verdict;
}

function status(...pieces: string[]): Verdict {
  return feed(new StatusReader([{ start: 200, end: 300 }]), pieces);
}

function blocks(expected: readonly string[], ...pieces: string[]): Verdict {
  return feed(new BlocksReader(expected.map((block) => Buffer.from(block))), pieces);
}

test.each([
  ['HTTP/1.1 200 OK\r\n\r\n', 'pass'],
  ['HTTP/1.0 204 No Content\r\nserver: x\r\n\r\n', 'pass'],
  ['HTTP/1.1 299\r\n\r\n', 'pass'],
  ['HTTP/1.1 300 Multiple Choices\r\n\r\n', 'fail'],
  ['HTTP/1.1 503 Unavailable\r\ncontent-length: 5\r\n\r\nsorry', 'fail'],
  ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n', 'pass'],
  ['HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 503 x\r\n\r\n', 'fail'],
  ['HTTP/1.1 200 OK\r\n', 'more'],
  ['HTTP/1.1 101 Switching Protocols\r\n\r\n', 'malformed'],
  ['HTTP/2 200\r\n\r\n', 'malformed'],
  ['HTTP/1.1 2000 OK\r\n\r\n', 'malformed'],
  ['HTTP/1.1 200OK\r\n\r\n', 'malformed'],
  ['HTTP/1.1 200 OK\r\nno colon\r\n\r\n', 'malformed'],
  ['HTTP/1.1 200 OK\r\n folded: x\r\n\r\n', 'malformed'],
  ['SSH-2.0-OpenSSH\r\n\r\n', 'malformed'],
])('the answer %j: %s', (answer, expected) => {
  expect(status(answer)).toBe(expected);
});

test('an answer may come byte by byte', () => {
  expect(status(...'HTTP/1.1 200 OK\r\nserver: x\r\n\r\n')).toBe('pass');
});

test('a head without end is not collected for ever', () => {
  expect(status('HTTP/1.1 200 OK\r\n', `x: ${'y'.repeat(17_000)}`)).toBe('malformed');
  expect(status('HTTP/1.1 100 Continue\r\n\r\n'.repeat(1_000))).toBe('malformed');
});

test('blocks are found in order, over chunk borders, with anything between', () => {
  expect(blocks(['PONG'], '+PONG\r\n')).toBe('pass');
  expect(blocks(['PONG'], '+PO', 'NG')).toBe('pass');
  expect(blocks(['a', 'b'], 'b', 'a', 'x', 'b')).toBe('pass');
  expect(blocks(['a', 'b'], 'ba')).toBe('more');
  expect(blocks(['aa', 'aa'], 'aaa')).toBe('more');
  expect(blocks(['aab'], 'aa', 'ab')).toBe('pass');
  expect(blocks(['abc', 'abc'], ...'xabcabyabc')).toBe('pass');
});
