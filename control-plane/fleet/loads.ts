/**
 * The load that nodes report (LRS) to this replica, added up by node, cluster and locality. Requests count from a node's
 * first report; a node that has missed several reports in a row is left out and forgotten. In memory only; `SharedReports`
 * tells the others.
 */
import { resourceName } from '../../proto/names.ts';
import type { ClusterLoad, LoadObserver, LoadReport, LocalityLoad, NodeIdentity } from '../xds/ports.ts';
import { limits } from './limits.ts';
import { busiest, type ClusterLoadView, ClusterSum, type ClusterTotal, placeOf, sum, viewOf } from './load-sums.ts';
import { keyOf } from './node-key.ts';

export type { ClusterLoadView, LoadCounts, LocalityLoadView } from './load-sums.ts';

export interface LoadList {
  /** Every cluster that a node reports, by name. */
  readonly items: readonly ClusterLoadView[];
  /** Nodes, clusters and localities in reports that were not taken, because there were more than is remembered. */
  readonly leftOut: number;
}

/** What is asked of the loads, of one replica or of all. Those of all reject with StoreError. */
export interface LoadsView {
  list(): LoadList | Promise<LoadList>;
  /** A cluster that nobody reports has no nodes and nothing counted. */
  ofCluster(tenant: string | undefined, name: string): ClusterLoadView | Promise<ClusterLoadView>;
  /** What one node reports, by the names of the clusters: of the busiest ones if there are very many. */
  ofNode(id: string, group: string): readonly ClusterLoadView[] | Promise<readonly ClusterLoadView[]>;
}

/** Says that something is new of a node (its key) and of clusters (their resource names). */
export type LoadListener = (node: string, clusters: Iterable<string>) => void;

interface NodeTotal {
  /** As the stream of its newest report knows it. */
  readonly node: NodeIdentity;
  /** That stream is open. */
  readonly reporting: boolean;
  readonly reportedMs: number;
  readonly intervalMs: number;
  readonly clusters: ReadonlyMap<string, ClusterTotal>;
}

export class Loads implements LoadObserver, LoadsView {
  readonly #now: () => number;
  /** By key, the one that reported longest ago first. */
  readonly #nodes = new Map<string, NodeTotal>();
  readonly #clusters = new Map<string, ClusterSum>();
  #leftOut = 0;
  #listener: LoadListener = () => {};

  /** @param now milliseconds since 1970 */
  constructor(now: () => number) {
    this.#now = now;
  }

  get leftOut(): number {
    return this.#leftOut;
  }

  /** One listener at most. */
  listen(listener: LoadListener): void {
    this.#listener = listener;
  }

  nodeKeys(): Iterable<string> {
    return this.#nodes.keys();
  }

  /** Resource names. */
  clusterNames(): Iterable<string> {
    return this.#clusters.keys();
  }

  reported(node: NodeIdentity, { intervalMs, clusters }: LoadReport): void {
    this.forgetSilent();
    const key = keyOf(node.id, node.group);
    const before = this.#nodes.get(key);
    if (before === undefined && this.#nodes.size >= limits.loadNodes) {
      this.#leftOut += 1;
      return;
    }
    this.#nodes.delete(key);
    const total = this.#added(before?.clusters ?? nothing, clusters);
    this.#put(key, before, { node, reporting: true, reportedMs: this.#now(), intervalMs, clusters: total });
  }

  /** What it had under way is not known any more, and it does not count as a node until it reports again. */
  ended(node: NodeIdentity): void {
    const key = keyOf(node.id, node.group);
    const before = this.#nodes.get(key);
    // it may report on another stream by now
    if (before?.node !== node) return;
    this.#put(key, before, { ...before, reporting: false, clusters: idleAll(before.clusters) });
  }

  list(): LoadList {
    this.forgetSilent();
    const inOrder = [...this.#clusters].sort(([a], [b]) => (a < b ? -1 : 1));
    return { items: inOrder.map(([cluster, one]) => one.view(cluster)), leftOut: this.#leftOut };
  }

  ofCluster(tenant: string | undefined, name: string): ClusterLoadView {
    this.forgetSilent();
    const cluster = resourceName(tenant, name);
    return this.clusterView(cluster) ?? viewOf(cluster, 0, { dropped: 0, localities: new Map() });
  }

  ofNode(id: string, group: string): readonly ClusterLoadView[] {
    this.forgetSilent();
    return this.nodeViews(keyOf(id, group)) ?? [];
  }

  /** By resource name; undefined if no node reports it. */
  clusterView(cluster: string): ClusterLoadView | undefined {
    return this.#clusters.get(cluster)?.view(cluster);
  }

  /** By the node's key; undefined if it reports nothing. */
  nodeViews(key: string): readonly ClusterLoadView[] | undefined {
    const node = this.#nodes.get(key);
    if (node === undefined) return undefined;
    const inOrder = [...node.clusters].sort(([a], [b]) => (a < b ? -1 : 1));
    const views = inOrder.map(([cluster, total]) => viewOf(cluster, node.reporting ? 1 : 0, total));
    return busiest(views, limits.loadClustersShown);
  }

  forgetSilent(): void {
    const nowMs = this.#now();
    for (const [key, node] of this.#nodes) {
      // all are asked for reports equally often, so those behind reported later
      if (nowMs - node.reportedMs <= limits.loadIntervals * node.intervalMs) return;
      this.#nodes.delete(key);
      this.#count(key, node, undefined);
    }
  }

  #put(key: string, before: NodeTotal | undefined, after: NodeTotal): void {
    this.#nodes.set(key, after);
    this.#count(key, before, after);
  }

  /** Brings the sums from one total of a node to its next. */
  #count(key: string, before: NodeTotal | undefined, after: NodeTotal | undefined): void {
    const changed: string[] = [];
    const same = before?.reporting === after?.reporting;
    for (const [cluster, total] of before?.clusters ?? nothing) {
      if (same && after?.clusters.get(cluster) === total) continue;
      changed.push(cluster);
      this.#clusters.get(cluster)?.count(total, before?.reporting === true, -1);
    }
    for (const [cluster, total] of after?.clusters ?? nothing) {
      if (same && before?.clusters.get(cluster) === total) continue;
      if (!before?.clusters.has(cluster)) changed.push(cluster);
      let all = this.#clusters.get(cluster);
      if (all === undefined) this.#clusters.set(cluster, (all = new ClusterSum()));
      all.count(total, after?.reporting === true, 1);
    }
    for (const cluster of changed) if (this.#clusters.get(cluster)?.empty) this.#clusters.delete(cluster);
    if (changed.length > 0) this.#listener(key, changed);
  }

  #added(before: ReadonlyMap<string, ClusterTotal>, loads: readonly ClusterLoad[]): ReadonlyMap<string, ClusterTotal> {
    // what a report does not name has nothing new, and nothing under way
    const after = new Map(idleAll(before));
    for (const { cluster, dropped, localities } of loads) {
      const known = after.get(cluster);
      if (known === undefined && after.size >= limits.loadClusters) {
        this.#leftOut += 1;
        continue;
      }
      const places = new Map(known?.localities);
      for (const load of localities) {
        const place = placeOf(load);
        const one = places.get(place);
        if (one === undefined && places.size >= limits.loadLocalities) this.#leftOut += 1;
        else places.set(place, one === undefined ? load : sum(one, load));
      }
      after.set(cluster, { dropped: (known?.dropped ?? 0) + dropped, localities: places });
    }
    return after;
  }
}

const nothing: ReadonlyMap<string, ClusterTotal> = new Map();

function idleAll(clusters: ReadonlyMap<string, ClusterTotal>): ReadonlyMap<string, ClusterTotal> {
  return new Map([...clusters].map(([name, total]) => [name, idle(total)]));
}

/** The same object where nothing was under way. */
function idle(total: ClusterTotal): ClusterTotal {
  if ([...total.localities.values()].every(({ inProgress }) => inProgress === 0)) return total;
  const places = [...total.localities].map(([place, load]): [string, LocalityLoad] => [
    place,
    { ...load, inProgress: 0 },
  ]);
  return { ...total, localities: new Map(places) };
}
