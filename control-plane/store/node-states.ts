/** What each replica tells the others of its nodes: one writer a replica, read by version. */
import { type Kysely, type RawBuilder, sql, type Transaction } from 'kysely';
import { nodesChannel } from './database.ts';
import { limits } from './limits.ts';
import type { Tables } from './schema.ts';

export interface NodeState {
  /** As its writer tells them apart. */
  readonly id: string;
  /** As its writer made it; kept as JSON. */
  readonly state: unknown;
}

/** One write of a replica. */
export interface NodeStatesWrite {
  readonly replica: string;
  /** Above that of every write before, those whose outcome is unknown included. */
  readonly version: number;
  /** Nodes of the replica after this write. */
  readonly count: number;
  readonly changed: readonly NodeState[];
  /** Ids that are no longer known. */
  readonly removed: readonly string[];
}

export interface ReplicaRow {
  readonly id: string;
  readonly version: number;
  readonly nodes: number;
  /** ISO 8601, by the clock of the database. */
  readonly seenAt: string;
  /** Since then, by the same clock. */
  readonly silentMs: number;
}

export interface NodeStates {
  /** Also a sign of life. */
  write(write: NodeStatesWrite): Promise<void>;
  /** A sign of life; false if the replica is not listed (any more), so that it has to write all of its nodes. */
  beat(replica: string): Promise<boolean>;
  replicas(): Promise<ReplicaRow[]>;
  /** What a replica wrote after that version. */
  readSince(replica: string, version: number): Promise<NodeState[]>;
  /** Removes a replica that has been silent for so long, with its nodes. */
  forget(replica: string, silentMs: number): Promise<void>;
  /** Some replica, named by id, has written. A hint: it may be lost. Returns the unsubscribe function. */
  onHint(listener: (replica: string) => void): () => void;
}

/** `attempt` runs what speaks to the database and says what its faults mean. */
export function nodeStates(
  db: Kysely<Tables>,
  onHint: NodeStates['onHint'],
  attempt: <T>(work: () => Promise<T>) => Promise<T>,
): NodeStates {
  return {
    onHint,
    write: (write) => attempt(() => db.transaction().execute((transaction) => writeAll(transaction, write))),
    beat: (replica) =>
      attempt(async () => {
        const { numUpdatedRows } = await db
          .updateTable('replicas')
          .set({ seen_at: now })
          .where('id', '=', replica)
          .executeTakeFirst();
        return numUpdatedRows > 0n;
      }),
    replicas: () =>
      attempt(async () => {
        const rows = await db
          .selectFrom('replicas')
          .select(['id', 'version', 'nodes', 'seen_at'])
          .select(sql<number>`(extract(epoch from now() - seen_at) * 1000)::bigint`.as('silent_ms'))
          .execute();
        return rows.map(({ seen_at, silent_ms, ...row }) => ({ ...row, seenAt: seen_at, silentMs: silent_ms }));
      }),
    readSince: (replica, version) =>
      attempt(() =>
        db
          .selectFrom('nodes')
          .select(['id', 'state'])
          .where('replica', '=', replica)
          .where('version', '>', version)
          .execute(),
      ),
    forget: (replica, silentMs) =>
      attempt(async () => {
        await db
          .deleteFrom('replicas')
          .where('id', '=', replica)
          .where('seen_at', '<=', sql<string>`now() - make_interval(secs => ${silentMs / 1_000})`)
          .execute();
      }),
  };
}

/** The database's own, so that the clocks of replicas do not matter. */
const now: RawBuilder<string> = sql<string>`now()`;

async function writeAll(db: Transaction<Tables>, write: NodeStatesWrite): Promise<void> {
  const { replica, version, count, changed, removed } = write;
  await db
    .insertInto('replicas')
    .values({ id: replica, version, nodes: count, seen_at: now })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ version, nodes: count, seen_at: now }))
    .execute();
  for (let from = 0; from < changed.length; from += limits.rowsAStatement) {
    const part = changed.slice(from, from + limits.rowsAStatement);
    await db
      .insertInto('nodes')
      .values(part.map(({ id, state }) => ({ replica, id, version, state: JSON.stringify(state) })))
      .onConflict((conflict) =>
        conflict
          .columns(['replica', 'id'])
          .doUpdateSet((row) => ({ version: row.ref('excluded.version'), state: row.ref('excluded.state') })),
      )
      .execute();
  }
  for (let from = 0; from < removed.length; from += limits.rowsAStatement) {
    const part = removed.slice(from, from + limits.rowsAStatement);
    await db.deleteFrom('nodes').where('replica', '=', replica).where('id', 'in', part).execute();
  }
  await sql`select pg_notify(${nodesChannel}, ${replica})`.execute(db);
}
