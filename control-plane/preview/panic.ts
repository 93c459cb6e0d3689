/** Which priorities are in panic, what each takes of the load, and how many endpoints may fail until then. Pure. */
import { type PriorityHealth, type PriorityLoads, type SpillRules, spill } from '../../proto/balance/spill.ts';
import type { ClusterSpec } from '../model/specs.ts';
import type { Level } from './levels.ts';

/** The default of nodes, and of Envoy. */
const overprovisioningPercent = 140;

/** By level. */
export function loadsOf(levels: readonly Level[], balance: ClusterSpec['balance']): PriorityLoads {
  return spill(levels.map(healthOf), rulesOf(balance));
}

/** Of the well endpoints of each level, while all else stays as it is: the most that may fail without panic there. */
export function mayFail(levels: readonly Level[], balance: ClusterSpec['balance']): number[] {
  const healths = levels.map(healthOf);
  return healths.map(({ healthy, hosts, excluded }, index) => {
    for (let failed = 0; failed <= healthy; failed++) {
      const after = healths.with(index, healthAt(hosts, excluded, healthy - failed));
      if (spill(after, rulesOf(balance)).panic[index]) return Math.max(0, failed - 1);
    }
    return healthy;
  });
}

const rulesOf = ({ panicPercent }: ClusterSpec['balance']): SpillRules => ({ overprovisioningPercent, panicPercent });

const healthOf = ({ endpoints, draining, well }: Level): PriorityHealth =>
  healthAt(endpoints.length, draining, well.length);

function healthAt(hosts: number, excluded: number, healthy: number): PriorityHealth {
  return { hosts, excluded, healthy, degraded: 0, capacity: { healthy, degraded: 0, whole: hosts - excluded } };
}
