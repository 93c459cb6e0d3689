import { pino } from 'pino';
import { expect, test } from 'vitest';
import { Drains } from './drains.ts';
import { limits } from './limits.ts';
import { TestTime } from './testing-states.ts';
import { MemoryDrains } from './testing-tables.ts';

const logger = pino({ level: 'silent' });

async function world() {
  const time = new TestTime();
  const table = new MemoryDrains(time);
  const start = async (clockMs: number) => {
    const now = (): number => clockMs + time.now();
    const drains = new Drains({ table, shared: true, now, timers: time, logger });
    await drains.start();
    return drains;
  };
  return { time, table, a: await start(0), b: await start(1_000_000), start };
}

test('a drain that one replica orders is known to the others, each by its own clock', async () => {
  const { time, a, b } = await world();
  const heard: string[] = [];
  a.onChange(() => heard.push('a'));
  b.onChange(() => heard.push('b'));
  await time.pass(5_000);
  await a.order({ node: 'n1', timeoutMs: 45_000, by: 'ann' });
  expect(a.get('n1')).toMatchObject({ timeoutMs: 45_000, by: 'ann', beganMs: 5_000 });
  await time.pass(limits.readPace.gapMs);
  expect([b.has('n1'), b.has('n2'), b.get('n1')?.beganMs]).toEqual([true, false, 1_005_000]);
  expect(heard).toEqual(['a', 'b']);
});

test('without a hint it is known at the next look, and one that stands is no news', async () => {
  const { time, table, a, b } = await world();
  table.deaf = true;
  await a.order({ node: 'n1', timeoutMs: 1, by: 'ann' });
  await time.pass(limits.heartbeatMs + 1);
  const known = b.get('n1');
  expect(known).toBeDefined();
  const heard: unknown[] = [];
  b.onChange(() => heard.push(b.get('n1')));
  await time.pass(10 * limits.heartbeatMs);
  expect(heard).toEqual([]);
  await a.order({ node: 'n1', timeoutMs: 2, by: 'bob' });
  await time.pass(limits.heartbeatMs + 1);
  expect(heard).toEqual([{ ...known, timeoutMs: 2 }]);
});

test('a drain is lifted once, by any replica', async () => {
  const { time, a, b } = await world();
  await a.order({ node: 'n1', timeoutMs: 1, by: 'ann' });
  expect(await b.lift('n1')).toBe(true);
  expect(await b.lift('n1')).toBe(false);
  await time.pass(limits.readPace.gapMs);
  expect(a.has('n1')).toBe(false);
});

test('what is known stays while the database is away; a replica that starts knows all', async () => {
  const { time, table, a, start } = await world();
  await a.order({ node: 'n1', timeoutMs: 1, by: 'ann' });
  expect((await start(0)).has('n1')).toBe(true);
  table.down = true;
  await time.pass(10_000);
  expect(a.has('n1')).toBe(true);
});

test('a look that answers late takes nothing back', async () => {
  const { time, table, a } = await world();
  const list = table.list.bind(table);
  const late = Promise.withResolvers<void>();
  table.list = async () => {
    const rows = await list();
    await late.promise;
    return rows;
  };
  await time.pass(limits.heartbeatMs + limits.readPace.gapMs);
  table.list = list;
  await a.order({ node: 'n1', timeoutMs: 1, by: 'ann' });
  late.resolve();
  await time.pass(0);
  expect(a.has('n1')).toBe(true);
});

test('after close nobody looks', async () => {
  const { time, a, b } = await world();
  await b.close();
  await a.order({ node: 'n1', timeoutMs: 1, by: 'ann' });
  await time.pass(10_000);
  expect(b.has('n1')).toBe(false);
});
