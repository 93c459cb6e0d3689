import { expect, test } from 'vitest';
import { emptyTable, type HashTable, type TableSteps } from '../../proto/hashing/hash-table.ts';
import { limits } from './limits.ts';
import { TableBuilder } from './table-builder.ts';
import { TestTurns } from './testing.ts';

/** A build of so many steps, each of a millisecond. */
function* stepsOf(count: number, turns: TestTurns, taken: string[], name: string): TableSteps {
  for (let step = 0; step < count; step++) {
    turns.nowMs++;
    taken.push(name);
    yield;
  }
  return emptyTable;
}

function start() {
  const turns = new TestTurns();
  const taken: string[] = [];
  const done: string[] = [];
  const builder = new TableBuilder(turns);
  const build = (name: string, count: number) =>
    builder.build(stepsOf(count, turns, taken, name), (_: HashTable) => done.push(name));
  return { turns, builder, taken, done, build };
}

test('a small table is there at once', () => {
  const { turns, done, build } = start();
  build('small', limits.stepsAtOnce - 1);
  expect(done).toEqual(['small']);
  expect(turns.waiting).toBe(0);
});

test('a large one takes a slice of each turn, and others wait for it', () => {
  const { turns, taken, done, build } = start();
  build('one', limits.stepsAtOnce + 5);
  build('other', limits.stepsAtOnce + 1);
  expect(done).toEqual([]);
  taken.length = 0;
  const slices: string[] = [];
  while (turns.waiting > 0) {
    expect(turns.waiting).toBe(1);
    turns.next();
    slices.push(taken.splice(0).join());
  }
  // the last one finds only that there is nothing left
  expect(slices).toEqual(['one,one', 'one,one', 'one,other', '']);
  expect(done).toEqual(['one', 'other']);
});

test('a build that is given up takes no more steps, and keeps nobody waiting', () => {
  const { turns, taken, done, build } = start();
  const giveUp = build('one', limits.stepsAtOnce + 100);
  build('other', limits.stepsAtOnce + 1);
  giveUp();
  taken.length = 0;
  turns.nextAll();
  expect(taken).toEqual(['other']);
  expect(done).toEqual(['other']);
  giveUp();
  expect(turns.waiting).toBe(0);
});

test('what is begun anew again and again still takes one slice a turn', () => {
  const { turns, build } = start();
  for (let change = 0; change < 5; change++) build('old', limits.stepsAtOnce + 100)();
  build('new', limits.stepsAtOnce + 100);
  expect(turns.waiting).toBe(1);
  turns.next();
  expect(turns.waiting).toBe(1);
});

test('who waits for all tables is told when nothing is left to build, also when it was given up', async () => {
  const { turns, builder, build } = start();
  await builder.whenIdle();
  build('one', limits.stepsAtOnce + 1);
  const giveUp = build('other', limits.stepsAtOnce + 100);
  let isIdle = false;
  const idle = builder.whenIdle().then(() => (isIdle = true));
  await Promise.resolve();
  expect(isIdle).toBe(false);
  giveUp();
  turns.nextAll();
  await idle;
});
