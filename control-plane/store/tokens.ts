/** Tokens, by the hash of their secret. */
import type { Kysely, Selectable } from 'kysely';
import { limits } from './limits.ts';
import type { Tables } from './schema.ts';
import type { TokenRecord, TokenStore } from './store.ts';

/** `attempt` runs what speaks to the database and says what its faults mean. */
export function tokenStore(
  db: Kysely<Tables>,
  now: () => number,
  attempt: <T>(work: () => Promise<T>) => Promise<T>,
): TokenStore {
  /** Last use as this process noted it: spares a statement on all but one use a minute. */
  const touched = new Map<string, number>();
  return {
    create: ({ id, name, role, hash, expiresAt, createdBy }) =>
      attempt(async () => {
        const row = {
          ...{ id, name, role, hash, created_at: new Date(now()).toISOString(), created_by: createdBy },
          ...{ expires_at: expiresAt, last_used_at: null },
        };
        return record(await db.insertInto('tokens').values(row).returningAll().executeTakeFirstOrThrow());
      }),
    list: () =>
      attempt(async () => {
        const rows = await db.selectFrom('tokens').selectAll().orderBy('created_at').orderBy('id').execute();
        return rows.map(record);
      }),
    findByHash: (hash) =>
      attempt(async () => {
        const row = await db.selectFrom('tokens').selectAll().where('hash', '=', hash).executeTakeFirst();
        return row === undefined ? undefined : record(row);
      }),
    touch: (id, atMs) =>
      attempt(async () => {
        const last = touched.get(id);
        if (last !== undefined && atMs - last < limits.tokenTouchMs) return;
        touched.set(id, atMs);
        const before = new Date(atMs - limits.tokenTouchMs).toISOString();
        await db
          .updateTable('tokens')
          .set({ last_used_at: new Date(atMs).toISOString() })
          .where('id', '=', id)
          .where(({ or, eb }) => or([eb('last_used_at', 'is', null), eb('last_used_at', '<=', before)]))
          .execute();
      }),
    revoke: (id) =>
      attempt(async () => {
        touched.delete(id);
        const { numDeletedRows } = await db.deleteFrom('tokens').where('id', '=', id).executeTakeFirst();
        return numDeletedRows > 0n;
      }),
  };
}

function record(row: Selectable<Tables['tokens']>): TokenRecord {
  const { id, name, role, created_at, expires_at, last_used_at } = row;
  return { id, name, role, createdAt: created_at, expiresAt: expires_at, lastUsedAt: last_used_at };
}
