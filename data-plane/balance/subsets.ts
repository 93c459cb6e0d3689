/** Requests that choose among endpoints by labels: each set of values that endpoints have is a pool of its own. */
import type { SubsetFallback, SubsetSelectorConfig, SubsetsConfig } from '../model/config.ts';
import type { Candidate } from './candidate.ts';
import type { PoolConfig, PoolDeps } from './level.ts';
import { limits } from './limits.ts';
import { Pool } from './pool.ts';

type Labels = Readonly<Record<string, string>>;

/** Under Envoy's names. */
export type SubsetStats = Readonly<
  Record<
    'lbSubsetsActive' | 'lbSubsetsCreated' | 'lbSubsetsRemoved' | 'lbSubsetsSelected' | 'lbSubsetsFallback',
    { value: number }
  >
>;

interface Subset<C extends Candidate> {
  members: C[];
  /** Null: nobody has asked yet. */
  pool: Pool<C> | null;
}

/** Where a request is sent that chooses so. */
interface Found<C extends Candidate> {
  /** Null: nowhere. */
  readonly pool: Pool<C> | null;
  /** It is what was asked for. */
  readonly isSubset: boolean;
}

export class Subsets<C extends Candidate> {
  readonly #config: SubsetsConfig;
  readonly #deps: PoolDeps;
  readonly #stats: SubsetStats;
  #pools: PoolConfig;
  readonly #all: Pool<C>;
  #candidates: readonly C[] = [];
  /** By the labels and their values. */
  #byValues = new Map<string, Subset<C>>();
  #default: Pool<C> | null = null;
  /** By what is asked for, which stands in a route and is the same object each time. */
  #found = new WeakMap<Labels, Found<C>>();
  #fallback: Found<C>;

  /** @param all of the endpoints, kept by whoever makes this */
  constructor(config: SubsetsConfig, pools: PoolConfig, all: Pool<C>, deps: PoolDeps, stats: SubsetStats) {
    this.#config = config;
    this.#pools = pools;
    this.#all = all;
    this.#deps = deps;
    this.#stats = stats;
    this.#fallback = { pool: null, isSubset: false };
  }

  /** @param changed endpoints of which something else than their standing is new */
  update(pools: PoolConfig, candidates: readonly C[], changed: ReadonlySet<C>): void {
    this.#pools = pools;
    this.#candidates = candidates;
    const before = this.#byValues;
    const byValues = new Map<string, Subset<C>>();
    for (const { keys } of this.#config.selectors) {
      for (const candidate of candidates) {
        const values = valuesOf(keys, candidate.config.labels);
        if (values === null) continue;
        const known = byValues.get(values);
        if (known === undefined) byValues.set(values, { members: [candidate], pool: before.get(values)?.pool ?? null });
        else known.members.push(candidate);
      }
    }
    this.#byValues = byValues;
    for (const { pool, members } of byValues.values()) pool?.update(pools, members, changed);
    this.#default?.update(pools, this.#defaultMembers(), changed);
    this.#found = new WeakMap();
    this.#fallback = { pool: this.#fallbackPool(this.#config.fallback), isSubset: false };
    this.#count(before);
  }

  /** The standing of this endpoint is another one. */
  markStale({ config: { labels, locality } }: C): void {
    for (const { keys } of this.#config.selectors) {
      const values = valuesOf(keys, labels);
      if (values !== null) this.#byValues.get(values)?.pool?.markStale(locality.priority);
    }
    this.#default?.markStale(locality.priority);
  }

  /** Works out now what has changed, and begins to build the tables of the first few. */
  settle(): void {
    let built = 0;
    for (const subset of this.#byValues.values()) {
      if (built++ === limits.subsetsAhead) break;
      this.#poolOf(subset).settle();
    }
    this.#fallback.pool?.settle();
    this.#default?.settle();
  }

  /** @param asked null: the request chooses nothing */
  pick(
    asked: Labels | null,
    hash: Parameters<Pool<C>['pick']>[0],
    tried: readonly C[],
    hostSelections: number,
  ): C | null {
    const { pool, isSubset } = asked === null ? this.#fallback : this.#find(asked);
    if (isSubset) this.#stats.lbSubsetsSelected.value++;
    if (pool === null) return null;
    const picked = pool.pick(hash, tried, hostSelections);
    if (!isSubset && picked !== null) this.#stats.lbSubsetsFallback.value++;
    return picked;
  }

  close(): void {
    for (const { pool } of this.#byValues.values()) pool?.close();
    this.#default?.close();
    this.#stats.lbSubsetsActive.value -= this.#byValues.size;
    this.#byValues.clear();
  }

  #find(asked: Labels): Found<C> {
    let found = this.#found.get(asked);
    if (found === undefined) this.#found.set(asked, (found = this.#look(asked)));
    return found;
  }

  #look(asked: Labels): Found<C> {
    const keys = Object.keys(asked).sort();
    const selector = this.#config.selectors.find((one) => isSameList(one.keys, keys));
    if (selector === undefined) return this.#fallback;
    const subset = this.#byValues.get(valuesOf(keys, asked)!);
    if (subset !== undefined) return { pool: this.#poolOf(subset), isSubset: true };
    return { pool: this.#fallbackPool(selector.fallback ?? this.#config.fallback), isSubset: false };
  }

  #poolOf(subset: Subset<C>): Pool<C> {
    subset.pool ??= new Pool(this.#pools, subset.members, this.#deps);
    return subset.pool;
  }

  #fallbackPool(fallback: SubsetFallback): Pool<C> | null {
    if (fallback === 'none') return null;
    if (fallback === 'any') return this.#all;
    this.#default ??= new Pool(this.#pools, this.#defaultMembers(), this.#deps);
    return this.#default;
  }

  #defaultMembers(): C[] {
    const wanted = Object.entries(this.#config.defaultSubset);
    return this.#candidates.filter(({ config: { labels } }) =>
      wanted.every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value),
    );
  }

  #count(before: ReadonlyMap<string, Subset<C>>): void {
    const after = this.#byValues;
    let created = 0;
    for (const values of after.keys()) if (!before.has(values)) created++;
    let removed = 0;
    for (const [values, { pool }] of before) {
      if (after.has(values)) continue;
      removed++;
      pool?.close();
    }
    this.#stats.lbSubsetsCreated.value += created;
    this.#stats.lbSubsetsRemoved.value += removed;
    this.#stats.lbSubsetsActive.value += created - removed;
  }
}

/** Null: one of the labels is not there. @param keys in their order */
function valuesOf(keys: SubsetSelectorConfig['keys'], labels: Labels): string | null {
  let values = '';
  for (const key of keys) {
    if (!Object.hasOwn(labels, key)) return null;
    values += `${JSON.stringify(key)}${JSON.stringify(labels[key])}`;
  }
  return values;
}

function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((key, index) => key === other[index]);
}
