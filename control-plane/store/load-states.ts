/** What each replica tells the others of the load that its nodes report: one writer a replica, read when asked for. */
import { type Kysely, sql, type Transaction } from 'kysely';
import { limits } from './limits.ts';
import type { Tables } from './schema.ts';

/** The load of clusters and nodes, and the health of endpoints by both. */
export const loadSubjects = ['cluster', 'node', 'cluster-health', 'node-health'] as const;
export type LoadSubject = (typeof loadSubjects)[number];

/** Of one cluster, or of one node. */
export interface LoadState {
  readonly subject: LoadSubject;
  readonly name: string;
  /** As its writer made it; kept as JSON. `null`: nothing is known of it any more. */
  readonly load: unknown;
}

export interface LoadStatesWrite {
  readonly replica: string;
  /** What the tables held of the replica before goes first. */
  readonly anew: boolean;
  /** As `LoadStatesRead.leftOut`. */
  readonly leftOut: number;
  readonly changed: readonly LoadState[];
}

export interface LoadStatesRead {
  /** Of reports, beyond what the replicas remember. */
  readonly leftOut: number;
  readonly states: readonly Pick<LoadState, 'name' | 'load'>[];
}

/** Whose states are read: those of replicas that showed within so long that they live, but not those of one. */
export interface LoadStatesOf {
  readonly except: string;
  readonly silentMs: number;
}

export interface LoadStates {
  /** False, and nothing is written, if the replica has not written `anew` before (or was forgotten since), or is not listed. */
  write(write: LoadStatesWrite): Promise<boolean>;
  /** `name`: of one; default all. */
  read(of: LoadStatesOf, subject: LoadSubject, name?: string): Promise<LoadStatesRead>;
}

/** `attempt` runs what speaks to the database and says what its faults mean. */
export function loadStates(db: Kysely<Tables>, attempt: <T>(work: () => Promise<T>) => Promise<T>): LoadStates {
  return {
    write: (write) => attempt(() => db.transaction().execute((transaction) => writeAll(transaction, write))),
    read: (of, subject, name) => attempt(() => readAll(db, of, subject, name)),
  };
}

async function writeAll(
  db: Transaction<Tables>,
  { replica, anew, leftOut, changed }: LoadStatesWrite,
): Promise<boolean> {
  if (!(await (anew ? begin(db, replica, leftOut) : goOn(db, replica, leftOut)))) return false;
  for (const subject of loadSubjects) {
    const states = changed.filter((state) => state.subject === subject);
    const put = states.filter(({ load }) => load !== null);
    const gone = states.filter(({ load }) => load === null).map(({ name }) => name);
    for (let from = 0; from < put.length; from += limits.rowsAStatement) {
      const part = put.slice(from, from + limits.rowsAStatement);
      await db
        .insertInto('loads')
        .values(part.map(({ name, load }) => ({ replica, subject, name, load: JSON.stringify(load) })))
        .onConflict((conflict) =>
          conflict.columns(['replica', 'subject', 'name']).doUpdateSet((row) => ({ load: row.ref('excluded.load') })),
        )
        .execute();
    }
    for (let from = 0; from < gone.length; from += limits.rowsAStatement) {
      const part = gone.slice(from, from + limits.rowsAStatement);
      await db
        .deleteFrom('loads')
        .where('replica', '=', replica)
        .where('subject', '=', subject)
        .where('name', 'in', part)
        .execute();
    }
  }
  return true;
}

async function begin(db: Transaction<Tables>, replica: string, leftOut: number): Promise<boolean> {
  await db.deleteFrom('load_writers').where('replica', '=', replica).execute();
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('load_writers')
    .columns(['replica', 'left_out'])
    .expression((one) =>
      one
        .selectFrom('replicas')
        .select(['id', sql<number>`${leftOut}::bigint`.as('left_out')])
        .where('id', '=', replica),
    )
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

async function goOn(db: Transaction<Tables>, replica: string, leftOut: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('load_writers')
    .set({ left_out: leftOut })
    .where('replica', '=', replica)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

async function readAll(
  db: Kysely<Tables>,
  { except, silentMs }: LoadStatesOf,
  subject: LoadSubject,
  name: string | undefined,
): Promise<LoadStatesRead> {
  const writers = await db
    .selectFrom('load_writers')
    .innerJoin('replicas', 'replicas.id', 'load_writers.replica')
    .select(['load_writers.replica', 'load_writers.left_out'])
    .where('load_writers.replica', '<>', except)
    .where('replicas.seen_at', '>', sql<string>`now() - make_interval(secs => ${silentMs / 1_000})`)
    .execute();
  const leftOut = writers.reduce((sum, { left_out }) => sum + left_out, 0);
  if (writers.length === 0) return { leftOut, states: [] };
  const states = db
    .selectFrom('loads')
    .select(['name', 'load'])
    .where(
      'replica',
      'in',
      writers.map(({ replica }) => replica),
    )
    .where('subject', '=', subject);
  return { leftOut, states: await (name === undefined ? states : states.where('name', '=', name)).execute() };
}
