import { expect, test } from 'vitest';
import type { PolicyConfig } from '../model/config.ts';
import { nowhere, seededRandom } from '../testing.ts';
import type { Candidate, Order } from './candidate.ts';
import { createOrder } from './orders.ts';

const roundRobin: PolicyConfig = { type: 'round-robin' };
const leastRequest = (choices: number, activeRequestBias: number | null = null): PolicyConfig => ({
  type: 'least-request',
  choices,
  fullScan: false,
  activeRequestBias,
});
const fullScan: PolicyConfig = { type: 'least-request', choices: 2, fullScan: true, activeRequestBias: null };
const never = (): number => 0;

class Endpoint implements Candidate {
  readonly index: number;
  readonly weight: number;
  readonly locality = nowhere;
  readonly standing = 'healthy';
  active = 0;

  constructor(index: number, weight: number) {
    this.index = index;
    this.weight = weight;
  }
}

/** An order of endpoints with these weights, and these requests under way. */
function orderOf(
  policy: PolicyConfig,
  weights: readonly number[],
  random: () => number = never,
  active: readonly number[] = [],
) {
  const endpoints = weights.map((weight, index) => new Endpoint(index, weight));
  const load = (loads: readonly number[]): void => {
    for (const [index, one] of loads.entries()) endpoints[index]!.active = one;
  };
  load(active);
  return Object.assign(createOrder(policy, endpoints, { next: -1 }, { random }), { load, endpoints });
}

function picks(order: Order<Endpoint>, count: number): (number | undefined)[] {
  return Array.from({ length: count }, () => order.pick()?.index);
}

/** Chance that lands on these indexes of `count`, one after the other. */
function draws(count: number, indexes: readonly number[]): () => number {
  let next = 0;
  return () => (indexes[next++ % indexes.length]! + 0.5) / count;
}

test('nothing to pick from gives null, one endpoint is always picked', () => {
  for (const policy of [roundRobin, leastRequest(2)]) {
    expect(orderOf(policy, []).pick()).toBeNull();
    expect(picks(orderOf(policy, [7]), 3)).toEqual([0, 0, 0]);
  }
});

test('equal weights go round by index from a random start', () => {
  expect(picks(orderOf(roundRobin, [1, 1, 1], draws(3, [1])), 4)).toEqual([1, 2, 0, 1]);
  expect(picks(orderOf(roundRobin, [5, 5, 5], draws(3, [0])), 4)).toEqual([0, 1, 2, 0]);
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
  expect(picks(orderOf(roundRobin, weights), expected.length)).toEqual(expected);
});

test('a weighted order starts anywhere and then goes on as it always does', () => {
  const skipped = orderOf(roundRobin, [1, 2, 3], draws(3, [2]));
  expect(picks(skipped, 6)).toEqual([2, 0, 1, 2, 2, 1]);
});

test('weights hold exactly over whole rounds, whatever their number', () => {
  const seed = Date.now() % 2 ** 31 || 1;
  const random = seededRandom(seed);
  const weights = Array.from({ length: 200 }, () => 1 + Math.floor(random() * 8));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const counts = weights.map(() => 0);
  const order = orderOf(roundRobin, weights);
  for (let round = 0; round < 10 * total; round++) counts[order.pick()!.index]!++;
  counts.forEach((count, index) => {
    expect(Math.abs(count - 10 * weights[index]!), `seed ${seed}, endpoint ${index}`).toBeLessThanOrEqual(1);
  });
});

test('a round robin goes on where it was when its endpoints change', () => {
  const turn = { next: -1 };
  const of = (count: number): Order<Endpoint> => {
    const endpoints = Array.from({ length: count }, (_, index) => new Endpoint(index, 1));
    return createOrder(roundRobin, endpoints, turn, { random: never });
  };
  expect([...picks(of(4), 2), ...picks(of(3), 2), ...picks(of(4), 2)]).toEqual([0, 1, 2, 0, 1, 2]);
});

test('random is any, each as likely, whatever the weights', () => {
  expect(picks(orderOf({ type: 'random' }, [1, 1, 9], draws(3, [2, 0, 1, 1])), 4)).toEqual([2, 0, 1, 1]);
});

test('least request takes the least loaded of its samples', () => {
  const order = orderOf(leastRequest(5), [1, 1, 1, 1], draws(4, [3, 0, 3, 2, 1]), [4, 3, 2, 1]);
  expect(picks(order, 1)).toEqual([3]);
});

test.each([
  [[1, 2], 0],
  [[2, 1], 1],
])('least request with loads %j picks %i', (load, expected) => {
  expect(picks(orderOf(leastRequest(2), [1, 1], draws(2, [0, 1]), load), 1)).toEqual([expected]);
});

test('of equally loaded samples the first wins', () => {
  expect(picks(orderOf(leastRequest(2), [1, 1, 1], draws(3, [2, 0, 1, 2])), 2)).toEqual([2, 1]);
});

test('least request with unequal weights divides the weight by the load, also where all are looked at', () => {
  for (const policy of [leastRequest(2), fullScan]) {
    const order = orderOf(policy, [1, 2]);
    expect(picks(order, 6)).toEqual([1, 0, 1, 1, 0, 1]);
    order.load([0, 1]);
    expect(picks(order, 5)).toEqual([1, 0, 1, 0, 1]);
    order.load([1, 0]);
    expect(picks(order, 10)).toEqual([0, 1, 1, 1, 0, 1, 1, 1, 1, 0]);
  }
});

test('a bias of 0 leaves the weights alone, whatever the load', () => {
  expect(picks(orderOf(leastRequest(2, 0), [1, 2], never, [0, 50]), 6)).toEqual([1, 0, 1, 1, 0, 1]);
});

test('a bias that is said divides weights that are equal, too', () => {
  const order = orderOf(leastRequest(2, 1), [1, 1], never, [1, 0]);
  const counts = [0, 0];
  for (const index of picks(order, 300)) counts[index!]!++;
  expect(Math.abs(counts[1]! - 200)).toBeLessThanOrEqual(2);
});

test('a full scan finds the least loaded of all, and of equals any, each as likely', () => {
  const seed = Date.now() % 2 ** 31 || 1;
  const order = orderOf(fullScan, [1, 1, 1, 1, 1], seededRandom(seed), [2, 1, 3, 1, 1]);
  const counts = [0, 0, 0, 0, 0];
  for (const index of picks(order, 30_000)) counts[index!]!++;
  expect([counts[0], counts[2]]).toEqual([0, 0]);
  for (const index of [1, 3, 4]) expect(Math.abs(counts[index]! - 10_000), `seed ${seed}`).toBeLessThan(500);
});

test('two choices spread n requests over n idle endpoints far better than one', () => {
  const seed = Date.now() % 2 ** 31 || 1;
  const random = seededRandom(seed);
  const fill = (choices: number): number => {
    const order = orderOf(leastRequest(choices), new Array(1000).fill(1), random);
    for (let request = 0; request < 1000; request++) order.pick()!.active++;
    return Math.max(...order.endpoints.map(({ active }) => active));
  };
  expect(fill(2), `seed ${seed}`).toBeLessThanOrEqual(4);
  expect(fill(1), `seed ${seed}`).toBeGreaterThanOrEqual(4);
});
