/**
 * What the nodes of this replica report of their load and of the health of endpoints, told to the others by way of the
 * database, at a bounded rate: a cluster is one row however many nodes report it, and what does not fit into one write
 * goes with a later one. The others read it when they are asked.
 */

import type { LoadState, LoadStates, LoadStatesRead, LoadSubject } from '../store/store.ts';
import type { Attempts } from './attempts.ts';
import type { Healths } from './healths.ts';
import { limits } from './limits.ts';
import type { Loads } from './loads.ts';
import { Paced, type Timers } from './paced.ts';
import { SharedHealths } from './shared-healths.ts';
import { SharedLoads } from './shared-loads.ts';

export interface SharedReportsOptions {
  /** Of this replica, and of no other ever. */
  readonly replica: string;
  /** Of this replica's nodes. */
  readonly own: { readonly loads: Loads; readonly healths: Healths };
  readonly states: LoadStates;
  readonly timers: Timers;
  readonly attempts: Attempts;
}

/** What the other replicas have written. `name`: of one; default all. */
export type ReadOthers = (subject: LoadSubject, name?: string) => Promise<LoadStatesRead>;

interface Source {
  names(): Iterable<string>;
  /** Undefined: nothing is known of it any more. */
  view(name: string): unknown;
}

export class SharedReports {
  readonly loads: SharedLoads;
  readonly healths: SharedHealths;
  readonly #options: SharedReportsOptions;
  readonly #writing: Paced;
  readonly #sources: Readonly<Record<LoadSubject, Source>>;
  /** Whose rows are behind, the one that is behind longest first. */
  readonly #dirty: Readonly<Record<LoadSubject, Set<string>>> = {
    cluster: new Set(),
    node: new Set(),
    'cluster-health': new Set(),
    'node-health': new Set(),
  };
  /** The tables hold what this replica wrote, as far as it knows. */
  #begun = false;
  #toldLeftOut = 0;
  #cancelBeat: () => void = () => {};

  constructor(options: SharedReportsOptions) {
    const { replica, states, timers } = options;
    const { loads, healths } = options.own;
    const others = { except: replica, silentMs: limits.deadReplicaMs };
    const read: ReadOthers = (subject, name) => states.read(others, subject, name);
    this.#options = options;
    this.loads = new SharedLoads(loads, read);
    this.healths = new SharedHealths(healths, read);
    this.#sources = {
      cluster: { names: () => loads.clusterNames(), view: (name) => loads.clusterView(name) },
      node: { names: () => loads.nodeKeys(), view: (key) => loads.nodeViews(key) },
      'cluster-health': { names: () => healths.clusterNames(), view: (name) => healths.clusterView(name) },
      'node-health': { names: () => healths.nodeKeys(), view: (key) => healths.nodeViews(key) },
    };
    this.#writing = new Paced(() => this.#attempt(), limits.loadWritePace, timers);
  }

  start(): void {
    const { loads, healths } = this.#options.own;
    const note = (ofNode: LoadSubject, ofCluster: LoadSubject) => (node: string, clusters: Iterable<string>) => {
      this.#dirty[ofNode].add(node);
      for (const cluster of clusters) this.#dirty[ofCluster].add(cluster);
      this.#writing.request();
    };
    loads.listen(note('node', 'cluster'));
    healths.listen(note('node-health', 'cluster-health'));
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

  /** Nodes that fell silent are told as well, and what a write before left over. */
  #beat(): void {
    this.#options.own.loads.forgetSilent();
    if (this.#behind) this.#writing.request();
    this.#cancelBeat = this.#options.timers.after(limits.heartbeatMs, () => this.#beat());
  }

  get #behind(): boolean {
    const behind = Object.values(this.#dirty).some((names) => names.size > 0);
    return behind || this.#options.own.loads.leftOut !== this.#toldLeftOut;
  }

  #attempt(): Promise<void> {
    const lost = 'Other replicas see the load of the nodes of this one, and the health that they report';
    return this.#options.attempts.make('loads', lost, () => this.#write());
  }

  async #write(): Promise<void> {
    const { own, replica, states } = this.#options;
    const { leftOut } = own.loads;
    const anew = !this.#begun;
    const subjects = Object.keys(this.#sources) as LoadSubject[];
    if (anew) {
      for (const subject of subjects) {
        for (const name of this.#sources[subject].names()) this.#dirty[subject].add(name);
      }
    }
    const changed = subjects.flatMap((subject) => this.#take(subject));
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
  #take(subject: LoadSubject): LoadState[] {
    const taken: LoadState[] = [];
    let size = 0;
    for (const name of this.#dirty[subject]) {
      if (size >= limits.reportPartsAWrite) break;
      this.#dirty[subject].delete(name);
      const load = this.#sources[subject].view(name) ?? null;
      taken.push({ subject, name, load });
      size += partsOf(load);
    }
    return taken;
  }
}

interface Parts {
  readonly localities?: readonly unknown[];
  readonly endpoints?: readonly unknown[];
}

/** Localities or endpoints; nothing, and what has none, is a row as well. */
function partsOf(view: unknown): number {
  const views = [view ?? []].flat() as Parts[];
  return views.reduce((all, { localities = [], endpoints = [] }) => all + localities.length + endpoints.length, 1);
}
