/** Who serves each slot of a Maglev table: for slot n, whom user space picks for a hash of n. */
import type { Candidate } from '../../balance/candidate.ts';
import type { PoolDeps } from '../../balance/level.ts';
import { Pool } from '../../balance/pool.ts';
import { TableBuilder } from '../../balance/table-builder.ts';
import type { ClusterConfig, MaglevConfig } from '../../model/config.ts';
import { limits } from './limits.ts';

export interface SlotsWorld {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Calls back in the next turn of the loop. */
  readonly soon: (callback: () => void) => void;
  /** Where this node stands; empty: it was not told. */
  readonly zone: string;
}

/**
 * Health, weights, places, priorities and panic count as they do for any pick; load is not looked at. Where priorities
 * share, they share slots.
 * @returns by slot; empty: nobody may serve
 */
export async function slotsOf<C extends Candidate>(
  config: ClusterConfig & { readonly balance: { readonly policy: MaglevConfig } },
  candidates: readonly C[],
  { now, soon, zone }: SlotsWorld,
): Promise<readonly C[]> {
  const tables = new TableBuilder({ now, soon });
  const policy = { ...config.balance.policy, boundedLoadPercent: 0 };
  const deps: PoolDeps = {
    world: { random: () => 0, now, zone, tables },
    stats: uncounted(),
    totalActive: () => 0,
  };
  const pool = new Pool({ ...config, balance: { ...config.balance, policy } }, candidates, deps);
  pool.settle();
  await tables.whenIdle();
  const slots: C[] = [];
  for (let slot = 0; slot < policy.tableSize; slot++) {
    if (slot % limits.slotsAtOnce === limits.slotsAtOnce - 1) await new Promise<void>((resolve) => soon(resolve));
    const picked = pool.pick({ high: 0, low: slot }, [], 0);
    if (picked === null) return [];
    slots.push(picked);
  }
  pool.close();
  return slots;
}

/** Picks that are no requests. */
function uncounted(): PoolDeps['stats'] {
  const nowhere = { value: 0 };
  return {
    ...{ lbHealthyPanic: nowhere, lbRecalculateZoneStructures: nowhere, lbZoneClusterTooSmall: nowhere },
    ...{ lbZoneRoutingAllDirectly: nowhere, lbZoneRoutingSampled: nowhere, lbZoneRoutingCrossZone: nowhere },
    lbZoneNoCapacityLeft: nowhere,
  };
}
