/** Loads in the tables, the same on both databases. */
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LoadStatesWrite } from './load-states.ts';
import { openStore } from './open.ts';
import type { Store } from './store.ts';
import { type Databases, embeddedDatabases, serverDatabases } from './testing.ts';

const quiet = pino({ level: 'silent' });
const minuteMs = 60_000;

describe.each([
  { name: 'PGlite', make: embeddedDatabases },
  { name: 'Postgres', make: serverDatabases },
])('on $name', ({ make }) => {
  let databases: Databases;
  let store: Store;
  beforeAll(async () => {
    databases = await make();
    store = await openStore({ ...(await databases.fresh()), logger: quiet });
  });
  afterAll(async () => {
    await store?.close();
    await databases?.end();
  });

  const list = (replica: string) => store.nodeStates.write({ replica, version: 1, count: 0, changed: [], removed: [] });
  const write = (replica: string, given: Partial<LoadStatesWrite>) =>
    store.loadStates.write({ replica, anew: false, leftOut: 0, changed: [], ...given });
  const cluster = (name: string, load: unknown) => ({ subject: 'cluster' as const, name, load });
  const read = (except: string, name?: string, silentMs = minuteMs) =>
    store.loadStates.read({ except, silentMs }, 'cluster', name);

  test('who is not listed writes nothing; who has written nothing before begins anew', async () => {
    expect(await write('a', { anew: true, changed: [cluster('web', 1)] })).toBe(false);
    await list('a');
    expect(await write('a', { changed: [cluster('web', 1)] })).toBe(false);
    expect((await read('x')).states).toEqual([]);
    expect(await write('a', { anew: true, changed: [cluster('web', 1)] })).toBe(true);
    expect((await read('x')).states).toEqual([{ name: 'web', load: 1 }]);
    await store.nodeStates.forget('a', 0);
    expect((await read('x')).states).toEqual([]);
    expect(await write('a', { changed: [cluster('web', 2)] })).toBe(false);
  });

  test('what is written changes, comes and goes; the others are read, or one name of them', async () => {
    for (const replica of ['b', 'c']) await list(replica);
    const many = Array.from({ length: 1_201 }, (_, index) => cluster(`c${index}`, { issued: index }));
    expect(await write('b', { anew: true, leftOut: 3, changed: many })).toBe(true);
    const node = { subject: 'node' as const, name: 'c0', load: [] };
    await write('c', { anew: true, leftOut: 4, changed: [cluster('c0', { issued: 7 }), node] });
    await write('b', { leftOut: 5, changed: [cluster('c1', { issued: 100 }), cluster('c2', null)] });
    const { leftOut, states } = await read('x');
    expect(leftOut).toBe(9);
    expect(states).toHaveLength(1_201);
    expect((await read('x', 'c1')).states).toEqual([{ name: 'c1', load: { issued: 100 } }]);
    expect((await read('x', 'c2')).states).toEqual([]);
    expect((await read('b', 'c0')).states).toEqual([{ name: 'c0', load: { issued: 7 } }]);
    expect(await store.loadStates.read({ except: 'b', silentMs: minuteMs }, 'node')).toEqual({
      leftOut: 4,
      states: [{ name: 'c0', load: [] }],
    });
    await write('b', { anew: true, changed: [cluster('c3', { issued: 1 })] });
    expect((await read('c')).states).toEqual([{ name: 'c3', load: { issued: 1 } }]);
  });

  test('the load of a replica that is silent is not read', async () => {
    await list('d');
    await write('d', { anew: true, changed: [cluster('of-d', 1)] });
    expect((await read('x', 'of-d')).states).toHaveLength(1);
    expect((await read('x', 'of-d', 0)).states).toEqual([]);
  });
});
