/** The documents in memory: at one place in the history, and only ever moved on to a later one. */
import { type DocumentKey, describeKey, keyId, kinds, type StoredDocument } from '../model/document.ts';
import { MemoryDocumentSet, type StoredChange } from '../model/memory-set.ts';
import { messageOf } from './faults.ts';
import { type Position, type Step, start } from './history.ts';
import { StoreError } from './store.ts';

export type Advanced = (revision: number, changed: readonly DocumentKey[]) => void;

export class Replica {
  readonly documents = new MemoryDocumentSet();
  readonly #onAdvance: Advanced;
  #position: Position = start;

  constructor(onAdvance: Advanced) {
    this.#onAdvance = onAdvance;
  }

  get position(): Position {
    return this.#position;
  }

  /** Takes the next step. One that was taken already is passed over: it comes both from its writer and by the feed. */
  advance({ position, changes }: Step): void {
    if (position.revision <= this.#position.revision) return;
    readable(position.revision, changes, () => this.documents.apply(position.revision, changes));
    this.#moved(position, changes);
  }

  /** Shows exactly these, which are all there are at `position`. Says what that changed. */
  replace(position: Position, documents: readonly StoredDocument[]): readonly DocumentKey[] {
    const changes = readable(position.revision, [], () => this.#differences(documents));
    if (changes.length === 0 && position.revision === this.#position.revision) return [];
    readable(position.revision, changes, () => this.documents.apply(position.revision, changes));
    return this.#moved(position, changes);
  }

  #moved(position: Position, changes: readonly StoredChange[]): readonly DocumentKey[] {
    this.#position = position;
    const changed = changes.map(({ key }) => key);
    this.#onAdvance(position.revision, changed);
    return changed;
  }

  #differences(documents: readonly StoredDocument[]): StoredChange[] {
    const put = documents.filter(({ kind, tenant, name, revision }) => {
      return this.documents.get(kind, tenant, name)?.document.revision !== revision;
    });
    const there = new Set(documents.map(keyId));
    const gone = kinds
      .flatMap((kind) => [...this.documents.all(kind)])
      .map(({ document: { kind, tenant, name } }): DocumentKey => ({ kind, tenant, name }))
      .filter((key) => !there.has(keyId(key)));
    return [
      ...put.map((document) => ({ key: keyOf(document), document })),
      ...gone.map((key) => ({ key, document: null })),
    ];
  }
}

function keyOf({ kind, tenant, name }: DocumentKey): DocumentKey {
  return { kind, ...(tenant === undefined ? {} : { tenant }), name };
}

/** A newer version may have written what this one does not know. */
function readable<T>(revision: number, changes: readonly StoredChange[], read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const names = changes.slice(0, 3).map(({ key }) => describeKey(key));
    const what = names.length === 0 ? `Revision ${revision}` : `Revision ${revision} (${names.join(', ')})`;
    throw new StoreError(
      'failed',
      `${what} holds what this version cannot read: ${messageOf(cause)}`,
      'Upgrade this control plane to the version of the one that wrote it.',
      { cause },
    );
  }
}
