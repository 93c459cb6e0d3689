/** The states of endpoints as nodes report them, as REST shows them: by node, and by cluster over nodes and replicas. */

import type { EndpointState } from '../../proto/endpoint-state.ts';
import { documentOf, resourceName } from '../../proto/names.ts';

/** What one node says of one endpoint. */
export interface EndpointHealthView {
  /** `ip:port`. */
  readonly endpoint: string;
  readonly state: EndpointState;
  /** ISO 8601. */
  readonly since: string;
  /** Absent where the state says it all. */
  readonly reason?: string;
}

export interface NodeClusterHealthView {
  /** Absent for a cluster of the platform. */
  readonly tenant?: string;
  readonly name: string;
  readonly endpoints: readonly EndpointHealthView[];
}

/** How many nodes see an endpoint in a state, since when the first of them, and a reason that one of them gives. */
export interface SeenView {
  readonly nodes: number;
  readonly since: string;
  readonly reason?: string;
}

export interface EndpointStatesView {
  readonly endpoint: string;
  readonly states: { readonly [S in EndpointState]?: SeenView };
}

export interface ClusterHealthView {
  readonly tenant?: string;
  readonly name: string;
  /** That report the cluster. */
  readonly nodes: number;
  readonly endpoints: readonly EndpointStatesView[];
}

export interface HealthEntry {
  readonly state: EndpointState;
  readonly sinceMs: number;
  readonly reason: string;
}

interface Seen {
  readonly nodes: number;
  readonly sinceMs: number;
  readonly reason: string;
}

/** One cluster over many nodes, kept up to date as their states come and go. */
export class ClusterHealth {
  nodes = 0;
  readonly #endpoints = new Map<string, Map<EndpointState, Seen>>();

  add(endpoint: string, { state, sinceMs, reason }: HealthEntry): void {
    let states = this.#endpoints.get(endpoint);
    if (states === undefined) this.#endpoints.set(endpoint, (states = new Map()));
    const before = states.get(state);
    const first = before === undefined ? sinceMs : Math.min(before.sinceMs, sinceMs);
    states.set(state, { nodes: (before?.nodes ?? 0) + 1, sinceMs: first, reason });
  }

  remove(endpoint: string, { state }: HealthEntry): void {
    const states = this.#endpoints.get(endpoint);
    const before = states?.get(state);
    if (states === undefined || before === undefined) return;
    if (before.nodes > 1) states.set(state, { ...before, nodes: before.nodes - 1 });
    else states.delete(state);
    if (states.size === 0) this.#endpoints.delete(endpoint);
  }

  view(cluster: string): ClusterHealthView {
    const endpoints = [...this.#endpoints].map(([endpoint, states]): EndpointStatesView => {
      const views = [...states].map(([state, { nodes, sinceMs, reason }]) => [state, seenOf(nodes, sinceMs, reason)]);
      return { endpoint, states: Object.fromEntries(views) };
    });
    return { ...documentOf(cluster), nodes: this.nodes, endpoints: inOrder(endpoints) };
  }
}

function seenOf(nodes: number, sinceMs: number, reason: string): SeenView {
  return { nodes, since: new Date(sinceMs).toISOString(), ...(reason === '' ? {} : { reason }) };
}

export function nodeClusterView(cluster: string, endpoints: ReadonlyMap<string, HealthEntry>): NodeClusterHealthView {
  const views = [...endpoints].map(([endpoint, { state, sinceMs, reason }]): EndpointHealthView => {
    const since = new Date(sinceMs).toISOString();
    return { endpoint, state, since, ...(reason === '' ? {} : { reason }) };
  });
  return { ...documentOf(cluster), endpoints: inOrder(views) };
}

/** The same clusters seen by several replicas, by their names. */
export function mergeHealth(views: Iterable<ClusterHealthView>): ClusterHealthView[] {
  const merged = new Map<string, ClusterHealthView>();
  for (const view of views) {
    const cluster = resourceName(view.tenant, view.name);
    const known = merged.get(cluster);
    merged.set(cluster, known === undefined ? view : mergeTwo(known, view));
  }
  return [...merged].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, view]) => view);
}

function mergeTwo(a: ClusterHealthView, b: ClusterHealthView): ClusterHealthView {
  const byEndpoint = new Map(a.endpoints.map((one) => [one.endpoint, one]));
  for (const one of b.endpoints) {
    const known = byEndpoint.get(one.endpoint);
    byEndpoint.set(one.endpoint, known === undefined ? one : { ...one, states: mergeStates(known.states, one.states) });
  }
  return { ...a, nodes: a.nodes + b.nodes, endpoints: inOrder([...byEndpoint.values()]) };
}

type States = EndpointStatesView['states'];

function mergeStates(a: States, b: States): States {
  const merged: { [S in EndpointState]?: SeenView } = { ...a };
  for (const [state, seen] of Object.entries(b) as [EndpointState, SeenView][]) {
    const known = merged[state];
    if (known === undefined) merged[state] = seen;
    else {
      const since = known.since < seen.since ? known.since : seen.since;
      merged[state] = { ...seen, ...known, nodes: known.nodes + seen.nodes, since };
    }
  }
  return merged;
}

/** Endpoints that some node sees in another state than healthy. */
export function unwellOf(view: ClusterHealthView): EndpointStatesView[] {
  return view.endpoints.filter(({ states }) => Object.keys(states).some((state) => state !== 'healthy'));
}

/** Endpoints, `ip:port`, to which more than half of the nodes that report them send nothing because they fail. */
export function outOfUse({ endpoints }: ClusterHealthView): ReadonlySet<string> {
  const failing = endpoints.filter(({ states }) => {
    const nodes = Object.values(states).reduce((sum, seen) => sum + seen.nodes, 0);
    return 2 * ((states.unhealthy?.nodes ?? 0) + (states.ejected?.nodes ?? 0)) > nodes;
  });
  return new Set(failing.map(({ endpoint }) => endpoint));
}

/** As people count: 9 before 10. */
const byNumbers = new Intl.Collator('en', { numeric: true });

function inOrder<T extends { readonly endpoint: string }>(endpoints: readonly T[]): T[] {
  return [...endpoints].sort((a, b) => byNumbers.compare(a.endpoint, b.endpoint));
}
