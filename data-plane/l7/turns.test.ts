import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

function turns() {
  const ends: (() => void)[] = [];
  return { turns: new Turns((callback) => ends.push(callback)), ends };
}

test('a mark is of this turn until the turn ends, however often it is made', () => {
  const { turns: here, ends } = turns();
  const mark = here.mark();
  expect(here.mark()).toBe(mark);
  expect(ends).toHaveLength(1);
  expect(here.isStill(mark)).toBe(true);
  ends.pop()!();
  expect(here.isStill(mark)).toBe(false);
  expect(here.isStill(here.mark())).toBe(true);
  expect(ends).toHaveLength(1);
});

test('a turn with so many reads that the system may have been asked twice proves nothing', () => {
  const { turns: here, ends } = turns();
  const mark = here.mark();
  for (let i = 0; i < 512; i++) here.countRead();
  expect(here.isStill(mark)).toBe(false);
  ends.pop()!();
  expect(here.isStill(here.mark())).toBe(true);
});

test('what is written when a turn is over is of no turn, whose reads could be taken for its answer', () => {
  const { turns: here, ends } = turns();
  const marks: number[] = [];
  here.settle(() => marks.push(here.mark()));
  expect(marks).toEqual([]);
  ends.pop()!();
  expect(marks.map((mark) => here.isStill(mark))).toEqual([false]);
  expect(here.isStill(here.mark())).toBe(true);
});
