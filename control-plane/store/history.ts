/** The history as the tables hold it: what was written after a revision, and everything at once. */
import { type Kysely, sql } from 'kysely';
import type { DocumentKey, Kind, StoredDocument } from '../model/document.ts';
import type { StoredChange } from '../model/memory-set.ts';
import { limits } from './limits.ts';
import type { Tables } from './schema.ts';
import type { Vault } from './vault.ts';

/** A place in the history. Two histories can have the same number; they never have the same id. */
export interface Position {
  readonly revision: number;
  /** Empty at revision 0. */
  readonly id: string;
}

export interface Step {
  readonly position: Position;
  readonly changes: readonly StoredChange[];
}

/** The database does not hold the history that this process has seen. */
export class Diverged extends Error {
  override readonly name = 'Diverged';
}

export const start: Position = { revision: 0, id: '' };

/** `lock`: no other writer passes until the transaction ends. */
export async function readHead(db: Kysely<Tables>, { lock }: { lock: boolean }): Promise<Position> {
  const query = db.selectFrom('head').select(['revision', 'revision_id as id']);
  return (lock ? query.forUpdate() : query).executeTakeFirstOrThrow();
}

/**
 * The next revisions after `from`, in order and without a gap; empty: there is none. Throws {@link Diverged}. Reads no
 * more than was written since.
 */
export async function readNext(db: Kysely<Tables>, from: Position, vault: Vault): Promise<Step[]> {
  const positions = await db
    .selectFrom('revisions')
    .select(['revision', 'id'])
    .where('revision', '>=', from.revision)
    .orderBy('revision')
    .limit(limits.revisionsAtOnce + 1)
    .execute();
  const next = from.revision === start.revision ? positions : positions.slice(1);
  const seen = from.revision === start.revision ? start : positions[0];
  if (seen?.revision !== from.revision) throw new Diverged(`revision ${from.revision} is gone`);
  if (seen.id !== from.id) throw new Diverged(`revision ${from.revision} is not the one that it was`);
  const gap = next.find(({ revision }, index) => revision !== from.revision + 1 + index);
  if (gap !== undefined) throw new Diverged(`revision ${gap.revision} does not follow its predecessor`);
  const last = next.at(-1);
  if (last === undefined) return [];
  const rows = await db
    .selectFrom('changes')
    .selectAll()
    .where('revision', '>', from.revision)
    .where('revision', '<=', last.revision)
    .orderBy('revision')
    .execute();
  const byRevision = Map.groupBy(rows, ({ revision }) => revision);
  return next.map((position) => ({
    position,
    changes: (byRevision.get(position.revision) ?? []).map((row) => ({
      key: keyOf(row),
      document: row.document && vault.opened(row.document),
    })),
  }));
}

/** True if `head` is where `seen` is; throws {@link Diverged} if it cannot come after it. */
export function isAt(head: Position, seen: Position): boolean {
  if (head.revision < seen.revision) {
    throw new Diverged(`it went back from revision ${seen.revision} to ${head.revision}`);
  }
  if (head.revision > seen.revision) return false;
  if (head.id !== seen.id) throw new Diverged(`revision ${seen.revision} is not the one that it was`);
  return true;
}

/** Everything, as of one moment, Secrets opened: call it in a transaction that is `repeatable read`. */
export async function readAll(
  db: Kysely<Tables>,
  vault: Vault,
): Promise<{ position: Position; documents: StoredDocument[] }> {
  const position = await readHead(db, { lock: false });
  const rows = await db.selectFrom('documents').selectAll().execute();
  const documents = rows.map((row) =>
    vault.opened({
      ...keyOf(row),
      ...(row.labels === null ? {} : { labels: row.labels }),
      ...(row.ignore === null ? {} : { ignore: row.ignore }),
      spec: row.spec,
      revision: row.revision,
      createdRevision: row.created_revision,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
      updatedBy: row.updated_by,
      ...(row.apply_set === null ? {} : { set: row.apply_set }),
    }),
  );
  return { position, documents };
}

/** True if the revision with this id was committed. Waits for whoever holds the revision lock. */
export async function wasCommitted(db: Kysely<Tables>, id: string): Promise<boolean> {
  return db.transaction().execute(async (transaction) => {
    await readHead(transaction, { lock: true });
    const found = await transaction.selectFrom('revisions').select(sql.lit(1).as('one')).where('id', '=', id).execute();
    return found.length > 0;
  });
}

/** Kinds that this version does not know are refused where the document is read. */
function keyOf(row: { kind: string; tenant: string; name: string }): DocumentKey {
  return { kind: row.kind as Kind, ...(row.tenant === '' ? {} : { tenant: row.tenant }), name: row.name };
}
