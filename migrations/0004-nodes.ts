/** Nodes that shall drain, and where nodes serve: what a control plane must not forget when it starts anew. */
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('node_drains')
    .addColumn('node', 'text', (column) => column.primaryKey())
    .addColumn('since', 'timestamptz', (column) => column.notNull().defaultTo(sql`now()`))
    .addColumn('timeout_ms', 'bigint', (column) => column.notNull())
    .addColumn('by', 'text', (column) => column.notNull())
    .execute();

  // Of the whole fleet, whichever replica a node is connected to.
  await db.schema
    .createTable('node_places')
    .addColumn('node_group', 'text', (column) => column.notNull())
    .addColumn('node', 'text', (column) => column.notNull())
    .addColumn('place', 'json', (column) => column.notNull())
    .addPrimaryKeyConstraint('node_places_pkey', ['node_group', 'node'])
    .execute();
}
