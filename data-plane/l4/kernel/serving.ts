/** What is to be served right now: where listeners are bound, who of a cluster is well, what the system lets through. */
import type { MaglevConfig } from '../../model/config.ts';
import type { Cluster } from '../../upstream/cluster.ts';
import type { System } from './nft.ts';
import { isLoopback, type ListenerPlan } from './plan.ts';
import type { Service, ServingCluster } from './ruleset.ts';
import { type SlotsWorld, slotsOf } from './slots.ts';

/** A socket that is bound. */
export interface BoundListener {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

export interface ServingDeps extends SlotsWorld {
  readonly system: Pick<System, 'forwards'>;
  readonly clusters: { get(name: string): Cluster | undefined };
  readonly bound: () => readonly BoundListener[];
}

export interface Looked {
  readonly services: readonly Service[];
  /** Where other listeners stand. */
  readonly occupied: readonly BoundListener[];
  /** With what was found on top. */
  readonly plans: readonly ListenerPlan[];
}

interface Known {
  readonly serving: ServingCluster;
  /** What it was made of. */
  readonly sight: string;
  readonly config: Cluster['config'];
}

export class Serving {
  readonly #deps: ServingDeps;
  #known: ReadonlyMap<string, Known> = new Map();
  /** What else was seen at the last look; empty: nothing was looked at. */
  #seen = '';

  constructor(deps: ServingDeps) {
    this.#deps = deps;
  }

  get clusters(): ReadonlyMap<string, ServingCluster> {
    return new Map([...this.#known].map(([name, { serving }]) => [name, serving]));
  }

  /** Nothing is looked at any more. */
  forget(): void {
    this.#known = new Map();
    this.#seen = '';
  }

  /** Something that was looked at is not as it was. */
  isOld(): boolean {
    if (this.#seen === '') return false;
    if (this.#seen !== this.#see()) return true;
    for (const [name, { sight, config }] of this.#known) {
      const cluster = this.#deps.clusters.get(name);
      if (cluster === undefined || cluster.config !== config || sightOf(cluster) !== sight) return true;
    }
    return false;
  }

  async look(plans: readonly ListenerPlan[]): Promise<Looked> {
    this.#seen = this.#see();
    const bound = new Map(this.#deps.bound().map((one) => [one.name, one]));
    const services: Service[] = [];
    const known = new Map<string, Known>();
    const final: ListenerPlan[] = [];
    for (const plan of plans) {
      const place = bound.get(plan.name);
      const lacks = new Set<string>();
      if (place === undefined) lacks.add('it is not bound');
      const ways: ListenerPlan['ways'][number][] = [];
      for (const way of plan.ways) {
        const lack = way.to === null ? null : await this.#take(way.to.cluster, known);
        if (lack !== null) lacks.add(lack);
        ways.push(lack === null ? way : { ...way, to: null });
      }
      const changed = { ...plan, ways, reasons: [...plan.reasons, ...(plan.ways.length > 0 ? lacks : [])] };
      final.push(changed);
      if (place === undefined || ways.every(({ to }) => to === null)) continue;
      services.push({ plan: changed, address: place.address, port: place.port });
    }
    this.#known = known;
    const served = new Set(services.map(({ plan }) => plan.name));
    const occupied = [...bound.values()].filter(({ name }) => !served.has(name));
    return { services, occupied, plans: final };
  }

  /** @returns why the kernel can't get there; null: it can */
  async #take(name: string, known: Map<string, Known>): Promise<string | null> {
    const cluster = this.#deps.clusters.get(name);
    const first = cluster?.hosts[0];
    if (cluster === undefined || first === undefined) return `cluster ${name} has no endpoint`;
    const family = first.address.includes(':') ? 6 : 4;
    if (!isLoopback(first.address) && !this.#deps.system.forwards(family)) {
      const setting = family === 4 ? 'net.ipv4.ip_forward' : 'net.ipv6.conf.all.forwarding';
      return `the system passes no packets on: sysctl -w ${setting}=1`;
    }
    if (known.has(name)) return null;
    const { config } = cluster;
    const sight = sightOf(cluster);
    const before = this.#known.get(name);
    if (before !== undefined && before.config === config && before.sight === sight) {
      known.set(name, before);
      return null;
    }
    const endpoints = cluster.hosts.map(({ address, port }) => ({ address, port }));
    const { balance } = config;
    const policy = balance.policy as MaglevConfig;
    const slots = await slotsOf({ ...config, balance: { ...balance, policy } }, cluster.hosts, this.#deps);
    known.set(name, { serving: { name, endpoints, slots }, sight, config });
    return null;
  }

  #see(): string {
    const { system, bound } = this.#deps;
    const places = bound().map(({ name, address, port }) => [name, address, port]);
    return JSON.stringify([system.forwards(4), system.forwards(6), places]);
  }
}

/** Who of it may serve. */
function sightOf({ hosts }: Cluster): string {
  return hosts.map(({ key, standing }) => `${key} ${standing}`).join(' ');
}
