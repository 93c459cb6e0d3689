import { expect, test } from 'vitest';
import { flatShares, localityShares, totalLocalityWeight, type WeightedHost } from './shares.ts';

/** `zone` is the region, too, so that it decides. */
function host(key: string, weight: number, zone: string, localityWeight: number): WeightedHost {
  return { key, weight, locality: { region: zone, zone, subZone: '', weight: localityWeight } };
}

const hosts = [host('c', 3, 'z2', 2), host('a', 2, 'z1', 3), host('d', 1, 'z2', 2), host('b', 1, 'z1', 3)];

test('without localities each host has its part of the sum, in the order told', () => {
  const { hosts: shared, indexes } = flatShares(hosts);
  expect(shared.map(({ key }) => key).join('')).toBe('cadb');
  expect(shared.map(({ weight }) => weight)).toEqual([3 / 7, 2 / 7, 1 / 7, 1 / 7]);
  expect(indexes).toEqual([0, 1, 2, 3]);
});

test('localities share by their weights, and their hosts what they have', () => {
  const { hosts: shared, indexes } = localityShares(hosts, { own: null, totalWeight: 5 });
  expect(shared.map(({ key }) => key).join('')).toBe('abcd');
  [0.4, 0.2, 0.3, 0.1].forEach((weight, index) => {
    expect(shared[index]!.weight).toBeCloseTo(weight, 15);
  });
  expect(indexes).toEqual([1, 3, 0, 2]);
});

test("the proxy's own locality comes first, wherever its name sorts", () => {
  const own = { region: 'z2', zone: 'z2', subZone: '' };
  expect(localityShares(hosts, { own, totalWeight: 5 }).hosts.map(({ key }) => key)).toEqual(['c', 'd', 'a', 'b']);
  const elsewhere = { ...own, subZone: 's' };
  expect(localityShares(hosts, { own: elsewhere, totalWeight: 5 }).indexes).toEqual([1, 3, 0, 2]);
});

test('a locality of weight 0 has nothing, and if all are of 0 nobody has', () => {
  const more = [...hosts, host('e', 1, 'z0', 0)];
  const { hosts: shared, indexes } = localityShares(more, { own: null, totalWeight: totalLocalityWeight(more) });
  expect(indexes).toEqual([1, 3, 0, 2]);
  expect(shared.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12);
  expect(localityShares([host('e', 1, 'z0', 0)], { own: null, totalWeight: 0 }).hosts).toEqual([]);
});

test('where nobody of a locality may be used, the others keep their shares', () => {
  const rules = { own: null, totalWeight: totalLocalityWeight(hosts) };
  const well = hosts.filter(({ locality }) => locality.zone === 'z1');
  const shares = localityShares(well, rules).hosts.map(({ weight }) => weight);
  expect(rules.totalWeight).toBe(5);
  expect(shares[0]).toBeCloseTo(0.4, 15);
  expect(shares[1]).toBeCloseTo(0.2, 15);
});
