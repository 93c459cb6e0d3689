import { describe, expect, test } from 'vitest';
import { chooseToGo, surplusOf } from './fair-share.ts';

const begin = { factor: 1.2, nodes: 10 };

test.each([
  ['alone, everything is its own', 1_000, [], 0],
  ['even', 100, [100, 100], 0],
  ['a new replica beside two', 500, [500, 0], 166],
  ['the new one itself', 0, [500, 500], 0],
  ['a fifth above is within the slack', 120, [80], 0],
  ['just above the slack', 121, [80], 20],
  ['far above by the factor, but by a few nodes only', 10, [0], 0],
  ['few, and ten above', 20, [0], 10],
  ['by many nodes, but within the factor', 1_100, [900], 0],
  ['everything here', 300, [0, 0], 200],
  ['nobody anywhere', 0, [0, 0], 0],
] as const)('%s: %i beside %j are %i too many', (_case, own, others, surplus) => {
  expect(surplusOf(own, others, begin)).toBe(surplus);
});

test('to send the surplus away never makes this replica the one with too few', () => {
  for (let own = 0; own <= 400; own++) {
    for (const others of [[0], [100], [10, 300], [1, 2, 3]]) {
      const surplus = surplusOf(own, others, { factor: 1, nodes: 1 });
      const fair = (own + others.reduce((a, b) => a + b)) / (others.length + 1);
      expect(own - surplus).toBeGreaterThanOrEqual(Math.min(own, fair));
    }
  }
});

describe('which connection', () => {
  const connection = (...nodes: string[]) => ({ nodes: new Set(nodes) });
  const [one, two, three] = [connection('a'), connection('b', 'c'), connection('d', 'e', 'f')];
  const all = [one, connection(), two, three];
  const any = () => true;

  test.each([
    ['any that fits, by chance', 3, 0, any, one],
    ['any that fits, by chance', 3, 0.5, any, two],
    ['any that fits, by chance', 3, 0.99, any, three],
    ['none that is larger than the surplus', 2, 0.99, any, two],
    ['none if all are larger', 0, 0, any, undefined],
    ['none of which a node has to stay', 3, 0.99, (node: string) => node !== 'e', two],
  ])('%s (surplus %i, chance %d)', (_law, surplus, chance, mayGo, chosen) => {
    expect(chooseToGo(all, surplus, mayGo, () => chance)).toBe(chosen);
  });
});
