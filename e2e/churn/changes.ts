/** A seeded sequence of changes, each of which ends in documents that allow every request of the traffic. Pure. */
import type { ListenerSettings, Pool, Share, Site, Tenant, World } from './world.ts';

/** 0 ≤ x < 1 */
export type Random = () => number;

export interface Change {
  /** What it does, for the report. */
  readonly label: string;
  readonly world: World;
}

/** Names every cluster once and for all, so that one that comes back is meant to. */
export class Churn {
  readonly #random: Random;
  readonly #backends: number;
  #pools = 0;
  #world: World;

  constructor(random: Random, backends: number) {
    this.#random = random;
    this.#backends = backends;
    const tenant = (name: string, hosts: readonly string[]): Tenant => ({
      name,
      present: true,
      sites: hosts.map((host) => ({ host, present: true, root: [{ pool: this.#newPool(), weight: 1 }], deep: null })),
    });
    this.#world = {
      listener: { headers: 100, idleSeconds: 3_600, mergeSlashes: true },
      tenants: [
        tenant('steady', ['h0.steady.example.com', 'h1.steady.example.com', 'h2.steady.example.com']),
        tenant('fickle', ['h0.fickle.example.com', 'h1.fickle.example.com']),
      ],
    };
  }

  get world(): World {
    return this.#world;
  }

  next(): Change {
    const count = this.#random() < 0.2 ? 2 + this.#below(3) : 1;
    const labels = Array.from({ length: count }, () => this.#once());
    return { label: labels.join(' + '), world: this.#world };
  }

  #once(): string {
    const dice = this.#random();
    if (dice < 0.06) return this.#changeListener();
    if (dice < (this.#isWhole() ? 0.1 : 0.3)) return this.#changeTenant();
    const sites = this.#world.tenants.flatMap((tenant) => (tenant.present ? tenant.sites : []));
    const away = sites.find((one) => !one.present);
    const site = away !== undefined && this.#random() < 0.4 ? away : this.#pick(sites);
    const [what, changed] = this.#changeSite(site);
    const tenants = this.#world.tenants.map((tenant) => ({
      ...tenant,
      sites: tenant.sites.map((one) => (one === site ? changed : one)),
    }));
    this.#world = { ...this.#world, tenants };
    return `${site.host}: ${what}`;
  }

  #isWhole(): boolean {
    return this.#world.tenants.every(({ present }) => present);
  }

  #changeListener(): string {
    const listener: ListenerSettings = {
      headers: 60 + this.#below(40),
      idleSeconds: 600 + this.#below(3_000),
      mergeSlashes: this.#random() < 0.5,
    };
    this.#world = { ...this.#world, listener };
    return 'listener settings';
  }

  /** The last tenant goes, and comes back as it was. */
  #changeTenant(): string {
    const [first, last] = this.#world.tenants as [Tenant, Tenant];
    this.#world = { ...this.#world, tenants: [first, { ...last, present: !last.present }] };
    return `tenant ${last.name} ${last.present ? 'pruned' : 'brought back'}`;
  }

  #changeSite(site: Site): [string, Site] {
    if (!site.present) {
      const fresh = this.#random() < 0.5;
      return ['host added again', { ...site, present: true, ...(fresh && { root: [this.#newShare()] }) }];
    }
    const at = this.#below(site.root.length);
    const { pool } = site.root[at]!;
    const withPool = (changed: Pool): Site => ({
      ...site,
      root: with_(site.root, at, { ...site.root[at]!, pool: changed }),
    });
    const dice = this.#random();
    if (dice < 0.3) {
      const share = this.#newShare();
      return [`moved from ${names(site.root)} to the new ${share.pool.name}`, { ...site, root: [share] }];
    }
    if (dice < 0.45) {
      const backends = this.#otherBackends(pool.backends);
      return [`${pool.name}: endpoints swapped`, withPool({ ...pool, backends })];
    }
    if (dice < 0.6)
      return [`${pool.name}: rebuilt`, withPool({ ...this.#settings(pool.name), backends: pool.backends })];
    if (dice < 0.7) {
      const backends = this.#otherBackends(pool.backends);
      return [`${pool.name}: rebuilt, endpoints swapped`, withPool({ ...this.#settings(pool.name), backends })];
    }
    if (dice < 0.85) return this.#changeSplit(site);
    if (dice < 0.93) {
      const deep = site.deep === null ? this.#newPool() : null;
      return [deep === null ? 'deep route removed' : `deep route to the new ${deep.name}`, { ...site, deep }];
    }
    return ['host removed', { ...site, present: false }];
  }

  #changeSplit(site: Site): [string, Site] {
    const kept = site.root.length >= 3 ? site.root.slice(1) : site.root;
    const shares = this.#random() < 0.5 ? [...kept, this.#newShare()] : kept;
    const always = this.#below(shares.length);
    const root = shares.map((share, at) => ({ ...share, weight: at === always ? 100 : this.#below(3) * 50 }));
    return [`split ${root.map(({ pool, weight }) => `${pool.name}=${weight}`).join(' ')}`, { ...site, root }];
  }

  #newShare(): Share {
    return { pool: this.#newPool(), weight: 1 };
  }

  #newPool(): Pool {
    const backends = this.#subset(Array.from({ length: this.#backends }, (_, backend) => backend));
    return { ...this.#settings(`c${this.#pools++}`), backends };
  }

  #settings(name: string): Omit<Pool, 'backends'> {
    return {
      name,
      policy: this.#random() < 0.5 ? 'round-robin' : 'least-request',
      panic: this.#random() < 0.5 ? 0 : 50,
      checkedEveryMs: this.#random() < 0.5 ? 100 + this.#below(400) : null,
      connectTimeoutMs: 20_000 + this.#below(1_000),
      keepAliveSeconds: 30 + this.#below(30),
      keepAliveRequests: this.#random() < 0.2 ? 10 + this.#below(50) : 0,
    };
  }

  /** Shares no endpoint with what was. */
  #otherBackends(current: readonly number[]): number[] {
    const all = Array.from({ length: this.#backends }, (_, backend) => backend);
    const others = all.filter((backend) => !current.includes(backend));
    return others.length === 0 ? this.#subset(all).slice(0, 1) : this.#subset(others);
  }

  #subset(from: readonly number[]): number[] {
    const always = this.#pick(from);
    return from.filter((one) => one === always || this.#random() < 0.25);
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)]!;
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }
}

function names(shares: readonly Share[]): string {
  return shares.map(({ pool }) => pool.name).join(', ');
}

function with_<T>(list: readonly T[], at: number, value: T): T[] {
  return list.map((one, index) => (index === at ? value : one));
}
