import { expect, test } from 'vitest';
import { slowStartFactor } from './slow-start.ts';

test.each([
  [0, 60, 1, 0.1],
  [5, 60, 1, 0.1],
  [10, 60, 1, 0.16667],
  [30, 60, 1, 0.5],
  [40, 60, 1, 0.66667],
  [30, 60, 0.5, 0.25],
  [30, 60, 2, Math.SQRT1_2],
  [7, 10, 0.9, 0.6728],
  [8, 10, 0.9, 0.78041],
  [5, 10, 1, 0.5],
  [60, 60, 2, 1],
  [600, 60, 0.5, 1],
])(
  'after %i s of a window of %i s with aggression %d an endpoint takes %d of its share',
  (s, window, aggression, factor) => {
    const config = { windowMs: window * 1_000, aggression, minWeightPercent: 10 };
    expect(slowStartFactor(config, { wellSinceMs: 500_000 }, 500_000 + s * 1_000)).toBeCloseTo(factor, 5);
  },
);

test('the least share is what the cluster says, and a window of under a second does not overshoot', () => {
  const config = { windowMs: 10_000, aggression: 1, minWeightPercent: 0 };
  expect(slowStartFactor(config, { wellSinceMs: 0 }, 0)).toBeCloseTo(0.1);
  expect(slowStartFactor({ ...config, windowMs: 60_000 }, { wellSinceMs: 0 }, 0)).toBeCloseTo(1 / 60);
  expect(slowStartFactor({ ...config, windowMs: 100 }, { wellSinceMs: 0 }, 50)).toBe(1);
});
