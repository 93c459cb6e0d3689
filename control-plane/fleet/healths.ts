/**
 * The states of endpoints as the nodes that are connected to this replica report them, by node and by cluster. In memory
 * only; `SharedReports` tells the others. A node's reports are forgotten when the stream ends that they came on.
 */
import { resourceName } from '../../proto/names.ts';
import type { ClusterReport, HealthObserver, NodeIdentity } from '../xds/ports.ts';
import {
  ClusterHealth,
  type ClusterHealthView,
  type HealthEntry,
  type NodeClusterHealthView,
  nodeClusterView,
} from './health-views.ts';
import { limits } from './limits.ts';
import { keyOf } from './node-key.ts';

/** What is asked of the states, of one replica or of all. Those of all reject with StoreError. */
export interface HealthsView {
  /** Every cluster that a node reports, by name. */
  list(): readonly ClusterHealthView[] | Promise<readonly ClusterHealthView[]>;
  /** A cluster that nobody reports has no nodes and no endpoints. */
  ofCluster(tenant: string | undefined, name: string): ClusterHealthView | Promise<ClusterHealthView>;
  ofNode(id: string, group: string): readonly NodeClusterHealthView[] | Promise<readonly NodeClusterHealthView[]>;
}

/** Says that something is new of a node (its key) and of clusters (their resource names). */
export type HealthListener = (node: string, clusters: Iterable<string>) => void;

interface NodeHealth {
  /** As the stream knows it that its reports come on. */
  readonly node: NodeIdentity;
  readonly clusters: Map<string, Map<string, HealthEntry>>;
  endpoints: number;
}

export class Healths implements HealthObserver, HealthsView {
  readonly #now: () => number;
  /** By key. */
  readonly #nodes = new Map<string, NodeHealth>();
  readonly #clusters = new Map<string, ClusterHealth>();
  /** Streams that another one of the same node has replaced, or that were left out. */
  readonly #past = new WeakSet<NodeIdentity>();
  #listener: HealthListener = () => {};

  /** @param now milliseconds since 1970 */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** One listener at most. */
  listen(listener: HealthListener): void {
    this.#listener = listener;
  }

  nodeKeys(): Iterable<string> {
    return this.#nodes.keys();
  }

  /** Resource names. */
  clusterNames(): Iterable<string> {
    return this.#clusters.keys();
  }

  reported(node: NodeIdentity, reports: readonly ClusterReport[]): void {
    const key = keyOf(node.id, node.group);
    if (this.#past.has(node)) return;
    let known = this.#nodes.get(key);
    if (known !== undefined && known.node !== node) {
      this.#past.add(known.node);
      this.#forget(key, known);
      known = undefined;
    }
    if (known === undefined) {
      if (this.#nodes.size >= limits.healthNodes) {
        this.#past.add(node);
        return;
      }
      known = { node, clusters: new Map(), endpoints: 0 };
      this.#nodes.set(key, known);
    }
    for (const report of reports) this.#take(known, report);
    if (reports.length > 0) this.#listener(key, new Set(reports.map(({ cluster }) => cluster)));
  }

  ended(node: NodeIdentity): void {
    const key = keyOf(node.id, node.group);
    const known = this.#nodes.get(key);
    if (known?.node === node) this.#forget(key, known);
  }

  list(): readonly ClusterHealthView[] {
    const inOrder = [...this.#clusters].sort(([a], [b]) => (a < b ? -1 : 1));
    return inOrder.map(([cluster, one]) => one.view(cluster));
  }

  ofCluster(tenant: string | undefined, name: string): ClusterHealthView {
    const cluster = resourceName(tenant, name);
    return this.clusterView(cluster) ?? new ClusterHealth().view(cluster);
  }

  ofNode(id: string, group: string): readonly NodeClusterHealthView[] {
    return this.nodeViews(keyOf(id, group)) ?? [];
  }

  /** By resource name; undefined if no node reports it. */
  clusterView(cluster: string): ClusterHealthView | undefined {
    return this.#clusters.get(cluster)?.view(cluster);
  }

  /** By the node's key; undefined if it reports nothing. */
  nodeViews(key: string): readonly NodeClusterHealthView[] | undefined {
    const known = this.#nodes.get(key);
    if (known === undefined) return undefined;
    const inOrder = [...known.clusters].sort(([a], [b]) => (a < b ? -1 : 1));
    return inOrder.map(([cluster, endpoints]) => nodeClusterView(cluster, endpoints));
  }

  #take(known: NodeHealth, { cluster, endpoints, gone }: ClusterReport): void {
    const mine = known.clusters.get(cluster) ?? new Map<string, HealthEntry>();
    const all = this.#clusters.get(cluster) ?? new ClusterHealth();
    const was = mine.size > 0;
    for (const address of gone) {
      const entry = mine.get(address);
      if (entry === undefined) continue;
      mine.delete(address);
      known.endpoints -= 1;
      all.remove(address, entry);
    }
    const nowMs = this.#now();
    for (const { address, state, ageMs, reason } of endpoints) {
      const before = mine.get(address);
      if (before === undefined) {
        if (known.endpoints >= limits.healthEndpoints) continue;
        known.endpoints += 1;
      } else all.remove(address, before);
      // how long it has been so is told anew with each new reason, a little off each time
      const sinceMs = before?.state === state ? before.sinceMs : Math.max(0, nowMs - ageMs);
      const entry = { state, sinceMs, reason };
      mine.set(address, entry);
      all.add(address, entry);
    }
    all.nodes += Number(mine.size > 0) - Number(was);
    keep(known.clusters, cluster, mine, mine.size > 0);
    keep(this.#clusters, cluster, all, all.nodes > 0);
  }

  #forget(key: string, known: NodeHealth): void {
    const reports = [...known.clusters].map(([cluster, endpoints]) => ({
      cluster,
      endpoints: [],
      gone: [...endpoints.keys()],
    }));
    for (const report of reports) this.#take(known, report);
    this.#nodes.delete(key);
    this.#listener(
      key,
      reports.map(({ cluster }) => cluster),
    );
  }
}

function keep<V>(map: Map<string, V>, key: string, value: V, isKept: boolean): void {
  if (isKept) map.set(key, value);
  else map.delete(key);
}
