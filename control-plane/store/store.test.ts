/** The laws of the store, the same on both databases. */
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Change, keyId } from '../model/document.ts';
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
} from './testing.ts';
import { Vault } from './vault.ts';

const quiet = pino({ level: 'silent' });

describe.each([
  { name: 'PGlite', make: embeddedDatabases },
  { name: 'Postgres', make: serverDatabases },
])('on $name', ({ make }) => {
  let databases: Databases;
  /** Shared: opening an embedded store takes half a second. Every test uses names of its own. */
  let store: Store;
  let clock = Date.UTC(2026, 0, 1);
  beforeAll(async () => {
    databases = await make();
    store = await openStore({ ...(await databases.fresh()), logger: quiet, now: () => clock });
  });
  afterAll(async () => {
    await store?.close();
    await databases?.end();
  });

  const stored = (name: string) => store.documents.get('Tenant', undefined, name)?.document;
  const write = (...changes: Change[]) => store.write('ann', () => ({ changes, result: undefined }));

  test('a write is one revision, and a restart finds it as it was written', async () => {
    const place = await databases.fresh();
    const open = () => openStore({ ...place, logger: quiet, now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 678) });
    const first = await open();
    const spec = { quotas: { routes: 7, clusters: 3 }, claims: [{ path: '/a', host: 'a.example.com' }] };
    const key = { kind: 'Tenant', name: 'checkout' } as const;
    const document = { ...key, labels: { zone: 'b', area: 'a' }, ignore: { rule: 'why' }, spec };
    const written = await first.write('ann', () => ({ changes: [{ key, document, set: 'shop' }], result: 'done' }));
    expect(written).toEqual({ revision: 1, result: 'done' });
    const before = first.documents.get('Tenant', undefined, 'checkout')?.document;
    expect(before).toEqual({
      ...document,
      ...{ revision: 1, createdRevision: 1, updatedBy: 'ann', set: 'shop' },
      ...{ createdAt: '2026-01-02T03:04:05.678Z', updatedAt: '2026-01-02T03:04:05.678Z' },
    });
    await first.close();
    const second = await open();
    const after = second.documents.get('Tenant', undefined, 'checkout')?.document;
    expect(second.documents.revision).toBe(1);
    expect(after).toEqual(before);
    // Also the order of keys, which a map on the wire follows.
    expect(JSON.stringify(after?.spec)).toBe(JSON.stringify(spec));
    expect(JSON.stringify(after?.labels)).toBe('{"zone":"b","area":"a"}');
    await second.close();
  });

  test('a document keeps when it was created and the set that brought it, and takes the author of its last change', async () => {
    clock = Date.UTC(2026, 0, 1);
    const { revision: created } = await write({ ...putTenant('kept'), set: 'shop' });
    clock = Date.UTC(2026, 0, 2);
    const changes = [putTenant('kept', 'new.example.com')];
    const { revision } = await store.write('bob', () => ({ changes, result: 0 }));
    expect(stored('kept')).toMatchObject({
      ...{ revision, createdRevision: created, updatedBy: 'bob', set: 'shop' },
      ...{ createdAt: '2026-01-01T00:00:00.000Z', updatedAt: '2026-01-02T00:00:00.000Z' },
      spec: { claims: [{ host: 'new.example.com' }] },
    });
  });

  test('what decide throws is thrown untouched, and nothing is written', async () => {
    const { revision } = await put(store, 'before');
    const reason = new RangeError('not today');
    const refused = store.write('ann', () => {
      throw reason;
    });
    await expect(refused).rejects.toBe(reason);
    expect(await put(store, 'after')).toEqual({ revision: revision + 1, result: undefined });
  });

  test('a write without changes takes no revision, nor does the removal of what is not there', async () => {
    const { revision } = await put(store, 'there');
    const heard: number[] = [];
    const leave = store.subscribe((heardOf) => heard.push(heardOf));
    expect(await write()).toEqual({ revision, result: undefined });
    expect(await write(removeTenant('absent'))).toEqual({ revision, result: undefined });
    leave();
    expect(heard).toEqual([]);
    expect(store.documents.revision).toBe(revision);
  });

  test('a document that does not fit its schema is refused with all that came with it', async () => {
    const { revision } = store.documents;
    const misfit = putTenant('misfit');
    const bad: Change = { ...misfit, document: { ...misfit.document!, spec: { claims: 7 } } };
    await expect(write(putTenant('fitting'), bad)).rejects.toThrow(/Tenant misfit/);
    expect(stored('fitting')).toBeUndefined();
    expect(await put(store, 'fitting')).toMatchObject({ revision: revision + 1 });
  });

  test('the last of several changes to one document is the one that is written', async () => {
    await write(putTenant('x'), removeTenant('y'), putTenant('y'), removeTenant('x'));
    expect([stored('x'), stored('y')?.name]).toEqual([undefined, 'y']);
  });

  test('subscribers hear of each revision once the replica shows it, until they leave; one that throws harms nobody', async () => {
    const heard: string[] = [];
    const leaveBad = store.subscribe(() => {
      throw new Error('bad subscriber');
    });
    const leave = store.subscribe((revision, changed) => {
      heard.push(`${revision} ${store.documents.revision} ${changed.map(keyId).join(' ')}`);
    });
    const { revision } = await put(store, 'a', 'b');
    await write(removeTenant('a'));
    leave();
    leaveBad();
    await put(store, 'c');
    expect(heard).toEqual([`${revision} ${revision} Tenant//a Tenant//b`, `${revision + 1} ${revision + 1} Tenant//a`]);
  });

  test('writes at once take turns, and each decides on what the one before it left', async () => {
    const { revision, size } = store.documents;
    const seen: number[] = [];
    const writeOne = (_: unknown, index: number) =>
      store.write('ann', (current) => {
        seen.push(current.revision, current.size);
        return { changes: [putTenant(`turn${current.size}`)], result: index };
      });
    const written = await Promise.all(Array.from({ length: 20 }, writeOne));
    const turns = Array.from({ length: 20 }, (_, index) => index);
    expect(written).toEqual(turns.map((turn) => ({ revision: revision + 1 + turn, result: turn })));
    expect(seen).toEqual(turns.flatMap((turn) => [revision + turn, size + turn]));
  });

  test('the rows read for one write are as many at 5,000 documents as at 100', async () => {
    const { dir, databaseUrl } = await databases.fresh();
    const database = databaseUrl ? await openPostgres(databaseUrl, quiet) : await openEmbedded(dir, quiet);
    await migrate(database);
    // So rare a poll that it does not meddle.
    const counting = await serveDatabase(database, {
      ...{ pollMs: 3_600_000, logger: quiet, now: Date.now },
      vault: new Vault(undefined),
    });
    // The least of three: the feed may look at the head meanwhile.
    const rowsForOneWrite = async (name: string) => {
      const counts: number[] = [];
      for (let round = 0; round < 3; round++) {
        const before = counting.rowsRead();
        await put(counting, name);
        counts.push(counting.rowsRead() - before);
      }
      return Math.min(...counts);
    };
    const fill = (from: number, to: number) =>
      put(counting, ...Array.from({ length: to - from }, (_, index) => `t${from + index}`));
    await fill(0, 100);
    const at100 = await rowsForOneWrite('t50');
    await fill(100, 5_000);
    const at5000 = await rowsForOneWrite('t51');
    expect(at5000).toBe(at100);
    // The head, and the empty rows of an update and of NOTIFY.
    expect(at100).toBeLessThanOrEqual(3);

    const removed = Array.from({ length: 4_000 }, (_, index) => removeTenant(`t${index}`));
    await counting.write('ann', () => ({ changes: removed, result: 0 }));
    await counting.close();
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
    const closed = await openStore({ ...(await databases.fresh()), logger: quiet });
    const underWay = put(closed, 'a');
    const closing = closed.close();
    expect((await storeErrorOf(put(closed, 'b'))).message).toBe('The store is closed.');
    expect(await underWay).toMatchObject({ revision: 1 });
    await closing;
    await closed.close();
    expect(closed.healthy()).toBe(false);
    expect((await storeErrorOf(closed.tokens.list())).message).toBe('The store is closed.');
  });

  test('tokens are found by hash until they are revoked, and their use is noted at most once a minute', async () => {
    const { tokens } = store;
    clock = Date.UTC(2026, 0, 1);
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
  });

  test('an error of the database holds nothing of what the statement was given', async () => {
    const token = { id: 's', name: 'n', role: 'admin', hash: 'a-secret-hash', expiresAt: null, createdBy: 'ann' };
    await store.tokens.create(token);
    const error = await storeErrorOf(store.tokens.create({ ...token, id: 'u' }));
    expect(error.code).toBe('failed');
    const log = readableLog();
    log.logger.error({ err: error }, 'as it would be logged');
    expect(log.text()).toMatch(/tokens_hash_key/);
    expect(log.text()).not.toMatch(/a-secret-hash/);
  });
});
