/** What the workers sent to each cluster and zone, added up. */
import type { NodeStats } from '../telemetry/node-stats.ts';
import type { Cluster } from '../upstream/cluster.ts';
import { type LocalityLoad, loadStat } from '../upstream/load.ts';

type Counts = Pick<LocalityLoad, 'zone' | 'issued' | 'successful' | 'errors' | 'inProgress'>;

export class WorkerLoads {
  readonly #stats: NodeStats;
  /** By the load that the main thread has for the zone, and never counts in: one object for as long as it counts. */
  readonly #sums = new WeakMap<LocalityLoad, Counts>();

  constructor(stats: NodeStats) {
    this.#stats = stats;
  }

  of(clusters: readonly Cluster[]): { readonly name: string; readonly localities: readonly Counts[] }[] {
    return clusters.map(({ name, localities, stats: { scope } }) => {
      const sumOf = (load: LocalityLoad): Counts => {
        let sum = this.#sums.get(load);
        if (sum === undefined) this.#sums.set(load, (sum = summed(this.#stats, load.zone, scope)));
        return sum;
      };
      return { name, localities: [...localities].map(sumOf) };
    });
  }
}

function summed(stats: NodeStats, zone: string, scope: Parameters<typeof loadStat>[0]): Counts {
  const count = (what: Parameters<typeof loadStat>[2]): number => stats.countOf(loadStat(scope, zone, what));
  return {
    zone,
    get issued() {
      return count('issued');
    },
    get successful() {
      return count('successful');
    },
    get errors() {
      return count('errors');
    },
    get inProgress() {
      return count('inProgress');
    },
  };
}
