/** What the store needs of a database; the two dialects provide it, and differ nowhere else. */
import type { Kysely } from 'kysely';
import type { Tables } from './schema.ts';
import type { StoreError } from './store.ts';

/** Told by the database, at any time. */
export interface Watcher {
  /** `origin`, a store's own id, may have committed a revision. */
  hint(origin: string): void;
  /** The connection that hints come by is gone: hints are lost until `restored`. */
  lost(error: StoreError): void;
  restored(): void;
}

export interface Database {
  /** Where it is, without a password. */
  readonly description: string;
  readonly kysely: Kysely<Tables>;
  /** Hints come to `watcher` until the database is closed. At most one watcher. */
  watch(watcher: Watcher): void;
  /** True for a server, which other control planes may serve from as well. */
  readonly shared: boolean;
  /** `listener` is called with the id of a replica that may have written states of nodes, until unsubscribed. */
  watchNodes(listener: (replica: string) => void): () => void;
  /** Makes sure that hints still come, or else reports `lost`. Never rejects. */
  probe(): void;
  /** What a fault of this database means, and what to do. Passes a `StoreError` on. */
  explain(error: unknown): StoreError;
  close(): Promise<void>;
}

/** NOTIFY's channel. The payload is the id of the store that wrote: a notification is a hint, never data. */
export const channel = 'fairlead_revision';
/** The same for states of nodes; the payload is the id of the replica that wrote. */
export const nodesChannel = 'fairlead_nodes';
