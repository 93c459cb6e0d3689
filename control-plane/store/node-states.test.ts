/** What is known of nodes in the tables, the same on both databases. */
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStore } from './open.ts';
import type { Store } from './store.ts';
import { type Databases, embeddedDatabases, type Place, serverDatabases } from './testing.ts';

const quiet = pino({ level: 'silent' });

describe.each([
  { name: 'PGlite', make: embeddedDatabases, shared: false },
  { name: 'Postgres', make: serverDatabases, shared: true },
])('on $name', ({ make, shared }) => {
  let databases: Databases;
  let place: Place;
  let store: Store;
  beforeAll(async () => {
    databases = await make();
    place = await databases.fresh();
    store = await openStore({ ...place, logger: quiet });
  });
  afterAll(async () => {
    await store?.close();
    await databases?.end();
  });

  const write = (
    replica: string,
    version: number,
    ids: readonly string[],
    removed: readonly string[] = [],
    count = 1,
  ) =>
    store.nodeStates.write({
      ...{ replica, version, count, removed },
      changed: ids.map((id) => ({ id, state: { id, seen: version } })),
    });
  const row = async (replica: string) => (await store.nodeStates.replicas()).find(({ id }) => id === replica);

  test('only a server is shared with other control planes', () => {
    expect(store.shared).toBe(shared);
  });

  test('what was written after a version is read, and no more; what was removed is gone', async () => {
    const many = Array.from({ length: 1_201 }, (_, index) => `n${index}`);
    await write('a', 1, many);
    await write('a', 2, ['n7', 'new'], ['n0', 'n1'], 1_200);
    expect(await row('a')).toMatchObject({ id: 'a', version: 2, nodes: 1_200 });
    const since = await store.nodeStates.readSince('a', 1);
    expect(since.sort((x, y) => (x.id < y.id ? -1 : 1))).toEqual([
      { id: 'n7', state: { id: 'n7', seen: 2 } },
      { id: 'new', state: { id: 'new', seen: 2 } },
    ]);
    expect(await store.nodeStates.readSince('a', 0)).toHaveLength(1_200);
    expect(await store.nodeStates.readSince('b', 0)).toEqual([]);
  });

  test('a sign of life counts for those that are listed, by the clock of the database', async () => {
    expect(await store.nodeStates.beat('c')).toBe(false);
    await write('c', 1, []);
    const first = await row('c');
    expect(first!.silentMs).toBeLessThan(60_000);
    expect(await store.nodeStates.beat('c')).toBe(true);
    const second = await row('c');
    expect(Date.parse(second!.seenAt)).toBeGreaterThanOrEqual(Date.parse(first!.seenAt));
  });

  test('a replica is forgotten with its nodes, but only if it has been silent for so long', async () => {
    await write('d', 1, ['n1']);
    await store.nodeStates.forget('d', 60_000);
    expect(await row('d')).toBeDefined();
    await store.nodeStates.forget('d', 0);
    expect(await row('d')).toBeUndefined();
    expect(await store.nodeStates.readSince('d', 0)).toEqual([]);
  });

  test('a drain begins once, may be given another time, outlives the process, and is lifted', async () => {
    await store.drains.put({ node: 'n1', timeoutMs: 45_000, by: 'ann' });
    const [begun] = await store.drains.list();
    expect(begun).toMatchObject({ node: 'n1', timeoutMs: 45_000, by: 'ann', ageMs: expect.any(Number) });
    await store.drains.put({ node: 'n1', timeoutMs: 10_000, by: 'bob' });
    await store.close();
    store = await openStore({ ...place, logger: quiet });
    const [kept] = await store.drains.list();
    expect(kept).toMatchObject({ since: begun?.since, timeoutMs: 10_000, by: 'ann' });
    expect(kept?.ageMs).toBeGreaterThanOrEqual(begun?.ageMs ?? 0);
    expect(await store.drains.remove('n1')).toBe(true);
    expect(await store.drains.remove('n1')).toBe(false);
    expect(await store.drains.list()).toEqual([]);
  });

  test('places are put, changed and taken away one by one', async () => {
    const many = Array.from({ length: 501 }, (_, index) => ({ group: 'edge', node: `n${index}`, place: { port: 1 } }));
    await store.places.write(many);
    await store.places.write([
      { group: 'edge', node: 'n7', place: { port: 2 } },
      { group: 'edge', node: 'n8', place: null },
      { group: 'mesh', node: 'n9', place: null },
    ]);
    const rows = await store.places.list();
    expect(rows).toHaveLength(500);
    expect(rows.find(({ node }) => node === 'n7')).toEqual({ group: 'edge', node: 'n7', place: { port: 2 } });
    expect(rows.map(({ node }) => node)).not.toContain('n8');
  });

  // The embedded store has nobody to give a hint to.
  if (!shared) return;

  test('a write is hinted at', async () => {
    const heard = new Set<string>();
    const unsubscribe = store.nodeStates.onHint((replica) => heard.add(replica));
    // the listener may still be on its way
    for (let version = 1; !heard.has('e'); version++) {
      await write('e', version, ['n1']);
      await row('e');
    }
    unsubscribe();
    const drains = new Promise<void>((resolve) => store.drains.onHint(resolve));
    await store.drains.put({ node: 'n1', timeoutMs: 1, by: 'ann' });
    await drains;
  });
});
