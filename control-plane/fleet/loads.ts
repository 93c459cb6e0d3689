/**
 * The load that nodes report (LRS), added up by node, cluster and locality. Requests count from a node's first report;
 * a node that has missed several reports in a row is left out and forgotten. In memory only.
 */
import { documentOf, resourceName } from '../../proto/names.ts';
import type { ClusterLoad, LoadObserver, LoadReport, LocalityLoad, NodeIdentity } from '../xds/ports.ts';
import { limits } from './limits.ts';

/** Counts since the first report; `inProgress` of the newest. */
export interface LoadCounts {
  readonly issued: number;
  readonly successful: number;
  readonly errors: number;
  readonly inProgress: number;
}

export interface LocalityLoadView extends LoadCounts {
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
}

export interface ClusterLoadView extends LoadCounts {
  /** Undefined for a cluster of the platform. */
  readonly tenant?: string;
  readonly name: string;
  /** That report the cluster. */
  readonly nodes: number;
  readonly dropped: number;
  readonly localities: readonly LocalityLoadView[];
}

interface ClusterTotal {
  readonly dropped: number;
  /** By region, zone and sub-zone. */
  readonly localities: ReadonlyMap<string, LocalityLoad>;
}

interface NodeTotal {
  readonly node: NodeIdentity;
  readonly reportedMs: number;
  readonly intervalMs: number;
  readonly clusters: ReadonlyMap<string, ClusterTotal>;
}

export class Loads implements LoadObserver {
  readonly #now: () => number;
  /** By id and group, the one that reported longest ago first. */
  readonly #nodes = new Map<string, NodeTotal>();
  #leftOut = 0;

  /** @param now milliseconds since 1970 */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Nodes, clusters and localities in reports that were not taken, because there were more than is remembered. */
  get leftOut(): number {
    return this.#leftOut;
  }

  reported(node: NodeIdentity, { intervalMs, clusters }: LoadReport): void {
    this.#forgetSilent();
    const key = keyOf(node.id, node.group);
    const before = this.#nodes.get(key);
    if (before === undefined && this.#nodes.size >= limits.loadNodes) {
      this.#leftOut += 1;
      return;
    }
    this.#nodes.delete(key);
    const total = this.#added(before?.clusters ?? new Map(), clusters);
    this.#nodes.set(key, { node, reportedMs: this.#now(), intervalMs, clusters: total });
  }

  /** Every cluster that a node reports, by name. */
  list(): ClusterLoadView[] {
    this.#forgetSilent();
    return viewsOf([...this.#nodes.values()]);
  }

  /** A cluster that nobody reports has no nodes and nothing counted. */
  ofCluster(tenant: string | undefined, name: string): ClusterLoadView {
    this.#forgetSilent();
    const cluster = resourceName(tenant, name);
    const totals = [...this.#nodes.values()].flatMap(({ clusters }) => clusters.get(cluster) ?? []);
    return viewOf(cluster, totals);
  }

  /** What one node reports, by the names of the clusters. */
  ofNode(id: string, group: string): ClusterLoadView[] {
    this.#forgetSilent();
    const node = this.#nodes.get(keyOf(id, group));
    return node === undefined ? [] : viewsOf([node]);
  }

  #added(before: ReadonlyMap<string, ClusterTotal>, loads: readonly ClusterLoad[]): Map<string, ClusterTotal> {
    // what a report does not name has nothing new, and nothing under way
    const after = new Map([...before].map(([name, total]) => [name, idle(total)]));
    for (const { cluster, dropped, localities } of loads) {
      const known = after.get(cluster);
      if (known === undefined && after.size >= limits.loadClusters) {
        this.#leftOut += 1;
        continue;
      }
      const places = new Map(known?.localities);
      for (const load of localities) {
        const place = JSON.stringify([load.region, load.zone, load.subZone]);
        const one = places.get(place);
        if (one === undefined && places.size >= limits.loadLocalities) this.#leftOut += 1;
        else places.set(place, one === undefined ? load : sum(one, load));
      }
      after.set(cluster, { dropped: (known?.dropped ?? 0) + dropped, localities: places });
    }
    return after;
  }

  #forgetSilent(): void {
    const nowMs = this.#now();
    for (const [key, { reportedMs, intervalMs }] of this.#nodes) {
      if (nowMs - reportedMs > limits.loadIntervals * intervalMs) this.#nodes.delete(key);
    }
  }
}

function keyOf(id: string, group: string): string {
  return JSON.stringify([id, group]);
}

function idle({ dropped, localities }: ClusterTotal): ClusterTotal {
  return { dropped, localities: new Map([...localities].map(([place, load]) => [place, { ...load, inProgress: 0 }])) };
}

function sum<T extends LoadCounts>(a: T, b: LoadCounts): T {
  return {
    ...a,
    issued: a.issued + b.issued,
    successful: a.successful + b.successful,
    errors: a.errors + b.errors,
    inProgress: a.inProgress + b.inProgress,
  };
}

function viewsOf(nodes: readonly NodeTotal[]): ClusterLoadView[] {
  const byCluster = new Map<string, ClusterTotal[]>();
  for (const { clusters } of nodes) {
    for (const [cluster, total] of clusters) {
      const totals = byCluster.get(cluster);
      if (totals === undefined) byCluster.set(cluster, [total]);
      else totals.push(total);
    }
  }
  return [...byCluster].sort(([a], [b]) => (a < b ? -1 : 1)).map(([cluster, totals]) => viewOf(cluster, totals));
}

function viewOf(cluster: string, totals: readonly ClusterTotal[]): ClusterLoadView {
  const places = new Map<string, LocalityLoad>();
  for (const { localities } of totals) {
    for (const [place, load] of localities) {
      const known = places.get(place);
      places.set(place, known === undefined ? load : sum(known, load));
    }
  }
  const inOrder = [...places].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, load]) => load);
  const nothing: LoadCounts = { issued: 0, successful: 0, errors: 0, inProgress: 0 };
  return {
    ...documentOf(cluster),
    nodes: totals.length,
    ...inOrder.reduce<LoadCounts>(sum, nothing),
    dropped: totals.reduce((all, { dropped }) => all + dropped, 0),
    localities: inOrder,
  };
}
