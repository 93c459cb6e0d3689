/** The store over any database: writes in one total order, and the replica that everybody reads. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { ControlledTransaction } from 'kysely';
import type { Logger } from 'pino';
import type { DocumentKey } from '../model/document.ts';
import type { DocumentSet } from '../model/document-set.ts';
import type { Database } from './database.ts';
import { type Draft, draft, writeDraft } from './draft.ts';
import { type Drains, drains } from './drains.ts';
import { Feed } from './feed.ts';
import { isAt, readAll, readHead, wasCommitted } from './history.ts';
import { limits } from './limits.ts';
import { type LoadStates, loadStates } from './load-states.ts';
import { type NodeStates, nodeStates } from './node-states.ts';
import { type Places, places } from './places.ts';
import { Replica } from './replica.ts';
import { RowCounter } from './row-counter.ts';
import type { Tables } from './schema.ts';
import { type Decision, type Store, StoreError, type TokenStore, type Written } from './store.ts';
import { tokenStore } from './tokens.ts';
import type { Vault } from './vault.ts';

type Listener = (revision: number, changed: readonly DocumentKey[]) => void;

export interface StoreSettings {
  /** Longest wait between two looks at the database when no hint comes. */
  readonly pollMs: number;
  readonly logger: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly vault: Vault;
}

/** Serves a database whose tables are up to date. Closes it when the store is closed. Throws `StoreError`. */
export async function serveDatabase(database: Database, settings: StoreSettings): Promise<Store> {
  const store = new DatabaseStore(database, settings);
  await store.load();
  return store;
}

class DatabaseStore implements Store {
  readonly description: string;
  readonly tokens: TokenStore;
  readonly shared: boolean;
  readonly nodeStates: NodeStates;
  readonly loadStates: LoadStates;
  readonly drains: Drains;
  readonly places: Places;
  readonly #database: Database;
  readonly #settings: StoreSettings;
  readonly #replica: Replica;
  readonly #feed: Feed;
  readonly #listeners = new Set<Listener>();
  readonly #rows = new RowCounter();
  /** The last write of this process, or what came of it: they take turns, so that one connection serves them all. */
  #turn: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(opened: Database, settings: StoreSettings) {
    const database = { ...opened, kysely: opened.kysely.withPlugin(this.#rows) };
    this.#database = database;
    this.#settings = settings;
    this.#replica = new Replica((revision, changed) => this.#tell(revision, changed));
    this.#feed = new Feed(database, this.#replica, settings);
    this.description = database.description;
    const attempt = <T>(work: () => Promise<T>): Promise<T> =>
      this.#closing === undefined ? this.#attempt(work) : Promise.reject(closed());
    this.tokens = tokenStore(database.kysely, settings.now, attempt);
    this.shared = database.shared;
    const watchNodes: Database['watchNodes'] = (listener) => database.watchNodes(listener);
    this.nodeStates = nodeStates(database.kysely, watchNodes, attempt);
    this.loadStates = loadStates(database.kysely, attempt);
    this.drains = drains(database.kysely, watchNodes, attempt);
    this.places = places(database.kysely, attempt);
  }

  get documents(): DocumentSet {
    return this.#replica.documents;
  }

  async load(): Promise<void> {
    const snapshot = this.#database.kysely
      .transaction()
      .setIsolationLevel('repeatable read')
      .setAccessMode('read only');
    const { position, documents } = await this.#attempt(() =>
      snapshot.execute((db) => readAll(db, this.#settings.vault)),
    );
    this.#replica.replace(position, documents);
    this.#feed.start();
  }

  write<T>(author: string, decide: (current: DocumentSet) => Decision<T>): Promise<Written<T>> {
    if (this.#closing !== undefined) return Promise.reject(closed());
    const written = this.#turn.then(() => this.#write(author, decide));
    this.#turn = written.catch(() => {});
    return written;
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  healthy(): boolean {
    return this.#feed.current;
  }

  get hasKey(): boolean {
    return this.#settings.vault.keyId !== undefined;
  }

  frozen(): StoreError | undefined {
    return this.#feed.frozen;
  }

  rowsRead(): number {
    return this.#rows.read;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#turn;
    await this.#feed.stop();
    await this.#database.close();
  }

  async #write<T>(author: string, decide: (current: DocumentSet) => Decision<T>): Promise<Written<T>> {
    if (this.#feed.frozen !== undefined) throw this.#feed.frozen;
    const transaction = await this.#attempt(() => this.#database.kysely.startTransaction().execute());
    const { decided, result } = await this.#decide(transaction, author, decide);
    if (decided === undefined) return { revision: this.#replica.position.revision, result };
    await this.#commit(transaction, decided);
    this.#replica.advance(decided);
    return { revision: decided.position.revision, result };
  }

  /** Under the revision lock. Ends the transaction unless there is something to commit. */
  async #decide<T>(
    transaction: ControlledTransaction<Tables>,
    author: string,
    decide: (current: DocumentSet) => Decision<T>,
  ): Promise<{ decided: Draft | undefined; result: T }> {
    let refusal: { reason: unknown } | undefined;
    try {
      const head = await readHead(transaction, { lock: true });
      if (!isAt(head, this.#replica.position)) await this.#feed.catchUp(transaction);
      let decided: Draft | undefined;
      let result: T;
      try {
        const decision = decide(this.documents);
        const position = { revision: head.revision + 1, id: randomUUID() };
        const at = new Date(this.#settings.now()).toISOString();
        decided = draft(this.documents, decision.changes, { position, author, at });
        result = decision.result;
      } catch (reason) {
        refusal = { reason };
        throw reason;
      }
      if (decided === undefined) await rollback(transaction);
      else await writeDraft(transaction, this.#feed.origin, decided, this.#settings.vault);
      return { decided, result };
    } catch (error) {
      await rollback(transaction);
      throw refusal === undefined ? this.#faulty(error) : refusal.reason;
    }
  }

  async #commit(transaction: ControlledTransaction<Tables>, { position }: Draft): Promise<void> {
    try {
      await transaction.commit().execute();
    } catch (error) {
      await rollback(transaction);
      const fault = this.#faulty(error);
      if (!(await this.#wasCommitted(position.id, fault))) throw fault;
    }
  }

  /** No answer came to a commit: the database knows. */
  async #wasCommitted(id: string, fault: StoreError): Promise<boolean> {
    const { withinMs, everyMs } = limits.unknownCommit;
    const enough = AbortSignal.timeout(withinMs);
    while (!enough.aborted) {
      try {
        return await wasCommitted(this.#database.kysely, id);
      } catch {
        await pause(everyMs);
      }
    }
    throw new StoreError(
      fault.code,
      `${fault.message} It happened at the commit: whether the write was taken is not known.`,
      `${fault.remedy} Then read the documents before you repeat the write.`,
      { cause: fault },
    );
  }

  async #attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#faulty(error);
    }
  }

  #faulty(error: unknown): StoreError {
    const fault = this.#feed.judge(error);
    if (fault.code === 'unreachable') this.#feed.suspect(fault);
    return fault;
  }

  #tell(revision: number, changed: readonly DocumentKey[]): void {
    for (const listener of this.#listeners) {
      try {
        listener(revision, changed);
      } catch (error) {
        this.#settings.logger.error({ event: 'store.subscriber-failed', err: error, revision }, 'A subscriber threw');
      }
    }
  }
}

/** Gives the connection back whatever happens; a transaction whose connection is gone is rolled back by its loss. */
async function rollback(transaction: ControlledTransaction<Tables>): Promise<void> {
  if (transaction.isCommitted || transaction.isRolledBack) return;
  await transaction
    .rollback()
    .execute()
    .catch(() => {});
}

function closed(): StoreError {
  return new StoreError('failed', 'The store is closed.', 'The control plane is stopping; ask another one.');
}
