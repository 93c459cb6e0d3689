import { expect, test } from 'vitest';
import { finishTable, type HashTable, type TableHost } from './hash-table.ts';
import { fillSteps, maglevSteps } from './maglev.ts';
import { equalHosts, fromBigInt, manyHosts } from './testing.ts';

function maglevOf(hosts: readonly TableHost[], tableSize = 65_537): HashTable {
  return finishTable(maglevSteps({ tableSize }, hosts));
}

const six = [90, 91, 92, 93, 94, 95].map((port) => `127.0.0.1:${port}`);

/** Host by slot: a number below the size is its own remainder. */
function slotsOf(table: HashTable): number[] {
  return Array.from({ length: table.size }, (_, slot) => table.pick({ high: 0, low: slot }, 0));
}

function countsOf(slots: readonly number[], hosts: number): number[] {
  const counts = new Array<number>(hosts).fill(0);
  for (const host of slots) counts[host]!++;
  return counts;
}

/** Envoy's test/extensions/load_balancing_policies/maglev/maglev_lb_test.cc, `Basic`. */
test('six equal hosts fill the table that Envoy fills', () => {
  expect(slotsOf(maglevOf(equalHosts(six), 7))).toEqual([2, 4, 0, 1, 5, 0, 3]);
});

/** Table 1 of the paper: three backends, then without the second. */
test.each([
  [
    [3, 0, 3],
    [4, 2, 1],
    [1, 0, 1, 0, 2, 2, 0],
  ],
  [
    [3, 3],
    [4, 1],
    [0, 0, 0, 0, 1, 1, 1],
  ],
])('backends that begin at %j and skip %j fill the table of the paper', (offsets, skips, expected) => {
  const order = Uint32Array.from(offsets.keys());
  const wishes = { offsets: Uint32Array.from(offsets), skips: Uint32Array.from(skips) };
  expect(slotsOf(finishTable(fillSteps(7, order, new Float64Array(order.length).fill(1), wishes)))).toEqual(expected);
});

test('the order in which hosts are told does not matter', () => {
  const backwards = six.toReversed();
  const slots = slotsOf(maglevOf(equalHosts(backwards), 7)).map((host) => backwards[host]);
  expect(slots).toEqual(slotsOf(maglevOf(equalHosts(six), 7)).map((host) => six[host]));
});

test('an attempt more goes by another hash', () => {
  const table = maglevOf(equalHosts(six), 7);
  const picks = [0, 1, 2].map((attempt) => six[table.pick(fromBigInt(10n), attempt)]);
  expect(picks).toEqual(['127.0.0.1:91', '127.0.0.1:90', '127.0.0.1:95']);
});

test('one host has every slot, and nobody has none', () => {
  expect(new Set(slotsOf(maglevOf(equalHosts(['a'])))).size).toBe(1);
  expect(maglevOf([]).pick({ high: 1, low: 1 }, 0)).toBe(-1);
});

/** By an independent implementation. */
test('65,537 slots are shared evenly, and a host that goes takes few others with it', () => {
  const before = slotsOf(maglevOf(equalHosts(six)));
  expect(before.slice(0, 16)).toEqual([5, 4, 4, 0, 5, 5, 3, 1, 5, 5, 2, 4, 4, 3, 1, 0]);
  expect(countsOf(before, 6).toSorted()).toEqual([10922, 10923, 10923, 10923, 10923, 10923]);
  const rest = six.filter((_, index) => index !== 3);
  const after = slotsOf(maglevOf(equalHosts(rest)));
  const changed = before.filter((host, slot) => six[host] !== rest[after[slot]!]);
  expect(changed.length).toBe(11_021);
  expect(changed.filter((host) => host !== 3).length).toBe(98);
});

/** By an independent implementation. */
test.each([
  [10, 65_537, 6554, 247],
  [10, 655_373, 65_537, 374],
  [100, 65_537, 655, 366],
  [100, 655_373, 6554, 951],
  [1_000, 65_537, 65, 387],
  [1_000, 655_373, 655, 2164],
])('of %i hosts in %i slots the one that goes has %i slots, and %i others change', (count, size, own, others) => {
  const keys = manyHosts(count);
  const gone = count / 2;
  const before = slotsOf(maglevOf(equalHosts(keys), size));
  const counts = countsOf(before, count);
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  expect(counts[gone]).toBe(own);
  const rest = keys.filter((_, index) => index !== gone);
  const after = slotsOf(maglevOf(equalHosts(rest), size));
  expect(before.filter((host, slot) => host !== gone && keys[host] !== rest[after[slot]!]).length).toBe(others);
});

test('slots are shared as the weights are', () => {
  const weights = [1, 2, 3, 0.5];
  const sum = 6.5;
  const hosts = weights.map((weight, index) => ({ key: `host-${index}`, weight: weight / sum }));
  const table = maglevOf(hosts);
  const counts = countsOf(slotsOf(table), 4);
  counts.forEach((count, index) => {
    expect(table.shares(4)[index]).toBeCloseTo(count / 65_537, 9);
    expect(Math.abs(count - (65_537 * weights[index]!) / sum), `host ${index}`).toBeLessThan(4);
  });
});
