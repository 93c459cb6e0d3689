import { expect, test } from 'vitest';
import { checkDocument, specOf } from '../check.ts';
import { refusals } from '../testing.ts';

const least = { listener: 'redis', to: [{ cluster: 'redis' }] };

test('an L4 route that says its listener and cluster has every default', () => {
  expect(specOf({ kind: 'L4Route', tenant: 'cache', name: 'redis', spec: least })).toEqual({
    listener: 'redis',
    ...{ serverNames: [], alpn: [], sources: [] },
    to: [{ cluster: { tenant: 'cache', name: 'redis' }, weight: 1 }],
    hash: 'source',
    idleTimeoutMs: null,
    ...{ datapath: 'auto', perPacket: false },
  });
});

test('an L4 route that says everything is read whole', () => {
  const to = [{ cluster: 'a', weight: 3 }, { cluster: 'cache/b' }];
  const conditions = { serverNames: ['DB.example.com', '*.example.com'], alpn: 'h2', sources: ['10.0.0.0/8', '::1'] };
  const how = { hash: 'five-tuple', idleTimeout: '0s', datapath: 'user', perPacket: true };
  expect(specOf({ kind: 'L4Route', name: 'redis', spec: { listener: 'redis', to, ...conditions, ...how } })).toEqual({
    listener: 'redis',
    serverNames: ['db.example.com', '*.example.com'],
    alpn: ['h2'],
    sources: ['10.0.0.0/8', '::1/128'],
    to: [
      { cluster: { tenant: undefined, name: 'a' }, weight: 3 },
      { cluster: { tenant: 'cache', name: 'b' }, weight: 1 },
    ],
    hash: 'five-tuple',
    idleTimeoutMs: 0,
    ...{ datapath: 'user', perPacket: true },
  });
});

const many = (count: number, name: (index: number) => string) => Array.from({ length: count }, (_, i) => name(i));
const names = (count: number) => many(count, (i) => `h${i}.example.com`);
const ranges = (count: number) => many(count, (i) => `10.0.${i >> 8}.${i & 255}`);
const long = `${'a'.repeat(63)}.`;

test.each([
  [{ listener: undefined }, 'missing-field /spec/listener'],
  [{ listener: ['redis'] }, 'invalid /spec/listener'],
  [{ to: undefined }, 'missing-field /spec/to'],
  [{ to: { cluster: 'a', weight: 0 } }, 'invalid /spec/to'],
  [{ to: { cluster: 'a', subset: { a: 'b' } } }, 'not-supported-yet /spec/to/subset'],
  ...['*', 'shop.*', 'a.*.b', '10.0.0.1', '::1', 'a:443', 'https://a', 'a.', 'ä.de', '', `${long.repeat(4)}a`].map(
    (name): [object, string] => [{ serverNames: ['a.b', name] }, 'invalid /spec/serverNames/1'],
  ),
  [{ serverNames: ['a.b', 'A.b'] }, 'invalid /spec/serverNames/1'],
  [{ alpn: ['h2', 'h2'] }, 'invalid /spec/alpn/1'],
  ...['', 'a b', 'a\n', 'ä', 'x'.repeat(256)].map((alpn): [object, string] => [
    { alpn: [alpn] },
    'invalid /spec/alpn/0',
  ]),
  ...['10.0.0.1/8', '10.0.0.0/33', 'example.com', '10.0.0.0-10.0.0.9', ''].map((range): [object, string] => [
    { sources: range },
    'invalid /spec/sources',
  ]),
  [{ sources: ['10.0.0.1', '::ffff:10.0.0.1'] }, 'invalid /spec/sources/1'],
  [{ hash: 'random' }, 'invalid /spec/hash'],
  [{ datapath: 'fast' }, 'invalid /spec/datapath'],
  [{ datapath: 'kernel', serverNames: 'a.b' }, 'invalid /spec/datapath'],
  [{ datapath: 'kernel', alpn: 'h2' }, 'invalid /spec/datapath'],
  [{ datapath: 'kernel', to: [{ cluster: 'a' }, { cluster: 'b' }] }, 'invalid /spec/datapath'],
  [{ datapath: 'kernel', hash: 'authority' }, 'invalid /spec/datapath'],
  [{ datapath: 'kernel', perPacket: true }, 'invalid /spec/datapath'],
  [{ perPacket: 'yes' }, 'invalid /spec/perPacket'],
  [{ idleTimeout: '1' }, 'invalid /spec/idleTimeout'],
  [{ hosts: 'a.b' }, 'unknown-field /spec/hosts'],
])('an L4 route with %j is refused: %s', (spec, refused) => {
  expect(refusals('L4Route', { ...least, ...spec })).toEqual([refused]);
});

test.each([
  [{ datapath: 'kernel', hash: 'five-tuple', sources: '10.0.0.0/8', idleTimeout: '5m' }],
  [{ serverNames: [`${long.repeat(3)}${'a'.repeat(61)}`] }],
])('an L4 route with %j is taken', (spec) => {
  expect(refusals('L4Route', { ...least, ...spec })).toEqual([]);
});

test('names, protocols and sources are bounded, by themselves and together', () => {
  const refusalsOf = (spec: object) => refusals('L4Route', { ...least, ...spec });
  expect(refusalsOf({ serverNames: names(1000) })).toEqual([]);
  expect(refusalsOf({ serverNames: names(1001) })).toEqual(['invalid /spec/serverNames']);
  expect(refusalsOf({ alpn: many(17, (i) => `p${i}`) })).toEqual(['invalid /spec/alpn']);
  expect(refusalsOf({ sources: ranges(1001) })).toEqual(['invalid /spec/sources']);
  expect(refusalsOf({ serverNames: names(100), alpn: [], sources: ranges(10) })).toEqual([]);
  expect(refusalsOf({ serverNames: names(101), sources: ranges(10) })).toEqual(['invalid /spec/sources']);
});

test('what a kernel cannot do is named, and how to get it', () => {
  const checked = checkDocument({ kind: 'L4Route', name: 'x', spec: { ...least, datapath: 'kernel', alpn: 'h2' } });
  expect(checked.ok ? [] : checked.problems).toMatchObject([
    { detail: 'The kernel forwards packets: it knows no `alpn`.', remedy: expect.stringContaining('datapath: auto') },
  ]);
});
