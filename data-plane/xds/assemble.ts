/**
 * Puts together what is held into what the proxy may use: only what is warm. A cluster waits for its endpoints, a
 * listener for its routes; an update of either serves in its old form meanwhile. Routes wait for no cluster.
 */
import type { ClusterConfig, EndpointConfig, ListenerConfig, ProxyConfig, RouteTableConfig } from '../model/config.ts';
import type { ClusterResource, ListenerResource, Subscribed } from './decode/resources.ts';

/**
 * Where a part that comes under its own name stands if it is not held. `unanswered`: waited for long enough, refused,
 * or unknown to the server. `expired`: its time to live ran out.
 */
export type Missing = 'unanswered' | 'expired';

export interface Parts<V> {
  get(name: string): V | undefined;
  missing(name: string): Missing | undefined;
}

export interface Held {
  readonly clusters: Iterable<ClusterResource>;
  readonly listeners: Iterable<ListenerResource>;
  readonly endpoints: Parts<readonly EndpointConfig[]>;
  readonly routes: Parts<RouteTableConfig>;
}

/** A resource together with the part that it needed: `part` is null where it needs none. */
interface Warm<R, P, C> {
  readonly resource: R;
  readonly part: P;
  readonly config: C;
}

/** Names to ask for, each with the time to wait for it (see {@link Subscribed}). */
export type Wanted = ReadonlyMap<string, number | null>;

export interface Assembly {
  readonly config: ProxyConfig;
  readonly wantedEndpoints: Wanted;
  readonly wantedRoutes: Wanted;
  /** Every cluster has its endpoints and every listener its routes, or they were waited for long enough. */
  readonly settled: boolean;
  readonly warmClusters: ReadonlyMap<string, Warm<ClusterResource, readonly EndpointConfig[], ClusterConfig>>;
  readonly warmListeners: ReadonlyMap<string, Warm<ListenerResource, RouteTableConfig | null, ListenerConfig>>;
}

export const nothingAssembled: Assembly = {
  config: Object.freeze({ listeners: new Map(), clusters: new Map() }),
  wantedEndpoints: new Map(),
  wantedRoutes: new Map(),
  settled: true,
  warmClusters: new Map(),
  warmListeners: new Map(),
};

/** How one kind of resource finds its part and is built with it. */
interface Kind<R extends { readonly name: string }, P, C> {
  /** Null: the part stands inline, or none is needed. */
  source(resource: R): Subscribed | null;
  inline(resource: R): P;
  readonly parts: Parts<P>;
  /** What stands in for a part that will not come. */
  empty(resource: R): P;
  isEmpty(part: P): boolean;
  build(resource: R, part: P): C;
}

/** `config` is the same object as before if nothing in it changed, and so are its parts. */
export function assemble(previous: Assembly, held: Held): Assembly {
  const clusters = heatAll(previous.warmClusters, held.clusters, clusterKind(held.endpoints));
  const listeners = heatAll(previous.warmListeners, held.listeners, listenerKind(held.routes));
  const clusterConfigs = configsOf(previous.config.clusters, clusters.warm);
  const listenerConfigs = configsOf(previous.config.listeners, listeners.warm);
  const same = clusterConfigs === previous.config.clusters && listenerConfigs === previous.config.listeners;
  return {
    config: same ? previous.config : Object.freeze({ listeners: listenerConfigs, clusters: clusterConfigs }),
    wantedEndpoints: clusters.wanted,
    wantedRoutes: listeners.wanted,
    settled: clusters.settled && listeners.settled,
    warmClusters: clusters.warm,
    warmListeners: listeners.warm,
  };
}

function clusterKind(
  parts: Parts<readonly EndpointConfig[]>,
): Kind<ClusterResource, readonly EndpointConfig[], ClusterConfig> {
  return {
    parts,
    source: ({ endpoints }) => (endpoints.type === 'eds' ? endpoints.from : null),
    inline: ({ endpoints }) => (endpoints.type === 'inline' ? endpoints.list : noEndpoints),
    empty: () => noEndpoints,
    isEmpty: (endpoints) => endpoints.length === 0,
    build: ({ config }, endpoints) => Object.freeze({ ...config, endpoints }),
  };
}

const noEndpoints: readonly EndpointConfig[] = Object.freeze([]);

function listenerKind(parts: Parts<RouteTableConfig>): Kind<ListenerResource, RouteTableConfig | null, ListenerConfig> {
  return {
    parts,
    source: ({ chain }) => (chain.type === 'http' && chain.routes.type === 'rds' ? chain.routes.from : null),
    inline: ({ chain }) => (chain.type === 'http' && chain.routes.type === 'inline' ? chain.routes.table : null),
    empty: (listener) => emptyTable(listener),
    isEmpty: (table) => table?.hosts.length === 0,
    build: ({ config, chain }, table) => {
      if (chain.type === 'tcp') return Object.freeze({ ...config, chain });
      const routes = table ?? emptyTable({ chain });
      return Object.freeze({ ...config, chain: Object.freeze({ type: 'http', ...chain.config, routes }) });
    },
  };
}

/** Answers 404 to everything. */
function emptyTable({ chain }: Pick<ListenerResource, 'chain'>): RouteTableConfig {
  const name = chain.type === 'http' && chain.routes.type === 'rds' ? chain.routes.from.name : '';
  return Object.freeze({ name, hosts: Object.freeze([]) });
}

function heatAll<R extends { readonly name: string }, P, C>(
  previous: ReadonlyMap<string, Warm<R, P, C>>,
  resources: Iterable<R>,
  kind: Kind<R, P, C>,
) {
  const warm = new Map<string, Warm<R, P, C>>();
  const wanted = new Map<string, number | null>();
  let settled = true;
  for (const resource of resources) {
    const before = previous.get(resource.name);
    const now = heat(before, resource, kind);
    if (now !== undefined) warm.set(resource.name, now);
    // a form that serves goes on hearing of its own part while the next one waits for another
    for (const form of [resource, now?.resource]) {
      const source = form === undefined ? null : kind.source(form);
      if (source !== null && !wanted.has(source.name)) wanted.set(source.name, source.fetchTimeoutMs);
    }
    const source = kind.source(resource);
    if (source !== null && kind.parts.get(source.name) === undefined && kind.parts.missing(source.name) === undefined) {
      settled = false;
    }
  }
  return { warm, wanted, settled };
}

/** The form that may serve now; undefined: none yet. */
function heat<R extends { readonly name: string }, P, C>(
  before: Warm<R, P, C> | undefined,
  resource: R,
  kind: Kind<R, P, C>,
): Warm<R, P, C> | undefined {
  const part = partOf(before, resource, kind);
  if (part !== undefined) return formOf(before, resource, part, kind);
  if (before === undefined) return undefined;
  return formOf(before, before.resource, partOf(before, before.resource, kind) ?? before.part, kind);
}

function formOf<R extends { readonly name: string }, P, C>(
  before: Warm<R, P, C> | undefined,
  resource: R,
  part: P,
  kind: Kind<R, P, C>,
): Warm<R, P, C> {
  if (before !== undefined && before.resource === resource && before.part === part) return before;
  return { resource, part, config: kind.build(resource, part) };
}

/** Undefined: to be waited for. What never came may be left out at the start, but it does not take from what serves. */
function partOf<R extends { readonly name: string }, P, C>(
  before: Warm<R, P, C> | undefined,
  resource: R,
  kind: Kind<R, P, C>,
): P | undefined {
  const source = kind.source(resource);
  if (source === null) return kind.inline(resource);
  const part = kind.parts.get(source.name);
  if (part !== undefined) return part;
  switch (kind.parts.missing(source.name)) {
    case 'expired':
      return before !== undefined && kind.isEmpty(before.part) ? before.part : kind.empty(resource);
    case 'unanswered':
      if (before === undefined) return kind.empty(resource);
      if (kind.source(before.resource)?.name === source.name || kind.isEmpty(before.part)) return before.part;
      return undefined;
    case undefined:
      return undefined;
  }
}

function configsOf<C>(
  previous: ReadonlyMap<string, C>,
  warm: ReadonlyMap<string, { readonly config: C }>,
): ReadonlyMap<string, C> {
  const configs = new Map([...warm].map(([name, { config }]) => [name, config]));
  const same = configs.size === previous.size && [...configs].every(([name, config]) => previous.get(name) === config);
  return same ? previous : configs;
}
