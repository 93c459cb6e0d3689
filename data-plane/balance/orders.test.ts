import { expect, test } from 'vitest';
import type { PolicyConfig } from '../model/config.ts';
import { balanceOf, seededRandom, stillWorld } from '../testing.ts';
import type { Order } from './candidate.ts';
import { createOrder } from './orders.ts';
import { TestEndpoint, testEndpoints } from './testing.ts';

const roundRobin: PolicyConfig = { type: 'round-robin' };
const leastRequest = (choices: number, activeRequestBias: number | null = null): PolicyConfig => ({
  type: 'least-request',
  choices,
  fullScan: false,
  activeRequestBias,
});
const fullScan: PolicyConfig = { type: 'least-request', choices: 2, fullScan: true, activeRequestBias: null };
const never = (): number => 0;
/** The same each time: what is likely is not certain. */
const seed = Number(process.env['SEED'] ?? 1);

/** An order of endpoints with these weights, and these requests under way. */
function orderOf(
  policy: PolicyConfig,
  weights: readonly number[],
  random: () => number = never,
  active: readonly number[] = [],
) {
  const endpoints = weights.map((weight, index) => new TestEndpoint(String(index), { weight }));
  const load = (loads: readonly number[]): void => {
    for (const [index, one] of loads.entries()) endpoints[index]!.active = one;
  };
  load(active);
  return Object.assign(createOrder(balanceOf(policy), endpoints, { next: -1 }, { ...stillWorld, random }), {
    load,
    endpoints,
  });
}

function picks(order: Order<TestEndpoint>, count: number): number[] {
  return Array.from({ length: count }, () => Number(order.pick()?.name));
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

test('a weighted order starts anywhere in a round and then goes on as it always does', () => {
  const skipped = orderOf(roundRobin, [1, 2, 3], draws(6, [2]));
  expect(picks(skipped, 6)).toEqual([2, 0, 1, 2, 2, 1]);
  // over all starts each is the first as often as its weight says
  const first = Array.from(
    { length: 10 },
    (_, start) => picks(orderOf(roundRobin, [1, 6, 3], draws(10, [start])), 1)[0],
  );
  expect([0, 1, 2].map((index) => first.filter((one) => one === index).length)).toEqual([1, 6, 3]);
});

test('weights hold exactly over whole rounds, whatever their number', () => {
  const random = seededRandom(seed);
  const weights = Array.from({ length: 200 }, () => 1 + Math.floor(random() * 8));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const counts = weights.map(() => 0);
  const order = orderOf(roundRobin, weights);
  for (let round = 0; round < 10 * total; round++) counts[Number(order.pick()!.name)]!++;
  counts.forEach((count, index) => {
    expect(Math.abs(count - 10 * weights[index]!), `seed ${seed}, endpoint ${index}`).toBeLessThanOrEqual(1);
  });
});

test('a round robin goes on where it was when its endpoints change', () => {
  const turn = { next: -1 };
  const of = (count: number): Order<TestEndpoint> =>
    createOrder(balanceOf(roundRobin), testEndpoints('', count), turn, stillWorld);
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
  for (const index of picks(order, 300)) counts[index]!++;
  expect(Math.abs(counts[1]! - 200)).toBeLessThanOrEqual(2);
});

/** Least request among endpoints that have been well for so many seconds, with so many requests under way. */
function slowStarting(settings: { windowS: number; aggression: number; bias: number }, wellS: readonly number[]) {
  const slowStart = { windowMs: settings.windowS * 1_000, aggression: settings.aggression, minWeightPercent: 10 };
  const endpoints = testEndpoints('', wellS.length);
  const make = (now: number): Order<TestEndpoint> =>
    createOrder(
      balanceOf(leastRequest(2, settings.bias), { slowStart }),
      endpoints,
      { next: -1 },
      {
        ...stillWorld,
        now: () => now * 1_000,
      },
    );
  const of = (atS: number): Order<TestEndpoint> => {
    for (const [index, seconds] of wellS.entries()) endpoints[index]!.wellSinceMs = -seconds * 1_000;
    return make(atS);
  };
  return { of, endpoints };
}

test('an endpoint in slow start gets less, and more and more', () => {
  const { of, endpoints } = slowStarting({ windowS: 60, aggression: 1, bias: 1 }, [61, 0]);
  const early = of(10);
  endpoints[0]!.active = 1;
  expect(picks(early, 4)).toEqual([0, 0, 0, 1]);
  expect(picks(of(40), 7)).toEqual([1, 0, 1, 0, 1, 0, 1]);
});

test('slow start takes its part of what the load has left of a weight', () => {
  const { of, endpoints } = slowStarting({ windowS: 10, aggression: 0.9, bias: 0.9 }, [7, 8]);
  endpoints[0]!.active = 1;
  expect(picks(of(0), 13)).toEqual([1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1]);
});

test('a round robin of equals goes by weight as long as somebody is in slow start', () => {
  const endpoints = testEndpoints('', 2);
  endpoints[0]!.wellSinceMs = -60_000;
  const slowStart = { windowMs: 60_000, aggression: 1, minWeightPercent: 10 };
  let nowMs = 30_000;
  const world = { ...stillWorld, now: () => nowMs };
  const order = createOrder(balanceOf(roundRobin, { slowStart }), endpoints, { next: -1 }, world);
  expect(picks(order, 6)).toEqual([0, 1, 0, 0, 1, 0]);
  nowMs = 60_000;
  expect(picks(order, 8).filter((index) => index === 1)).toHaveLength(4);
});

test('a full scan finds the least loaded of all, and of equals any, each as likely', () => {
  const order = orderOf(fullScan, [1, 1, 1, 1, 1], seededRandom(seed), [2, 1, 3, 1, 1]);
  const counts = [0, 0, 0, 0, 0];
  for (const index of picks(order, 30_000)) counts[index]!++;
  expect([counts[0], counts[2]]).toEqual([0, 0]);
  for (const index of [1, 3, 4]) expect(Math.abs(counts[index]! - 10_000), `seed ${seed}`).toBeLessThan(500);
});

test('two choices spread n requests over n idle endpoints far better than one', () => {
  const random = seededRandom(seed);
  const fill = (choices: number): number => {
    const order = orderOf(leastRequest(choices), new Array(1000).fill(1), random);
    for (let request = 0; request < 1000; request++) order.pick()!.active++;
    return Math.max(...order.endpoints.map(({ active }) => active));
  };
  expect(fill(2), `seed ${seed}`).toBeLessThanOrEqual(4);
  expect(fill(1), `seed ${seed}`).toBeGreaterThanOrEqual(4);
});
