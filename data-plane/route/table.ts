/**
 * A route table compiled once per configuration, and a host once for all that hold it: host by hash, then routes in
 * order. The next table is made from the one before, so that a change of one host among thousands costs a copy of the
 * hash and nothing else.
 */
import type { RouteConfig, RouteTableConfig, VirtualHostConfig } from '../model/config.ts';
import { compileMatch, type Predicate } from './matchers.ts';
import type { RequestView } from './request-view.ts';

export interface CompiledRoute {
  readonly config: RouteConfig;
  readonly matches: Predicate;
}

interface CompiledHost {
  readonly name: string;
  readonly routes: readonly CompiledRoute[];
}

/** A domain, or what is fixed of it, and whose it is. */
type Owned = readonly [text: string, host: CompiledHost];

interface Index {
  readonly exact: ReadonlyMap<string, CompiledHost>;
  readonly suffixes: readonly Owned[];
  readonly prefixes: readonly Owned[];
  readonly any: CompiledHost | undefined;
}

const nothing: Index = { exact: new Map(), suffixes: [], prefixes: [], any: undefined };

export class RouteTable {
  readonly config: RouteTableConfig;
  readonly #exact: ReadonlyMap<string, CompiledHost>;
  /** `.example.com` for `*.example.com`, the longest first. */
  readonly #suffixes: readonly Owned[];
  /** `example.` for `example.*`, the longest first. */
  readonly #prefixes: readonly Owned[];
  readonly #any: CompiledHost | undefined;

  /** @param previous a table to start from; it stays as it is */
  constructor(config: RouteTableConfig, previous?: RouteTable) {
    this.config = config;
    const before = previous === undefined ? nothing : previous.#index;
    const { gone, came } = difference(previous === undefined ? [] : previous.config.hosts, config.hosts);
    const [left, added] = [domainsOf(gone), domainsOf(came)];
    this.#exact = changedMap(before.exact, left.exact, added.exact);
    this.#suffixes = changedList(before.suffixes, left.suffixes, added.suffixes);
    this.#prefixes = changedList(before.prefixes, left.prefixes, added.prefixes);
    this.#any = added.any ?? (left.any === undefined ? before.any : undefined);
  }

  get #index(): Index {
    return { exact: this.#exact, suffixes: this.#suffixes, prefixes: this.#prefixes, any: this.#any };
  }

  /** The first route that matches within the most specific host, or undefined. */
  find(request: RequestView): CompiledRoute | undefined {
    const host = this.#host(request.host);
    if (host === undefined) return undefined;
    const routes = host.routes;
    for (let i = 0; i < routes.length; i++) {
      const route = routes[i]!;
      if (route.matches(request)) return route;
    }
    return undefined;
  }

  #host(name: string): CompiledHost | undefined {
    const exact = this.#exact.get(name);
    if (exact !== undefined) return exact;
    for (const [suffix, host] of this.#suffixes) if (name.length > suffix.length && name.endsWith(suffix)) return host;
    for (const [prefix, host] of this.#prefixes)
      if (name.length > prefix.length && name.startsWith(prefix)) return host;
    return this.#any;
  }
}

/** Hosts of one list that the other lacks, both ways. What stands the same at both ends is not looked at twice. */
function difference<T>(before: readonly T[], after: readonly T[]): { gone: readonly T[]; came: readonly T[] } {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  const most = Math.min(before.length, after.length) - start;
  while (end < most && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  const old = new Set(before.slice(start, before.length - end));
  const fresh = new Set(after.slice(start, after.length - end));
  return { gone: [...old].filter((one) => !fresh.has(one)), came: [...fresh].filter((one) => !old.has(one)) };
}

interface Domains {
  readonly exact: Owned[];
  readonly suffixes: Owned[];
  readonly prefixes: Owned[];
  any: CompiledHost | undefined;
}

function domainsOf(hosts: readonly VirtualHostConfig[]): Domains {
  const sorted: Domains = { exact: [], suffixes: [], prefixes: [], any: undefined };
  for (const config of hosts) {
    const host = compiledHost(config);
    for (const domain of config.domains) {
      if (domain === '*') sorted.any = host;
      else if (domain.startsWith('*')) sorted.suffixes.push([domain.slice(1), host]);
      else if (domain.endsWith('*')) sorted.prefixes.push([domain.slice(0, -1), host]);
      else sorted.exact.push([domain, host]);
    }
  }
  return sorted;
}

function changedMap(
  before: ReadonlyMap<string, CompiledHost>,
  left: Domains['exact'],
  added: Domains['exact'],
): ReadonlyMap<string, CompiledHost> {
  if (left.length + added.length === 0) return before;
  const map = new Map(before);
  const kept = new Set(added.map(([domain]) => domain));
  for (const [domain] of left) if (!kept.has(domain)) map.delete(domain);
  for (const [domain, host] of added) map.set(domain, host);
  return map;
}

function changedList(before: readonly Owned[], left: readonly Owned[], added: readonly Owned[]): readonly Owned[] {
  if (left.length + added.length === 0) return before;
  const gone = new Set(left.map(([text]) => text));
  return [...before.filter(([text]) => !gone.has(text)), ...added].sort((a, b) => b[0].length - a[0].length);
}

const compiledHosts = new WeakMap<VirtualHostConfig, CompiledHost>();

/** Configuration is frozen, so a host that is the same one is compiled already. */
function compiledHost(config: VirtualHostConfig): CompiledHost {
  let host = compiledHosts.get(config);
  if (host === undefined) {
    host = { name: config.name, routes: config.routes.map(compileRoute) };
    compiledHosts.set(config, host);
  }
  return host;
}

function compileRoute(config: RouteConfig): CompiledRoute {
  return {
    config,
    matches: compileMatch(config.match),
  };
}
