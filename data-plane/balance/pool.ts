/** Endpoints that are picked from together: all of a cluster, or a subset. By priority first, then by their orders. */
import { choosePriority, type PriorityLoads, spill } from '../../proto/balance/spill.ts';
import { type Hash64, type MutableHash64, remainder } from '../../proto/hashing/hash64.ts';
import type { Candidate } from './candidate.ts';
import { Level, type PoolConfig, type PoolDeps } from './level.ts';

const nobody: ReadonlySet<never> = new Set();

export class Pool<C extends Candidate> {
  readonly #deps: PoolDeps;
  #config: PoolConfig;
  /** By priority, those without endpoints included; at least one. */
  #levels: readonly Level<C>[] = [];
  #stale = true;
  #loads: PriorityLoads = { healthy: [100], degraded: [0], panic: [false] };
  /** The one priority that gets everything; -1: several get something. */
  #only = 0;
  #byHash = false;
  /** In place of a hash that a request does not have. */
  readonly #chance: MutableHash64 = { high: 0, low: 0 };

  constructor(config: PoolConfig, candidates: readonly C[], deps: PoolDeps) {
    this.#config = config;
    this.#deps = deps;
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
      const { priority } = candidate.config.locality;
      while (byPriority.length <= priority) byPriority.push([]);
      byPriority[priority]!.push(candidate);
    }
    const before = this.#levels;
    this.#levels = byPriority.map((members, priority) => {
      const level = before[priority] ?? new Level<C>(priority, this.#config, this.#deps);
      level.update(this.#config, members, changed);
      return level;
    });
    for (const level of before.slice(byPriority.length)) level.close();
    const { type } = this.#config.balance.policy;
    this.#byHash = this.#deps.world.tables !== null && (type === 'ring-hash' || type === 'maglev');
    this.#stale = true;
  }

  /** The standing of an endpoint with this priority is another one. What follows from it is worked out at the next pick. */
  markStale(priority: number): void {
    this.#levels[priority]?.markStale();
    this.#stale = true;
  }

  /** Works out now what has changed. */
  settle(): void {
    if (!this.#stale) return;
    this.#stale = false;
    const { overprovisioningPercent, balance } = this.#config;
    const healths = this.#levels.map(({ health }) => health);
    this.#loads = spill(healths, { overprovisioningPercent, panicPercent: balance.panicPercent });
    for (const [priority, level] of this.#levels.entries()) level.setPanic(this.#loads.panic[priority]!);
    this.#only = this.#loads.healthy.indexOf(100);
  }

  /**
   * The next one; null: none may be used.
   * @param hash by which hashing policies go; null: chance
   * @param hostSelections how often another one is picked in place of one of the `tried`
   */
  pick(hash: Hash64 | null, tried: readonly C[], hostSelections: number): C | null {
    if (this.#stale) this.settle();
    if (this.#byHash) return this.#pickHashed(hash ?? this.#drawHash(), tried, hostSelections);
    let picked = this.#pickOnce();
    for (let left = hostSelections; left > 0 && picked !== null && tried.includes(picked); left--) {
      picked = this.#pickOnce();
    }
    return picked;
  }

  close(): void {
    for (const level of this.#levels) level.close();
  }

  #pickOnce(): C | null {
    const levels = this.#levels;
    if (this.#only >= 0) return levels[this.#only]!.pick(false);
    const chosen = choosePriority(this.#loads, 1 + Math.floor(this.#deps.world.random() * 100));
    return chosen < levels.length ? levels[chosen]!.pick(false) : levels[chosen - levels.length]!.pick(true);
  }

  /** The same hash falls on the same priority and, there, on the same endpoint. */
  #pickHashed(hash: Hash64, tried: readonly C[], hostSelections: number): C | null {
    const levels = this.#levels;
    const chosen = this.#only >= 0 ? this.#only : choosePriority(this.#loads, 1 + remainder(hash, 100));
    const level = levels[chosen % levels.length]!;
    for (let attempt = 0; ; attempt++) {
      const picked = level.pickHashed(hash, attempt);
      if (picked === null || attempt >= hostSelections || !tried.includes(picked)) return picked;
    }
  }

  #drawHash(): Hash64 {
    const { random } = this.#deps.world;
    this.#chance.high = Math.floor(random() * 2 ** 32);
    this.#chance.low = Math.floor(random() * 2 ** 32);
    return this.#chance;
  }
}

function isSame(a: PoolConfig, b: PoolConfig): boolean {
  return (
    a.overprovisioningPercent === b.overprovisioningPercent &&
    a.weightedPriorityHealth === b.weightedPriorityHealth &&
    (a.balance === b.balance || JSON.stringify(a.balance) === JSON.stringify(b.balance))
  );
}
