import { expect, test } from 'vitest';
import { bucketOf, bucketStartMs, Histogram } from './histogram.ts';

test('buckets join without gap, and a bound with two significant digits lies on an edge', () => {
  for (let bucket = 1; bucket < 910; bucket++) {
    const start = bucketStartMs(bucket);
    expect(bucketOf(start), `${start} ms`).toBe(bucket);
    expect(bucketOf(start * (1 - 1e-9)), `just under ${start} ms`).toBe(bucket - 1);
  }
});

test('a bucket is at most a tenth as wide as the values in it are large', () => {
  for (let bucket = 100; bucket < 910; bucket++) {
    expect(bucketStartMs(bucket + 1) / bucketStartMs(bucket)).toBeLessThanOrEqual(1.1 + 1e-12);
  }
});

test('odd values land in the first or the last bucket', () => {
  expect([bucketOf(-5), bucketOf(0), bucketOf(Number.NaN)]).toEqual([0, 0, 0]);
  expect([bucketOf(1e9), bucketOf(Number.POSITIVE_INFINITY)]).toEqual([909, 909]);
});

test('quantiles are right to the width of a bucket', () => {
  const histogram = new Histogram();
  for (let value = 1; value <= 10_000; value++) histogram.record(value / 10);
  for (const quantile of [0.25, 0.5, 0.9, 0.99, 1]) {
    const exact = quantile * 1000;
    expect(Math.abs(histogram.quantileMs(quantile) - exact) / exact).toBeLessThanOrEqual(0.1);
  }
  expect(histogram.count).toBe(10_000);
  expect(histogram.sumMs).toBeCloseTo(5_000_500, 0);
  expect(new Histogram().quantileMs(0.5)).toBeNaN();
});

test('counts below bounds are exact and cumulative', () => {
  const histogram = new Histogram();
  for (const ms of [0.4, 0.5, 0.7, 24, 25, 26, 2_600_000, 3_700_000]) histogram.record(ms);
  expect(histogram.countsBelow([0.5, 1, 25, 50, 1_800_000, 3_600_000])).toEqual([1, 3, 4, 6, 6, 7]);
});
