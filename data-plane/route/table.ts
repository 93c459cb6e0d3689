/** A route table compiled once per configuration, and a host once for all that hold it: host by hash, then routes in order. */
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

export class RouteTable {
  readonly config: RouteTableConfig;
  readonly #exact = new Map<string, CompiledHost>();
  /** `.example.com` for `*.example.com`, the longest first. */
  readonly #suffixes: (readonly [string, CompiledHost])[] = [];
  /** `example.` for `example.*`, the longest first. */
  readonly #prefixes: (readonly [string, CompiledHost])[] = [];
  #any: CompiledHost | undefined;

  constructor(config: RouteTableConfig) {
    this.config = config;
    for (const host of config.hosts) this.#add(host);
    this.#suffixes.sort((a, b) => b[0].length - a[0].length);
    this.#prefixes.sort((a, b) => b[0].length - a[0].length);
  }

  #add(config: VirtualHostConfig): void {
    const host = compiledHost(config);
    for (const domain of config.domains) {
      if (domain === '*') this.#any = host;
      else if (domain.startsWith('*')) this.#suffixes.push([domain.slice(1), host]);
      else if (domain.endsWith('*')) this.#prefixes.push([domain.slice(0, -1), host]);
      else this.#exact.set(domain, host);
    }
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
