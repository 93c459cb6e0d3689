import { expect, test } from 'vitest';
import { TestClock } from '../testing.ts';
import { Deadline, Deadlines } from './deadlines.ts';

function setUp() {
  const clock = new TestClock();
  const fired: string[] = [];
  const deadlines = new Deadlines(clock.now, clock.setTimer, (fault) => fired.push(String(fault)));
  const make = (name: string): Deadline => new Deadline(() => fired.push(`${name}@${clock.nowMs}`));
  return { clock, deadlines, fired, make };
}

test('a deadline is met once, at most a little late', () => {
  const { clock, deadlines, fired, make } = setUp();
  deadlines.queue(100).arm(make('a'));
  clock.advance(99);
  expect(fired).toEqual([]);
  clock.advance(1_000);
  expect(fired).toEqual(['a@1110']);
});

test('arming again starts the time anew; disarmed ones are never met', () => {
  const { clock, deadlines, fired, make } = setUp();
  const [a, b] = [make('a'), make('b')];
  deadlines.queue(100).arm(a);
  deadlines.queue(100).arm(b);
  clock.advance(80);
  deadlines.queue(100).arm(a);
  b.disarm();
  clock.advance(50);
  expect(fired).toEqual([]);
  clock.advance(100);
  expect(fired).toHaveLength(1);
  expect(fired[0]).toMatch(/^a@/);
});

test('a shorter one armed later comes first, and one moved between lengths is in one queue only', () => {
  const { clock, deadlines, fired, make } = setUp();
  const moved = make('moved');
  deadlines.queue(1_000).arm(make('long'));
  deadlines.queue(1_000).arm(moved);
  deadlines.queue(50).arm(moved);
  clock.advance(10_000);
  expect(fired.map((f) => f.split('@')[0])).toEqual(['moved', 'long']);
});

test('what a deadline does may arm and disarm others of the same queue', () => {
  const { clock, deadlines, fired } = setUp();
  const second = new Deadline(() => fired.push('second'));
  const first = new Deadline(() => {
    fired.push('first');
    second.disarm();
    deadlines.queue(100).arm(first);
  });
  deadlines.queue(100).arm(first);
  deadlines.queue(100).arm(second);
  clock.advance(115);
  expect(fired).toEqual(['first']);
  clock.advance(120);
  expect(fired).toEqual(['first', 'first']);
});

test('a thousand deadlines of one length need one timer at a time', () => {
  const clock = new TestClock();
  let timers = 0;
  const countTimers = (callback: () => void, ms: number): void => {
    timers++;
    clock.setTimer(callback, ms);
  };
  const deadlines = new Deadlines(clock.now, countTimers, () => {});
  for (let i = 0; i < 1_000; i++) deadlines.queue(100).arm(new Deadline(() => {}));
  clock.advance(200);
  expect(timers).toBe(1);
});

test('one that throws is told of, and the others are met', () => {
  const { clock, deadlines, fired, make } = setUp();
  deadlines.queue(100).arm(
    new Deadline(() => {
      throw new Error('a bug');
    }),
  );
  deadlines.queue(100).arm(make('b'));
  clock.advance(200);
  expect(fired).toEqual(['Error: a bug', 'b@1110']);
});

test('what a deadline does may arm one of another length, shorter or longer, whichever was used first', () => {
  const { clock, deadlines, fired, make } = setUp();
  const short = make('short');
  deadlines.queue(10).arm(make('before'));
  deadlines.queue(100).arm(
    new Deadline(() => {
      deadlines.queue(10).arm(short);
    }),
  );
  clock.advance(10_000);
  expect(fired.map((f) => f.split('@')[0])).toEqual(['before', 'short']);
});
