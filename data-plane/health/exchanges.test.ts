import net from 'node:net';
import { expect, test } from 'vitest';
import { BlocksReader } from './blocks-reader.ts';
import { exchangeOf } from './exchange.ts';
import { checkOf } from './testing.ts';

/** The outcome after the last piece, and of the end of the connection if it is still open then. */
function outcomeOf(check: Parameters<typeof checkOf>[0], pieces: readonly string[], ends = false): string {
  const exchange = exchangeOf(checkOf(check), new net.Socket());
  let outcome: ReturnType<typeof exchange.read> = null;
  for (const piece of pieces) {
    expect(outcome, `before ${piece}`).toBeNull();
    outcome = exchange.read(Buffer.from(piece, 'latin1'));
  }
  if (outcome === null && ends) outcome = exchange.ended();
  return outcome === null ? 'open' : [outcome.type, outcome.reason].filter((text) => text !== '').join(': ');
}

const statuses = { expect: [{ start: 200, end: 300 }], retriable: [{ start: 429, end: 430 }] };

test.each([
  ['HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n', 'passed'],
  ['HTTP/1.0 204 No Content\r\nserver: x\r\n\r\n', 'passed'],
  ['HTTP/1.1 299\r\ncontent-length: 2\r\n\r\nok', 'passed'],
  ['HTTP/1.1 200 OK\r\nX-Envoy-Degraded: \r\ncontent-length: 0\r\n\r\n', 'degraded: it calls itself degraded'],
  ['HTTP/1.1 300 Multiple Choices\r\ncontent-length: 0\r\n\r\n', 'failed: status 300'],
  ['HTTP/1.1 429 Too Many\r\ncontent-length: 0\r\n\r\n', 'retriable: status 429'],
  ['HTTP/1.1 503 Unavailable\r\ncontent-length: 5\r\n\r\nsorry', 'failed: status 503'],
  ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n', 'passed'],
  ['HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n', 'failed: status 503'],
  ['HTTP/1.1 200 OK\r\n', 'open'],
  ['HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok', 'open'],
  ['HTTP/1.1 503 x\r\ncontent-length: 3\r\n\r\nok', 'open'],
  ['HTTP/1.1 200 OK\r\n\r\nok', 'open'],
  ['HTTP/1.1 101 Switching Protocols\r\n\r\n', 'network: the answer is no HTTP/1.1'],
  ['HTTP/2 200\r\n\r\n', 'network: the answer is no HTTP/1.1'],
  ['HTTP/1.1 2000 OK\r\n\r\n', 'network: the answer is no HTTP/1.1'],
  ['HTTP/1.1 700 OK\r\n\r\n', 'network: the answer is no HTTP/1.1'],
  ['HTTP/1.1 200 OK\r\nno colon\r\n\r\n', 'network: the answer is no HTTP/1.1'],
  ['HTTP/1.1 200 OK\r\n folded: x\r\n\r\n', 'network: the answer is no HTTP/1.1'],
  ['SSH-2.0-OpenSSH\r\n\r\n', 'network: the answer is no HTTP/1.1'],
])('the answer %j: %s', (answer, expected) => {
  expect(outcomeOf(statuses, [answer])).toBe(expected);
});

test('an answer may come byte by byte', () => {
  expect(outcomeOf(statuses, [...'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'])).toBe('passed');
});

test('a head without end is not collected for ever', () => {
  const tooLong = 'network: the answer is no HTTP/1.1';
  expect(outcomeOf(statuses, ['HTTP/1.1 200 OK\r\n', `x: ${'y'.repeat(70_000)}`])).toBe(tooLong);
  expect(outcomeOf(statuses, ['HTTP/1.1 100 Continue\r\n\r\n'.repeat(4_000)])).toBe(tooLong);
});

const lacking = 'failed: the body lacks what is expected';

test.each([
  ['as long as it says', ['HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nI am up'], 'passed'],
  ['and nothing behind its length', ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nI am up'], lacking],
  ['that is empty', ['HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'], lacking],
  ['of a status that has none', ['HTTP/1.1 204 No Content\r\n\r\n'], lacking],
  ['up to the end of the connection', ['HTTP/1.1 200 OK\r\n\r\nI', ' am ', 'up'], 'passed'],
  ['up to the end of the connection, without it', ['HTTP/1.1 200 OK\r\n\r\nI am down'], lacking],
  [
    'in chunks that cut it',
    ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nI a\r\n4\r\nm up\r\n0\r\n\r\n'],
    'passed',
  ],
  [
    'in chunks, without it',
    ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nm up\r\n', '0\r\n\r\n'],
    lacking,
  ],
  [
    'in broken chunks',
    ['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz'],
    'network: the answer is no HTTP/1.1',
  ],
  ['of a wrong status', ['HTTP/1.1 500 x\r\n\r\nI am up'], 'failed: status 500'],
  [
    'cut behind what is expected',
    ['HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nI am up'],
    'network: the connection ended before the answer',
  ],
])('a body %s', (_, pieces, expected) => {
  const first = outcomeOf({ ...statuses, receive: ['I', 'am u'].map((text) => Buffer.from(text)) }, pieces, true);
  expect(first).toBe(expected);
});

test.each([
  [undefined, 1_024, 'passed'],
  [undefined, 1_025, lacking],
  [100, 100, 'passed'],
  [100, 101, lacking],
  [0, 100_000, 'passed'],
])('where %s bytes of a body are looked at, a block that ends at byte %i: %s', (receiveBytes, at, expected) => {
  const body = 'up'.padStart(at, 'x');
  const check = { ...statuses, receive: [Buffer.from('up')], ...(receiveBytes === undefined ? {} : { receiveBytes }) };
  const head = `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`;
  expect(outcomeOf(check, [head, body.slice(0, 50), body.slice(50)])).toBe(expected);
});

test('an answer that is cut is a failure of the network', () => {
  expect(outcomeOf(statuses, ['HTTP/1.1 200'], true)).toBe('network: the connection ended before the answer');
});

test.each([
  [['PONG'], ['+PONG\r\n'], true],
  [['PONG'], ['+PO', 'NG'], true],
  [['a', 'b'], ['b', 'a', 'x', 'b'], true],
  [['a', 'b'], ['ba'], false],
  [['aa', 'aa'], ['aaa'], false],
  [['aab'], ['aa', 'ab'], true],
  [['abc', 'abc'], [...'xabcabyabc'], true],
  [[], [], true],
])('blocks %j are found in order, over chunk borders, with anything between, in %j: %s', (blocks, pieces, expected) => {
  const reader = new BlocksReader(blocks.map((block) => Buffer.from(block)));
  for (const piece of pieces) reader.read(Buffer.from(piece));
  expect(reader.foundAll).toBe(expected);
});
