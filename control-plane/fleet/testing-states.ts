/** For tests: time that is told what to be, streams, and the shared table in memory. */
import type {
  LoadState,
  LoadStates,
  LoadStatesOf,
  LoadStatesRead,
  LoadStatesWrite,
  LoadSubject,
  NodeStates,
  NodeStatesWrite,
  ReplicaRow,
} from '../store/store.ts';
import type { StreamInfo } from '../xds/ports.ts';
import type { Timers } from './paced.ts';

let streams = 0;

export function stream(id = 'n1', given: Partial<StreamInfo> = {}): StreamInfo {
  const node = { id, group: 'edge', userAgent: 'envoy 1.40.0', zone: 'a' };
  return {
    streamId: ++streams,
    node,
    variant: 'delta',
    service: 'ads',
    hostsApart: false,
    takesTtl: false,
    peer: '127.0.0.1:5000',
    ...given,
  };
}

/** Runs timers in the order of their times, and what they await in between. */
export class TestTime implements Timers {
  #nowMs = 0;
  readonly #due = new Set<{ readonly atMs: number; readonly run: () => void }>();

  now = (): number => this.#nowMs;

  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, run };
    this.#due.add(timer);
    return () => this.#due.delete(timer);
  }

  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const [next] = [...this.#due].sort((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > untilMs) break;
      this.#due.delete(next);
      this.#nowMs = next.atMs;
      next.run();
    }
    this.#nowMs = untilMs;
  }
}

/** As the tables do it. `down`: every statement fails; `deaf`: hints are lost. */
export class MemoryStates implements NodeStates {
  down = false;
  deaf = false;
  /** Names of the statements, in order. */
  readonly statements: string[] = [];
  readonly writes: NodeStatesWrite[] = [];
  readonly #time: TestTime;
  readonly #replicas = new Map<string, { version: number; count: number; seenMs: number }>();
  readonly #nodes = new Map<string, Map<string, { version: number; json: string }>>();
  readonly #listeners = new Set<(replica: string) => void>();

  constructor(time: TestTime) {
    this.#time = time;
  }

  async write(write: NodeStatesWrite): Promise<void> {
    this.#say('write');
    this.writes.push(write);
    const { replica, version, count, changed, removed } = write;
    this.#replicas.set(replica, { version, count, seenMs: this.#time.now() });
    const nodes = this.#nodes.get(replica) ?? new Map();
    this.#nodes.set(replica, nodes);
    for (const { id, state } of changed) nodes.set(id, { version, json: JSON.stringify(state) });
    for (const id of removed) nodes.delete(id);
    if (!this.deaf) for (const listener of this.#listeners) listener(replica);
  }

  async beat(replica: string): Promise<boolean> {
    this.#say('beat');
    const row = this.#replicas.get(replica);
    if (row !== undefined) row.seenMs = this.#time.now();
    return row !== undefined;
  }

  async replicas(): Promise<ReplicaRow[]> {
    this.#say('replicas');
    return [...this.#replicas].map(([id, { version, count, seenMs }]) => ({
      ...{ id, version, nodes: count },
      ...{ seenAt: new Date(seenMs).toISOString(), silentMs: this.#time.now() - seenMs },
    }));
  }

  async readSince(replica: string, after: number): Promise<{ id: string; state: unknown }[]> {
    this.#say('readSince');
    const rows = [...(this.#nodes.get(replica) ?? [])].filter(([, { version }]) => version > after);
    return rows.map(([id, { json }]) => ({ id, state: JSON.parse(json) }));
  }

  async forget(replica: string): Promise<void> {
    this.#say('forget');
    this.#replicas.delete(replica);
    this.#nodes.delete(replica);
  }

  onHint(listener: (replica: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #say(statement: string): void {
    if (this.down) throw new Error('the database is away');
    this.statements.push(statement);
  }
}

/** As the tables do it, with every replica listed. `down`: every statement fails. */
export class MemoryLoadStates implements LoadStates {
  down = false;
  readonly writes: LoadStatesWrite[] = [];
  readonly #replicas = new Map<string, { leftOut: number; readonly rows: Map<string, LoadState> }>();

  async write(write: LoadStatesWrite): Promise<boolean> {
    this.#demandUp();
    const { replica, anew, leftOut, changed } = write;
    if (anew) this.#replicas.set(replica, { leftOut, rows: new Map() });
    const known = this.#replicas.get(replica);
    if (known === undefined) return false;
    this.writes.push(write);
    known.leftOut = leftOut;
    for (const state of changed) {
      const key = `${state.subject} ${state.name}`;
      if (state.load === null) known.rows.delete(key);
      else known.rows.set(key, structuredClone(state));
    }
    return true;
  }

  async read({ except }: LoadStatesOf, subject: LoadSubject, name?: string): Promise<LoadStatesRead> {
    this.#demandUp();
    const others = [...this.#replicas].filter(([replica]) => replica !== except).map(([, known]) => known);
    return {
      leftOut: others.reduce((sum, { leftOut }) => sum + leftOut, 0),
      states: others
        .flatMap(({ rows }) => [...rows.values()])
        .filter((state) => state.subject === subject && (name === undefined || state.name === name)),
    };
  }

  forget(replica: string): void {
    this.#replicas.delete(replica);
  }

  #demandUp(): void {
    if (this.down) throw new Error('the database is away');
  }
}
