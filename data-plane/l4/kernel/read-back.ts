/** Pure: what nft tells in JSON in; our table, and what it has counted, out. */
import type { Table } from './ruleset.ts';

/** A part of `nft -j list`. */
interface Listed {
  readonly [kind: string]: ListedObject | undefined;
}

interface ListedObject {
  readonly name?: string;
  readonly chain?: string;
  readonly comment?: string;
  readonly elem?: readonly unknown[];
}

export interface Count {
  readonly packets: number;
  readonly bytes: number;
}

/** @param json of `nft -j list table` */
export function readTable(json: string): Table {
  const slots = new Map<string, string[]>();
  const counted = new Map<string, Set<string>>();
  const timeouts = new Set<string>();
  const marks = new Map<string, string[]>();
  for (const one of listed(json)) {
    const { map, set, chain, rule, 'ct timeout': timeout } = one;
    if (map?.name !== undefined) slots.set(map.name, slotsOf(map));
    if (set?.name !== undefined && set.name !== 'alive') counted.set(set.name, new Set(countsOf(set).keys()));
    if (timeout?.name !== undefined) timeouts.add(timeout.name);
    if (chain?.name !== undefined) marks.set(chain.name, []);
    if (rule?.chain !== undefined) marks.get(rule.chain)?.push(rule.comment ?? '');
  }
  return { slots, counted, timeouts, marks };
}

/** By key. @param json of `nft -j list set` */
export function readCounts(json: string): ReadonlyMap<string, Count> {
  const [set] = listed(json).flatMap((one) => one['set'] ?? []);
  return set === undefined ? new Map() : countsOf(set);
}

function listed(json: string): readonly Listed[] {
  return (JSON.parse(json) as { nftables: readonly Listed[] }).nftables;
}

function slotsOf({ elem = [] }: ListedObject): string[] {
  const slots: string[] = [];
  for (const one of elem) {
    const [slot, endpoint] = one as [number, unknown];
    slots[slot] = keyOf(endpoint);
  }
  return slots;
}

function countsOf({ elem = [] }: ListedObject): Map<string, Count> {
  return new Map(
    elem.map((one) => {
      const { val, counter } = (one as { elem: { val: unknown; counter?: Count } }).elem;
      return [keyOf(val), { packets: counter?.packets ?? 0, bytes: counter?.bytes ?? 0 }];
    }),
  );
}

function keyOf(value: unknown): string {
  return (value as { concat: readonly (string | number)[] }).concat.join(' . ');
}
