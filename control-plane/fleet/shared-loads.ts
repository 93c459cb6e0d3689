/**
 * The load from any replica: what this one's nodes report from memory, the others' from the database at the moment of the
 * question. This one tells of its own at a bounded rate: a cluster is one row however many nodes report it, and what
 * does not fit into one write goes with a later one.
 */

import { resourceName } from '../../proto/names.ts';
import type { LoadState, LoadStates, LoadSubject } from '../store/store.ts';
import type { Attempts } from './attempts.ts';
import { limits } from './limits.ts';
import { busiest, type ClusterLoadView, mergeViews } from './load-sums.ts';
import { keyOf, type LoadList, type Loads, type LoadsView } from './loads.ts';
import { Paced, type Timers } from './paced.ts';

export interface SharedLoadsOptions {
  /** Of this replica, and of no other ever. */
  readonly replica: string;
  readonly own: Loads;
  readonly states: LoadStates;
  readonly timers: Timers;
  readonly attempts: Attempts;
}

export class SharedLoads implements LoadsView {
  readonly #options: SharedLoadsOptions;
  readonly #writing: Paced;
  /** Whose rows are behind, the one that is behind longest first. */
  readonly #dirty: Readonly<Record<LoadSubject, Set<string>>> = { cluster: new Set(), node: new Set() };
  /** The tables hold what this replica wrote, as far as it knows. */
  #begun = false;
  #toldLeftOut = 0;
  #cancelBeat: () => void = () => {};

  constructor(options: SharedLoadsOptions) {
    this.#options = options;
    this.#writing = new Paced(() => this.#attempt(), limits.loadWritePace, options.timers);
  }

  start(): void {
    const { own } = this.#options;
    own.listen((node, clusters) => {
      this.#dirty.node.add(node);
      for (const cluster of clusters) this.#dirty.cluster.add(cluster);
      this.#writing.request();
    });
    this.#beat();
  }

  /** The others removed what this replica told: all of it has to be told again. */
  forgotten(): void {
    this.#begun = false;
    this.#writing.request();
  }

  /** Tells a last time, as far as it goes into one write. */
  async close(): Promise<void> {
    this.#cancelBeat();
    await this.#writing.close();
    if (this.#begun && this.#behind && !this.#options.attempts.failing) await this.#attempt();
  }

  async list(): Promise<LoadList> {
    const { items, leftOut } = this.#options.own.list();
    const others = await this.#read('cluster');
    return {
      items: mergeViews([...items, ...others.states.map(({ load }) => load as ClusterLoadView)]),
      leftOut: leftOut + others.leftOut,
    };
  }

  async ofCluster(tenant: string | undefined, name: string): Promise<ClusterLoadView> {
    const own = this.#options.own.ofCluster(tenant, name);
    const { states } = await this.#read('cluster', resourceName(tenant, name));
    return mergeViews([own, ...states.map(({ load }) => load as ClusterLoadView)])[0]!;
  }

  async ofNode(id: string, group: string): Promise<readonly ClusterLoadView[]> {
    const own = this.#options.own.ofNode(id, group);
    const { states } = await this.#read('node', keyOf(id, group));
    const all = mergeViews([...own, ...states.flatMap(({ load }) => load as ClusterLoadView[])]);
    return busiest(all, limits.loadClustersShown);
  }

  #read(subject: LoadSubject, name?: string) {
    const of = { except: this.#options.replica, silentMs: limits.deadReplicaMs };
    return this.#options.states.read(of, subject, name);
  }

  /** Nodes that fell silent are told as well, and what a write before left over. */
  #beat(): void {
    this.#options.own.forgetSilent();
    if (this.#behind) this.#writing.request();
    this.#cancelBeat = this.#options.timers.after(limits.heartbeatMs, () => this.#beat());
  }

  get #behind(): boolean {
    const { cluster, node } = this.#dirty;
    return cluster.size > 0 || node.size > 0 || this.#options.own.leftOut !== this.#toldLeftOut;
  }

  #attempt(): Promise<void> {
    const lost = 'Other replicas see the load of the nodes of this one';
    return this.#options.attempts.make('loads', lost, () => this.#write());
  }

  async #write(): Promise<void> {
    const { own, replica, states } = this.#options;
    const { leftOut } = own;
    const anew = !this.#begun;
    if (anew) {
      for (const key of own.nodeKeys()) this.#dirty.node.add(key);
      for (const cluster of own.clusterNames()) this.#dirty.cluster.add(cluster);
    }
    const changed = [
      ...this.#take('cluster', (name) => own.clusterView(name)),
      ...this.#take('node', (key) => own.nodeViews(key)),
    ];
    const giveBack = (): void => {
      for (const { subject, name } of changed) this.#dirty[subject].add(name);
    };
    try {
      // false: not listed yet, or forgotten by the others
      this.#begun = await states.write({ replica, anew, leftOut, changed });
    } catch (error) {
      giveBack();
      throw error;
    }
    if (this.#begun) this.#toldLeftOut = leftOut;
    else giveBack();
  }

  /** No more than goes into one write. */
  #take(subject: LoadSubject, viewOf: (name: string) => Told | undefined): LoadState[] {
    const taken: LoadState[] = [];
    let size = 0;
    for (const name of this.#dirty[subject]) {
      if (size >= limits.loadLocalitiesAWrite) break;
      this.#dirty[subject].delete(name);
      const load = viewOf(name) ?? null;
      taken.push({ subject, name, load });
      size += sizeOf(load);
    }
    return taken;
  }
}

type Told = ClusterLoadView | readonly ClusterLoadView[];

/** In localities; nothing, and what has none, is a row as well. */
function sizeOf(load: Told | null): number {
  return [load ?? []].flat().reduce((all, { localities }) => all + localities.length, 1);
}
