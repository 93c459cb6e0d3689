import { expect, test } from 'vitest';
import { listing, nearest, pointerInto, pointerOf, show } from './problems.ts';

test.each([
  [[], ''],
  [['spec', 'to', 0, 'cluster'], '/spec/to/0/cluster'],
  [['a/b', '~', ''], '/a~1b/~0/'],
])('the pointer of %j is %j', (path, pointer) => {
  expect(pointerOf(path)).toBe(pointer);
});

test.each([
  [{ to: [{ cluster: 'a' }] }, ['to', 0, 'cluster'], '/spec/to/0/cluster'],
  [{ to: { cluster: 'a' } }, ['to', 0, 'cluster'], '/spec/to/cluster'],
  [{ hosts: 'a.b' }, ['hosts', 0], '/spec/hosts'],
  [{}, ['match', 'path'], '/spec'],
  [{ match: {} }, ['match', 'path'], '/spec/match'],
])('in %j the author wrote %j at %s', (spec, path, pointer) => {
  expect(pointerInto(spec, path)).toBe(pointer);
});

test.each([
  ['host', ['hosts', 'match'], 'hosts'],
  ['TIMEOUT', ['timeout'], 'timeout'],
  ['endpoint', ['endpoints', 'balance'], 'endpoints'],
  ['zebra', ['timeout', 'hosts'], undefined],
  ['a', [], undefined],
  ['x'.repeat(1000), ['hosts'], undefined],
])('the nearest to %s in %j is %s', (word, known, expected) => {
  expect(nearest(word, known)).toBe(expected);
});

test('values are shown short', () => {
  expect(show('x'.repeat(1000))).toHaveLength(80);
  expect([undefined, null, [], [1], {}, 5, true].map(show)).toEqual([
    'nothing',
    'null',
    'an empty list',
    'a list',
    'an object',
    '5',
    'true',
  ]);
});

test('lists are told as people tell them', () => {
  expect([[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map((items) => listing(items))).toEqual([
    '',
    'a',
    'a and b',
    'a, b and c',
  ]);
  expect(listing(['a', 'b', 'c', 'd'], 2)).toBe('a, b and 2 more');
});
