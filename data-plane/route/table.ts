/**
 * A route table compiled once per configuration, and a host once for all that hold it: host by hash, then routes in
 * order. The next table is made from the one before, so that a change of one host among thousands costs a copy of a
 * list and, where domains come or go, of the hash.
 */
import type { RouteConfig, RouteTableConfig, VirtualHostConfig } from '../model/config.ts';
import { compileAnswer, type RouteAnswer } from './answer.ts';
import { changeIndex, type DomainIndex, emptyIndex, placeOf } from './domain-index.ts';
import { compileHash, type RequestHash } from './hash-policies.ts';
import { compileChanges, type HeaderRules } from './header-changes.ts';
import { compileMatch, type Predicate } from './matchers.ts';
import { compileRewrite, type PathRewrite } from './path-rewrite.ts';
import type { RequestView } from './request-view.ts';
import { compileSession, type Session } from './sticky-session.ts';

export interface CompiledRoute {
  readonly config: RouteConfig;
  readonly matches: Predicate;
  /** Null: the route leads to a cluster. */
  readonly answer: RouteAnswer | null;
  /** Null: the path goes on as it is. */
  readonly rewritePath: PathRewrite | null;
  /** Null: no header changes. */
  readonly requestHeaders: HeaderRules | null;
  readonly responseHeaders: HeaderRules | null;
  /** Null: endpoints are picked by chance. */
  readonly hash: RequestHash | null;
  /** Null: clients do not stay, or the route says nothing of it. */
  readonly session: Session | null;
}

interface CompiledHost {
  readonly name: string;
  readonly routes: readonly CompiledRoute[];
}

export class RouteTable {
  readonly config: RouteTableConfig;
  readonly #index: DomainIndex;
  /** By their places in the index. */
  readonly #hosts: readonly (CompiledHost | undefined)[];

  /** @param previous a table to start from; it stays as it is */
  constructor(config: RouteTableConfig, previous?: RouteTable) {
    this.config = config;
    // places of hosts that went stay empty; once most do, start anew
    const base = previous !== undefined && previous.#hosts.length <= 2 * config.hosts.length ? previous : undefined;
    const hosts = base === undefined ? [undefined] : [...base.#hosts];
    const [index, from] = base === undefined ? [emptyIndex, []] : [base.#index, base.config.hosts];
    const changed = changeIndex(index, from, config.hosts, hosts.length);
    for (const [at, host] of changed.places) hosts[at] = host === undefined ? undefined : compiledHost(host);
    this.#index = changed.index;
    this.#hosts = hosts;
  }

  /** The first route that matches within the most specific host, or undefined. */
  find(request: RequestView): CompiledRoute | undefined {
    const host = this.#hosts[placeOf(request.host, this.#index)];
    if (host === undefined) return undefined;
    const routes = host.routes;
    for (let i = 0; i < routes.length; i++) {
      const route = routes[i]!;
      if (route.matches(request)) return route;
    }
    return undefined;
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
    answer: compileAnswer(config),
    requestHeaders: compileChanges(config.requestHeaders, config.name, true),
    responseHeaders: compileChanges(config.responseHeaders, config.name, false),
    rewritePath: config.rewrite?.path ? compileRewrite(config.rewrite.path, config.match) : null,
    hash: compileHash(config.hashPolicies),
    session: compileSession(config.stickySession),
  };
}
