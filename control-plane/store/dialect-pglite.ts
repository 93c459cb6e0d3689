/** The embedded engine: one folder, one process, one connection. A dead engine is started anew by the next query. */
import {
  AbortedTransactionError,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  PGliteAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import type { Logger } from 'pino';
import type { Database, Watcher } from './database.ts';
import { explainFolder, explainStart, needSpace, prepareFolder, withData, withDataOrNew } from './embedded-folder.ts';
import { type FolderLock, lockFolder } from './folder-lock.ts';
import { limits } from './limits.ts';
import { Engine } from './pglite-engine.ts';
import type { Tables } from './schema.ts';

/** Takes the folder and starts the engine, which makes a new store if the folder is empty. Throws `StoreError`. */
export async function openEmbedded(folder: string, logger: Logger): Promise<Database> {
  prepareFolder(folder);
  const lock = lockFolder(folder);
  const engine = new LastingEngine(folder, lock, logger);
  try {
    await engine.open();
  } catch (error) {
    await engine.close();
    throw error;
  }
  const dialect: Dialect = {
    createDriver: () => new EmbeddedDriver(engine),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createAdapter: () => new PGliteAdapter(),
    createIntrospector: (db) => new PostgresIntrospector(db),
  };
  return {
    description: `embedded store in ${folder}`,
    kysely: new Kysely<Tables>({ dialect }),
    explain: (error) => explainFolder(error, folder),
    watch: (watcher) => engine.watch(watcher),
    shared: false,
    watchNodes: () => () => {},
    probe: () => {},
    close: () => engine.close(),
  };
}

/** The engine through its deaths. */
class LastingEngine {
  readonly #folder: string;
  readonly #lock: FolderLock;
  readonly #logger: Logger;
  #current: Promise<Engine> | undefined;
  #watcher: Watcher | undefined;
  #pauseMs: number = limits.reconnectMs.first;
  #closed = false;

  constructor(folder: string, lock: FolderLock, logger: Logger) {
    this.#folder = folder;
    this.#lock = lock;
    this.#logger = logger;
  }

  watch(watcher: Watcher): void {
    this.#watcher = watcher;
  }

  /** Makes a new store if there is none. */
  async open(): Promise<void> {
    this.#current = this.#start(withDataOrNew);
    await this.#current;
  }

  /** Never makes a new store: if the data is gone while the process runs, then so is its disk. */
  async current(): Promise<Engine> {
    if (this.#closed) throw new Error('it was closed');
    if (this.#current === undefined) {
      needSpace(this.#folder, limits.embedded.freeBytesAtRestart);
      this.#current = this.#start(withData);
      this.#current.catch(() => this.#tryAgainLater());
    }
    return this.#current;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watcher = undefined;
    const engine = await this.#current?.catch(() => undefined);
    await engine?.close();
    this.#lock.release();
  }

  async #start(onData: typeof withData): Promise<Engine> {
    try {
      const engine = await onData(this.#folder, (folder) => Engine.start({ folder }, (error) => this.#died(error)));
      this.#pauseMs = limits.reconnectMs.first;
      return engine;
    } catch (error) {
      throw explainStart(error, this.#folder);
    }
  }

  #died(error: unknown): void {
    this.#current = undefined;
    const fault = explainFolder(error, this.#folder);
    this.#logger.error({ event: 'store.engine-died', err: fault }, 'The embedded engine died; it is started again');
    this.#watcher?.lost(fault);
  }

  /** A start costs a second of processor time: until then everybody gets the same refusal. */
  #tryAgainLater(): void {
    setTimeout(() => {
      this.#current = undefined;
    }, this.#pauseMs).unref();
    this.#pauseMs = Math.min(2 * this.#pauseMs, limits.embedded.mostPauseMs);
  }
}

class EmbeddedDriver implements Driver {
  readonly #engine: LastingEngine;

  constructor(engine: LastingEngine) {
    this.#engine = engine;
  }

  async init(): Promise<void> {}

  /** Never rejects: Kysely would not give the only connection free again. */
  async acquireConnection(): Promise<EmbeddedConnection> {
    return new EmbeddedConnection(this.#engine);
  }

  async beginTransaction(connection: EmbeddedConnection, settings: TransactionSettings): Promise<void> {
    const isolation = settings.isolationLevel === undefined ? '' : ` isolation level ${settings.isolationLevel}`;
    const access = settings.accessMode === undefined ? '' : ` ${settings.accessMode}`;
    await connection.say(`start transaction${isolation}${access}`);
  }

  async commitTransaction(connection: EmbeddedConnection): Promise<void> {
    const { command } = await connection.say('commit');
    if (command === 'ROLLBACK') throw new AbortedTransactionError();
  }

  async rollbackTransaction(connection: EmbeddedConnection): Promise<void> {
    await connection.say('rollback');
  }

  async releaseConnection(): Promise<void> {}

  /** The engine is closed by whoever opened it. */
  async destroy(): Promise<void> {}
}

/** Stays with the engine that it first spoke to: a transaction must not go on in another one, without its beginning. */
class EmbeddedConnection implements DatabaseConnection {
  readonly #engines: LastingEngine;
  #engine: Engine | undefined;

  constructor(engines: LastingEngine) {
    this.#engines = engines;
  }

  async say(sql: string, parameters: readonly unknown[] = []) {
    this.#engine ??= await this.#engines.current();
    return this.#engine.query(sql, parameters);
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, affected } = await this.say(query.sql, query.parameters);
    // The rows are what the query was compiled for.
    return { rows: rows as R[], numAffectedRows: BigInt(affected) };
  }

  // biome-ignore lint/correctness/useYield: there is nothing to yield
  async *streamQuery(): AsyncIterableIterator<never> {
    throw new Error('The embedded store does not stream.');
  }
}
