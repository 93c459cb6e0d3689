import { expect, test } from 'vitest';
import {
  afterLook,
  listenerKey,
  nextChangeMs,
  type Place,
  type Places,
  placementsOf,
  recalled,
  type Sighting,
} from './places.ts';

const graceMs = 10_000;
const nothing = recalled([], 0);

function place(node: string, port = 8080, listener = 'public'): Place {
  return { group: 'edge', node, zone: '', listeners: [{ name: listener, address: '10.0.0.1', port }] };
}

function serving(node: string, port = 8080, listener = 'public'): Sighting {
  return { ...place(node, port, listener), draining: false };
}

function draining(node: string, port = 8080): Sighting {
  return { ...place(node, port), draining: true };
}

function look(before: Places, seen: readonly Sighting[], nowMs: number, out: readonly string[] = []): Places {
  return afterLook(before, seen, ({ node }) => out.includes(node), nowMs, graceMs);
}

/** Nodes by port, `-n` for one that drains. */
function endpoints(places: Places, listener = 'public'): string[] {
  const all = placementsOf(places).get(listenerKey('edge', listener)) ?? [];
  return all.map(({ node, draining }) => (draining ? `-${node}` : node));
}

test('nodes that serve stand by address and port', () => {
  const places = look(nothing, [serving('c', 9000), serving('b', 8080), serving('a', 900)], 0);
  expect(endpoints(places)).toEqual(['a', 'b', 'c']);
  expect(endpoints(places, 'other')).toEqual([]);
});

test('a node that drains is said to, and is out as soon as it is gone', () => {
  const all = look(nothing, [serving('a', 1), serving('b', 2)], 0);
  const leaving = look(all, [draining('a', 1), serving('b', 2)], 1);
  expect(endpoints(leaving)).toEqual(['-a', 'b']);
  expect(endpoints(look(leaving, [serving('b', 2)], 2))).toEqual(['b']);
});

test('a node that vanished is waited for while another serves, and is out when it does not come', () => {
  const all = look(nothing, [serving('a', 1), serving('b', 2)], 0);
  const vanished = look(all, [serving('b', 2)], 60_000);
  expect(endpoints(vanished)).toEqual(['a', 'b']);
  expect(nextChangeMs(vanished, graceMs)).toBe(60_000 + graceMs);
  const waiting = look(vanished, [serving('b', 2)], 60_000 + graceMs - 1);
  expect(endpoints(waiting)).toEqual(['a', 'b']);
  const gone = look(waiting, [serving('b', 2)], 60_000 + graceMs);
  expect(endpoints(gone)).toEqual(['b']);
  expect(nextChangeMs(gone, graceMs)).toBeUndefined();
});

test('the last that vanished stay however long nobody comes, and then as long as any other', () => {
  const all = look(nothing, [serving('a', 1), serving('b', 2)], 0);
  const silent = look(look(all, [], 1_000), [], 86_400_000);
  expect(endpoints(silent)).toEqual(['a', 'b']);
  expect(nextChangeMs(silent, graceMs)).toBeUndefined();
  const oneBack = look(silent, [serving('b', 2)], 90_000_000);
  expect(endpoints(oneBack)).toEqual(['a', 'b']);
  expect(nextChangeMs(oneBack, graceMs)).toBe(90_000_000 + graceMs);
  expect(endpoints(look(oneBack, [serving('b', 2)], 90_000_000 + graceMs))).toEqual(['b']);
});

test('a control plane that starts anew goes on with what was known', () => {
  const places = recalled([place('a', 1), place('b', 2)], 5_000);
  expect(endpoints(places)).toEqual(['a', 'b']);
  expect(endpoints(look(places, [], 3_600_000))).toEqual(['a', 'b']);
  expect(endpoints(look(places, [serving('a', 1)], 5_000 + 2 * graceMs))).toEqual(['a', 'b']);
});

test('one that serves another listener only is no reason to wait no longer', () => {
  const all = look(nothing, [serving('a', 1), serving('b', 2, 'other')], 0);
  const later = look(look(all, [serving('b', 2, 'other')], 1), [serving('b', 2, 'other')], 86_400_000);
  expect([endpoints(later), endpoints(later, 'other')]).toEqual([['a'], ['b']]);
});

test('one that drains is no reason either', () => {
  const all = look(nothing, [serving('a', 1), serving('b', 2)], 0);
  const later = look(look(all, [draining('b', 2)], 1), [draining('b', 2)], 86_400_000);
  expect(endpoints(later)).toEqual(['a', '-b']);
});

test('a node that shall drain is not waited for', () => {
  const all = look(nothing, [serving('a', 1), serving('b', 2)], 0);
  expect(endpoints(look(all, [], 1, ['a']))).toEqual(['b']);
  expect(endpoints(look(recalled([place('a', 1)], 0), [], 1, ['a']))).toEqual([]);
});

test('a listener that a node has bound no longer is out at once: that is a word, not silence', () => {
  const all = look(nothing, [serving('a', 1)], 0);
  expect(endpoints(look(all, [serving('a', 1, 'other')], 1))).toEqual([]);
});

test('a node that came back under another id takes the place of the one before', () => {
  const all = look(nothing, [serving('old', 1), serving('b', 2)], 0);
  expect(endpoints(look(all, [serving('new', 1), serving('b', 2)], 1))).toEqual(['new', 'b']);
  expect(endpoints(look(nothing, [draining('old', 1), serving('new', 1)], 1))).toEqual(['new']);
  expect(endpoints(look(nothing, [serving('new', 1), draining('old', 1)], 1))).toEqual(['new']);
});

test('a node that comes back in time never left', () => {
  const all = look(nothing, [serving('a', 1), serving('b', 2)], 0);
  const back = look(look(all, [serving('b', 2)], 1), [serving('a', 1), serving('b', 2)], graceMs);
  expect(endpoints(look(back, [serving('a', 1), serving('b', 2)], 86_400_000))).toEqual(['a', 'b']);
});

test('two groups may have a node of one id', () => {
  const mesh = { ...serving('a', 2), group: 'mesh' };
  const places = look(nothing, [serving('a', 1), mesh], 0);
  expect(endpoints(places)).toEqual(['a']);
  expect(placementsOf(places).get(listenerKey('mesh', 'public'))).toMatchObject([{ node: 'a', port: 2 }]);
});
