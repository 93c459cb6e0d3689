/** Keeps the replica up to date with what other processes write: on every hint, and without one every few seconds. */
import { randomUUID } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Logger } from 'pino';
import { describeKey } from '../model/document.ts';
import type { Database } from './database.ts';
import { Diverged, isAt, readAll, readHead, readNext } from './history.ts';
import type { Replica } from './replica.ts';
import type { Tables } from './schema.ts';
import { StoreError } from './store.ts';
import type { Vault } from './vault.ts';

interface FeedSettings {
  readonly pollMs: number;
  readonly logger: Logger;
  readonly vault: Vault;
}

export class Feed {
  /** Id of this store, by which it knows its own hints. */
  readonly origin = randomUUID();
  readonly #database: Database;
  readonly #replica: Replica;
  readonly #pollMs: number;
  readonly #logger: Logger;
  readonly #vault: Vault;
  #looking: Promise<void> | undefined;
  #fault: StoreError | undefined;
  #frozen: StoreError | undefined;
  #hinted = Promise.withResolvers<void>();
  /** Hints were lost, so the next look compares everything. */
  #doubtful = false;
  #isLooking = false;
  #stopped = false;

  constructor(database: Database, replica: Replica, { pollMs, logger, vault }: FeedSettings) {
    this.#database = database;
    this.#replica = replica;
    this.#pollMs = pollMs;
    this.#logger = logger;
    this.#vault = vault;
  }

  start(): void {
    this.#database.watch({
      hint: (origin) => {
        if (origin !== this.origin) this.#hinted.resolve();
      },
      lost: (error) => this.suspect(error),
      restored: () => this.#hinted.resolve(),
    });
    this.#looking = this.#lookOn();
  }

  /** True while the last look found the database, and nothing speaks against going on. */
  get current(): boolean {
    return this.#fault === undefined && this.#frozen === undefined && !this.#stopped;
  }

  /** Why nothing may be written, if so. */
  get frozen(): StoreError | undefined {
    return this.#frozen;
  }

  /** Reads what was written since the replica's revision, up to the head. Throws. */
  async catchUp(db: Kysely<Tables>): Promise<void> {
    for (;;) {
      const steps = await readNext(db, this.#replica.position, this.#vault);
      if (steps.length === 0) return;
      for (const step of steps) this.#replica.advance(step);
    }
  }

  /** What a fault means; that the database shows another history is for a person to judge, until then nothing moves. */
  judge(error: unknown): StoreError {
    if (!(error instanceof Diverged)) return this.#database.explain(error);
    if (this.#frozen === undefined) {
      this.#frozen = new StoreError(
        'corrupt',
        `The database ${this.#database.description} does not hold what this control plane has read: ${error.message}.`,
        'It was restored, or a standby without the last writes took over. Nodes keep what they have, and nothing is written. Bring the newer database back, or accept this one as it is now; either way, restart every replica then (docs/decisions/2026-11-21-database-went-back.md).',
      );
      const { message, remedy } = this.#frozen;
      this.#logger.fatal({ event: 'store.went-back', remedy }, message);
    }
    return this.#frozen;
  }

  /** Somebody met a database that did not answer. What a look itself meets waits for the next one, or it would turn. */
  suspect(error: StoreError): void {
    this.#failed(error);
    if (!this.#isLooking) this.#hinted.resolve();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#hinted.resolve();
    await this.#looking;
  }

  async #lookOn(): Promise<void> {
    while (!this.#stopped && this.#frozen === undefined) {
      this.#hinted = Promise.withResolvers();
      this.#isLooking = true;
      await this.#look();
      this.#isLooking = false;
      const poll = setTimeout(this.#hinted.resolve, this.#pollMs);
      await this.#hinted.promise;
      clearTimeout(poll);
    }
  }

  async #look(): Promise<void> {
    this.#database.probe();
    const [fault, doubtful] = [this.#fault, this.#doubtful];
    this.#doubtful = false;
    try {
      if (doubtful) await this.#compareAll();
      else await this.#lookAtHead();
    } catch (error) {
      this.#failed(this.judge(error));
      return;
    }
    // Another fault than the one this look began with came up meanwhile: it is for the next look to clear.
    if (this.#fault === undefined || this.#fault !== fault) return;
    this.#fault = undefined;
    this.#logger.info({ event: 'store.recovered', revision: this.#replica.position.revision }, 'The store is back');
  }

  async #lookAtHead(): Promise<void> {
    const seen = this.#replica.position;
    const head = await readHead(this.#database.kysely, { lock: false });
    if (!isAt(head, seen)) await this.catchUp(this.#database.kysely);
  }

  /** After hints were lost: step by step first, so that subscribers see every revision; then document by document. */
  async #compareAll(): Promise<void> {
    const snapshot = this.#database.kysely
      .transaction()
      .setIsolationLevel('repeatable read')
      .setAccessMode('read only');
    // Outside of the snapshot, which does not show a write of this process that is committed meanwhile: there it would
    // look as if the history had gone back.
    await this.catchUp(this.#database.kysely);
    await snapshot.execute(async (db) => {
      const { position, documents } = await readAll(db, this.#vault);
      while (this.#replica.position.revision < position.revision) {
        for (const step of await readNext(db, this.#replica.position, this.#vault)) this.#replica.advance(step);
      }
      if (position.revision !== this.#replica.position.revision) {
        this.#doubtful = true; // a write of this process passed by
        return;
      }
      const changed = this.#replica.replace(position, documents);
      if (changed.length === 0) return;
      const names = changed.slice(0, 10).map(describeKey);
      this.#logger.error(
        { event: 'store.mended', documents: names },
        `${changed.length} documents were not as written`,
      );
    });
  }

  #failed(error: StoreError): void {
    this.#doubtful = true;
    if (this.#fault === undefined && error !== this.#frozen) {
      this.#logger.error({ event: 'store.unhealthy', code: error.code, remedy: error.remedy }, error.message);
    }
    this.#fault = error;
  }
}
