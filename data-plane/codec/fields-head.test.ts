import { expect, test } from 'vitest';
import { type Field, type FieldLike, field, sharedField } from '../../proto/http2/field.ts';
import { FieldsHead } from './fields-head.ts';
import { dropsOf, known } from './known-headers.ts';
import { Out } from './out.ts';

const request: readonly Field[] = [
  sharedField(':method', 'POST'),
  sharedField(':scheme', 'https'),
  field(':path', '/a?b'),
  sharedField(':authority', 'a.example'),
  sharedField('accept', '*/*'),
  field('cookie', 'a=1'),
  sharedField('content-length', '12'),
  field('cookie', 'b=2'),
  sharedField('x-envoy-internal', 'true'),
  field('x-odd', ''),
  field('x-odd', 'two'),
];

function headOf(fields: readonly Field[]): FieldsHead {
  const head = new FieldsHead();
  head.fill([sharedField(':status', '200'), sharedField('date', 'now'), sharedField('x_y', 'z')]);
  head.fill(fields);
  return head;
}

function linesOf(head: FieldsHead, drops = dropsOf([]), named: ReadonlySet<string> | null = null): string[] {
  const out = new Out();
  head.writeLines(out, false, drops, named);
  const bytes = Buffer.alloc(out.length);
  out.copyTo(bytes, 0);
  return bytes.toString('latin1').split('\r\n');
}

test('a head is filled anew: nothing of the one before is left', () => {
  const head = headOf(request);
  expect(head).toMatchObject({ method: 'POST', scheme: 'https', path: '/a?b', authority: 'a.example' });
  expect(head).toMatchObject({ status: 0, contentLength: 12, hasDate: false, underscore: false, hosts: 0, count: 6 });
  head.fill([sharedField(':status', '304'), sharedField('date', 'now'), sharedField('x_y', 'z')]);
  expect(head).toMatchObject({ method: '', scheme: '', path: '', authority: null });
  expect(head).toMatchObject({ status: 304, contentLength: -1, hasDate: true, underscore: true });
  head.fill([sharedField('host', 'a'), sharedField('host', 'a'), sharedField('expect', '100-continue')]);
  expect(head).toMatchObject({ hosts: 2, hasExpect: true, underscore: false });
});

test.each([
  ['accept', ['*/*'], '*/*'],
  ['x-odd', ['', 'two'], ''],
  ['cookie', ['a=1; b=2'], 'a=1; b=2'],
  ['nothing', [], ''],
])('%s is found', (name, lines, first) => {
  const head = headOf(request);
  expect(head.lines(name)).toEqual(lines);
  expect(head.first(name)).toBe(first);
});

test('as HTTP/1.1 it has no pseudo-headers, and the crumbs of a cookie are one line', () => {
  expect(linesOf(headOf(request))).toEqual([
    'accept: */*',
    'content-length: 12',
    'x-envoy-internal: true',
    'x-odd: ',
    'x-odd: two',
    'cookie: a=1; b=2',
    '',
  ]);
  const few = linesOf(headOf(request), dropsOf([known.xEnvoyControl, known.cookie]), new Set(['accept', 'x-odd']));
  expect(few).toEqual(['content-length: 12', '']);
});

test('as HTTP/2 it is the very objects that came, without pseudo-headers and what is dropped', () => {
  const to: FieldLike[] = [];
  headOf(request).addFields(to, dropsOf([known.xEnvoyControl]), new Set(['x-odd']));
  expect(to).toHaveLength(4);
  [4, 5, 6, 7].forEach((place, i) => {
    expect(to[i]).toBe(request[place]);
  });
  const path = request.find(({ name }) => name === ':path')!;
  expect(headOf(request).pathField(path.value)).toBe(path);
  expect(headOf(request).pathField('/elsewhere')).toEqual([':path', '/elsewhere']);
});
