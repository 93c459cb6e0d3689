/** Whom a table is made of, in which order, and what share each host has: as Envoy normalises weights. */
import { compareUtf8 } from './compare-utf8.ts';
import type { TableHost } from './hash-table.ts';

export interface Place {
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
}

export interface WeightedHost {
  readonly key: string;
  /** 1 or more. */
  readonly weight: number;
  readonly locality: Place & { readonly weight: number };
}

export interface Shares {
  readonly hosts: readonly TableHost[];
  /** Of each of them, in what was given. */
  readonly indexes: readonly number[];
}

/** By their own weights only. */
export function flatShares(hosts: readonly WeightedHost[]): Shares {
  const sum = sumOfWeights(hosts);
  return {
    hosts: hosts.map(({ key, weight }) => ({ key, weight: weight / sum })),
    indexes: [...hosts.keys()],
  };
}

export interface LocalityRules {
  /** Where the proxy stands, which comes first; the other localities follow by name. Null: it was not told. */
  readonly own: Place | null;
  /** Of all localities of the priority together, those included in which nobody may be used. */
  readonly totalWeight: number;
}

/**
 * By the weights of their localities first; a locality of weight 0 has no share. What would be the share of a locality
 * in which nobody may be used is left out, so that the shares of the others stay what they are.
 */
export function localityShares(hosts: readonly WeightedHost[], { own, totalWeight }: LocalityRules): Shares {
  const groups = new Map<string, number[]>();
  hosts.forEach(({ locality }, index) => {
    const name = placeName(locality);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [index]);
    else group.push(index);
  });
  const ownName = own === null ? null : placeName(own);
  const weightOf = (group: readonly number[]): number => hosts[group[0]!]!.locality.weight;
  const inOrder = [...groups]
    .filter(([, group]) => weightOf(group) > 0)
    .sort(([a], [b]) => Number(b === ownName) - Number(a === ownName) || compareUtf8(a, b))
    .map(([, group]) => group);
  const shared = inOrder.flatMap((group) => {
    const share = weightOf(group) / totalWeight;
    const inside = sumOfWeights(group.map((index) => hosts[index]!));
    // multiplied first and divided then: where a product rounds, rings differ by an entry
    return group.map((index) => ({ key: hosts[index]!.key, weight: (hosts[index]!.weight * share) / inside }));
  });
  return { hosts: shared, indexes: inOrder.flat() };
}

function sumOfWeights(hosts: readonly WeightedHost[]): number {
  return hosts.reduce((sum, { weight }) => sum + weight, 0);
}

/** Sorts as its three names one after the other do. */
function placeName({ region, zone, subZone }: Place): string {
  return [region, zone, subZone].join('\0');
}

/** Each locality once. */
export function totalLocalityWeight(hosts: readonly Pick<WeightedHost, 'locality'>[]): number {
  const weights = new Map(hosts.map(({ locality }) => [placeName(locality), locality.weight]));
  return [...weights.values()].reduce((sum, weight) => sum + weight, 0);
}
