/** The nodes of this replica: who is connected, and how far each is with each xDS type. In memory only; `SharedFleet` tells the others. */
import type { StreamInfo, StreamObserver, XdsType } from '../xds/ports.ts';
import { Counters, type FleetStats } from './counters.ts';
import { Healths } from './healths.ts';
import { limits } from './limits.ts';
import { Loads } from './loads.ts';
import {
  afterClosed,
  afterOpened,
  afterTypeEvent,
  byIdAndGroup,
  type NodeRecord,
  type NodeView,
  newer,
  type TypeEvent,
  viewOf,
} from './node.ts';
import { keyOf } from './node-key.ts';
import { States } from './states.ts';

export type { FleetStats } from './counters.ts';
export type { NodeTypeView, NodeView, SyncState } from './node.ts';

/** Something happened to a node; `get` shows what it led to. */
export interface FleetChange {
  /** `reported`: it has said how it is, or can't any more. */
  readonly kind: 'connected' | 'disconnected' | 'evicted' | 'reported' | TypeEvent['kind'];
  readonly node: string;
  readonly group: string;
  /** For what concerns one type. */
  readonly type?: XdsType;
  readonly version?: string;
  /** Of a refusal. */
  readonly error?: string;
}

export interface FleetOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Nodes that went away and stay listed. */
  readonly disconnectedNodes?: number;
}

export class Fleet implements StreamObserver {
  /** What the nodes report of the requests that they send. */
  readonly loads: Loads;
  /** What they report of the endpoints that they send them to. */
  readonly healths: Healths;
  /** How they are, by their own word. */
  readonly states: States;
  readonly #now: () => number;
  readonly #keptNodes: number;
  /** By key: nobody becomes, or replaces, a node of another group by its id. */
  readonly #nodes = new Map<string, NodeRecord>();
  /** Keys of nodes without streams, the one gone longest first. */
  readonly #gone = new Set<string>();
  readonly #listeners = new Set<(change: FleetChange) => void>();
  readonly #counters = new Counters();

  constructor({ now, disconnectedNodes = limits.disconnectedNodes }: FleetOptions) {
    this.#now = now;
    this.loads = new Loads(now);
    this.healths = new Healths(now);
    this.states = new States(now, ({ id, group }) => this.#tell({ kind: 'reported', node: id, group }));
    this.#keptNodes = disconnectedNodes;
  }

  /** By id and group. */
  list(): NodeView[] {
    return [...this.#nodes.values()].map((node) => this.#viewOf(node)).sort(byIdAndGroup);
  }

  /** Of several groups' nodes of that id, without a `group`: the one that is connected, or was last. */
  get(id: string, group?: string): NodeView | undefined {
    if (group !== undefined) {
      const node = this.#nodes.get(keyOf(id, group));
      return node === undefined ? undefined : this.#viewOf(node);
    }
    let newest: NodeView | undefined;
    for (const node of this.#nodes.values()) {
      if (node.newest.node.id === id) newest = newer(newest, this.#viewOf(node));
    }
    return newest;
  }

  stats(): FleetStats {
    return this.#counters.stats(this.#nodes.size - this.#gone.size, this.#gone.size);
  }

  /** Forgets a node that is not connected; false if there is none, or if it is connected. */
  evict(id: string, group: string): boolean {
    const key = keyOf(id, group);
    if (!this.#gone.delete(key)) return false;
    this.#nodes.delete(key);
    this.#tell({ kind: 'evicted', node: id, group });
    return true;
  }

  /** Returns the unsubscribe function. */
  subscribe(listener: (change: FleetChange) => void): () => void {
    const own = (change: FleetChange): void => listener(change);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /**
   * Resolves once the predicate holds, which is asked now and after changes (once a turn of the event loop, however many
   * there were). Rejects with the signal's reason, or with what the predicate throws.
   */
  waitFor(predicate: (fleet: Fleet) => boolean, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let asking = false;
    const ask = (): void => {
      asking = false;
      try {
        if (predicate(this)) settle(resolve);
      } catch (error) {
        settle(() => reject(error));
      }
    };
    const unsubscribe = this.subscribe(() => {
      if (asking) return;
      asking = true;
      setImmediate(ask);
    });
    const abort = (): void => settle(() => reject(signal?.reason));
    const settle = (then: () => void): void => {
      unsubscribe();
      signal?.removeEventListener('abort', abort);
      then();
    };
    if (signal?.aborted) abort();
    else {
      signal?.addEventListener('abort', abort);
      ask();
    }
    return promise;
  }

  opened(stream: StreamInfo): void {
    const { id, group } = stream.node;
    const key = keyOf(id, group);
    this.#counters.opened(stream);
    this.#gone.delete(key);
    const before = this.#nodes.get(key);
    this.#nodes.set(key, afterOpened(before, stream, this.#now()));
    if (before === undefined || before.streams.length === 0) this.#tell({ kind: 'connected', node: id, group });
  }

  closed(stream: StreamInfo): void {
    const { id, group } = stream.node;
    const key = keyOf(id, group);
    this.#counters.closed(stream);
    const before = this.#nodes.get(key);
    if (before === undefined) return;
    const after = afterClosed(before, stream, this.#now());
    this.#nodes.set(key, after);
    if (after.streams.length > 0) return;
    this.#gone.add(key);
    this.#tell({ kind: 'disconnected', node: id, group });
    for (const oldest of this.#gone) {
      if (this.#gone.size <= this.#keptNodes) return;
      const { node } = this.#nodes.get(oldest)!.newest;
      this.evict(node.id, node.group);
    }
  }

  sent(stream: StreamInfo, type: XdsType, version: string, nonce: string, bytes: number): void {
    this.#counters.add(type, 'responses');
    this.#counters.add(type, 'bytes', bytes);
    this.#take(stream, type, { kind: 'sent', version, nonce });
  }

  acked(stream: StreamInfo, type: XdsType, version: string, nonce: string): void {
    this.#counters.add(type, 'acks');
    this.#take(stream, type, { kind: 'acked', version, nonce });
  }

  nacked(stream: StreamInfo, type: XdsType, version: string, nonce: string, message: string): void {
    this.#counters.add(type, 'nacks');
    this.#take(stream, type, { kind: 'nacked', version, nonce, error: boundedText(message) });
  }

  current(stream: StreamInfo, type: XdsType, version: string): void {
    this.#take(stream, type, { kind: 'current', version });
  }

  waiting(stream: StreamInfo, type: XdsType, version: string): void {
    this.#take(stream, type, { kind: 'waiting', version });
  }

  #viewOf(record: NodeRecord): NodeView {
    const { id, group } = record.newest.node;
    return viewOf(record, this.states.of(id, group));
  }

  #take(stream: StreamInfo, type: XdsType, event: TypeEvent): void {
    const { id, group } = stream.node;
    const key = keyOf(id, group);
    const node = this.#nodes.get(key);
    if (node === undefined) return;
    this.#nodes.set(key, afterTypeEvent(node, stream, type, event, this.#now()));
    const error = event.kind === 'nacked' ? { error: event.error } : {};
    this.#tell({ kind: event.kind, node: id, group, type, version: event.version, ...error });
  }

  #tell(change: FleetChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

/** What a node says goes to logs, terminals and pages: no control characters but line breaks, and no more than a page. */
function boundedText(text: string): string {
  const plain = text.replace(/[^\P{Cc}\n\t]/gu, '\u{fffd}').toWellFormed();
  return plain.length <= limits.errorLength ? plain : `${plain.slice(0, limits.errorLength)}… (cut off)`;
}
