/** Endpoints that are chosen by a hash: the table, what it was made of, and who serves while the next one is built. */
import { BoundedLoad } from '../../proto/hashing/bounded-load.ts';
import type { HashTable, TableSteps } from '../../proto/hashing/hash-table.ts';
import type { Hash64 } from '../../proto/hashing/hash64.ts';
import { maglevSteps } from '../../proto/hashing/maglev.ts';
import { ringSteps } from '../../proto/hashing/ring.ts';
import { flatShares, type LocalityRules, localityShares, type Shares } from '../../proto/hashing/shares.ts';
import type { EndpointConfig, MaglevConfig, RingHashConfig } from '../model/config.ts';
import { limits } from './limits.ts';
import type { TableBuilder } from './table-builder.ts';

export type HashingConfig = RingHashConfig | MaglevConfig;

/** An endpoint at work. */
export interface HashedHost {
  readonly config: Pick<EndpointConfig, 'key' | 'hashKey' | 'hostname' | 'weight' | 'locality'>;
  /** Requests under way. */
  readonly active: number;
}

export interface HashedHostsDeps {
  readonly builder: TableBuilder;
  /** Requests under way in the whole cluster. */
  readonly totalActive: () => number;
}

/** A table, and the endpoints that its indexes mean. */
interface Table<H> {
  readonly config: HashingConfig;
  readonly shares: Shares;
  readonly hosts: readonly H[];
  readonly table: HashTable;
  /** Null: an endpoint may have any load. */
  readonly bounded: BoundedLoad | null;
}

const nobody: ReadonlySet<never> = new Set();

/** Those of one priority that may be used. */
export class HashedHosts<H extends HashedHost> {
  readonly #deps: HashedHostsDeps;
  #table: Table<H> | null = null;
  /** What the next table is made of; null: the table is the newest. */
  #wanted: Omit<Table<H>, 'table' | 'bounded'> | null = null;
  #wantedHosts: ReadonlySet<H> = nobody;
  #giveUp: () => void = () => {};

  constructor(deps: HashedHostsDeps) {
    this.#deps = deps;
  }

  /**
   * From now on these are chosen from. Nothing is built if nothing has changed.
   * @param hosts in the order of their assignment
   * @param byLocality null: the weights of localities don't count
   */
  set(config: HashingConfig, hosts: readonly H[], byLocality: LocalityRules | null): void {
    const weighted = hosts.map(({ config: { weight, locality, ...names } }) => {
      return { key: hashKeyOf(names, config.useHostname), weight, locality };
    });
    const shares = byLocality === null ? flatShares(weighted) : localityShares(weighted, byLocality);
    const wanted = { config, shares, hosts: shares.indexes.map((index) => hosts[index]!) };
    const newest = this.#wanted ?? this.#table;
    if (newest !== null && isSame(newest, wanted)) return;
    this.#giveUp();
    this.#wanted = wanted;
    this.#wantedHosts = new Set(wanted.hosts);
    this.#giveUp = this.#deps.builder.build(stepsOf(config, shares), (table) => {
      this.#table = { ...wanted, table, bounded: this.#boundedOf(wanted) };
      this.#wanted = null;
      this.#wantedHosts = nobody;
    });
  }

  /**
   * Null if there is nobody. While the first table is being built, a hash finds its endpoint without one; while another
   * one is, by the old table, past whoever is no longer to be used.
   * @param attempt 0, or the number of endpoints that were drawn before and refused
   */
  pick(hash: Hash64, attempt: number): H | null {
    const current = this.#table;
    if (this.#wanted !== null) return this.#pickMeanwhile(this.#wanted.hosts, current, hash, attempt);
    if (current === null) return null;
    const index = pickIndex(current, hash, attempt);
    return index < 0 ? null : current.hosts[index]!;
  }

  /** No table is built any longer. */
  close(): void {
    this.#giveUp();
    this.#wanted = null;
    this.#table = null;
  }

  #pickMeanwhile(wanted: readonly H[], old: Table<H> | null, hash: Hash64, attempt: number): H | null {
    if (wanted.length === 0) return null;
    if (old !== null && old.hosts.length > 0) {
      for (let further = 0; further < limits.staleAttempts; further++) {
        const host = old.hosts[pickIndex(old, hash, attempt + further)]!;
        if (this.#wantedHosts.has(host)) return host;
      }
    }
    return wanted[(hash.low + attempt) % wanted.length]!;
  }

  #boundedOf({ config, shares, hosts }: Omit<Table<H>, 'table' | 'bounded'>): BoundedLoad | null {
    if (config.boundedLoadPercent === 0) return null;
    const weights = shares.hosts.map(({ weight }) => weight);
    const load = { total: this.#deps.totalActive, of: (index: number) => hosts[index]!.active };
    return new BoundedLoad(weights, config.boundedLoadPercent, load);
  }
}

function pickIndex<H>({ table, bounded }: Table<H>, hash: Hash64, attempt: number): number {
  const index = table.pick(hash, attempt);
  return bounded === null || index < 0 ? index : bounded.choose(index, hash);
}

function stepsOf(config: HashingConfig, { hosts }: Shares): TableSteps {
  return config.type === 'ring-hash' ? ringSteps(config, hosts) : maglevSteps(config, hosts);
}

function hashKeyOf(
  { key, hashKey, hostname }: Pick<EndpointConfig, 'key' | 'hashKey' | 'hostname'>,
  useHostname: boolean,
): string {
  if (hashKey !== '') return hashKey;
  return useHostname && hostname !== '' ? hostname : key;
}

function isSame<H>(one: Omit<Table<H>, 'table' | 'bounded'>, other: Omit<Table<H>, 'table' | 'bounded'>): boolean {
  return (
    one.hosts.length === other.hosts.length &&
    one.hosts.every((host, index) => host === other.hosts[index]) &&
    one.shares.hosts.every(({ key, weight }, index) => {
      const { key: otherKey, weight: otherWeight } = other.shares.hosts[index]!;
      return key === otherKey && weight === otherWeight;
    }) &&
    JSON.stringify(one.config) === JSON.stringify(other.config)
  );
}
