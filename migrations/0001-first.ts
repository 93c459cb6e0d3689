/** Documents with their history in one total order, and tokens. */
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  // One row: whoever holds its lock may take the next revision. The id tells two histories with equal numbers apart.
  await db.schema
    .createTable('head')
    .addColumn('single', 'boolean', (column) => column.primaryKey().defaultTo(true).check(sql`single`))
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addColumn('revision_id', 'text', (column) => column.notNull())
    .execute();
  await sql`insert into head (revision, revision_id) values (0, '')`.execute(db);

  await db.schema
    .createTable('revisions')
    .addColumn('revision', 'bigint', (column) => column.primaryKey())
    .addColumn('id', 'text', (column) => column.notNull().unique())
    .addColumn('author', 'text', (column) => column.notNull())
    .addColumn('at', 'timestamptz', (column) => column.notNull())
    .addColumn('count', 'integer', (column) => column.notNull())
    .execute();

  // `json`, not `jsonb`: people get back the order of keys that they wrote, and every replica, the writing one
  // included, translates from the same order.
  await db.schema
    .createTable('documents')
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('labels', 'json')
    .addColumn('ignore', 'json')
    .addColumn('spec', 'json', (column) => column.notNull())
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addColumn('created_revision', 'bigint', (column) => column.notNull())
    .addColumn('created_at', 'timestamptz', (column) => column.notNull())
    .addColumn('updated_at', 'timestamptz', (column) => column.notNull())
    .addColumn('updated_by', 'text', (column) => column.notNull())
    .addColumn('apply_set', 'text')
    .addPrimaryKeyConstraint('documents_pkey', ['kind', 'tenant', 'name'])
    .execute();

  // The primary key begins with the revision: catching up reads a range of it and nothing else.
  await db.schema
    .createTable('changes')
    .addColumn('revision', 'bigint', (column) => column.notNull().references('revisions.revision'))
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('tenant', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('document', 'json')
    .addPrimaryKeyConstraint('changes_pkey', ['revision', 'kind', 'tenant', 'name'])
    .execute();

  await db.schema
    .createTable('tokens')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull().unique())
    .addColumn('created_at', 'timestamptz', (column) => column.notNull())
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'timestamptz')
    .addColumn('last_used_at', 'timestamptz')
    .execute();
}
