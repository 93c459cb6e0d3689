/** Endpoints that are picked from together: all of a cluster, or a subset. By priority first, then by their orders. */
import type { ClusterConfig } from '../model/config.ts';
import type { Candidate, World } from './candidate.ts';
import { Level, type PickStats } from './level.ts';
import { choosePriority, type PriorityLoads, spill } from './priorities.ts';

export type PoolConfig = Pick<ClusterConfig, 'balance' | 'overprovisioningPercent' | 'weightedPriorityHealth'>;

const nobody: ReadonlySet<never> = new Set();

export class Pool<C extends Candidate> {
  readonly #world: World;
  readonly #stats: PickStats;
  #config: PoolConfig;
  /** By priority, those without endpoints included; at least one. */
  #levels: readonly Level<C>[] = [];
  #stale = true;
  #loads: PriorityLoads = { healthy: [100], degraded: [0], panic: [false] };
  /** The one priority that gets everything; -1: several get something. */
  #only = 0;

  constructor(config: PoolConfig, candidates: readonly C[], world: World, stats: PickStats) {
    this.#config = config;
    this.#world = world;
    this.#stats = stats;
    this.update(config, candidates, nobody);
  }

  /**
   * What nothing is new of goes on as it was.
   * @param changed endpoints of which something else than their standing is new
   */
  update(config: PoolConfig, candidates: readonly C[], changed: ReadonlySet<C>): void {
    if (!isSame(config, this.#config)) this.#config = config;
    const byPriority: C[][] = [[]];
    for (const candidate of candidates) {
      const { priority } = candidate.locality;
      while (byPriority.length <= priority) byPriority.push([]);
      byPriority[priority]!.push(candidate);
    }
    this.#levels = byPriority.map((members, priority) => {
      const level = this.#levels[priority] ?? new Level(this.#config, this.#world, this.#stats);
      level.update(this.#config, members, changed);
      return level;
    });
    this.#stale = true;
  }

  /** The standing of an endpoint with this priority is another one. What follows from it is worked out at the next pick. */
  markStale(priority: number): void {
    this.#levels[priority]?.markStale();
    this.#stale = true;
  }

  /** The next one; null: none may be used. */
  pick(): C | null {
    if (this.#stale) this.#refresh();
    const levels = this.#levels;
    if (this.#only >= 0) return levels[this.#only]!.pick(false);
    const chosen = choosePriority(this.#loads, 1 + Math.floor(this.#world.random() * 100));
    return chosen < levels.length ? levels[chosen]!.pick(false) : levels[chosen - levels.length]!.pick(true);
  }

  /** @param hostSelections how often another one is picked in place of one of the `tried` */
  pickUntried(tried: readonly C[], hostSelections: number): C | null {
    let picked = this.pick();
    for (let left = hostSelections; left > 0 && picked !== null && tried.includes(picked); left--) picked = this.pick();
    return picked;
  }

  #refresh(): void {
    this.#stale = false;
    for (const level of this.#levels) level.refresh();
    const { overprovisioningPercent, balance } = this.#config;
    const rules = { overprovisioningPercent, panicPercent: balance.panicPercent };
    const healths = this.#levels.map(({ health }) => health);
    this.#loads = spill(healths, rules);
    for (const [priority, level] of this.#levels.entries()) level.panic = this.#loads.panic[priority]!;
    this.#only = this.#loads.healthy.indexOf(100);
  }
}

function isSame(a: PoolConfig, b: PoolConfig): boolean {
  return (
    a.overprovisioningPercent === b.overprovisioningPercent &&
    a.weightedPriorityHealth === b.weightedPriorityHealth &&
    (a.balance === b.balance || JSON.stringify(a.balance) === JSON.stringify(b.balance))
  );
}
