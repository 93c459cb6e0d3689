/** The whole fleet from any replica: its own nodes from memory, the others' from the database, where it tells of its own. */
import type { LoadStates, NodeStates } from '../store/store.ts';
import type { ClientElsewhere } from '../xds/ports.ts';
import { type AttemptLogger, Attempts } from './attempts.ts';
import { clientsAmong } from './client-status.ts';
import type { Fleet, FleetChange } from './fleet.ts';
import type { HealthsView } from './healths.ts';
import { limits } from './limits.ts';
import type { LoadsView } from './loads.ts';
import { byIdAndGroup, type NodeView, newer } from './node.ts';
import { keyOf } from './node-key.ts';
import { OtherReplicas } from './other-replicas.ts';
import { Paced, type Timers } from './paced.ts';
import { SharedReports } from './shared-reports.ts';

/** What is asked of a fleet, of one replica or of all. */
export interface FleetView extends Pick<Fleet, 'list' | 'get'> {
  /** Told after changes: which one it was, or undefined where any may have been. Returns the unsubscribe function. */
  subscribe(listener: (change: FleetChange | undefined) => void): () => void;
  readonly loads: LoadsView;
  readonly healths: HealthsView;
}

export interface SharedFleetOptions {
  /** Of this replica, and of no other ever. */
  readonly replica: string;
  readonly own: Fleet;
  readonly states: NodeStates;
  readonly loadStates: LoadStates;
  readonly timers: Timers;
  readonly logger: AttemptLogger;
}

export class SharedFleet implements FleetView {
  readonly loads: LoadsView;
  readonly healths: HealthsView;
  readonly #reports: SharedReports;
  readonly #options: SharedFleetOptions;
  readonly #others: OtherReplicas;
  readonly #writing: Paced;
  readonly #reading: Paced;
  /** Keys of nodes whose rows are behind. */
  #dirty = new Set<string>();
  #version = 0;
  /** This replica has rows, as far as it knows. */
  #listed = false;
  readonly #attempts: Attempts;
  #cancelBeat: () => void = () => {};
  #unsubscribe: (() => void)[] = [];
  readonly #listeners = new Set<(change: FleetChange | undefined) => void>();

  constructor(options: SharedFleetOptions) {
    const { replica, own, states, loadStates, timers } = options;
    this.#options = options;
    const attempts = new Attempts(options.logger);
    this.#attempts = attempts;
    this.#reports = new SharedReports({ replica, own, states: loadStates, timers, attempts });
    this.loads = this.#reports.loads;
    this.healths = this.#reports.healths;
    this.#others = new OtherReplicas(replica, states, timers.now);
    this.#writing = new Paced(() => this.#attempt('write'), limits.writePace, timers);
    this.#reading = new Paced(() => this.#attempt('read'), limits.readPace, timers);
  }

  start(): void {
    const { own, states, replica } = this.#options;
    this.#unsubscribe = [
      own.subscribe((change) => {
        this.#dirty.add(keyOf(change.node, change.group));
        this.#writing.request();
        this.#tell(change);
      }),
      states.onHint((of) => {
        if (of !== replica) this.#reading.request();
      }),
    ];
    this.#beat();
    this.#reports.start();
  }

  /** Tells a last time of its nodes. */
  async close(): Promise<void> {
    this.#cancelBeat();
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    await Promise.all([this.#writing.close(), this.#reading.close()]);
    await this.#reports.close();
    if (!this.#attempts.failing) await this.#attempt('write');
  }

  /** By id and group. */
  list(): NodeView[] {
    const nodes = new Map<string, NodeView>();
    for (const node of [...this.#options.own.list(), ...this.#others.nodes()]) {
      const key = keyOf(node.id, node.group);
      nodes.set(key, newer(nodes.get(key), node));
    }
    return [...nodes.values()].sort(byIdAndGroup);
  }

  get(id: string): NodeView | undefined {
    let node = this.#options.own.get(id);
    for (const other of this.#others.find(id)) node = newer(node, other);
    return node;
  }

  subscribe(listener: (change: FleetChange | undefined) => void): () => void {
    const own = (change: FleetChange | undefined): void => listener(change);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** What is known of clients that other replicas have, for client status. */
  clientsElsewhere(): ClientElsewhere[] {
    return clientsAmong(this.#others.nodes());
  }

  /** Connected nodes of every other replica that lives, by its id; undefined while replicas cannot share. */
  connectedElsewhere(): ReadonlyMap<string, number> | undefined {
    return this.#attempts.failing ? undefined : this.#others.connected();
  }

  #beat(): void {
    this.#writing.request();
    this.#reading.request();
    this.#cancelBeat = this.#options.timers.after(limits.heartbeatMs, () => this.#beat());
  }

  async #write(): Promise<void> {
    const { replica, states, own } = this.#options;
    if (this.#listed) {
      this.#listed = await states.beat(replica);
      if (!this.#listed) this.#reports.forgotten();
    }
    if (this.#listed && this.#dirty.size === 0) return;
    const all = new Map(own.list().map((node) => [keyOf(node.id, node.group), node]));
    const keys = new Set([...this.#dirty, ...(this.#listed ? [] : all.keys())]);
    this.#dirty = new Set();
    this.#version += 1;
    try {
      await states.write({
        replica,
        version: this.#version,
        count: all.size,
        changed: [...all].flatMap(([id, state]) => (keys.has(id) ? { id, state } : [])),
        removed: [...keys].filter((key) => !all.has(key)),
      });
      this.#listed = true;
    } catch (error) {
      for (const key of keys) this.#dirty.add(key);
      throw error;
    }
  }

  async #read(): Promise<void> {
    try {
      if (await this.#others.read()) this.#tell(undefined);
    } catch (error) {
      this.#others.missed();
      throw error;
    }
  }

  #tell(change: FleetChange | undefined): void {
    for (const listener of this.#listeners) listener(change);
  }

  /** The next heartbeat tries again. */
  #attempt(what: 'write' | 'read'): Promise<void> {
    return what === 'write'
      ? this.#attempts.make(what, 'Other replicas see the nodes of this one', () => this.#write())
      : this.#attempts.make(what, 'Nodes of other replicas are shown', () => this.#read());
  }
}
