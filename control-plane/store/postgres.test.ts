/** What only a server has: several control planes on it, hints that get lost, outages, and a history that goes back. */
import type { KyselyPlugin } from 'kysely';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PostgresServer, postgresPassword, startPostgres } from '../../e2e/support/postgres.ts';
import type { Watcher } from './database.ts';
import { serveDatabase } from './database-store.ts';
import { openPostgres } from './dialect-postgres.ts';
import { migrate } from './migrate.ts';
import { type OpenOptions, openStore } from './open.ts';
import { type Store, StoreError } from './store.ts';
import { put, putTenant, query, readableLog, storeErrorOf, tenantNames, until } from './testing.ts';
import { Vault } from './vault.ts';

const quiet = pino({ level: 'silent' });
/** No test waits for a poll that is this rare. */
const never = 3_600_000;

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server?.stop());

function open(databaseUrl: string, options: Partial<OpenOptions> = {}): Promise<Store> {
  return openStore({ dir: '', databaseUrl, pollMs: 50, logger: quiet, ...options });
}

async function untilRow(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    while ((await client.query(statement)).rowCount === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  } finally {
    await client.end();
  }
}

test('eight writers on two control planes: each control plane shows every revision once, in order, without a gap', async () => {
  const url = await server.createDatabase();
  const stores = [await open(url), await open(url)];
  const heard = stores.map((store) => {
    const revisions: number[] = [];
    store.subscribe((revision) => revisions.push(revision));
    return revisions;
  });
  const writer = async (store: Store, index: number) => {
    const revisions: number[] = [];
    for (let round = 0; round < 15; round++) {
      const name = `w${index}-${round}`;
      const { revision, result } = await store.write(`w${index}`, (current) => ({
        changes: [putTenant(name)],
        result: current.revision,
      }));
      expect(result).toBe(revision - 1);
      revisions.push(revision);
    }
    return revisions;
  };
  const written = await Promise.all(Array.from({ length: 8 }, (_, index) => writer(stores[index % 2]!, index)));
  const all = Array.from({ length: 120 }, (_, index) => index + 1);
  expect(written.flat().sort((a, b) => a - b)).toEqual(all);
  await until(() => stores.every(({ documents }) => documents.revision === 120), 'both control planes show all');
  expect(heard).toEqual([all, all]);
  expect(tenantNames(stores[0]!)).toEqual(tenantNames(stores[1]!));
  expect(stores[0]!.documents.size).toBe(120);
  await Promise.all(stores.map((store) => store.close()));
});

test('a write waits for another one that holds the revision lock, and decides on what that one left', async () => {
  const url = await server.createDatabase();
  const store = await open(url, { pollMs: never });
  const other = new pg.Client(url);
  await other.connect();
  await other.query('begin');
  await other.query('select * from head for update');
  let seen: number | undefined;
  const waiting = store.write('ann', (current) => {
    seen = current.revision;
    return { changes: [putTenant('mine')], result: undefined };
  });
  await untilRow(url, `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`);
  expect(seen).toBeUndefined();
  await other.query(`insert into revisions values (1, 'id1', 'other', now(), 1)`);
  await other.query(`insert into changes values (1, 'Tenant', '', 'gone', null)`);
  await other.query(`update head set revision = 1, revision_id = 'id1'`);
  await other.query('commit');
  expect(await waiting).toMatchObject({ revision: 2 });
  expect(seen).toBe(1);
  await other.end();
  await store.close();
});

test('a hint brings the write of another control plane without waiting for the poll', async () => {
  const url = await server.createDatabase();
  const [writer, reader] = [await open(url), await open(url, { pollMs: never })];
  // A write made before the reader listens is found by the look that follows; from then on only hints bring news.
  await put(writer, 'first');
  await until(() => reader.documents.revision === 1, 'the reader listens');
  await put(writer, 'second');
  await until(() => reader.documents.revision === 2, 'the hint came');
  await Promise.all([writer.close(), reader.close()]);
});

test('a write whose hint was lost is found by the poll, however many revisions there are', async () => {
  const url = await server.createDatabase();
  const store = await open(url);
  const revisions: number[] = [];
  store.subscribe((revision) => revisions.push(revision));
  // As a control plane writes, without the hint.
  await query(
    url,
    `insert into revisions select n, 'id' || n, 'other', now(), 1 from generate_series(1, 600) n`,
    `insert into changes select n, 'Tenant', '', 't' || n, json_build_object(
       'kind', 'Tenant', 'name', 't' || n, 'spec', '{"claims":[]}'::json, 'revision', n, 'createdRevision', n,
       'createdAt', now(), 'updatedAt', now(), 'updatedBy', 'other') from generate_series(1, 600) n`,
    `update head set revision = 600, revision_id = 'id600'`,
  );
  await until(() => store.documents.revision === 600, 'the poll found them');
  expect(revisions).toEqual(Array.from({ length: 600 }, (_, index) => index + 1));
  expect(store.documents.size).toBe(600);
  expect(await put(store, 'mine')).toMatchObject({ revision: 601 });
  await store.close();
});

test('an outage makes the store unhealthy and refuses writes; after it the store is current again by itself', async () => {
  const ownServer = await startPostgres();
  const url = await ownServer.createDatabase();
  const log = readableLog();
  const store = await open(url, { logger: log.logger });
  try {
    await put(store, 'before');
    for (const end of [() => ownServer.kill(), () => ownServer.shutDown('fast')]) {
      await end();
      await until(() => !store.healthy(), 'the outage is noticed');
      const error = await storeErrorOf(put(store, 'during'));
      expect(error.code).toBe('unreachable');
      expect(error.remedy).toMatch(/connects again by itself/);
      await ownServer.restart();
      await until(() => store.healthy(), 'the store is back');
      expect(tenantNames(store)).not.toContain('during');
      await put(store, `after${store.documents.revision}`);
    }
    expect(tenantNames(store)).toEqual(['after1', 'after2', 'before']);
    const events = log.events();
    expect(events.filter((event) => event === 'store.unhealthy').length).toBe(2);
    expect(events.filter((event) => event === 'store.recovered').length).toBe(2);
    expect(log.text()).not.toContain(encodeURIComponent(postgresPassword));
  } finally {
    await store.close();
    await ownServer.stop();
  }
});

test('after the listening connection broke, the replica is compared with all documents', async () => {
  const url = await server.createDatabase();
  const log = readableLog();
  const store = await open(url, { pollMs: never, logger: log.logger });
  await put(store, 'a', 'b', 'c');
  // Nothing in the history tells of these.
  await query(url, `delete from documents where name = 'a'`, `update documents set revision = 0 where name = 'b'`);
  const heard: string[] = [];
  store.subscribe((revision, changed) => heard.push(`${revision} ${changed.map(({ name }) => name).join(' ')}`));
  await query(
    url,
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid()`,
  );
  await until(() => heard.length > 0, 'the replica was compared');
  expect(heard).toEqual(['1 b a']);
  expect(tenantNames(store)).toEqual(['b', 'c']);
  expect(log.events()).toContain('store.mended');
  await until(() => store.healthy(), 'the store is back');
  await store.close();
});

test.each([
  {
    what: 'went back',
    statements: [
      `delete from changes where revision > 1`,
      `delete from revisions where revision > 1`,
      `update head set revision = 1, revision_id = (select id from revisions where revision = 1)`,
    ],
    says: /went back from revision 3 to 1/,
  },
  {
    what: 'went back and was written to again',
    statements: [
      `update revisions set id = 'other' || revision where revision > 1`,
      `insert into revisions values (4, 'other4', 'x', now(), 1)`,
      `update head set revision = 4, revision_id = 'other4'`,
    ],
    says: /revision 3 is not the one that it was/,
  },
  {
    what: 'has a history of equal length',
    statements: [`update revisions set id = 'other' where revision = 3`, `update head set revision_id = 'other'`],
    says: /revision 3 is not the one that it was/,
  },
])('a database that $what stops the store until a person restarts it', async ({ statements, says }) => {
  const url = await server.createDatabase();
  const log = readableLog();
  const store = await open(url, { logger: log.logger });
  await put(store, 'a');
  await put(store, 'b');
  await put(store, 'c');
  await query(url, 'begin', ...statements, 'commit');
  await until(() => log.events().includes('store.went-back'), 'it is noticed');
  expect(store.healthy()).toBe(false);
  let asked = false;
  const error = await storeErrorOf(
    store.write('ann', () => {
      asked = true;
      return { changes: [], result: 0 };
    }),
  );
  expect([error.code, asked]).toEqual(['corrupt', false]);
  expect(error.message).toMatch(says);
  expect(error.remedy).toMatch(/restart every replica/);
  // What the nodes were given stands.
  expect([store.documents.revision, tenantNames(store)]).toEqual([3, ['a', 'b', 'c']]);
  await store.close();

  const restarted = await open(url);
  expect(restarted.healthy()).toBe(true);
  await put(restarted, 'd');
  await restarted.close();
});

test('a write notices under the lock that the database went back', async () => {
  const url = await server.createDatabase();
  const store = await open(url, { pollMs: never });
  await put(store, 'a');
  await query(url, `update head set revision = 0, revision_id = ''`);
  expect((await storeErrorOf(put(store, 'b'))).code).toBe('corrupt');
  expect(store.healthy()).toBe(false);
  await store.close();
});

test('a document that a newer version wrote makes the store unhealthy, with the remedy, and is read after the upgrade', async () => {
  const url = await server.createDatabase();
  const log = readableLog();
  const store = await open(url, { logger: log.logger });
  const insert = (revision: number, kind: string) => [
    `insert into revisions values (${revision}, 'id${revision}', 'newer', now(), 1)`,
    `insert into changes values (${revision}, '${kind}', '', 'x', '{"kind":"${kind}","name":"x","spec":{}}')`,
    `update head set revision = ${revision}, revision_id = 'id${revision}'`,
  ];
  await query(url, 'begin', ...insert(1, 'Teapot'), 'commit');
  await until(() => !store.healthy(), 'it is noticed');
  const error = await storeErrorOf(put(store, 'mine'));
  expect(error.message).toMatch(/Revision 1 \(Teapot x\) holds what this version cannot read/);
  expect(error.remedy).toMatch(/Upgrade/);
  expect(store.documents.revision).toBe(0);
  await query(url, `update changes set kind = 'Tenant', document = null`);
  await until(() => store.healthy(), 'it can be read');
  expect(await put(store, 'mine')).toMatchObject({ revision: 2 });
  await store.close();
});

test('two control planes that start at once on an empty database both come up', async () => {
  const url = await server.createDatabase();
  const stores = await Promise.all([open(url), open(url), open(url)]);
  await put(stores[0]!, 'a');
  await until(() => stores.every(({ documents }) => documents.revision === 1), 'all show it');
  await Promise.all(stores.map((store) => store.close()));
});

test('migrating twice does nothing the second time', async () => {
  const database = await openPostgres(await server.createDatabase(), quiet);
  await migrate(database);
  await database.kysely
    .insertInto('revisions')
    .values({ revision: 1, id: 'x', author: 'a', at: 'now', count: 0 })
    .execute();
  await migrate(database);
  expect(await database.kysely.selectFrom('revisions').select('id').execute()).toEqual([{ id: 'x' }]);
  await database.close();
});

test('writes of its own between any two statements of a look after lost hints are no reason to freeze', async () => {
  const url = await server.createDatabase();
  const database = await openPostgres(url, quiet);
  await migrate(database);
  let watcher: Watcher | undefined;
  let left = 0;
  const disturb: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      // What the write itself reads is not disturbed again.
      if (left <= 0 || isWriting) return result;
      isWriting = true;
      await put(store, `own${left--}`);
      isWriting = false;
      return result;
    },
  };
  let isWriting = false;
  const watch = (given: Watcher): void => {
    watcher = given;
  };
  const store = await serveDatabase(
    { ...database, kysely: database.kysely.withPlugin(disturb), watch },
    { pollMs: 20, logger: quiet, now: Date.now, vault: new Vault(undefined) },
  );
  const other = await open(url);
  for (let round = 0; round < 3; round++) {
    await put(other, `other${round}`);
    left = 8;
    watcher?.lost(new StoreError('unreachable', 'The connection broke.', 'Wait.'));
    await until(() => left === 0 && !isWriting && store.healthy(), 'the store is well again');
  }
  const { revision } = await put(store, 'last');
  await until(() => other.documents.revision === revision, 'the other control plane shows the last write');
  expect(tenantNames(store)).toEqual(tenantNames(other));
  await Promise.all([store.close(), other.close()]);
});
