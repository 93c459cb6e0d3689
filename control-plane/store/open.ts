/** Opens the store: the embedded one in a folder, or a PostgreSQL server. */
import type { Logger } from 'pino';
import { serveDatabase } from './database-store.ts';
import { openEmbedded } from './dialect-pglite.ts';
import { openPostgres } from './dialect-postgres.ts';
import { limits } from './limits.ts';
import { migrate } from './migrate.ts';
import type { Store } from './store.ts';
import { Vault } from './vault.ts';

export interface OpenOptions {
  /** `postgres://…`; absent or empty: the embedded store. */
  readonly databaseUrl?: string | undefined;
  /** Folder of the embedded store; made if it is not there. */
  readonly dir: string;
  /** 32 bytes that encrypt Secrets; without it none can be stored or read. */
  readonly key?: Buffer | undefined;
  /** Longest wait between two looks at the database when no hint comes; default 2,000. */
  readonly pollMs?: number | undefined;
  readonly logger: Logger;
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
}

/** Throws `StoreError` with a remedy: in use, unreachable, full, read-only, damaged, of a newer version, or
 * with Secrets that `key` does not open. */
export async function openStore({ databaseUrl, dir, key, pollMs, logger, now }: OpenOptions): Promise<Store> {
  const database = databaseUrl ? await openPostgres(databaseUrl, logger) : await openEmbedded(dir, logger);
  try {
    await migrate(database);
    return await serveDatabase(database, {
      ...{ pollMs: pollMs ?? limits.pollMs, logger, now: now ?? Date.now },
      vault: new Vault(key),
    });
  } catch (error) {
    await database.close();
    throw error;
  }
}
