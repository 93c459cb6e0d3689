import { expect, test } from 'vitest';
import { balanceOf, nowhere, stillWorld } from '../testing.ts';
import { placesOf } from './places.ts';
import { type TestEndpoint, testEndpoints } from './testing.ts';
import { WeightedPlaces } from './weighted-places.ts';

const roundRobin = balanceOf({ type: 'round-robin' });

/** So many endpoints in a zone; the first `healthy` of them are. */
function zone(name: string, weight: number, count: number, healthy = count): TestEndpoint[] {
  const members = testEndpoints(name, count, { locality: { ...nowhere, zone: name, weight } });
  for (const one of members.slice(healthy)) one.is = 'out';
  return members;
}

function placesFor(members: readonly TestEndpoint[], overprovisioningPercent = 140, ownZone = '') {
  const places = new WeightedPlaces<TestEndpoint>('healthy', { ...stillWorld, zone: ownZone });
  places.fill(members, overprovisioningPercent);
  return places;
}

const letters = (places: WeightedPlaces<TestEndpoint>, count: number): string =>
  Array.from({ length: count }, () => places.pick(roundRobin)!.name[0]).join('');

function shareOf(letter: string, places: WeightedPlaces<TestEndpoint>, picks: number): number {
  return [...letters(places, picks)].filter((one) => one === letter).length;
}

test.each([
  [[1, 2], 'babbab'],
  [[1, 0, 1], 'acac'],
  [[1, 1, 1], 'abc'],
])('localities of the weights %j take turns: %s', (weights, expected) => {
  const members = weights.flatMap((weight, index) => zone('abc'[index]!, weight, 1));
  expect(letters(placesFor(members), expected.length)).toBe(expected);
});

test.each([
  [5, 33],
  [4, 33],
  [3, 29],
  [2, 22],
  [1, 12],
  [0, 0],
])('with %i of its 5 endpoints well a locality of a third of the weight gets %i of 100 picks', (healthy, expected) => {
  expect(shareOf('x', placesFor([...zone('x', 1, 5, healthy), ...zone('y', 2, 1)]), 100)).toBe(expected);
});

test.each([
  [100, 1],
  [70, 0.98],
  [69, 0.966],
  [50, 0.7],
  [25, 0.35],
  [0, 0],
])('with %i percent of its endpoints well a locality keeps %d of its weight', (percent, kept) => {
  const share = shareOf('x', placesFor([...zone('x', 1, 100, percent), ...zone('y', 2, 1)]), 1_000);
  expect(Math.abs(share - (1_000 * kept) / (kept + 2))).toBeLessThanOrEqual(1);
});

test.each([
  [100, 33],
  [200, 50],
])('with a factor of %i percent half of a locality takes %i of 100 picks', (factor, expected) => {
  expect(shareOf('x', placesFor([...zone('x', 1, 2, 1), ...zone('y', 1, 2)], factor), 100)).toBe(expected);
});

test('endpoints that are not checked yet take nothing off the weight of their locality', () => {
  const members = zone('x', 1, 4, 1);
  for (const one of members.slice(1)) one.is = 'excluded';
  expect(shareOf('x', placesFor([...members, ...zone('y', 1, 4)]), 100)).toBe(50);
});

test('where no locality has weight or anybody to pick, it does not go by localities', () => {
  expect(placesFor([...zone('a', 0, 2), ...zone('b', 0, 2)]).isUsable).toBe(false);
  expect(placesFor([...zone('a', 1, 2, 0), ...zone('b', 0, 2)]).isUsable).toBe(false);
  expect(placesFor([]).isUsable).toBe(false);
});

test('the own place comes first, then the others by region, zone and sub-zone', () => {
  const at = (region: string, name: string, subZone: string): TestEndpoint =>
    testEndpoints(`${region}${name}${subZone}`, 1, { locality: { ...nowhere, region, zone: name, subZone } })[0]!;
  const members = [at('r2', 'a', ''), at('r1', 'b', '2'), at('r1', 'b', ''), at('r1', 'a', '')];
  const order = (ownZone: string): string =>
    placesOf(members, ownZone)
      .map((place) => `${place.members[0]!.name}${place.isOwn ? '!' : ''}`)
      .join(' ');
  expect(order('')).toBe('r1a0 r1b0 r1b20 r2a0');
  expect(order('b')).toBe('r1b0! r1a0 r1b20 r2a0');
  expect(order('c')).toBe('r1a0 r1b0 r1b20 r2a0');
});
