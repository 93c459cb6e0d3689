/** Brings the tables up to this version. Forward only; any number of processes may do it at once. */
import { sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { migrations } from '../../migrations/index.ts';
import type { Database } from './database.ts';
import { StoreError } from './store.ts';

/** Throws `StoreError`: a database that a newer version wrote is left alone. */
export async function migrate(database: Database): Promise<void> {
  const applied = new Set(await appliedMigrations(database));
  const newer = [...applied].find((name) => !(name in migrations));
  if (newer !== undefined) throw isNewer(database, newer);
  if (Object.keys(migrations).every((name) => applied.has(name))) return;
  const migrator = new Migrator({ db: database.kysely, provider: { getMigrations: async () => ({ ...migrations }) } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw database.explain(error);
}

async function appliedMigrations({ kysely, explain }: Database): Promise<string[]> {
  try {
    const { rows } = await sql<{ there: boolean }>`
      select to_regclass('kysely_migration') is not null as there`.execute(kysely);
    if (rows[0]?.there !== true) return [];
    const applied = await sql<{ name: string }>`select name from kysely_migration`.execute(kysely);
    return applied.rows.map(({ name }) => name);
  } catch (error) {
    throw explain(error);
  }
}

function isNewer({ description }: Database, migration: string): StoreError {
  return new StoreError(
    'failed',
    `The ${description} was written by a newer Fairlead: this version does not know its migration ${migration}.`,
    'Run that version or a later one; or restore a backup from before the upgrade.',
  );
}
