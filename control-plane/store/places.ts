/** Where the nodes of the fleet serve, as a control plane knew it last: read when one starts. */
import type { Kysely } from 'kysely';
import { limits } from './limits.ts';
import type { Tables } from './schema.ts';

export interface PlaceRow {
  readonly group: string;
  /** Its id. */
  readonly node: string;
  /** As its writer made it; kept as JSON. `null`: nothing is known of it any more. */
  readonly place: unknown;
}

export interface Places {
  list(): Promise<PlaceRow[]>;
  write(changed: readonly PlaceRow[]): Promise<void>;
}

/** `attempt` runs what speaks to the database and says what its faults mean. */
export function places(db: Kysely<Tables>, attempt: <T>(work: () => Promise<T>) => Promise<T>): Places {
  return {
    list: () =>
      attempt(async () => {
        const rows = await db.selectFrom('node_places').selectAll().execute();
        return rows.map(({ node_group, node, place }) => ({ group: node_group, node, place }));
      }),
    write: (changed) => attempt(() => writeAll(db, changed)),
  };
}

async function writeAll(db: Kysely<Tables>, changed: readonly PlaceRow[]): Promise<void> {
  const put = changed.filter(({ place }) => place !== null);
  for (let from = 0; from < put.length; from += limits.rowsAStatement) {
    const part = put.slice(from, from + limits.rowsAStatement);
    await db
      .insertInto('node_places')
      .values(part.map(({ group, node, place }) => ({ node_group: group, node, place: JSON.stringify(place) })))
      .onConflict((conflict) =>
        conflict.columns(['node_group', 'node']).doUpdateSet((row) => ({ place: row.ref('excluded.place') })),
      )
      .execute();
  }
  for (const { group, node, place } of changed) {
    if (place !== null) continue;
    await db.deleteFrom('node_places').where('node_group', '=', group).where('node', '=', node).execute();
  }
}
