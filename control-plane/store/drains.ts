/** Nodes that shall drain, kept until that is lifted: the same for every replica. */
import { type Kysely, type RawBuilder, sql } from 'kysely';
import { nodesChannel } from './database.ts';
import type { Tables } from './schema.ts';

export interface DrainRow {
  /** Its id. */
  readonly node: string;
  /** ISO 8601, by the clock of the database. */
  readonly since: string;
  /** Since then, by the same clock. */
  readonly ageMs: number;
  readonly timeoutMs: number;
  /** Who ordered it first. */
  readonly by: string;
}

export interface Drains {
  list(): Promise<DrainRow[]>;
  /** Of a node that drains already, only the timeout is another one then. */
  put(drain: Pick<DrainRow, 'node' | 'timeoutMs' | 'by'>): Promise<void>;
  /** False if there was none. */
  remove(node: string): Promise<boolean>;
  /** Some replica has put or removed one. A hint: it may be lost. Returns the unsubscribe function. */
  onHint(listener: () => void): () => void;
}

/** What is told in place of a replica's id. */
const hint = 'drains';

/** `attempt` runs what speaks to the database and says what its faults mean. */
export function drains(
  db: Kysely<Tables>,
  watch: (listener: (origin: string) => void) => () => void,
  attempt: <T>(work: () => Promise<T>) => Promise<T>,
): Drains {
  const tell = async (): Promise<void> => {
    await sql`select pg_notify(${nodesChannel}, ${hint})`.execute(db);
  };
  return {
    onHint: (listener) => watch((origin) => origin === hint && listener()),
    list: () =>
      attempt(async () => {
        const rows = await db
          .selectFrom('node_drains')
          .select(['node', 'since', 'timeout_ms', 'by', ageMs])
          .orderBy('node')
          .execute();
        return rows.map(({ timeout_ms, age_ms, ...row }) => ({ ...row, timeoutMs: timeout_ms, ageMs: age_ms }));
      }),
    put: ({ node, timeoutMs, by }) =>
      attempt(async () => {
        await db
          .insertInto('node_drains')
          .values({ node, timeout_ms: timeoutMs, by })
          .onConflict((conflict) => conflict.column('node').doUpdateSet({ timeout_ms: timeoutMs }))
          .execute();
        await tell();
      }),
    remove: (node) =>
      attempt(async () => {
        const { numDeletedRows } = await db.deleteFrom('node_drains').where('node', '=', node).executeTakeFirst();
        await tell();
        return numDeletedRows > 0n;
      }),
  };
}

const ageMs = (sql`(extract(epoch from now() - since) * 1000)::bigint` as RawBuilder<number>).as('age_ms');
