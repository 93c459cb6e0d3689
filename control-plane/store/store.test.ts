/** The laws of the store, the same on both databases. */
import type { KyselyPlugin } from 'kysely';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keyId } from '../model/document.ts';
import type { Database } from './database.ts';
import { serveDatabase } from './database-store.ts';
import { openEmbedded } from './dialect-pglite.ts';
import { openPostgres } from './dialect-postgres.ts';
import { migrate } from './migrate.ts';
import { openStore } from './open.ts';
import type { Store } from './store.ts';
import {
  type Databases,
  embeddedDatabases,
  put,
  putTenant,
  readableLog,
  removeTenant,
  serverDatabases,
  storeErrorOf,
  tenantNames,
} from './testing.ts';

const quiet = pino({ level: 'silent' });

describe.each([
  { name: 'PGlite', make: embeddedDatabases },
  { name: 'Postgres', make: serverDatabases },
])('on $name', ({ make }) => {
  let databases: Databases;
  beforeAll(async () => {
    databases = await make();
  });
  afterAll(() => databases?.end());

  async function opened(use: (store: Store) => Promise<void>, now?: () => number): Promise<void> {
    const place = await databases.fresh();
    const store = await openStore({ ...place, logger: quiet, now });
    try {
      await use(store);
    } finally {
      await store.close();
    }
  }

  test('a write is one revision, and a restart finds it as it was written', async () => {
    const place = await databases.fresh();
    const open = () => openStore({ ...place, logger: quiet, now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 678) });
    const first = await open();
    const spec = { quotas: { routes: 7, clusters: 3 }, claims: [{ path: '/a', host: 'a.example.com' }] };
    const key = { kind: 'Tenant', name: 'checkout' } as const;
    const document = { ...key, labels: { zone: 'b', area: 'a' }, ignore: { rule: 'why' }, spec };
    const written = await first.write('ann', () => ({ changes: [{ key, document, set: 'shop' }], result: 'done' }));
    expect(written).toEqual({ revision: 1, result: 'done' });
    const stored = first.documents.get('Tenant', undefined, 'checkout')?.document;
    expect(stored).toEqual({
      ...document,
      ...{ revision: 1, createdRevision: 1, updatedBy: 'ann', set: 'shop' },
      ...{ createdAt: '2026-01-02T03:04:05.678Z', updatedAt: '2026-01-02T03:04:05.678Z' },
    });
    await first.close();
    const second = await open();
    const found = second.documents.get('Tenant', undefined, 'checkout')?.document;
    expect(second.documents.revision).toBe(1);
    expect(found).toEqual(stored);
    // Also the order of keys, which a map on the wire follows.
    expect(JSON.stringify(found?.spec)).toBe(JSON.stringify(spec));
    expect(JSON.stringify(found?.labels)).toBe('{"zone":"b","area":"a"}');
    await second.close();
  });

  test('a document keeps when it was created and the set that brought it, and takes the author of its last change', () =>
    opened(
      async (store) => {
        await store.write('ann', () => ({ changes: [{ ...putTenant('a'), set: 'shop' }], result: 0 }));
        await put(store, 'b');
        await store.write('bob', () => ({ changes: [putTenant('a', 'new.example.com')], result: 0 }));
        expect(store.documents.get('Tenant', undefined, 'a')?.document).toMatchObject({
          ...{ revision: 3, createdRevision: 1, updatedBy: 'bob', set: 'shop' },
          ...{ createdAt: '1970-01-01T00:00:01.000Z', updatedAt: '1970-01-01T00:00:03.000Z' },
        });
      },
      (
        (seconds) => () =>
          ++seconds * 1000
      )(0),
    ));

  test('what decide throws is thrown untouched, and nothing is written', () =>
    opened(async (store) => {
      await put(store, 'a');
      const reason = new RangeError('not today');
      const refused = store.write('ann', () => {
        throw reason;
      });
      await expect(refused).rejects.toBe(reason);
      expect(await put(store, 'b')).toMatchObject({ revision: 2 });
      expect(tenantNames(store)).toEqual(['a', 'b']);
    }));

  test('a write without changes takes no revision, nor does the removal of what is not there', () =>
    opened(async (store) => {
      await put(store, 'a');
      const heard: number[] = [];
      store.subscribe((revision) => heard.push(revision));
      const nothing = await store.write('ann', () => ({ changes: [], result: 'nothing' }));
      const absent = await store.write('ann', () => ({ changes: [removeTenant('x')], result: 'absent' }));
      expect([nothing, absent]).toEqual([
        { revision: 1, result: 'nothing' },
        { revision: 1, result: 'absent' },
      ]);
      expect(heard).toEqual([]);
      expect(store.documents.revision).toBe(1);
    }));

  test('a document that does not fit its schema is refused with all that came with it', () =>
    opened(async (store) => {
      const bad = { ...putTenant('bad').document!, spec: { claims: 7 } };
      const changes = [putTenant('good'), { key: { kind: 'Tenant', name: 'bad' } as const, document: bad }];
      await expect(store.write('ann', () => ({ changes, result: 0 }))).rejects.toThrow(/Tenant bad/);
      expect(store.documents.size).toBe(0);
      expect(await put(store, 'good')).toMatchObject({ revision: 1 });
    }));

  test('the last of several changes to one document is the one that is written', () =>
    opened(async (store) => {
      const changes = [putTenant('a', 'one.example.com'), removeTenant('b'), putTenant('b'), removeTenant('a')];
      await store.write('ann', () => ({ changes, result: 0 }));
      expect(tenantNames(store)).toEqual(['b']);
    }));

  test('subscribers hear of each revision once the replica shows it, until they leave; one that throws harms nobody', () =>
    opened(async (store) => {
      const heard: string[] = [];
      store.subscribe(() => {
        throw new Error('bad subscriber');
      });
      const leave = store.subscribe((revision, changed) => {
        heard.push(`${revision} ${store.documents.revision} ${changed.map(keyId).join(' ')}`);
      });
      await put(store, 'a', 'b');
      await store.write('ann', () => ({ changes: [removeTenant('a')], result: 0 }));
      leave();
      await put(store, 'c');
      expect(heard).toEqual(['1 1 Tenant//a Tenant//b', '2 2 Tenant//a']);
    }));

  test('writes at once take turns, and each decides on what the one before it left', () =>
    opened(async (store) => {
      const seen: number[] = [];
      const write = (_: unknown, index: number) =>
        store.write('ann', (current) => {
          seen.push(current.revision);
          return { changes: [putTenant(`t${current.size}`)], result: index };
        });
      const written = await Promise.all(Array.from({ length: 20 }, write));
      expect(written.map(({ revision }) => revision)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
      expect(written.map(({ result }) => result)).toEqual(Array.from({ length: 20 }, (_, index) => index));
      expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => index));
      expect(store.documents.size).toBe(20);
    }));

  test('the rows read for one write are as many at 5,000 documents as at 100', async () => {
    const { dir, databaseUrl } = await databases.fresh();
    const database = databaseUrl ? await openPostgres(databaseUrl, quiet) : await openEmbedded(dir, quiet);
    await migrate(database);
    const counter = rowCounter();
    const counted: Database = { ...database, kysely: database.kysely.withPlugin(counter.plugin) };
    // So rare a poll that it does not meddle.
    const store = await serveDatabase(counted, { pollMs: 3_600_000, logger: quiet, now: Date.now });
    // The least of three: the feed may look at the head meanwhile.
    const rowsForOneWrite = async (name: string) => {
      const counts: number[] = [];
      for (let round = 0; round < 3; round++) {
        counter.rows = 0;
        await put(store, name);
        counts.push(counter.rows);
      }
      return Math.min(...counts);
    };
    const fill = (from: number, to: number) =>
      put(store, ...Array.from({ length: to - from }, (_, index) => `t${from + index}`));
    await fill(0, 100);
    const at100 = await rowsForOneWrite('t50');
    await fill(100, 5_000);
    const at5000 = await rowsForOneWrite('t51');
    expect(at5000).toBe(at100);
    // The head, and the empty rows of an update and of NOTIFY.
    expect(at100).toBeLessThanOrEqual(3);

    const removed = Array.from({ length: 4_000 }, (_, index) => removeTenant(`t${index}`));
    await store.write('ann', () => ({ changes: removed, result: 0 }));
    await store.close();
    const again = await openStore({ dir, databaseUrl, logger: quiet });
    expect(again.documents.size).toBe(1_000);
    await again.close();
  });

  test('a database that a newer version wrote is left alone', async () => {
    const { dir, databaseUrl } = await databases.fresh();
    const database = databaseUrl ? await openPostgres(databaseUrl, quiet) : await openEmbedded(dir, quiet);
    await migrate(database);
    const row = { name: '9999-later', timestamp: new Date().toISOString() };
    await database.kysely
      .withTables<{ kysely_migration: { name: string; timestamp: string } }>()
      .insertInto('kysely_migration')
      .values(row)
      .execute();
    await database.close();
    const error = await storeErrorOf(openStore({ dir, databaseUrl, logger: quiet }));
    expect(error.code).toBe('failed');
    expect(error.message).toMatch(/newer Fairlead.*9999-later/);
    expect(error.remedy).toMatch(/that version or a later one/);
  });

  test('a closed store refuses writes and ends those under way first', async () => {
    const place = await databases.fresh();
    const store = await openStore({ ...place, logger: quiet });
    const underWay = put(store, 'a');
    const closing = store.close();
    expect((await storeErrorOf(put(store, 'b'))).message).toBe('The store is closed.');
    expect(await underWay).toMatchObject({ revision: 1 });
    await closing;
    await store.close();
    expect(store.healthy()).toBe(false);
    expect((await storeErrorOf(store.tokens.list())).message).toBe('The store is closed.');
  });

  test('tokens are found by hash until they are revoked, and their use is noted at most once a minute', () =>
    opened(
      async ({ tokens }) => {
        const given = { name: 'ci', role: 'tenant:checkout:editor', createdBy: 'ann' };
        const made = await tokens.create({ ...given, id: 't1', hash: 'h1', expiresAt: '2027-01-01T00:00:00.000Z' });
        expect(made).toEqual({
          ...{ id: 't1', name: 'ci', role: 'tenant:checkout:editor', lastUsedAt: null },
          ...{ createdAt: '2026-01-01T00:00:00.000Z', expiresAt: '2027-01-01T00:00:00.000Z' },
        });
        await tokens.create({ ...given, id: 't2', hash: 'h2', expiresAt: null });
        expect(await tokens.findByHash('h1')).toEqual(made);
        expect(await tokens.findByHash('h3')).toBeUndefined();
        expect((await tokens.list()).map(({ id, expiresAt }) => [id, expiresAt])).toEqual([
          ['t1', '2027-01-01T00:00:00.000Z'],
          ['t2', null],
        ]);

        const noon = Date.UTC(2026, 5, 1, 12);
        for (const afterMs of [0, 59_999, 60_000]) {
          await tokens.touch('t1', noon + afterMs);
          const expected = noon + (afterMs < 60_000 ? 0 : afterMs);
          expect((await tokens.findByHash('h1'))?.lastUsedAt).toBe(new Date(expected).toISOString());
        }

        expect(await tokens.revoke('t1')).toBe(true);
        expect(await tokens.revoke('t1')).toBe(false);
        expect(await tokens.findByHash('h1')).toBeUndefined();
        expect((await storeErrorOf(tokens.create({ ...given, id: 't3', hash: 'h2', expiresAt: null }))).code).toBe(
          'failed',
        );
      },
      () => Date.UTC(2026, 0, 1),
    ));

  test('no line of the log holds what a failed statement was given', async () => {
    const log = readableLog();
    const place = await databases.fresh();
    const store = await openStore({ ...place, logger: log.logger });
    const token = { id: 't', name: 'n', role: 'admin', hash: 'a-secret-hash', expiresAt: null, createdBy: 'ann' };
    await store.tokens.create(token);
    const error = await storeErrorOf(store.tokens.create({ ...token, id: 'u' }));
    log.logger.error({ err: error }, 'as the API would log it');
    expect(log.text()).toMatch(/tokens_hash_key/);
    expect(log.text()).not.toMatch(/a-secret-hash/);
    await store.close();
  });
});

/** Counts the rows that any statement gave back. */
function rowCounter(): { rows: number; plugin: KyselyPlugin } {
  const counter = {
    rows: 0,
    plugin: {
      transformQuery: ({ node }: Parameters<KyselyPlugin['transformQuery']>[0]) => node,
      transformResult: async ({ result }: Parameters<KyselyPlugin['transformResult']>[0]) => {
        counter.rows += result.rows.length;
        return result;
      },
    },
  };
  return counter;
}
