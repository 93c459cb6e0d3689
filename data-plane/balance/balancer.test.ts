import { expect, test } from 'vitest';
import type { PolicyConfig } from '../model/config.ts';
import { seededRandom } from '../testing.ts';
import { type Balancer, createBalancer } from './balancer.ts';

const roundRobin: PolicyConfig = { type: 'round-robin' };
const leastRequest = (choices: number, activeRequestBias = 1): PolicyConfig => ({
  type: 'least-request',
  choices,
  fullScan: false,
  activeRequestBias,
});
const never = (): number => 0;

function picks(balancer: Balancer, count: number): number[] {
  return Array.from({ length: count }, () => balancer.pick());
}

/** Chance that lands on these indexes of `count`, one after the other. */
function draws(count: number, indexes: readonly number[]): () => number {
  let next = 0;
  return () => (indexes[next++ % indexes.length]! + 0.5) / count;
}

test('nothing to pick from gives -1, one endpoint is always picked', () => {
  for (const config of [roundRobin, leastRequest(2)]) {
    expect(createBalancer(config, [], never, never).pick()).toBe(-1);
    expect(picks(createBalancer(config, [7], never, never), 3)).toEqual([0, 0, 0]);
  }
});

test('equal weights go round by index from a random start', () => {
  expect(picks(createBalancer(roundRobin, [1, 1, 1], never, draws(3, [1])), 4)).toEqual([1, 2, 0, 1]);
  expect(picks(createBalancer(roundRobin, [5, 5, 5], never, draws(3, [0])), 4)).toEqual([0, 1, 2, 0]);
});

test.each([
  [
    [1, 2],
    [1, 0, 1, 1, 0, 1, 1, 0, 1],
  ],
  [
    [1, 2, 3],
    [2, 1, 2, 0, 1, 2, 2, 1, 2, 2, 0, 1],
  ],
  [
    [1, 1, 4],
    [2, 2, 2, 0, 1, 2, 2, 2, 2, 0, 1, 2],
  ],
])('weights %j are picked earliest deadline first', (weights, expected) => {
  expect(picks(createBalancer(roundRobin, weights, never, never), expected.length)).toEqual(expected);
});

test('a weighted order starts anywhere and then goes on as it always does', () => {
  const skipped = createBalancer(roundRobin, [1, 2, 3], never, draws(3, [2]));
  expect(picks(skipped, 6)).toEqual([2, 0, 1, 2, 2, 1]);
});

test('weights hold exactly over whole rounds, whatever their number', () => {
  const seed = Date.now() % 2 ** 31 || 1;
  const random = seededRandom(seed);
  const weights = Array.from({ length: 200 }, () => 1 + Math.floor(random() * 8));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const counts = weights.map(() => 0);
  const balancer = createBalancer(roundRobin, weights, never, never);
  for (let round = 0; round < 10 * total; round++) counts[balancer.pick()]!++;
  counts.forEach((count, index) => {
    expect(Math.abs(count - 10 * weights[index]!), `seed ${seed}, endpoint ${index}`).toBeLessThanOrEqual(1);
  });
});

test('least request takes the least loaded of its samples', () => {
  const load = [4, 3, 2, 1];
  const balancer = createBalancer(leastRequest(5), [1, 1, 1, 1], (index) => load[index]!, draws(4, [3, 0, 3, 2, 1]));
  expect(balancer.pick()).toBe(3);
});

test.each([
  [[1, 2], 0],
  [[2, 1], 1],
])('least request with loads %j picks %i', (load, expected) => {
  const balancer = createBalancer(leastRequest(2), [1, 1], (index) => load[index]!, draws(2, [0, 1]));
  expect(balancer.pick()).toBe(expected);
});

test('of equally loaded samples the first wins', () => {
  expect(picks(createBalancer(leastRequest(2), [1, 1, 1], never, draws(3, [2, 0, 1, 2])), 2)).toEqual([2, 1]);
});

test('least request with unequal weights divides the weight by the load', () => {
  const load = [0, 0];
  const active = (index: number): number => load[index]!;
  const start = (): Balancer => createBalancer(leastRequest(2), [1, 2], active, never);
  const balancer = start();
  expect(picks(balancer, 6)).toEqual([1, 0, 1, 1, 0, 1]);
  load[1] = 1;
  expect(picks(balancer, 5)).toEqual([1, 0, 1, 0, 1]);
  load[0] = 1;
  load[1] = 0;
  expect(picks(balancer, 10)).toEqual([0, 1, 1, 1, 0, 1, 1, 1, 1, 0]);
});

test('a bias of 0 leaves the weights alone, whatever the load', () => {
  const load = [0, 50];
  const balancer = createBalancer(leastRequest(2, 0), [1, 2], (index) => load[index]!, never);
  expect(picks(balancer, 6)).toEqual([1, 0, 1, 1, 0, 1]);
});

test('two choices spread n requests over n idle endpoints far better than one', () => {
  const seed = Date.now() % 2 ** 31 || 1;
  const random = seededRandom(seed);
  const fill = (choices: number): number => {
    const load = new Array<number>(1000).fill(0);
    const balancer = createBalancer(leastRequest(choices), new Array(1000).fill(1), (index) => load[index]!, random);
    for (let request = 0; request < 1000; request++) load[balancer.pick()]!++;
    return Math.max(...load);
  };
  expect(fill(2), `seed ${seed}`).toBeLessThanOrEqual(4);
  expect(fill(1), `seed ${seed}`).toBeGreaterThanOrEqual(4);
});
