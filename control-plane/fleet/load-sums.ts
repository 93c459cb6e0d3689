/** Loads added up: by cluster and locality, over nodes, over replicas. */
import { documentOf, resourceName } from '../../proto/names.ts';
import type { LocalityLoad } from '../xds/ports.ts';

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

/** What one node reported of one cluster. */
export interface ClusterTotal {
  readonly dropped: number;
  /** By region, zone and sub-zone. */
  readonly localities: ReadonlyMap<string, LocalityLoad>;
}

export function placeOf({ region, zone, subZone }: LocalityLoadView): string {
  return JSON.stringify([region, zone, subZone]);
}

/** `b` added to `a`, or taken from it. */
export function sum<T extends LoadCounts>(a: T, b: LoadCounts, sign: 1 | -1 = 1): T {
  return {
    ...a,
    issued: a.issued + sign * b.issued,
    successful: a.successful + sign * b.successful,
    errors: a.errors + sign * b.errors,
    inProgress: a.inProgress + sign * b.inProgress,
  };
}

/** One cluster over many nodes, kept up to date as they come, report and go. */
export class ClusterSum {
  #dropped = 0;
  #reporting = 0;
  #members = 0;
  readonly #places = new Map<string, { readonly load: LocalityLoad; readonly members: number }>();

  /** No node has anything in it. */
  get empty(): boolean {
    return this.#members === 0;
  }

  /** `sign`: a node brings its total, or takes it back; `reporting`: it counts as a node. */
  count({ dropped, localities }: ClusterTotal, reporting: boolean, sign: 1 | -1): void {
    this.#members += sign;
    if (reporting) this.#reporting += sign;
    this.#dropped += sign * dropped;
    for (const [place, load] of localities) {
      const known = this.#places.get(place);
      const members = (known?.members ?? 0) + sign;
      if (members === 0) this.#places.delete(place);
      else this.#places.set(place, { load: known === undefined ? load : sum(known.load, load, sign), members });
    }
  }

  view(cluster: string): ClusterLoadView {
    const localities = new Map([...this.#places].map(([place, { load }]) => [place, load]));
    return viewOf(cluster, this.#reporting, { dropped: this.#dropped, localities });
  }
}

/** A cluster that nobody reports has no nodes and nothing counted. */
export function viewOf(cluster: string, nodes: number, { dropped, localities }: ClusterTotal): ClusterLoadView {
  const inOrder = [...localities].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, load]) => load);
  const nothing: LoadCounts = { issued: 0, successful: 0, errors: 0, inProgress: 0 };
  return { ...documentOf(cluster), nodes, ...inOrder.reduce<LoadCounts>(sumOf, nothing), dropped, localities: inOrder };
}

const sumOf = (a: LoadCounts, b: LoadCounts): LoadCounts => sum(a, b);

/** The same clusters seen by several replicas, by their names. */
export function mergeViews(views: Iterable<ClusterLoadView>): ClusterLoadView[] {
  const merged = new Map<string, ClusterLoadView>();
  for (const view of views) {
    const cluster = resourceName(view.tenant, view.name);
    const known = merged.get(cluster);
    merged.set(cluster, known === undefined ? view : mergeTwo(cluster, known, view));
  }
  return [...merged].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, view]) => view);
}

function mergeTwo(cluster: string, a: ClusterLoadView, b: ClusterLoadView): ClusterLoadView {
  const localities = new Map<string, LocalityLoad>();
  for (const load of [...a.localities, ...b.localities]) {
    const place = placeOf(load);
    const known = localities.get(place);
    localities.set(place, known === undefined ? load : sum(known, load));
  }
  return viewOf(cluster, a.nodes + b.nodes, { dropped: a.dropped + b.dropped, localities });
}

/** Those with the most requests, by their names. */
export function busiest(views: readonly ClusterLoadView[], count: number): readonly ClusterLoadView[] {
  if (views.length <= count) return views;
  const kept = new Set([...views].sort((a, b) => b.issued - a.issued).slice(0, count));
  return views.filter((view) => kept.has(view));
}
