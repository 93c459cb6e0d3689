import { expect, test } from 'vitest';
import { LatencyBuckets, quantileMs } from './latency-buckets.ts';

const cellsAt = 8;

test('a quantile is as exact as a bucket is wide, over what came between two readings', () => {
  const buckets = new LatencyBuckets(new Int32Array(cellsAt + LatencyBuckets.count), cellsAt);
  for (let count = 0; count < 500; count++) buckets.record(30_000);
  const before = buckets.read();
  for (let ms = 1; ms <= 1_000; ms++) buckets.record(ms);
  for (const [quantile, exactMs] of [
    [0.5, 500],
    [0.99, 990],
    [1, 1_000],
  ] as const) {
    expect(Math.abs(quantileMs(before, buckets.read(), quantile) / exactMs - 1)).toBeLessThan(0.2);
  }
});

test('what is very short or very long has a place, and nothing has no quantile', () => {
  const buckets = new LatencyBuckets(new Int32Array(LatencyBuckets.count), 0);
  const empty = buckets.read();
  expect(quantileMs(empty, empty, 0.99)).toBeNaN();
  buckets.record(0);
  expect(quantileMs(empty, buckets.read(), 0.99)).toBeLessThan(2);
  const short = buckets.read();
  buckets.record(1e9);
  expect(quantileMs(short, buckets.read(), 0.99)).toBeGreaterThan(50_000);
});

test('counts that wrap go on', () => {
  const cells = new Int32Array(LatencyBuckets.count).fill(-1);
  const buckets = new LatencyBuckets(cells, 0);
  const before = buckets.read();
  for (let count = 0; count < 3; count++) buckets.record(100);
  expect(quantileMs(before, buckets.read(), 0.5)).toBeGreaterThan(80);
});
