import { expect, test } from 'vitest';
import { seededRandom } from '../testing.ts';
import { ChunkedDecoder, Ranges } from './h1-chunked.ts';
import { Head, parsed, parseRequestHead, parseResponseHead } from './h1-head.ts';
import { H1RequestReader } from './h1-request-reader.ts';
import { known } from './known-headers.ts';

const limits = {
  requestLineBytes: 8192,
  headerBytes: 61_440,
  headers: 100,
  extensionBytes: 1024,
  trailerBytes: 1024,
  trailers: 3,
};
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

test('names are lower-cased where they stand, values are trimmed, odd lines are noted', () => {
  const b = bytes('GET /a?b HTTP/1.1\r\nHoSt: a\r\nX-Y:z\r\nX-Z: \t v \r\n\r\n');
  const head = new Head();
  expect(parseRequestHead(head, b, 0, b.length, 100)).toBe(parsed.ok);
  expect(b.toString('latin1')).toContain('host: a\r\nx-y:z\r\n');
  expect([0, 1, 2].map((i) => head.value(i))).toEqual(['a', 'z', 'v']);
  expect([...head.odd.subarray(0, 3)]).toEqual([0, 1, 1]);
  expect(head.kind[0]).toBe(known.host);
  expect(head.end).toBe(b.length);
  expect(head.queryStart - head.targetStart).toBe(2);
});

test.each([
  ['HTTP/1.1 200 OK\r\n\r\n', parsed.ok, 200],
  ['HTTP/1.0 404\r\n\r\n', parsed.ok, 404],
  ['HTTP/1.1 200\r\n\r\n', parsed.ok, 200],
  ['HTTP/1.1 200 O', parsed.more, 0],
  ['HTT', parsed.more, 0],
  ['HTTP/2.0 200 OK\r\n\r\n', parsed.bad, 0],
  ['HTTP/1.1 20 OK\r\n\r\n', parsed.bad, 0],
  ['HTTP/1.1 2000 OK\r\n\r\n', parsed.bad, 0],
  ['HTTP/1.1 099 OK\r\n\r\n', parsed.bad, 0],
  ['HTTP/1.1 200 OK\n\n', parsed.bad, 0],
  ['HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n', parsed.bad, 0],
  ['garbage that is long enough', parsed.bad, 0],
])('response head %j', (text, expected, status) => {
  const head = new Head();
  const b = bytes(text);
  expect(parseResponseHead(head, b, 0, b.length, 100)).toBe(expected);
  if (expected === parsed.ok) expect(head.status).toBe(status);
});

function decodeChunked(text: string): string | undefined {
  const decoder = new ChunkedDecoder();
  const ranges = new Ranges();
  const b = bytes(text);
  const end = decoder.feed(b, 0, b.length, ranges, limits);
  if (end < 0) return undefined;
  let data = '';
  for (let i = 0; i < ranges.count; i++) data += b.toString('latin1', ranges.starts[i], ranges.ends[i]);
  return `${data}|${decoder.done ? text.slice(end) : 'more'}`;
}

test.each([
  ['3\r\nabc\r\n0\r\n\r\n', 'abc|'],
  ['3\r\nabc\r\n0\r\n\r\nGET', 'abc|GET'],
  ['A\r\n0123456789\r\n0\r\n\r\n', '0123456789|'],
  ['1;a\r\nx\r\n1;a=b;c="d\\";e"\r\ny\r\n0\r\n\r\n', 'xy|'],
  ['0\r\nX: y\r\nZ:\r\n\r\n', '|'],
  ['3\r\nab', 'ab|more'],
  ['0\r\n', '|more'],
  ['\r\n', undefined],
  ['g\r\n', undefined],
  ['1 \r\nx\r\n', undefined],
  ['1;\r\nx\r\n', undefined],
  ['1;a="b\r\n', undefined],
  ['1\nx\r\n', undefined],
  ['1\r\nxy\r\n', undefined],
  ['1\r\nx\n0', undefined],
  ['0\r\n\n', undefined],
  ['0\r\nX y\r\n\r\n', undefined],
  ['0\r\nA:1\r\nB:2\r\nC:3\r\nD:4\r\n\r\n', undefined],
  ['ffffffffffffff\r\n', undefined],
  [`1;${'a'.repeat(2000)}\r\nx\r\n`, undefined],
])('chunked %j', (text, expected) => {
  expect(decodeChunked(text)).toBe(expected);
});

/** All that a reader tells of a stream cut at these places, with bodies joined. */
function events(text: string, cuts: readonly number[]): string[] {
  const told: string[] = [];
  let body = '';
  const reader: H1RequestReader = new H1RequestReader(
    {
      onHeadBegun: () => {},
      onHead: (head) => {
        const names = Array.from({ length: head.count }, (_, i) => head.value(i));
        told.push(`head ${head.bytes.toString('latin1', head.methodStart, head.targetEnd)} ${names.join('/')}`);
        body = '';
      },
      onBody: (b, data) => {
        for (let i = 0; i < data.count; i++) body += b.toString('latin1', data.starts[i], data.ends[i]);
      },
      onRequestEnd: () => told.push(`body ${body}`),
      onFault: (fault) => told.push(`fault ${fault}`),
    },
    limits,
  );
  let at = 0;
  for (const cut of [...cuts, text.length]) {
    const piece = bytes(text.slice(at, cut));
    reader.read(piece, 0, piece.length);
    while (reader.complete) {
      const before = told.length;
      reader.nextRequest(limits);
      if (told.length === before && !reader.complete) break;
    }
    at = cut;
  }
  return told;
}

test('where a stream is cut changes nothing of what is read (seeded)', () => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`seed ${seed}`);
  const random = seededRandom(seed);
  const stream =
    'GET /1 HTTP/1.1\r\nHost: a\r\n\r\n' +
    'POST /2 HTTP/1.1\r\nHost: b\r\nContent-Length: 11\r\n\r\nhello world' +
    'POST /3 HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: chunked\r\n\r\n3;x="y"\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nT: u\r\n\r\n' +
    '\r\nGET /4 HTTP/1.1\r\nHost: d\r\nX: y\r\n\r\nnonsense \r\n\r\n';
  const whole = events(stream, []);
  expect(whole.filter((told) => told.startsWith('head'))).toHaveLength(4);
  expect(whole.at(-1)).toMatch(/^fault/);
  for (let round = 0; round < 500; round++) {
    const count = 1 + Math.floor(random() * 12);
    const cuts = Array.from({ length: count }, () => Math.floor(random() * stream.length)).sort((a, b) => a - b);
    expect(events(stream, cuts), `seed ${seed}, cuts ${cuts}`).toEqual(whole);
  }
});

test('a head that comes byte by byte costs its lines, not its bytes squared', () => {
  const head = `GET / HTTP/1.1\r\n${Array.from({ length: 90 }, (_, i) => `x-${i}: ${'v'.repeat(600)}\r\n`).join('')}\r\n`;
  let heads = 0;
  const reader = new H1RequestReader(
    {
      onHeadBegun: () => {},
      onHead: () => heads++,
      onBody: () => {},
      onRequestEnd: () => {},
      onFault: () => {},
    },
    limits,
  );
  const b = bytes(head);
  const whole = process.hrtime.bigint();
  for (let i = 0; i < 20; i++) {
    reader.read(Buffer.from(b), 0, b.length);
    reader.nextRequest(limits);
  }
  const wholeNs = Number(process.hrtime.bigint() - whole) / 20;
  const pieces = process.hrtime.bigint();
  for (let i = 0; i < b.length; i++) reader.read(Buffer.from(b.subarray(i, i + 1)), 0, 1);
  const piecesNs = Number(process.hrtime.bigint() - pieces);
  expect(heads).toBe(21);
  // parsing anew at each byte would cost 55,000 times the whole
  expect(piecesNs / wholeNs).toBeLessThan(5_000);
});
