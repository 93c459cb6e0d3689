import { expect, test } from 'vitest';
import { BoundedLoad } from './bounded-load.ts';
import { finishTable } from './hash-table.ts';
import { maglevSteps } from './maglev.ts';
import { Mt19937 } from './mt19937.ts';
import { SeededShuffle } from './shuffle.ts';
import { equalHosts, manyHosts, xxHashOf } from './testing.ts';

test('mt19937 draws what the C++ standard says', () => {
  const random = new Mt19937();
  random.seed(5489);
  expect(random.draw()).toBe(3499211612);
  for (let drawn = 2; drawn < 10_000; drawn++) random.draw();
  expect(random.draw()).toBe(4123659995);
});

/** Envoy's test/extensions/load_balancing_policies/common/bounded_load_hlb_test.cc; the last by an independent one. */
test.each([
  [5, 2, [2, 1, 0, 4, 3]],
  [5, 6, [4, 0, 2, 3, 1]],
  [5, 7, [0, 1, 4, 3, 2]],
  [3, 0, [1, 2, 0]],
])('%i hosts by seed %i come in the order %j', (count, seed, expected) => {
  const shuffle = new SeededShuffle(count);
  for (let round = 0; round < 2; round++) {
    shuffle.begin(seed);
    expect(Array.from({ length: count }, () => shuffle.next())).toEqual(expected);
    expect(shuffle.next()).toBe(-1);
  }
});

/** What each has, in hosts that may have two each at 4 under way and 100 percent. */
function chosen(active: readonly number[], picked: number, hash: number): number {
  const weights = active.map(() => 1 / active.length);
  const load = { total: () => 4, of: (index: number) => active[index]! };
  return new BoundedLoad(weights, 100, load).choose(picked, { high: 7, low: hash });
}

/** Envoy's bounded_load_hlb_test.cc. */
test.each([
  ['nobody has too much', [0, 0, 0, 0, 0], 2, 2, 2],
  ['host 2 has', [0, 0, 2, 0, 0], 2, 2, 1],
  ['hosts 0 to 2 have', [2, 2, 2, 0, 0], 2, 2, 4],
  ['host 3 has', [0, 0, 0, 2, 0], 3, 6, 4],
  ['host 3 has, by another hash', [0, 0, 0, 2, 0], 3, 7, 0],
  ['all have, host 4 least', [9, 8, 7, 6, 5], 2, 2, 4],
  ['all have as much', [3, 3, 3, 3, 3], 2, 2, 2],
])('%s: with %j, of %i by hash %i goes to %i', (_, active, picked, hash, expected) => {
  expect(chosen(active, picked, hash)).toBe(expected);
});

test('a share counts in full slots, and one at least', () => {
  const load = { total: () => 9, of: () => 1 };
  // 12 slots and a hundredth: 1 for the light, 12 for the heavy; nobody has more than that
  const bounded = new BoundedLoad([0.01, 0.99], 125, load);
  expect(bounded.choose(0, { high: 0, low: 1 })).toBe(0);
});

test('no host ever has more than its bound, however few keys there are', () => {
  const keys = manyHosts(10);
  const table = finishTable(maglevSteps({ tableSize: 65_537 }, equalHosts(keys)));
  const active = keys.map(() => 0);
  let total = 0;
  const load = { total: () => total, of: (index: number) => active[index]! };
  const bounded = new BoundedLoad(
    keys.map(() => 0.1),
    125,
    load,
  );
  for (let request = 0; request < 1_000; request++) {
    const hash = xxHashOf(`key-${request % 3}`);
    active[bounded.choose(table.pick(hash, 0), hash)]!++;
    total++;
  }
  // 125 % of the average, and the one that was let in at the bound
  expect(Math.max(...active)).toBeLessThanOrEqual(126);
});
