/** HTTP/1 messages put together at random: most parts right, some a little wrong. */
import type { Random } from '../../../proto/http2/testing/wire.ts';
import { pick } from '../random.ts';

const methods = [
  'GET',
  'POST',
  'PUT',
  'HEAD',
  'OPTIONS',
  'DELETE',
  'PATCH',
  'CONNECT',
  'M-SEARCH',
  'QUERY',
  'get',
  'BREW',
];
const targets = [
  '/',
  '/a/b?c=d',
  '*',
  'http://a.example/x',
  'a.example:80',
  '/%2e%2e/x',
  '/a|b',
  '/é',
  '/x?y#z',
  '//',
  '/?',
];
const versions = ['1.1', '1.0', '2.0', '1.2', '0.9', '1.1 ', '01.1'];
const names = [
  'X-A',
  'x-b',
  'Accept',
  'Cookie',
  'Via',
  'X_Y',
  "!#$%&'*+-.^_`|~",
  'TE',
  'Keep-Alive',
  'Date',
  'Content-Type',
];
const values = [
  'b',
  '',
  'a, b',
  ' spaced\t',
  '\t',
  'x'.repeat(300),
  'é\xff',
  '"q\\"s"',
  'a:b',
  ';=,',
  'chunked',
  '5',
  'close',
];
const oddNames = [
  'X A',
  'X\tA',
  '',
  ' X',
  'X\x00',
  'Xé',
  'X(',
  '\tContent-Length',
  'Content-Length ',
  'Transfer-Encoding\x0b',
];
const oddValues = ['a\x00b', 'a\rb', 'a\nb', 'a\x7fb', 'a\r\n b', '\x01', 'a\r\n\tb'];
const lengths = [
  '0',
  '3',
  '10',
  '005',
  '+3',
  '-1',
  '3, 3',
  '3 ',
  '0x3',
  '9007199254740993',
  '18446744073709551617',
  '',
  '3 3',
];
const codings = [
  'chunked',
  'Chunked',
  'gzip, chunked',
  'chunked, gzip',
  'identity',
  ',chunked',
  'chunked,',
  'chunked;q=1',
  'x\tchunked',
  '',
];
const connections = [
  'close',
  'keep-alive',
  'Keep-Alive, close',
  'close, TE',
  'x-a',
  'upgrade',
  ', close',
  'CLOSE',
  'closed',
];
const sizes = [
  '3',
  '03',
  '0000000003',
  'a',
  'A',
  '0',
  '00',
  'fffffffffffffffff',
  '-1',
  '0x3',
  '3 ',
  ' 3',
  '',
  'g',
  '3_0',
];
const extensions = [
  ';a',
  ';a=b',
  ';a="b;c"',
  ';a="\\""',
  '; a',
  ' ;a',
  ';',
  ';a=',
  ';=b',
  ';a="b',
  ';a\x00',
  ';a=b\x7f',
  ';é=b',
];
const ends = ['\n', '\r', '\r\r', '\r\r\n', '\n\r', '', ' \r\n', '\r\n\r\n', '\r\n ', '\x0b\r\n'];
const statuses = [
  '200',
  '204',
  '304',
  '404',
  '500',
  '100',
  '103',
  '101',
  '199',
  '99',
  '600',
  '999',
  '1000',
  '20',
  '2 0',
  '',
];
const reasons = [' OK', '', ' ', ' Not  Found', ' é\xff', ' a\tb', ' a\x00b', ' a\rb', 'OK'];
const fieldsOfMessages = [
  'Host: a',
  'Host: a.example:80',
  'Host:',
  'Host: a\r\nHost: b',
  'Upgrade: websocket',
  'Expect: 100-continue',
  'Trailer: X',
  'Expect: x',
];

/** The first few stand for the usual, so that what is meant to be read is read mostly. */
function usual<Item>(random: Random, items: readonly Item[], first: number): Item {
  return random(12) === 0 ? pick(random, items) : items[random(first)]!;
}

function lineEnd(random: Random): string {
  return random(60) === 0 ? pick(random, ends) : '\r\n';
}

function field(random: Random): string {
  const name = random(40) === 0 ? pick(random, oddNames) : pick(random, names);
  const value = random(30) === 0 ? pick(random, oddValues) : pick(random, values);
  return `${name}:${pick(random, [' ', ' ', ' ', '', '\t', '  '])}${value}${random(20) === 0 ? pick(random, [' ', '\t']) : ''}`;
}

function chunked(random: Random): string {
  let text = '';
  for (let chunks = random(4); chunks > 0; chunks--) {
    const size = usual(random, sizes, 5);
    const length = /^0*[1-9a-f][0-9a-f]?$/i.test(size) ? Number.parseInt(size, 16) : 3;
    text += size + (random(6) === 0 ? pick(random, extensions) : '') + lineEnd(random);
    text += 'd'.repeat(random(30) === 0 ? random(5) : length) + lineEnd(random);
  }
  text += usual(random, ['0', '00', '0;a', '0 '], 1) + lineEnd(random);
  for (let trailers = random(6) - 3; trailers > 0; trailers--) text += field(random) + lineEnd(random);
  return text + lineEnd(random);
}

/** Fields and a body that mostly fit each other. */
function rest(random: Random, first: readonly string[]): string {
  const lines = [...first];
  for (let count = random(4); count > 0; count--) lines.splice(random(lines.length + 1), 0, field(random));
  if (random(4) === 0) lines.splice(random(lines.length + 1), 0, `Connection: ${pick(random, connections)}`);
  let body = '';
  const framing = random(12);
  if (framing < 4) {
    const length = usual(random, lengths, 3);
    lines.splice(random(lines.length + 1), 0, `Content-Length: ${length}`);
    body = 'b'.repeat(/^\d{1,3}$/.test(length) ? Number(length) : random(12));
  }
  if (framing >= 3 && framing < 8) {
    lines.splice(
      random(lines.length + 1),
      0,
      `${pick(random, ['Transfer-Encoding', 'transfer-encoding'])}: ${usual(random, codings, 2)}`,
    );
    body = chunked(random);
  }
  if (random(40) === 0) body = 'stray';
  return `${lines.map((line) => line + lineEnd(random)).join('')}${lineEnd(random)}${body}`;
}

export function randomRequests(random: Random): string {
  let text = '';
  for (let count = 1 + random(3); count > 0; count--) {
    if (random(20) === 0) text += pick(random, ['\r\n', '\n', '\r\n\r\n', ' ']);
    const [a, b] = random(40) === 0 ? [pick(random, ['  ', '\t', '']), ' '] : [' ', ' '];
    text += `${usual(random, methods, 10)}${a}${usual(random, targets, 4)}${b}HTTP/${usual(random, versions, 2)}${lineEnd(random)}`;
    text += rest(random, [usual(random, fieldsOfMessages, 2)]);
  }
  return text;
}

export function randomResponse(random: Random): string {
  let text = '';
  for (let count = random(6) - 3; count > 0; count--) {
    text += `HTTP/1.1 ${pick(random, ['100', '103', '102'])} Wait\r\n${random(2) === 0 ? `${field(random)}\r\n` : ''}\r\n`;
  }
  text += `HTTP/${usual(random, versions, 2)} ${usual(random, statuses, 5)}${usual(random, reasons, 3)}${lineEnd(random)}`;
  return text + rest(random, []) + (random(10) === 0 ? 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx' : '');
}
