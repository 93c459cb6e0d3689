import { expect, test } from 'vitest';
import { balanceOf, nowhere, seededRandom, stillWorld } from '../testing.ts';
import type { PoolConfig } from './level.ts';
import { Pool } from './pool.ts';
import { TableBuilder } from './table-builder.ts';
import { pickStats, type TestEndpoint, TestTurns, testEndpoints } from './testing.ts';

const config = (rest: Partial<PoolConfig> = {}): PoolConfig => ({
  balance: balanceOf({ type: 'round-robin' }),
  overprovisioningPercent: 140,
  weightedPriorityHealth: false,
  ...rest,
});

const endpoints = (prefix: string, count: number, priority: number): TestEndpoint[] =>
  testEndpoints(prefix, count, { locality: { ...nowhere, priority } });

function poolOf(members: readonly TestEndpoint[], random = (): number => 0, rest: Partial<PoolConfig> = {}) {
  const stats = pickStats();
  const deps = { world: { ...stillWorld, random }, stats, totalActive: () => 0 };
  return { pool: new Pool<TestEndpoint>(config(rest), members, deps), stats };
}

const next = (pool: Pool<TestEndpoint>): TestEndpoint | null => pool.pick(null, [], 0);

const names = (pool: Pool<TestEndpoint>, count: number): string =>
  Array.from({ length: count }, () => next(pool)?.name ?? 'none').join(' ');

/** How 10,000 picks fall on the first letters of names, in percent. */
function percents(pool: Pool<TestEndpoint>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let pick = 0; pick < 10_000; pick++) {
    const letter = next(pool)?.name[0] ?? 'none';
    counts[letter] = (counts[letter] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counts).map(([letter, count]) => [letter, Math.round(count / 100)]));
}

/** Chance that goes through all hundredths, one after the other. */
function hundredths(): () => number {
  let next = 0;
  return () => (next++ % 100) / 100;
}

test('the first priority takes everything while it can, then the next one what is beyond it', () => {
  const [first, second] = [endpoints('a', 4, 0), endpoints('b', 2, 1)];
  const { pool, stats } = poolOf([...first, ...second], hundredths());
  expect(percents(pool)).toEqual({ a: 100 });
  for (const one of first.slice(2)) one.is = 'out';
  pool.markStale(0);
  expect(percents(pool)).toEqual({ a: 70, b: 30 });
  first[1]!.is = 'out';
  pool.markStale(0);
  expect(percents(pool)).toEqual({ a: 35, b: 65 });
  expect(stats.lbHealthyPanic.value).toBe(0);
});

test('degraded endpoints get what the healthy of all priorities cannot take', () => {
  const members = endpoints('h', 20, 0);
  for (const [index, one] of members.entries()) if (index >= 5) one.is = index < 18 ? 'degraded' : 'out';
  const { pool } = poolOf(members, hundredths());
  let picks = 0;
  for (let pick = 0; pick < 10_000; pick++) if (next(pool)!.is === 'healthy') picks++;
  expect(Math.round(picks / 100)).toBe(35);
});

test('in panic everybody of that priority is used, or nobody if the cluster says so; each such pick is counted', () => {
  const members = endpoints('a', 4, 0);
  for (const one of members.slice(1)) one.is = 'out';
  const { pool, stats } = poolOf(members);
  expect(names(pool, 4)).toBe('a0 a1 a2 a3');
  expect(stats.lbHealthyPanic.value).toBe(4);
  const closed = poolOf(members, () => 0, { balance: balanceOf({ type: 'random' }, { failOnPanic: true }) });
  expect(names(closed.pool, 2)).toBe('none none');
  expect(closed.stats.lbHealthyPanic.value).toBe(2);
});

test('with everything in panic the load goes by the number of endpoints', () => {
  const members = [...endpoints('a', 5, 0), ...endpoints('b', 3, 1), ...endpoints('c', 2, 2)];
  for (const one of members) one.is = 'out';
  expect(percents(poolOf(members, hundredths()).pool)).toEqual({ a: 50, b: 30, c: 20 });
});

test('a priority that nobody has is passed over', () => {
  expect(names(poolOf(endpoints('a', 2, 2)).pool, 3)).toBe('a0 a1 a0');
  expect(names(poolOf([]).pool, 1)).toBe('none');
});

test('changes of standing are worked out together at the next pick, and only where they are', () => {
  const [first, second] = [endpoints('a', 1_000, 0), endpoints('b', 1_000, 1)];
  const { pool } = poolOf([...first, ...second]);
  next(pool);
  for (const one of [...first, ...second]) one.looks = 0;
  for (const one of first.slice(0, 500)) {
    one.is = 'out';
    pool.markStale(0);
  }
  next(pool);
  next(pool);
  expect(first.every(({ looks }) => looks > 0 && looks <= 4)).toBe(true);
  expect(second.every(({ looks }) => looks === 0)).toBe(true);
});

test('tables, too, are made only where something has changed', () => {
  const [first, second] = [endpoints('a', 100, 0), endpoints('b', 100, 1)];
  const policy = { type: 'maglev', tableSize: 251, useHostname: false, boundedLoadPercent: 0 } as const;
  const turns = new TestTurns();
  const world = { ...stillWorld, tables: new TableBuilder(turns) };
  const hashing = config({ balance: balanceOf(policy) });
  const pool = new Pool<TestEndpoint>(hashing, [...first, ...second], {
    world,
    stats: pickStats(),
    totalActive: () => 0,
  });
  const picked = (low: number): string => pool.pick({ high: 0, low }, [], 0)!.name;
  const before = Array.from({ length: 251 }, (_, low) => picked(low));
  for (const one of second) one.looks = 0;
  const gone = first.find(({ name }) => name === before[7])!;
  gone.is = 'out';
  pool.markStale(0);
  expect(picked(7)).not.toBe(before[7]);
  expect(second.every(({ looks }) => looks === 0)).toBe(true);
  // another policy, and back again
  pool.update(config(), [...first, ...second], new Set());
  expect([next(pool), next(pool)].map((one) => one!.name)).toEqual(['a0', 'a1']);
  gone.is = 'healthy';
  pool.markStale(0);
  pool.update(hashing, [...first, ...second], new Set());
  expect(Array.from({ length: 251 }, (_, low) => picked(low))).toEqual(before);
});

test('what nothing is new of goes on as it was: other endpoints, other orders', () => {
  const [first, second] = [endpoints('a', 4, 0), endpoints('b', 4, 1)];
  for (const one of first.slice(2)) one.is = 'out';
  const { pool } = poolOf([...first, ...second], seededRandom(7));
  percents(pool);
  for (const one of second) one.looks = 0;
  // one leaves, and those of the other priority come in another order
  pool.update(config(), [...first.slice(0, 3), ...second.toReversed()], new Set());
  percents(pool);
  expect(second.every(({ looks }) => looks === 0)).toBe(true);
  // of one the weight is new
  second[3]!.config = { ...second[3]!.config, weight: 8 };
  pool.update(config(), [...first.slice(0, 3), ...second], new Set([second[3]!]));
  const seen = Array.from({ length: 1_000 }, () => next(pool)!).filter((one) => second.includes(one));
  const heavy = seen.filter((one) => one === second[3]).length / seen.length;
  expect(heavy).toBeCloseTo(8 / 11, 1);
});

test('another one is picked in place of one that was tried, as often as may be', () => {
  const [a, b, c] = endpoints('a', 3, 0);
  const { pool } = poolOf([a!, b!, c!]);
  expect(pool.pick(null, [a!], 1)).toBe(b);
  expect(pool.pick(null, [c!, a!, b!], 4)).toBe(a);
  expect(pool.pick(null, [b!], 0)).toBe(b);
});
