import { expect, test } from 'vitest';
import { median, pairedRatio, quantile, spread } from './statistics.ts';

test('the median is the middle value, whatever the order', () => {
  expect(median([30, 10, 20])).toBe(20);
});

test('the median of an even number of values is the mean of the middle two', () => {
  expect(median([1, 100, 3, 2])).toBe(2.5);
});

test('values are ordered as numbers, not as text', () => {
  expect(median([9, 10, 100])).toBe(10);
});

test('there is no median of nothing', () => {
  expect(() => median([])).toThrow(RangeError);
});

test('a spread leaves its input as it was', () => {
  const values = [3, 1, 2];
  expect(spread(values)).toEqual({ median: 2, min: 1, max: 3 });
  expect(values).toEqual([3, 1, 2]);
});

test('a disturbance that hits a whole round falls out of the ratios', () => {
  // round two ran at half speed for both; the ratio of medians would be 20 / 20
  expect(pairedRatio([10, 20, 30], [20, 40, 10])).toEqual({ median: 0.5, min: 0.5, max: 3 });
});

test('ratios need as many rounds on one side as on the other', () => {
  expect(() => pairedRatio([1, 2], [1])).toThrow('there are 2 and 1 rounds');
});

test('a quantile is a value that occurs: nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect([0, 0.5, 0.99, 1].map((part) => quantile(hundred, part))).toEqual([1, 50, 99, 100]);
  expect(() => quantile([], 0.5)).toThrow('quantile of nothing');
});
