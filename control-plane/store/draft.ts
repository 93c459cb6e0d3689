/** One revision as it is going to be written. */
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import { typed } from '../model/check.ts';
import { type Change, type DocumentKey, keyId, type StoredDocument } from '../model/document.ts';
import type { DocumentSet } from '../model/document-set.ts';
import type { StoredChange } from '../model/memory-set.ts';
import { channel } from './database.ts';
import type { Position, Step } from './history.ts';
import { limits } from './limits.ts';
import type { Tables } from './schema.ts';
import type { Vault } from './vault.ts';

export interface Draft extends Step {
  readonly author: string;
  /** ISO 8601. */
  readonly at: string;
}

/**
 * What `changes` make of `current`; undefined: nothing. The last change of a document wins. Throws if a document does
 * not fit its schema: stored, it would stop every replica.
 */
export function draft(
  current: DocumentSet,
  changes: readonly Change[],
  { position, author, at }: { position: Position; author: string; at: string },
): Draft | undefined {
  const last = new Map(changes.map((change) => [keyId(change.key), change]));
  const stored: StoredChange[] = [];
  for (const { key, document, set } of last.values()) {
    const previous = current.get(key.kind, key.tenant, key.name)?.document;
    if (document === null) {
      if (previous !== undefined) stored.push({ key, document: null });
      continue;
    }
    const next: StoredDocument = {
      ...document,
      ...key,
      revision: position.revision,
      createdRevision: previous?.createdRevision ?? position.revision,
      createdAt: previous?.createdAt ?? at,
      updatedAt: at,
      updatedBy: author,
      set: set ?? previous?.set,
    };
    // As everybody else is going to read it; and the caller's object stays the caller's.
    const copy: StoredDocument = JSON.parse(JSON.stringify(next));
    typed(copy);
    stored.push({ key, document: copy });
  }
  return stored.length === 0 ? undefined : { position, changes: stored, author, at };
}

/** Writes it all: the revision, the documents (Secrets sealed), their history, the head, and the hint of `origin` to the others. */
export async function writeDraft(
  db: Kysely<Tables>,
  origin: string,
  { position, changes: made, author, at }: Draft,
  vault: Vault,
): Promise<void> {
  // the tables never hold a Secret but sealed, neither as it is nor as it was
  const changes = made.map(({ key, document }) => ({ key, document: document && vault.sealed(document) }));
  const { revision, id } = position;
  await db.insertInto('revisions').values({ revision, id, author, at, count: changes.length }).execute();
  for (const part of parts(changes)) {
    const put = part.flatMap(({ document }) => (document === null ? [] : [document]));
    if (put.length > 0) await upsert(db, put);
    const removed = part.filter(({ document }) => document === null).map(({ key }) => key);
    if (removed.length > 0) await remove(db, removed);
    await db
      .insertInto('changes')
      .values(part.map(({ key, document }) => ({ revision, ...keyColumns(key), document: jsonOrNull(document) })))
      .execute();
  }
  await db.updateTable('head').set({ revision, revision_id: id }).execute();
  await sql`select pg_notify(${channel}, ${origin})`.execute(db);
}

async function upsert(db: Kysely<Tables>, documents: readonly StoredDocument[]): Promise<void> {
  const rows = documents.map((document) => ({
    ...keyColumns(document),
    labels: jsonOrNull(document.labels),
    ignore: jsonOrNull(document.ignore),
    spec: JSON.stringify(document.spec),
    revision: document.revision,
    created_revision: document.createdRevision,
    created_at: document.createdAt,
    updated_at: document.updatedAt,
    updated_by: document.updatedBy,
    apply_set: document.set ?? null,
  }));
  await db
    .insertInto('documents')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['kind', 'tenant', 'name']).doUpdateSet((row) => ({
        labels: row.ref('excluded.labels'),
        ignore: row.ref('excluded.ignore'),
        spec: row.ref('excluded.spec'),
        revision: row.ref('excluded.revision'),
        updated_at: row.ref('excluded.updated_at'),
        updated_by: row.ref('excluded.updated_by'),
        apply_set: row.ref('excluded.apply_set'),
      })),
    )
    .execute();
}

async function remove(db: Kysely<Tables>, keys: readonly DocumentKey[]): Promise<void> {
  const wanted = keys.map(keyColumns);
  await db
    .deleteFrom('documents')
    .where(({ eb, refTuple, tuple }) =>
      eb(
        refTuple('kind', 'tenant', 'name'),
        'in',
        wanted.map(({ kind, tenant, name }) => tuple(kind, tenant, name)),
      ),
    )
    .execute();
}

function keyColumns({ kind, tenant, name }: DocumentKey) {
  return { kind, tenant: tenant ?? '', name };
}

function jsonOrNull(value: unknown): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value);
}

function parts<T>(list: readonly T[]): T[][] {
  const count = Math.ceil(list.length / limits.rowsAStatement);
  return Array.from({ length: count }, (_, index) =>
    list.slice(index * limits.rowsAStatement, (index + 1) * limits.rowsAStatement),
  );
}
