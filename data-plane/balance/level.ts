/** The endpoints of one priority, and who of them is picked: the healthy, the degraded, or in panic anybody. */
import type { BalanceConfig } from '../model/config.ts';
import type { Candidate, Order, World } from './candidate.ts';
import { createOrder, type Turn } from './orders.ts';
import { healthOf, type PriorityHealth } from './priorities.ts';

/** What picks count. */
export interface PickStats {
  readonly lbHealthyPanic: { value: number };
}

export interface LevelRules {
  readonly balance: BalanceConfig;
  /** Endpoints count by their weights in the health of their priority. */
  readonly weightedPriorityHealth: boolean;
}

export class Level<C extends Candidate> {
  /** Health is disregarded. */
  panic = false;
  #health: PriorityHealth = healthOf([], false);
  readonly #world: World;
  readonly #stats: PickStats;
  #rules: LevelRules;
  #candidates: readonly C[] = [];
  #stale = true;
  readonly #all: Source<C>;
  readonly #healthy: Source<C>;
  readonly #degraded: Source<C>;

  constructor(rules: LevelRules, world: World, stats: PickStats) {
    this.#rules = rules;
    this.#world = world;
    this.#stats = stats;
    this.#all = new Source();
    this.#healthy = new Source();
    this.#degraded = new Source();
  }

  /** As of the last refresh. */
  get health(): PriorityHealth {
    return this.#health;
  }

  /**
   * Endpoints that are the same in another order are left in the one that they have, as Envoy does: orders, and rings,
   * go on as they were.
   * @param changed those of whom something else than their standing is new
   */
  update(rules: LevelRules, candidates: readonly C[], changed: ReadonlySet<C>): void {
    const before = this.#candidates;
    const kept = new Set(before);
    const same =
      rules === this.#rules && candidates.length === before.length && candidates.every((one) => kept.has(one));
    if (same && !candidates.some((one) => changed.has(one))) return;
    this.#rules = rules;
    this.#candidates = candidates;
    this.#stale = true;
    for (const source of [this.#all, this.#healthy, this.#degraded]) source.forget();
  }

  /** The standing of an endpoint of it is another one. */
  markStale(): void {
    this.#stale = true;
  }

  refresh(): void {
    if (!this.#stale) return;
    this.#stale = false;
    const candidates = this.#candidates;
    this.#health = healthOf(candidates, this.#rules.weightedPriorityHealth);
    this.#all.fill(candidates);
    this.#healthy.fill(candidates.filter(({ standing }) => standing === 'healthy'));
    this.#degraded.fill(candidates.filter(({ standing }) => standing === 'degraded'));
  }

  /** @param degraded those, not the healthy */
  pick(degraded: boolean): C | null {
    const { balance } = this.#rules;
    if (this.panic) {
      this.#stats.lbHealthyPanic.value++;
      return balance.failOnPanic ? null : this.#all.pick(balance, this.#world);
    }
    return (degraded ? this.#degraded : this.#healthy).pick(balance, this.#world);
  }
}

/** Endpoints with an order, which is made when it is first asked for. */
class Source<C extends Candidate> {
  readonly #turn: Turn = { next: -1 };
  #candidates: readonly C[] = [];
  #order: Order<C> | null = null;

  fill(candidates: readonly C[]): void {
    const before = this.#candidates;
    const same = candidates.length === before.length && candidates.every((one, index) => one === before[index]);
    this.#candidates = candidates;
    if (!same) this.#order = null;
  }

  /** Something about the endpoints is new. */
  forget(): void {
    this.#order = null;
  }

  pick({ policy }: BalanceConfig, world: World): C | null {
    this.#order ??= createOrder(policy, this.#candidates, this.#turn, world);
    return this.#order.pick();
  }
}
