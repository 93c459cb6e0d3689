/** Nodes that shall drain: kept in the database, the same for every replica and over restarts. */
import type { DrainRow, Drains as DrainTable } from '../store/store.ts';
import { type AttemptLogger, Attempts } from './attempts.ts';
import { limits } from './limits.ts';
import { Paced, type Timers } from './paced.ts';

export interface Drain {
  /** Its id. */
  readonly node: string;
  /** ISO 8601. */
  readonly since: string;
  /** Milliseconds since 1970, by the clock of this process. */
  readonly beganMs: number;
  readonly timeoutMs: number;
  /** Who ordered it. */
  readonly by: string;
}

export interface DrainsOptions {
  readonly table: DrainTable;
  /** True if other replicas may order some. */
  readonly shared: boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly timers: Timers;
  readonly logger: AttemptLogger;
}

export class Drains {
  readonly #options: DrainsOptions;
  readonly #reading: Paced;
  readonly #attempts: Attempts;
  readonly #listeners = new Set<() => void>();
  #drains: ReadonlyMap<string, Drain> = new Map();
  /** Looks at the table that were begun, and which of them `#drains` is from. */
  #begun = 0;
  #known = 0;
  #cancelBeat: () => void = () => {};
  #unsubscribe: () => void = () => {};

  constructor(options: DrainsOptions) {
    this.#options = options;
    this.#attempts = new Attempts(options.logger);
    const lost = 'Drains that other replicas order are known';
    const read = (): Promise<void> => this.#attempts.make('drains', lost, () => this.#read());
    this.#reading = new Paced(read, limits.readPace, options.timers);
  }

  /** Rejects with StoreError. */
  async start(): Promise<void> {
    const { table, shared } = this.#options;
    await this.#read();
    if (!shared) return;
    this.#unsubscribe = table.onHint(() => this.#reading.request());
    this.#beat();
  }

  async close(): Promise<void> {
    this.#cancelBeat();
    this.#unsubscribe();
    await this.#reading.close();
  }

  has(node: string): boolean {
    return this.#drains.has(node);
  }

  get(node: string): Drain | undefined {
    return this.#drains.get(node);
  }

  /** Returns the unsubscribe function. */
  onChange(listener: () => void): () => void {
    const own = (): void => listener();
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** A node that drains already goes on; `timeoutMs` counts from when it began. Rejects with StoreError. */
  async order(drain: Pick<DrainRow, 'node' | 'timeoutMs' | 'by'>): Promise<void> {
    await this.#options.table.put(drain);
    await this.#read();
  }

  /** False if it was not to drain. Rejects with StoreError. */
  async lift(node: string): Promise<boolean> {
    const was = await this.#options.table.remove(node);
    await this.#read();
    return was;
  }

  /** Without a hint it is known a moment later. */
  #beat(): void {
    this.#reading.request();
    this.#cancelBeat = this.#options.timers.after(limits.heartbeatMs, () => this.#beat());
  }

  async #read(): Promise<void> {
    const look = ++this.#begun;
    const rows = await this.#options.table.list();
    // one that began before may answer after: it would take back an order, and nodes would hear of it
    if (look < this.#known) return;
    this.#known = look;
    const before = this.#drains;
    const drains = new Map(rows.map((row) => [row.node, this.#drainOf(row)]));
    this.#drains = drains;
    const same = drains.size === before.size && [...drains].every(([node, drain]) => before.get(node) === drain);
    if (!same) for (const listener of this.#listeners) listener();
  }

  /** The same as before (===) if it says nothing new. */
  #drainOf({ node, since, ageMs, timeoutMs, by }: DrainRow): Drain {
    const before = this.#drains.get(node);
    if (before?.since !== since) return { node, since, beganMs: this.#options.now() - ageMs, timeoutMs, by };
    return before.timeoutMs === timeoutMs && before.by === by ? before : { ...before, timeoutMs, by };
  }
}
