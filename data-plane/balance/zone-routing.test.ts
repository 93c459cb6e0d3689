import { expect, test } from 'vitest';
import { balanceOf, nowhere, seededRandom, stillWorld } from '../testing.ts';
import { OwnZone } from './own-zone.ts';
import { pickStats, type TestEndpoint, testEndpoints } from './testing.ts';
import { residualZone, staysHere, zoneRouting } from './zone-routing.ts';

test.each([
  // as many endpoints as nodes, in proportion: nothing leaves
  [[1, 1, 1], [1, 1, 1], 10_000, []],
  [[5, 1], [1, 1], 10_000, []],
  // half of what the nodes here need: half stays, the rest goes where there is more than enough
  [[1, 3], [1, 1], 5_000, [0, 2_500]],
  [[1, 1, 2], [2, 1, 1], 5_000, [0, 0, 2_500]],
  // the example of Envoy's own code: 40, 40 and 20 percent of the nodes, 25, 50 and 25 of the endpoints
  [[25, 50, 25], [40, 40, 20], 6_250, [0, 1_000, 1_500]],
  [[0, 1, 1], [1, 1, 1], 0, [0, 1_667, 3_334]],
])(
  'with endpoints %j and nodes %j the own zone keeps %i of 10,000, and %j is left elsewhere',
  (endpoints, nodes, share, residual) => {
    expect(zoneRouting(endpoints, nodes, true)).toEqual({ ownShare: share, residual });
  },
);

test('a node in a zone without endpoints sends everything to where there is more than enough', () => {
  // a third of the nodes stands where no endpoint is
  expect(zoneRouting([1, 1], [1, 1, 1], false)).toEqual({ ownShare: 0, residual: [1_667, 3_334] });
});

test('a number falls on a zone by what each can take', () => {
  const routing = { ownShare: 6_250, residual: [0, 1_000, 1_500] };
  expect([0, 0.66, 0.67, 0.999].map((random) => residualZone(routing, random))).toEqual([1, 1, 2, 2]);
  expect(residualZone({ ownShare: 0, residual: [0, 0] }, 0.5)).toBe(-1);
  expect([0, 0.6249, 0.625, 0.999].map((random) => staysHere(routing, random))).toEqual([true, true, false, false]);
});

function zones(counts: Readonly<Record<string, number>>): TestEndpoint[] {
  return Object.entries(counts).flatMap(([zone, count]) =>
    testEndpoints(zone, count, { locality: { ...nowhere, zone } }),
  );
}

/** Seen from zone a. */
function ownZoneOf(members: readonly TestEndpoint[], rest: { routingPercent?: number; minEndpoints?: number } = {}) {
  const settings = { routingPercent: 100, minEndpoints: 6, failOnPanic: false, ...rest };
  const balance = balanceOf({ type: 'random' }, { localities: { type: 'zone-aware', ...settings } });
  const stats = pickStats();
  const own = new OwnZone<TestEndpoint>({ ...stillWorld, random: seededRandom(5), zone: 'a' }, stats);
  own.fill(members, balance);
  const share = (zone: string): number => {
    let picks = 0;
    for (let pick = 0; pick < 4_000; pick++) if (own.pick(balance)?.name.startsWith(zone)) picks++;
    return picks / 4_000;
  };
  return { own, stats, share };
}

test('picks stay in the own zone as far as it has its part of the endpoints', () => {
  const whole = ownZoneOf(zones({ b: 4, a: 4 }));
  expect(whole.share('a')).toBe(1);
  expect(whole.stats.lbZoneRoutingAllDirectly.value).toBe(4_000);
  // a quarter of the endpoints for half of the nodes
  const part = ownZoneOf(zones({ a: 2, b: 6 }));
  expect(part.share('a')).toBeCloseTo(0.5, 1);
  expect(part.stats.lbZoneRoutingSampled.value + part.stats.lbZoneRoutingCrossZone.value).toBe(4_000);
  expect(part.stats.lbRecalculateZoneStructures.value).toBe(1);
});

test('a zone whose endpoints are ill counts by those that are not', () => {
  const members = zones({ a: 4, b: 4 });
  for (const one of members.slice(0, 3)) one.is = 'out';
  const { share } = ownZoneOf(members, { minEndpoints: 5 });
  // 1 of 5 for half of the nodes
  expect(share('a0') + share('a1') + share('a2')).toBe(0);
  expect(share('a3')).toBeCloseTo(0.4, 1);
});

test('it does not go by zones where there is one, where there are few endpoints, or where the node has none', () => {
  expect(ownZoneOf(zones({ a: 8 })).own.applies).toBe(false);
  const few = ownZoneOf(zones({ a: 2, b: 3 }));
  expect([few.own.applies, few.stats.lbZoneClusterTooSmall.value]).toEqual([false, 1]);
  const homeless = new OwnZone<TestEndpoint>(stillWorld, pickStats());
  const localities = { type: 'zone-aware', routingPercent: 100, minEndpoints: 1, failOnPanic: false } as const;
  homeless.fill(zones({ a: 4, b: 4 }), balanceOf({ type: 'random' }, { localities }));
  expect(homeless.applies).toBe(false);
});

test('of the picks so many go by zones as the cluster says', () => {
  const { own } = ownZoneOf(zones({ a: 4, b: 4 }), { routingPercent: 30 });
  let picks = 0;
  for (let pick = 0; pick < 4_000; pick++) if (own.applies) picks++;
  expect(picks / 4_000).toBeCloseTo(0.3, 1);
});
