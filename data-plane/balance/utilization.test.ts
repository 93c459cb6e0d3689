import { expect, test } from 'vitest';
import type { UtilizationConfig } from '../model/config.ts';
import { balanceOf, seededRandom, stillWorld } from '../testing.ts';
import { createOrder } from './orders.ts';
import { type TestEndpoint, testEndpoints } from './testing.ts';
import { TrackRecord } from './track-record.ts';
import { costOf, isOnProbation } from './utilization.ts';

const policy: UtilizationConfig = {
  type: 'utilization',
  choices: 2,
  reportExpiryMs: 10_000,
  probationMs: 10_000,
  probationRequests: 1,
};
const nowMs = 100_000;

function start(count: number, random = seededRandom(3), rest: Partial<UtilizationConfig> = {}) {
  const endpoints = testEndpoints('', count);
  const world = { ...stillWorld, random, now: () => nowMs };
  const order = createOrder(balanceOf({ ...policy, ...rest }), endpoints, { next: -1 }, world);
  /** Percent of 4,000 picks that each gets; nothing stays under way. */
  const percents = (): number[] => {
    const counts = new Map<TestEndpoint, number>();
    for (let pick = 0; pick < 4_000; pick++) {
      const picked = order.pick()!;
      counts.set(picked, (counts.get(picked) ?? 0) + 1);
    }
    return endpoints.map((one) => Math.round((counts.get(one) ?? 0) / 40));
  };
  return { endpoints, order, percents };
}

test.each([
  // idle and silent: half utilised, as far as anybody knows
  [{}, 2],
  [{ active: 3 }, 8],
  [{ weight: 2 }, 1],
  [{ utilization: 0 }, 1],
  [{ utilization: 0.75 }, 4],
  [{ utilization: 0.95 }, 20],
  [{ utilization: 3 }, 20],
  // said too long ago
  [{ utilization: 0.9, saidMs: nowMs - 10_001 }, 2],
  [{ utilization: 0.9, saidMs: nowMs - 9_999 }, 10],
  [{ successShare: 0.5 }, 4],
  [{ successShare: 0 }, 40],
  [{ zone: 0.5 }, 4],
  [{ successShare: 0.5, zone: 0.25 }, 16],
  [{ active: 1, weight: 4, utilization: 0.5, successShare: 0.25 }, 4],
])('what an endpoint costs: %j makes %d', (facts, cost) => {
  const {
    active = 0,
    weight = 1,
    utilization,
    saidMs = nowMs,
    successShare = 1,
    zone,
  } = facts as Record<string, number>;
  const [endpoint] = testEndpoints('', 1, { weight: weight! });
  endpoint!.active = active!;
  if (utilization !== undefined) endpoint!.record.report(utilization, saidMs!);
  endpoint!.record.successShare = successShare!;
  if (zone !== undefined) endpoint!.record.zone = Object.assign(new TrackRecord('zone'), { successShare: zone });
  expect(costOf(endpoint!, policy, null, nowMs)).toBeCloseTo(cost);
});

test('an endpoint in slow start costs as much more as its weight is less', () => {
  const [endpoint] = testEndpoints('', 1);
  endpoint!.wellSinceMs = nowMs - 15_000;
  const slowStart = { windowMs: 60_000, aggression: 1, minWeightPercent: 10 };
  expect(costOf(endpoint!, policy, slowStart, nowMs)).toBeCloseTo(8);
});

test('of the drawn the cheapest is taken; who draws only itself is taken anyway', () => {
  const { endpoints, percents } = start(4);
  endpoints[0]!.record.report(0.9, nowMs);
  endpoints[1]!.record.successShare = 0.2;
  endpoints[2]!.active = 1;
  // costs 10, 10, 4 and 2: the last one loses to nobody
  const [first, second, third, last] = percents();
  expect(first! + second!).toBeCloseTo(25, -1);
  expect(third!).toBeCloseTo(31, -1);
  expect(last!).toBeCloseTo(44, -1);
});

test('on probation is who has failed a request or come back a moment ago, whichever is later', () => {
  const [endpoint] = testEndpoints('', 1);
  const until = (): boolean[] => [10_999, 11_000, 15_999, 16_000].map((at) => isOnProbation(endpoint!, 10_000, at));
  expect(until()).toEqual([false, false, false, false]);
  endpoint!.record.count(false, 1_000);
  expect(until()).toEqual([true, false, false, false]);
  endpoint!.backAtMs = 6_000;
  expect(until()).toEqual([true, true, true, false]);
});

test('an endpoint on probation gets so many requests at a time, and as many as the others once that is over', () => {
  const { endpoints, order, percents } = start(4, seededRandom(3), { probationRequests: 2 });
  const [suspect] = endpoints;
  suspect!.backAtMs = nowMs - 9_999;
  for (let pick = 0; pick < 400; pick++) order.pick()!.active++;
  expect(suspect!.active).toBe(2);
  suspect!.backAtMs = nowMs - 10_000;
  for (const one of endpoints) one.active = 2;
  expect(percents()[0]).toBeCloseTo(25, -1);
});

test('with everybody on probation all get what they may have, then more where there is least', () => {
  const { endpoints, order } = start(20);
  for (const one of endpoints) one.backAtMs = nowMs;
  for (let pick = 0; pick < 20; pick++) order.pick()!.active++;
  expect(endpoints.map(({ active }) => active)).toEqual(endpoints.map(() => 1));
  endpoints[7]!.active = 0.5;
  endpoints[7]!.record.report(0, nowMs);
  for (const one of endpoints) one.active += 1;
  expect(order.pick()).toBe(endpoints[7]);
});
