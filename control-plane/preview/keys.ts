/** Where keys go in a cluster with a hashing policy: the tables that its nodes will have. Pure, in small steps. */

import { choosePriority, type PriorityLoads } from '../../proto/balance/spill.ts';
import type { HashTable } from '../../proto/hashing/hash-table.ts';
import { type Hash64, remainder } from '../../proto/hashing/hash64.ts';
import { maglevSteps } from '../../proto/hashing/maglev.ts';
import { ringSize, ringSteps } from '../../proto/hashing/ring.ts';
import {
  flatShares,
  localityShares,
  type Shares,
  totalLocalityWeight,
  type WeightedHost,
} from '../../proto/hashing/shares.ts';
import type { ClusterSpec, EndpointSpec } from '../model/specs.ts';
import { endpointKey, type Level } from './levels.ts';
import { loadsOf } from './panic.ts';

type HashingSpec = Extract<ClusterSpec['balance'], { readonly policy: 'ring-hash' | 'maglev' }>;

export interface Keys {
  /** The endpoint of a key, as `ip:port`; empty: there is nobody. */
  readonly endpointOf: (hash: Hash64) => string;
  /** The part of its priority's keys that an endpoint gets, divided by the part that its weight says. */
  readonly loads: readonly { readonly endpoint: string; readonly load: number }[];
}

/** What is built for one cluster, with so many entries in all. */
export interface KeysPlan {
  readonly entries: number;
  readonly steps: () => Generator<undefined, Keys, undefined>;
}

/** Null: the cluster has another policy. */
export function planKeys({ balance }: ClusterSpec, levels: readonly Level[]): KeysPlan | null {
  if (balance.policy !== 'ring-hash' && balance.policy !== 'maglev') return null;
  const loads = loadsOf(levels, balance);
  const shares = levels.map((level, index) => sharesOf(balance, level, loads.panic[index]!));
  const sizes = shares.map((one) => entriesOf(balance, one));
  return {
    entries: sizes.reduce((sum, size) => sum + size, 0),
    *steps() {
      const tables: HashTable[] = [];
      for (const { hosts } of shares) {
        tables.push(yield* balance.policy === 'maglev' ? maglevSteps(balance, hosts) : ringSteps(balance, hosts));
      }
      return {
        endpointOf: (hash) => pick(hash, loads, tables, shares),
        loads: tables.flatMap((table, index) => loadsIn(table, shares[index]!)),
      };
    },
  };
}

/** As nodes have it that stand in none of the cluster's zones. */
function sharesOf({ localities }: HashingSpec, { endpoints, well }: Level, inPanic: boolean): Shares {
  const used = inPanic ? endpoints : well;
  if (localities === null || localities === 'zone-aware') return flatShares(used.map((one) => weighted(one, {})));
  const totalWeight = totalLocalityWeight(endpoints.map((one) => weighted(one, localities)));
  return localityShares(
    used.map((one) => weighted(one, localities)),
    { own: null, totalWeight },
  );
}

function weighted(endpoint: EndpointSpec, zones: Readonly<Record<string, number>>): WeightedHost {
  const locality = { region: '', zone: endpoint.zone, subZone: '', weight: zones[endpoint.zone] ?? 0 };
  return { key: endpointKey(endpoint), weight: endpoint.weight, locality };
}

function entriesOf(balance: HashingSpec, { hosts }: Shares): number {
  if (hosts.length === 0) return 0;
  return balance.policy === 'maglev' ? balance.tableSize : Math.ceil(ringSize(balance, hosts));
}

function pick(hash: Hash64, loads: PriorityLoads, tables: readonly HashTable[], shares: readonly Shares[]): string {
  const level = choosePriority(loads, 1 + remainder(hash, 100));
  return shares[level]?.hosts[tables[level]!.pick(hash, 0)]?.key ?? '';
}

function loadsIn(table: HashTable, { hosts }: Shares): { readonly endpoint: string; readonly load: number }[] {
  const shares = table.shares(hosts.length);
  // less than 1 where nobody of a zone may be used
  const whole = hosts.reduce((sum, { weight }) => sum + weight, 0);
  return hosts.map(({ key, weight }, index) => ({ endpoint: key, load: (shares[index]! * whole) / weight }));
}
