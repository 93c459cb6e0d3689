import { expect, test } from 'vitest';
import { Admission, type AdmissionLimits } from './admission.ts';
import { ManualTimers } from './testing/manual-timers.ts';

const limits: AdmissionLimits = {
  inWork: 2,
  patienceMs: 1_000,
  waiting: 3,
  waitMs: 10_000,
  retryMs: { least: 1_000, most: 5_000 },
};

/** Who came is told of by a letter: `a` when its turn came, `a!` when it was refused. */
function setUp() {
  const timers = new ManualTimers();
  const admission = new Admission(limits, timers, () => 0.5);
  const told: string[] = [];
  const refusals: unknown[] = [];
  const enter = (name: string): (() => void) =>
    admission.enter({
      begin: () => void told.push(name),
      refuse: (refusal) => {
        told.push(`${name}!`);
        refusals.push(refusal);
      },
    });
  const take = (): string => told.splice(0).join(' ');
  return { timers, admission, enter, take, refusals };
}

test('so many begin at once; the others follow in the order in which they came, as soon as one has its answers', () => {
  const { enter, take, timers } = setUp();
  const [a, b] = [enter('a'), enter('b')];
  enter('c');
  enter('d');
  expect(take()).toBe('a b');
  b();
  expect(take()).toBe('c');
  b();
  expect(take()).toBe('');
  a();
  expect(take()).toBe('d');
  expect(timers.pending).toBe(0);
});

test('who goes away leaves the queue', () => {
  const { enter, take, admission } = setUp();
  const a = enter('a');
  enter('b');
  const c = enter('c');
  enter('d');
  c();
  a();
  expect(take()).toBe('a b d');
  expect(admission.stats).toEqual({ inWork: 2, waiting: 0, refused: 0 });
});

test('who does not take its answers holds the others up for a moment, and only them', () => {
  const { enter, take, timers, admission } = setUp();
  enter('a');
  timers.advance(600);
  enter('b');
  enter('c');
  enter('d');
  timers.advance(399);
  expect(take()).toBe('a b');
  timers.advance(1);
  expect(take()).toBe('c');
  timers.advance(600);
  expect(take()).toBe('d');
  expect(timers.pending).toBe(0);
  // nobody waits: the time of those in work does not matter
  timers.advance(60_000);
  expect(admission.stats).toEqual({ inWork: 2, waiting: 0, refused: 0 });
});

test('over the bound of the queue a stream is refused, with the reason and when to come back', () => {
  const { enter, take, refusals, admission } = setUp();
  for (const name of ['a', 'b', 'c', 'd', 'e']) enter(name);
  const leave = enter('f');
  expect(take()).toBe('a b f!');
  leave();
  expect(refusals).toEqual([
    {
      message: '3 streams wait to join this replica already; try again in 3 s, or at another replica',
      retryMs: 3_000,
    },
  ]);
  expect(admission.stats).toEqual({ inWork: 2, waiting: 3, refused: 1 });
});

test('who waited too long is refused, so that it can try elsewhere', () => {
  const timers = new ManualTimers();
  const admission = new Admission({ ...limits, inWork: 1, patienceMs: 60_000 }, timers, () => 0);
  const told: string[] = [];
  const enter = (name: string) =>
    admission.enter({ begin: () => void told.push(name), refuse: ({ message }) => void told.push(message) });
  enter('a');
  timers.advance(1_000);
  enter('b');
  timers.advance(1_000);
  enter('c');
  timers.advance(9_000);
  expect(told).toHaveLength(2);
  expect(told[1]).toMatch(/^so many streams join this replica .* within 10 s; try again in 1 s/);
  timers.advance(1_000);
  expect(told).toHaveLength(3);
  expect(timers.pending).toBe(0);
});

test('a thousand that come at once and are answered at once are all in by then: nothing waits for a clock', () => {
  const timers = new ManualTimers();
  const admission = new Admission({ ...limits, inWork: 50, waiting: 1_000 }, timers, () => 0);
  let joined = 0;
  const answered: (() => void)[] = [];
  const leaves = Array.from({ length: 1_000 }, (_, index) =>
    admission.enter({
      begin: () => {
        joined += 1;
        answered.push(() => leaves[index]?.());
      },
      refuse: () => {},
    }),
  );
  for (let leave = answered.shift(); leave !== undefined; leave = answered.shift()) leave();
  expect(joined).toBe(1_000);
  expect(timers.now()).toBe(0);
});
