/** Which priorities are in panic, what each takes of the load, and how many endpoints may fail until then. Pure. */
import type { ClusterSpec } from '../model/specs.ts';
import type { Level } from './levels.ts';

/** A priority takes its whole load as long as 1 of 1.4 endpoints is well: the default of nodes, and of Envoy. */
const overprovisioningPercent = 140;

interface Count {
  readonly endpoints: number;
  readonly well: number;
}

const countOf = ({ endpoints, well }: Level): Count => ({ endpoints: endpoints.length, well: well.length });

const capacityOf = ({ endpoints, well }: Count): number =>
  Math.min(100, Math.floor((overprovisioningPercent * well) / endpoints));

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

/** By level: so few are well that all of them are used. Not while all levels together can take the whole load. */
function panicOf(counts: readonly Count[], panicPercent: number): boolean[] {
  const enough = sum(counts.map(capacityOf)) >= 100;
  return counts.map(({ endpoints, well }) => !enough && (100 * well) / endpoints < panicPercent);
}

export function panicAt(levels: readonly Level[], { panicPercent }: ClusterSpec['balance']): boolean[] {
  return panicOf(levels.map(countOf), panicPercent);
}

/** Of the well endpoints of each level, while all else stays as it is: the most that may fail without panic there. */
export function mayFail(levels: readonly Level[], { panicPercent }: ClusterSpec['balance']): number[] {
  const counts = levels.map(countOf);
  return counts.map((count, index) => {
    for (let failed = 0; failed <= count.well; failed++) {
      const after = counts.with(index, { ...count, well: count.well - failed });
      if (panicOf(after, panicPercent)[index]) return Math.max(0, failed - 1);
    }
    return count.well;
  });
}

/** Percent of the load by level, in order of what each can take; in panic everywhere, by the number of endpoints. */
export function loadsOf(levels: readonly Level[], { panicPercent }: ClusterSpec['balance']): number[] {
  const counts = levels.map(countOf);
  const total = panicOf(counts, panicPercent).every(Boolean);
  const parts = total ? counts.map(({ endpoints }) => endpoints) : counts.map(capacityOf);
  const whole = total ? sum(parts) : Math.min(100, sum(parts));
  let left = 100;
  const loads = parts.map((part) => {
    const load = whole === 0 ? 0 : Math.min(left, Math.floor((100 * part) / whole));
    left -= load;
    return load;
  });
  const first = Math.max(
    0,
    parts.findIndex((part) => part > 0),
  );
  return loads.map((load, index) => (index === first ? load + left : load));
}
