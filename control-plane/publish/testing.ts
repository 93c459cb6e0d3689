/** What the tests of this room stand on: time that moves when told, documents that change, a log that remembers. */
import { type DocumentKey, keyId, kinds } from '../model/document.ts';
import { MemoryDocumentSet } from '../model/memory-set.ts';
import type { Placement, Placements } from '../model/placements.ts';
import type { Typed } from '../model/specs.ts';
import type { Store } from '../store/store.ts';
import type { Timers } from './debounce.ts';
import type { PublishLogger } from './publisher.ts';

export class ManualTimers implements Timers {
  #nowMs: number;
  readonly #due = new Set<{ readonly atMs: number; readonly run: () => void }>();

  constructor(nowMs = 0) {
    this.#nowMs = nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, run };
    this.#due.add(timer);
    return () => this.#due.delete(timer);
  }

  /** Runs what falls due on the way, each at its own time. */
  advanceTo(atMs: number): void {
    for (;;) {
      const [next] = [...this.#due].filter((timer) => timer.atMs <= atMs).toSorted((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.#due.delete(next);
      this.#nowMs = next.atMs;
      next.run();
    }
    this.#nowMs = atMs;
  }
}

/** The replica of a store and its change feed, without the database and without its checks: anything may be put. */
export class Replica implements Pick<Store, 'documents' | 'subscribe'> {
  readonly documents = new MemoryDocumentSet(0);
  readonly #listeners = new Set<(revision: number, changed: readonly DocumentKey[]) => void>();

  subscribe(listener: (revision: number, changed: readonly DocumentKey[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  put(...documents: readonly Typed[]): void {
    this.#apply(documents.map(({ document }) => ({ key: document, document })));
  }

  remove(...keys: readonly DocumentKey[]): void {
    this.#apply(keys.map((key) => ({ key, document: null })));
  }

  #apply(changes: Parameters<MemoryDocumentSet['apply']>[1]): void {
    this.documents.apply(this.documents.revision + 1, changes);
    const changed = changes.map(({ key }) => key);
    for (const listener of this.#listeners) listener(this.documents.revision, changed);
  }

  /** The same documents read anew, so that nothing remembered by identity can help. */
  copy(): Replica {
    const copy = new Replica();
    const all = kinds.flatMap((kind): Typed[] => [...this.documents.all(kind)]);
    copy.documents.apply(
      this.documents.revision,
      // in another order than they came in
      all
        .map(({ document }) => ({ key: document, document: structuredClone(document) }))
        .toSorted((a, b) => (keyId(a.key) < keyId(b.key) ? 1 : -1)),
    );
    return copy;
  }
}

/** Where nodes are, as the test says. */
export class TestPlacements implements Placements {
  readonly #placed = new Map<string, readonly Placement[]>();
  readonly #listeners = new Set<() => void>();

  of(group: string, listener: string): readonly Placement[] {
    return this.#placed.get(`${group} ${listener}`) ?? nowhere;
  }

  place(group: string, listener: string, placed: readonly Placement[]): void {
    this.#placed.set(`${group} ${listener}`, placed);
    for (const moved of this.#listeners) moved();
  }

  onMoved(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The same nodes, and nothing that can be told by identity. */
  copy(): TestPlacements {
    const copy = new TestPlacements();
    for (const [key, placed] of this.#placed) copy.#placed.set(key, structuredClone(placed));
    return copy;
  }
}

const nowhere: readonly Placement[] = [];

export class MemoryLogger implements PublishLogger {
  readonly lines: string[] = [];

  info(_fields: object, message: string): void {
    this.lines.push(`info ${message}`);
  }

  warn(_fields: object, message: string): void {
    this.lines.push(`warn ${message}`);
  }

  error(_fields: object, message: string): void {
    this.lines.push(`error ${message}`);
  }
}
