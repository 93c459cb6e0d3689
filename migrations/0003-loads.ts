/** The load that nodes report to each replica, added up by cluster, and as each node reports it. */
import type { Kysely } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  // A replica without a row here has nothing in `loads`: it was never there, or it was forgotten, and writes all anew.
  await db.schema
    .createTable('load_writers')
    .addColumn('replica', 'text', (column) => column.primaryKey().references('replicas.id').onDelete('cascade'))
    .addColumn('left_out', 'bigint', (column) => column.notNull())
    .execute();

  await db.schema
    .createTable('loads')
    .addColumn('replica', 'text', (column) => column.notNull().references('load_writers.replica').onDelete('cascade'))
    .addColumn('subject', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('load', 'json', (column) => column.notNull())
    .addPrimaryKeyConstraint('loads_pkey', ['replica', 'subject', 'name'])
    .execute();
}
