import { expect, test } from 'vitest';
import { ejectionMs, mayEject, median, nextMultiplier, successRateThreshold } from './outlier-rules.ts';

test.each([
  [[50, 100, 100, 100, 100], 90, 52],
  [[0, 100, 100, 100, 100], 80, 4],
  [[90, ...Array(9).fill(100)], 99, 93.3],
])('success rates of %j: mean %f, an outlier below %f', (rates, mean, threshold) => {
  const found = successRateThreshold(rates, 1900);
  expect(found.mean).toBeCloseTo(mean, 9);
  expect(found.threshold).toBeCloseTo(threshold, 9);
});

test.each([
  [9, 0],
  [10, 1],
  [19, 1],
  [20, 2],
  [30, 3],
])('of %i hosts 10 percent are %i', (hosts, most) => {
  const limit = { maxEjectionPercent: 10, alwaysEjectOne: false };
  let ejected = 0;
  while (mayEject(ejected, hosts, limit)) ejected++;
  expect(ejected).toBe(most);
  expect(mayEject(0, hosts, { ...limit, alwaysEjectOne: true })).toBe(true);
  expect(mayEject(Math.max(1, most), hosts, { ...limit, alwaysEjectOne: true })).toBe(false);
});

test('ejections last longer each time, up to the most', () => {
  const times = { baseEjectionMs: 30_000, maxEjectionMs: 300_000 };
  const lengths: number[] = [];
  let multiplier = 0;
  for (let ejection = 0; ejection < 14; ejection++) {
    multiplier = nextMultiplier(multiplier, times);
    lengths.push(ejectionMs(multiplier, times, 0) / 1000);
  }
  expect(lengths).toEqual([30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300, 300, 300]);
  expect(multiplier).toBe(11);
  expect(ejectionMs(11, times, 700)).toBe(300_700);
});

test('a median lies in the middle', () => {
  expect([[3], [9, 1], [5, 1, 9]].map(median)).toEqual([3, 5, 5]);
});
