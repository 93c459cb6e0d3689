/** The documents in memory, with their look-ups; and proposals, which are changes laid over a set. */
import { typed } from './check.ts';
import { type Change, type Document, type DocumentKey, type Kind, keyId, type StoredDocument } from './document.ts';
import type { DocumentSet } from './document-set.ts';
import { namedBy } from './references.ts';
import type { Typed } from './specs.ts';

/** One document put, or removed (`document: null`), as the store has it. */
export interface StoredChange {
  readonly key: DocumentKey;
  readonly document: StoredDocument | null;
}

type Tables = { readonly [K in Kind]: Map<string, Typed<K>> };

/** Groups of documents by a word that they share; a group without documents is no more. */
class Index {
  readonly #groups = new Map<string, Map<string, Typed>>();

  add(word: string, id: string, document: Typed): void {
    const group = this.#groups.get(word);
    if (group === undefined) this.#groups.set(word, new Map([[id, document]]));
    else group.set(id, document);
  }

  remove(word: string, id: string): void {
    const group = this.#groups.get(word);
    if (group?.delete(id) && group.size === 0) this.#groups.delete(word);
  }

  get(word: string): Iterable<Typed> {
    return this.#groups.get(word)?.values() ?? [];
  }
}

/** A set that changes in place; whoever reads it between two changes sees one revision. */
export class MemoryDocumentSet implements DocumentSet {
  #revision: number;
  #size = 0;
  readonly #tables: Tables = {
    Tenant: new Map(),
    NodeGroup: new Map(),
    Listener: new Map(),
    Cluster: new Map(),
    Route: new Map(),
    L4Route: new Map(),
    HealthPolicy: new Map(),
    Secret: new Map(),
  };
  readonly #owned = new Index();
  readonly #referrers = new Index();
  readonly #hosts = new Index();

  constructor(revision = 0, documents: Iterable<StoredDocument> = []) {
    this.#revision = revision;
    for (const document of documents) this.#put(keyId(document), typed(document));
  }

  get revision(): number {
    return this.#revision;
  }

  get size(): number {
    return this.#size;
  }

  get<K extends Kind>(kind: K, tenant: string | undefined, name: string): Typed<K> | undefined {
    return this.#tables[kind].get(keyId({ kind, tenant, name }));
  }

  all<K extends Kind>(kind: K): Iterable<Typed<K>> {
    return this.#tables[kind].values();
  }

  ofTenant<K extends Kind>(kind: K, tenant: string | undefined): Iterable<Typed<K>> {
    // One group holds one kind: see #words.
    return this.#owned.get(ownedWord(kind, tenant)) as Iterable<Typed<K>>;
  }

  referrers(key: DocumentKey): Iterable<Typed> {
    return this.#referrers.get(keyId(key));
  }

  routesOfHost(host: string): Iterable<Typed<'Route'>> {
    return this.#hosts.get(host) as Iterable<Typed<'Route'>>;
  }

  /** Shows `revision` from now on; later changes of the list win. Throws, unchanged, if a document was never checked. */
  apply(revision: number, changes: readonly StoredChange[]): void {
    const ready = changes.map(({ key, document }) => [keyId(key), document === null ? null : typed(document)] as const);
    for (const [id, document] of ready) {
      this.#remove(id);
      if (document !== null) this.#put(id, document);
    }
    this.#revision = revision;
  }

  /** Puts a document whose spec is known already. */
  put(document: Typed): void {
    const id = keyId(document.document);
    this.#remove(id);
    this.#put(id, document);
  }

  #put(id: string, document: Typed): void {
    this.#table(document.kind).set(id, document);
    this.#size++;
    this.#owned.add(ownedWord(document.kind, document.document.tenant), id, document);
    for (const { key } of namedBy(document)) this.#referrers.add(keyId(key), id, document);
    if (document.kind === 'Route') for (const host of document.spec.hosts) this.#hosts.add(host, id, document);
  }

  #remove(id: string): void {
    const table = this.#table(id.slice(0, id.indexOf('/')) as Kind);
    const document = table.get(id);
    if (document === undefined) return;
    table.delete(id);
    this.#size--;
    this.#owned.remove(ownedWord(document.kind, document.document.tenant), id);
    for (const { key } of namedBy(document)) this.#referrers.remove(keyId(key), id);
    if (document.kind === 'Route') for (const host of document.spec.hosts) this.#hosts.remove(host, id);
  }

  #table(kind: Kind): Map<string, Typed> {
    return this.#tables[kind] as Map<string, Typed>;
  }
}

function ownedWord(kind: Kind, tenant: string | undefined): string {
  return `${kind}/${tenant ?? ''}`;
}

/** Changes over a set that stays as it is: holds what changed, and looks through to the rest. */
class Overlay implements DocumentSet {
  readonly revision: number;
  readonly size: number;
  readonly #base: DocumentSet;
  readonly #changed = new Set<string>();
  readonly #put: MemoryDocumentSet;

  constructor(base: DocumentSet, changes: readonly Change[], revision: number) {
    this.#base = base;
    this.revision = revision;
    this.#put = new MemoryDocumentSet(revision);
    let hidden = 0;
    const last = new Map(changes.map((change) => [keyId(change.key), change]));
    for (const [id, { key, document, set }] of last) {
      this.#changed.add(id);
      const previous = base.get(key.kind, key.tenant, key.name);
      if (previous !== undefined) hidden++;
      if (document !== null) this.#put.put(typed(proposed(document, set, previous?.document, revision)));
    }
    this.size = base.size - hidden + this.#put.size;
  }

  get<K extends Kind>(kind: K, tenant: string | undefined, name: string): Typed<K> | undefined {
    const over = this.#changed.has(keyId({ kind, tenant, name }));
    return over ? this.#put.get(kind, tenant, name) : this.#base.get(kind, tenant, name);
  }

  all<K extends Kind>(kind: K): Iterable<Typed<K>> {
    return this.#merged(this.#base.all(kind), this.#put.all(kind));
  }

  ofTenant<K extends Kind>(kind: K, tenant: string | undefined): Iterable<Typed<K>> {
    return this.#merged(this.#base.ofTenant(kind, tenant), this.#put.ofTenant(kind, tenant));
  }

  referrers(key: DocumentKey): Iterable<Typed> {
    return this.#merged(this.#base.referrers(key), this.#put.referrers(key));
  }

  routesOfHost(host: string): Iterable<Typed<'Route'>> {
    return this.#merged(this.#base.routesOfHost(host), this.#put.routesOfHost(host));
  }

  *#merged<T extends { readonly document: StoredDocument }>(base: Iterable<T>, put: Iterable<T>): Generator<T> {
    for (const document of base) if (!this.#changed.has(keyId(document.document))) yield document;
    yield* put;
  }
}

/** A proposed document as it would be stored; when and by whom is not known yet. */
function proposed(
  document: Document,
  set: string | undefined,
  previous: StoredDocument | undefined,
  revision: number,
): StoredDocument {
  return {
    ...document,
    revision,
    createdRevision: previous?.createdRevision ?? revision,
    createdAt: previous?.createdAt ?? '',
    updatedAt: '',
    updatedBy: '',
    set: set ?? previous?.set,
  };
}

/**
 * `base` with `changes` on it, as of `revision`; the last change of a document wins. Costs what the changes cost, and
 * is true as long as `base` does not move on.
 */
export function overlay(base: DocumentSet, changes: readonly Change[], revision: number): DocumentSet {
  return new Overlay(base, changes, revision);
}
