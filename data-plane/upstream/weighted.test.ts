import { expect, test } from 'vitest';
import { chooseCluster } from './weighted.ts';

const to = [
  { cluster: 'a', weight: 90 },
  { cluster: 'none', weight: 0 },
  { cluster: 'b', weight: 10 },
];

test.each([
  [0, 'a'],
  [0.899, 'a'],
  [0.9, 'b'],
  [0.9999999999999999, 'b'],
])('of weights 90 and 10 the draw %d takes %s, one of weight 0 never', (random, expected) => {
  expect(chooseCluster(to, random).cluster).toBe(expected);
});

test('a single cluster is taken whatever the draw', () => {
  expect(chooseCluster([{ cluster: 'a', weight: 1 }], 0.999).cluster).toBe('a');
});
