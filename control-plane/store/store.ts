/** What the rest of the control plane may ask of the store. Implementations differ only in their dialect. */
import type { Change, DocumentKey } from '../model/document.ts';
import type { DocumentSet } from '../model/document-set.ts';
import type { Drains } from './drains.ts';
import type { LoadStates } from './load-states.ts';
import type { NodeStates } from './node-states.ts';
import type { Places } from './places.ts';

export type { DrainRow, Drains } from './drains.ts';
export type {
  LoadState,
  LoadStates,
  LoadStatesOf,
  LoadStatesRead,
  LoadStatesWrite,
  LoadSubject,
} from './load-states.ts';
export type { NodeState, NodeStates, NodeStatesWrite, ReplicaRow } from './node-states.ts';
export type { PlaceRow, Places } from './places.ts';

/** What a write decides once it sees the documents under the revision lock. Nothing is written if it throws. */
export interface Decision<T> {
  /** Empty: nothing is written and no revision is taken. */
  readonly changes: readonly Change[];
  /** Handed back to the caller. */
  readonly result: T;
}

export interface Written<T> {
  /** The revision that now shows the changes (the current one if there were none). */
  readonly revision: number;
  readonly result: T;
}

export interface TokenRecord {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
}

export interface TokenStore {
  /** Stores the SHA-256 of the secret, never the secret. `id` is made by the caller. */
  create(token: {
    id: string;
    name: string;
    role: string;
    hash: string;
    expiresAt: string | null;
    createdBy: string;
  }): Promise<TokenRecord>;
  list(): Promise<TokenRecord[]>;
  /** By hash; undefined for unknown or revoked ones. The caller checks `expiresAt`. */
  findByHash(hash: string): Promise<TokenRecord | undefined>;
  /** Notes the use, at most once a minute a token. */
  touch(id: string, atMs: number): Promise<void>;
  /** False if there was none. */
  revoke(id: string): Promise<boolean>;
}

export interface Store {
  /** Where the data is, for logs (never with a password). */
  readonly description: string;
  /** The in-memory replica, as of `documents.revision`; the same object for the life of the store. */
  readonly documents: DocumentSet;
  /**
   * One transaction, one revision, one total order: takes the revision lock, brings the replica up to date under it,
   * calls `decide` with it, writes the changes, commits, then advances the replica. Concurrent writers wait.
   * Throws what `decide` throws; throws `StoreError` with a remedy if the database refuses (disk full, gone, ...).
   */
  write<T>(author: string, decide: (current: DocumentSet) => Decision<T>): Promise<Written<T>>;
  /** Called after the replica has advanced (own writes and other replicas'), with the changed keys. */
  subscribe(listener: (revision: number, changed: readonly DocumentKey[]) => void): () => void;
  /** True while the database answers and the change feed is up to date. */
  healthy(): boolean;
  /** True if Secrets can be stored: there is a key to encrypt them with. */
  readonly hasKey: boolean;
  /** Why nothing is written or followed any more until a person restarts this process; undefined: it is not so. */
  frozen(): StoreError | undefined;
  /** Rows that the database has handed to this process since the store was opened. */
  rowsRead(): number;
  readonly tokens: TokenStore;
  /** True if other control planes may serve from the same database; the embedded one has a single owner. */
  readonly shared: boolean;
  readonly nodeStates: NodeStates;
  readonly loadStates: LoadStates;
  readonly drains: Drains;
  readonly places: Places;
  close(): Promise<void>;
}

/** A fault of the database or of its folder, with what to do about it. */
export class StoreError extends Error {
  readonly code: 'in-use' | 'unreachable' | 'disk-full' | 'read-only' | 'corrupt' | 'no-key' | 'wrong-key' | 'failed';
  readonly remedy: string;
  constructor(code: StoreError['code'], message: string, remedy: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'StoreError';
    this.code = code;
    this.remedy = remedy;
  }
}
