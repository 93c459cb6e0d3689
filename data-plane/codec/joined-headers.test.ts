import { expect, test } from 'vitest';
import type { FieldLike } from '../../proto/http2/field.ts';
import { Head, parsed, parseRequestHead, parseResponseHead } from './h1-head.ts';
import { dropsOf, known } from './known-headers.ts';
import { Out } from './out.ts';

const none = dropsOf([]);

function written(head: Head, drops = none, named: ReadonlySet<string> | null = null): string {
  const out = new Out();
  head.writeLines(out, false, drops, named);
  const bytes = Buffer.alloc(out.length);
  out.copyTo(bytes, 0);
  return bytes.toString('latin1');
}

function request(...lines: string[]): Head {
  const head = new Head();
  const bytes = Buffer.from(`GET / HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`, 'latin1');
  expect(parseRequestHead(head, bytes, 0, bytes.length, 100)).toBe(parsed.ok);
  return head;
}

test.each([
  [['accept: a', 'x: 1', 'Accept:  b '], 'accept: a,b\r\nx: 1\r\n'],
  [['accept: ', 'x: 1', 'accept: b'], 'accept: b\r\nx: 1\r\n'],
  [['accept: a', 'accept: '], 'accept: a\r\n'],
  [['accept: ', 'accept: '], 'accept: \r\n'],
  [['x: 1', 'x: 2', 'cookie: a', 'cookie: b'], 'x: 1\r\nx: 2\r\ncookie: a\r\ncookie: b\r\n'],
  [['accept: a', 'accepu: b'], 'accept: a\r\naccepu: b\r\n'],
])('the request lines %j go on as %j', (lines, expected) => {
  const head = request(...lines);
  expect(written(head)).toBe(expected);
  const fields: FieldLike[] = [];
  head.addFields(fields, none, null);
  expect(
    fields.map((one) => ('name' in one ? `${one.name}: ${one.value}\r\n` : `${one[0]}: ${one[1]}\r\n`)).join(''),
  ).toBe(expected);
});

test('who asks for the lines of a list gets one, of any other name all of them', () => {
  const head = request('via: a', 'x: 1', 'via: b', 'x: 2');
  expect([head.lines('via'), head.lines('x'), head.lines('accept')]).toEqual([['a,b'], ['1', '2'], []]);
});

test('what does not pass is not joined either', () => {
  const head = request('te: a', 'accept: a', 'accept: b', 'te: b', 'via: a', 'via: b');
  expect(written(head, dropsOf([known.te]), new Set(['via']))).toBe('accept: a,b\r\n');
});

test('lines of an answer stay as they came', () => {
  const head = new Head();
  const bytes = Buffer.from('HTTP/1.1 200 OK\r\nvia: a\r\nvia: b\r\n\r\n', 'latin1');
  parseResponseHead(head, bytes, 0, bytes.length, 100);
  expect(written(head)).toBe('via: a\r\nvia: b\r\n');
});
