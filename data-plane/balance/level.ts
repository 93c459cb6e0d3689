/** The endpoints of one priority, and who of them is picked: the healthy, the degraded, or in panic anybody. */
import type { PriorityHealth } from '../../proto/balance/spill.ts';
import type { Hash64 } from '../../proto/hashing/hash64.ts';
import type { LocalityRules } from '../../proto/hashing/shares.ts';
import type { ClusterConfig } from '../model/config.ts';
import type { Candidate, PickStats, World } from './candidate.ts';
import { HashedHosts } from './hashed-hosts.ts';
import { OwnZone } from './own-zone.ts';
import { placesOf } from './places.ts';
import { healthOf } from './priorities.ts';
import { Source } from './source.ts';
import type { TableBuilder } from './table-builder.ts';
import { WeightedPlaces } from './weighted-places.ts';

export type PoolConfig = Pick<ClusterConfig, 'balance' | 'overprovisioningPercent' | 'weightedPriorityHealth'>;

export interface PoolDeps {
  readonly world: World;
  readonly stats: PickStats;
  /** Requests (TCP: connections) under way in the whole cluster. */
  readonly totalActive: () => number;
}

export class Level<C extends Candidate> {
  readonly #priority: number;
  readonly #deps: PoolDeps;
  #config: PoolConfig;
  #candidates: readonly C[] = [];
  #stale = true;
  #panic = false;
  /** Something was worked out anew that a table is made of. */
  #tableIsOld = true;
  #health: PriorityHealth = healthOf([], false);
  readonly #all = new Source<C>();
  readonly #healthy = new Source<C>();
  readonly #degraded = new Source<C>();
  readonly #healthyPlaces: WeightedPlaces<C>;
  readonly #degradedPlaces: WeightedPlaces<C>;
  readonly #ownZone: OwnZone<C>;
  /** Null: until somebody picks by a hash. */
  #hashed: HashedHosts<C> | null = null;

  constructor(priority: number, config: PoolConfig, deps: PoolDeps) {
    this.#priority = priority;
    this.#config = config;
    this.#deps = deps;
    this.#healthyPlaces = new WeightedPlaces('healthy', deps.world);
    this.#degradedPlaces = new WeightedPlaces('degraded', deps.world);
    this.#ownZone = new OwnZone(deps.world, deps.stats);
  }

  /**
   * Endpoints that are the same in another order are left in the one that they have, as Envoy does: orders, and rings,
   * go on as they were.
   * @param changed those of whom something else than their standing is new
   */
  update(config: PoolConfig, candidates: readonly C[], changed: ReadonlySet<C>): void {
    const before = new Set(this.#candidates);
    const same = candidates.length === before.size && candidates.every((one) => before.has(one) && !changed.has(one));
    if (same && config === this.#config) return;
    this.#config = config;
    if (!same) this.#candidates = candidates;
    this.#stale = true;
  }

  /** The standing of an endpoint of it is another one. */
  markStale(): void {
    this.#stale = true;
  }

  get health(): PriorityHealth {
    if (!this.#stale) return this.#health;
    this.#stale = false;
    this.#refresh();
    return this.#health;
  }

  /** Health is disregarded from now on, or counts again. */
  setPanic(panic: boolean): void {
    if (panic === this.#panic && !this.#tableIsOld) return;
    this.#panic = panic;
    this.#tableIsOld = false;
    const { tables } = this.#deps.world;
    const { policy } = this.#config.balance;
    if (tables !== null && (policy.type === 'ring-hash' || policy.type === 'maglev')) this.#setTable(policy, tables);
    else this.#dropTable();
  }

  /** @param degraded those, not the healthy */
  pick(degraded: boolean): C | null {
    const { balance } = this.#config;
    const { world } = this.#deps;
    if (this.#panic) return this.#countPanic() ? this.#all.pick(balance, world) : null;
    if (degraded) {
      return this.#degradedPlaces.isUsable ? this.#degradedPlaces.pick(balance) : this.#degraded.pick(balance, world);
    }
    if (this.#healthyPlaces.isUsable) return this.#healthyPlaces.pick(balance);
    const near = this.#ownZone.applies ? this.#ownZone.pick(balance) : null;
    return near ?? this.#healthy.pick(balance, world);
  }

  /** By a table, the endpoint of a hash. @param attempt 0, or the number of endpoints that were drawn before and refused */
  pickHashed(hash: Hash64, attempt: number): C | null {
    if (this.#panic && attempt === 0 && !this.#countPanic()) return null;
    return this.#hashed === null ? null : this.#hashed.pick(hash, attempt);
  }

  close(): void {
    this.#dropTable();
  }

  #dropTable(): void {
    this.#hashed?.close();
    this.#hashed = null;
  }

  /** True: somebody may be picked all the same. */
  #countPanic(): boolean {
    this.#deps.stats.lbHealthyPanic.value++;
    const { failOnPanic, localities } = this.#config.balance;
    return !failOnPanic && !(localities.type === 'zone-aware' && localities.failOnPanic);
  }

  #refresh(): void {
    this.#tableIsOld = true;
    const candidates = this.#candidates;
    const { balance, overprovisioningPercent, weightedPriorityHealth } = this.#config;
    this.#health = healthOf(candidates, weightedPriorityHealth);
    this.#all.fill(candidates);
    this.#healthy.fill(candidates.filter(({ standing }) => standing === 'healthy'));
    this.#degraded.fill(candidates.filter(({ standing }) => standing === 'degraded'));
    const weighted = balance.localities.type === 'weighted' ? candidates : [];
    this.#healthyPlaces.fill(weighted, overprovisioningPercent);
    this.#degradedPlaces.fill(weighted, overprovisioningPercent);
    // only the first priority is near enough to be shared out
    this.#ownZone.fill(this.#priority === 0 ? candidates : [], balance);
  }

  #setTable(policy: Parameters<HashedHosts<C>['set']>[0], builder: TableBuilder): void {
    this.#hashed ??= new HashedHosts({ builder, totalActive: this.#deps.totalActive });
    this.#hashed.set(policy, this.#hashable(), this.#localityRules());
  }

  /** Of hashing policies; null: the weights of localities don't count. */
  #localityRules(): LocalityRules | null {
    if (this.#config.balance.localities.type !== 'weighted') return null;
    const places = placesOf(this.#candidates, this.#deps.world.zone);
    return {
      own: places.find(({ isOwn }) => isOwn)?.locality ?? null,
      totalWeight: places.reduce((sum, { locality }) => sum + locality.weight, 0),
    };
  }

  /** Where nobody is healthy Envoy has an empty table; here the degraded serve. */
  #hashable(): readonly C[] {
    if (this.#panic) return this.#candidates;
    const wanted = this.#health.healthy > 0 ? 'healthy' : 'degraded';
    return this.#candidates.filter(({ standing }) => standing === wanted);
  }
}
