/** The replicas of the control plane, and the states of the nodes that each one serves. */
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  // `version` counts the writes of one replica, which writes alone: who knows it reads only what came since.
  await db.schema
    .createTable('replicas')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('version', 'bigint', (column) => column.notNull())
    .addColumn('nodes', 'integer', (column) => column.notNull())
    .addColumn('seen_at', 'timestamptz', (column) => column.notNull().defaultTo(sql`now()`))
    .execute();

  // The primary key begins with the replica: two may know the same node, which moved from one to the other.
  await db.schema
    .createTable('nodes')
    .addColumn('replica', 'text', (column) => column.notNull().references('replicas.id').onDelete('cascade'))
    .addColumn('id', 'text', (column) => column.notNull())
    .addColumn('version', 'bigint', (column) => column.notNull())
    .addColumn('state', 'json', (column) => column.notNull())
    .addPrimaryKeyConstraint('nodes_pkey', ['replica', 'id'])
    .execute();
  await db.schema.createIndex('nodes_version').on('nodes').columns(['replica', 'version']).execute();
}
