/**
 * Route tables put together: what stands in a route configuration, and the virtual hosts that come as resources of
 * their own. A host belongs to the route configuration whose name, and a slash, its own name begins with; the longest
 * of those that have such hosts. A change of one host costs one new list, whose other hosts stay the same objects.
 */
import type { RouteTableConfig, VirtualHostConfig } from '../model/config.ts';
import type { Problem } from './decode/problems.ts';
import type { RoutesResource } from './decode/resources.ts';
import { findClashes } from './domain-clashes.ts';
import type { Missing, Parts, SourceChanges } from './warmer.ts';

interface Table {
  /** Undefined: hosts came before their route configuration. */
  routes: RoutesResource | undefined;
  /** Those that came as resources of their own. */
  readonly hosts: Map<string, VirtualHostConfig>;
  /** Which of `hosts` has a domain. */
  readonly owners: Map<string, string>;
  /** Which host inside `routes` has a domain, where other hosts may come beside it. */
  inline: ReadonlyMap<string, string>;
  /** Its first hosts are waited for; what it was before serves meanwhile. */
  awaited: boolean;
  /** What may serve; undefined: nothing yet. */
  config: RouteTableConfig | undefined;
}

export class RouteTables implements Parts<RouteTableConfig> {
  readonly #routes: Parts<RoutesResource>;
  readonly #tables = new Map<string, Table>();
  /** Hosts that came to another table when route configurations came or went, and found a domain taken there. */
  readonly #left = new Map<string, VirtualHostConfig>();
  /** The server said on this stream which hosts there are. */
  #answered = false;
  readonly #waitsAdded = new Set<string>();
  readonly #waitsEnded = new Set<string>();

  constructor(routes: Parts<RoutesResource>) {
    this.#routes = routes;
  }

  get(name: string): RouteTableConfig | undefined {
    return this.#tables.get(name)?.config;
  }

  missing(name: string): Missing | undefined {
    return this.#routes.missing(name);
  }

  /** Some route configuration leaves hosts to be asked for. */
  get wantsHosts(): boolean {
    for (const { routes } of this.#tables.values()) if (hasHostsApart(routes)) return true;
    return false;
  }

  /** A route configuration came, changed, or went (undefined). Answers the names of the tables that this may touch. */
  putRoutes(name: string, routes: RoutesResource | undefined): Iterable<string> {
    const table = this.#tableOf(name);
    const before = table.routes;
    if (before === routes) {
      this.#forgetEmpty(name, table);
      return [name];
    }
    table.routes = routes;
    table.inline = hasHostsApart(routes) ? domainsOf(routes.hosts) : none;
    if (routes === undefined) table.config = undefined;
    const turned = hasHostsApart(before) !== hasHostsApart(routes);
    const touched = turned ? this.#moveHosts() : this.#settleLeft();
    touched.add(name);
    const hostsMayCome = table.hosts.size === 0 && !(this.#answered && table.config === undefined);
    this.#setAwaited(name, table, hasHostsApart(routes) && hostsMayCome && (turned || table.awaited));
    // the next time, they are asked for anew
    if (!this.wantsHosts) this.#answered = false;
    this.#rebuild(touched);
    return touched;
  }

  /** Hosts came, changed, or went (undefined). Answers the names of the tables that changed. */
  putHosts(hosts: readonly (readonly [name: string, host: VirtualHostConfig | undefined])[]): Iterable<string> {
    const known = (name: string) => this.#left.get(name) ?? this.#tables.get(this.#homeOf(name))?.hosts.get(name);
    const changed = hosts.filter(([name, host]) => known(name) !== host);
    // domains may pass from one to the other, in any order
    for (const [name] of changed) release(this.#tableOf(this.#homeOf(name)), name);
    const touched = new Set<string>();
    for (const [name, host] of changed) {
      this.#left.delete(name);
      const home = this.#homeOf(name);
      const table = this.#tableOf(home);
      if (host === undefined) table.hosts.delete(name);
      else hold(table, host);
      touched.add(home);
    }
    for (const home of this.#settleLeft()) touched.add(home);
    this.#rebuild(touched);
    return touched;
  }

  /** Those of a response that would bring a domain into a table twice, each with the reason. */
  clashesOfHosts(
    arrived: readonly VirtualHostConfig[],
    removed: readonly string[],
  ): ReadonlyMap<string, readonly Problem[]> {
    const byHome = Map.groupBy(arrived, ({ name }) => this.#homeOf(name));
    const clashes = [...byHome].flatMap(([home, hosts]) => {
      const table = this.#tables.get(home);
      const claims = {
        ownerOf: (domain: string) => table?.owners.get(domain) ?? table?.inline.get(domain),
        domainsOf: (name: string) => table?.hosts.get(name)?.domains,
      };
      return [...findClashes(claims, hosts, removed)];
    });
    return new Map(clashes);
  }

  /** Route configurations of a response that would bring a domain into their table though a host there has it. */
  clashesOfRoutes(arrived: readonly RoutesResource[]): ReadonlyMap<string, readonly Problem[]> {
    const judged = arrived.map((routes) => [routes.name, this.#clashesWithin(routes)] as const);
    return new Map(judged.filter(([, problems]) => problems.length > 0));
  }

  #clashesWithin(routes: RoutesResource): readonly Problem[] {
    if (routes.vhds === null) return [];
    const owners = new Map(domainsOf(routes.hosts));
    const problems: Problem[] = [];
    for (const host of this.#hostsUnder(routes.name)) {
      for (const domain of host.domains) {
        const owner = owners.get(domain);
        owners.set(domain, host.name);
        if (owner === undefined) continue;
        const [text, one, other] = [domain, owner, host.name].map((each) => JSON.stringify(each));
        problems.push({
          path: 'virtual_hosts',
          message: `${text} is a domain of ${one} and of the virtual host ${other}`,
        });
      }
    }
    return problems;
  }

  /** Nothing was said on it yet. */
  streamOpened(): void {
    this.#answered = false;
    for (const [name, { awaited }] of this.#tables) if (awaited) this.#waitsAdded.add(name);
  }

  /** The server said which hosts there are: who had none by then has none. Answers the names of changed tables. */
  hostsAnswered(): Iterable<string> {
    if (this.#answered || !this.wantsHosts) return [];
    this.#answered = true;
    const ready = [...this.#tables].filter(([, { awaited }]) => awaited).map(([name]) => name);
    for (const name of ready) this.#setAwaited(name, this.#tableOf(name), false);
    for (const name of ready) this.#build(name);
    return ready;
  }

  /** Waited for long enough. A table that served before it was to have hosts of its own goes on serving. */
  giveUp(name: string): void {
    const table = this.#tables.get(name);
    if (table === undefined || table.config !== undefined) return;
    this.#setAwaited(name, table, false);
    this.#build(name);
  }

  /** Of the hosts that came as resources of their own. */
  hostNames(name: string): readonly string[] {
    const table = this.#tables.get(name);
    return table !== undefined && hasHostsApart(table.routes) ? [...table.hosts.keys()] : [];
  }

  fetchTimeoutMs(name: string): number | null {
    return this.#tables.get(name)?.routes?.vhds?.fetchTimeoutMs ?? null;
  }

  /** Tables to wait for, and to wait for no more, since the last time. */
  takeWaitChanges(): SourceChanges {
    const changes = { added: [...this.#waitsAdded], removed: [...this.#waitsEnded] };
    this.#waitsAdded.clear();
    this.#waitsEnded.clear();
    return changes;
  }

  #setAwaited(name: string, table: Table, awaited: boolean): void {
    if (table.awaited === awaited) return;
    table.awaited = awaited;
    const [set, other] = awaited ? [this.#waitsAdded, this.#waitsEnded] : [this.#waitsEnded, this.#waitsAdded];
    if (!other.delete(name)) set.add(name);
  }

  #rebuild(names: Iterable<string>): void {
    for (const name of names) {
      const table = this.#tableOf(name);
      if (table.hosts.size > 0) this.#setAwaited(name, table, false);
      this.#build(name);
      this.#forgetEmpty(name, table);
    }
  }

  #build(name: string): void {
    const table = this.#tables.get(name);
    if (table?.routes === undefined || table.awaited) return;
    const { routes, hosts } = table;
    const all = () => Object.freeze({ name, hosts: Object.freeze([...routes.hosts, ...hosts.values()]) });
    table.config = routes.vhds === null ? routes : all();
  }

  #tableOf(name: string): Table {
    let table = this.#tables.get(name);
    if (table === undefined) {
      const hosts = new Map<string, VirtualHostConfig>();
      table = { routes: undefined, hosts, owners: new Map(), inline: none, awaited: false, config: undefined };
      this.#tables.set(name, table);
    }
    return table;
  }

  #forgetEmpty(name: string, { routes, hosts }: Table): void {
    if (routes === undefined && hosts.size === 0) this.#tables.delete(name);
  }

  /** The name of the route configuration that a host belongs to; until it is there, all before the last slash. */
  #homeOf(host: string): string {
    for (let end = host.lastIndexOf('/'); end > 0; end = host.lastIndexOf('/', end - 1)) {
      const name = host.slice(0, end);
      if (hasHostsApart(this.#tables.get(name)?.routes)) return name;
    }
    return host.slice(0, host.lastIndexOf('/'));
  }

  /** All that would belong to a route configuration if it were there. */
  *#hostsUnder(name: string): Iterable<VirtualHostConfig> {
    for (const [home, { routes, hosts }] of this.#tables) {
      if (hasHostsApart(routes) && home.length > name.length) continue;
      for (const host of hosts.values()) if (host.name.startsWith(`${name}/`)) yield host;
    }
  }

  /** After route configurations came or went. Answers the names of the tables that gained or lost hosts. */
  #moveHosts(): Set<string> {
    const touched = new Set<string>();
    const moved = [...this.#tables].flatMap(([from, { hosts }]) =>
      [...hosts.values()].map((host) => ({ host, from, to: this.#homeOf(host.name) })).filter(({ to }) => to !== from),
    );
    for (const { host, from } of moved) {
      const old = this.#tableOf(from);
      release(old, host.name);
      old.hosts.delete(host.name);
      this.#forgetEmpty(from, old);
      touched.add(from);
      this.#left.set(host.name, host);
    }
    for (const home of this.#settleLeft()) touched.add(home);
    return touched;
  }

  /** Where there is room now. Answers the names of the tables that gained hosts. */
  #settleLeft(): Set<string> {
    const touched = new Set<string>();
    for (const [name, host] of this.#left) {
      const home = this.#homeOf(name);
      const table = this.#tableOf(home);
      if (host.domains.some((domain) => table.owners.has(domain) || table.inline.has(domain))) continue;
      hold(table, host);
      this.#left.delete(name);
      touched.add(home);
    }
    return touched;
  }
}

const none: ReadonlyMap<string, string> = new Map();

function domainsOf(hosts: readonly VirtualHostConfig[]): ReadonlyMap<string, string> {
  return new Map(hosts.flatMap(({ name, domains }) => domains.map((domain) => [domain, name] as const)));
}

/** The domains of a host are free; the host itself keeps its place. */
function release({ hosts, owners }: Table, name: string): void {
  for (const domain of hosts.get(name)?.domains ?? []) if (owners.get(domain) === name) owners.delete(domain);
}

function hasHostsApart(routes: RoutesResource | undefined): routes is RoutesResource {
  return routes !== undefined && routes.vhds !== null;
}

function hold({ hosts, owners }: Table, host: VirtualHostConfig): void {
  hosts.set(host.name, host);
  for (const domain of host.domains) owners.set(domain, host.name);
}
