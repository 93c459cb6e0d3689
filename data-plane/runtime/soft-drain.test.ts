import { expect, test } from 'vitest';
import { limits } from '../limits.ts';
import { seededRandom, TestClock } from '../testing.ts';
import { type DrainStep, SoftDrain, stepAt, sweepMsOf } from './soft-drain.ts';

const seed = Number(process.env['SEED'] ?? 1);

interface Told {
  readonly openedMs: number;
  /** When each step was taken first. */
  readonly steps: Map<DrainStep, number>;
}

function start() {
  console.log(`seed ${seed}`);
  const clock = new TestClock();
  const open = new Set<Told & Record<DrainStep, () => void>>();
  const faults: unknown[] = [];
  const connect = (onDestroy = (): void => {}): Told => {
    const steps = new Map<DrainStep, number>();
    const take = (step: DrainStep) => (): void => {
      if (!steps.has(step)) steps.set(step, clock.nowMs);
    };
    const destroy = (): void => {
      take('destroy')();
      open.delete(one);
      onDestroy();
    };
    const one = { openedMs: clock.nowMs, steps, announce: take('announce'), drain: take('drain'), destroy };
    open.add(one);
    return one;
  };
  const soft = new SoftDrain({
    connections: () => [open],
    now: clock.now,
    random: seededRandom(seed),
    setTimer: clock.setTimer,
    onFault: (fault) => faults.push(fault),
  });
  return { clock, open, connect, soft, faults };
}

/** First and last moment of a step, after the drain began, and how many took it in each quarter between `from` and `to`. */
function spreadOf(all: readonly Told[], step: DrainStep, sinceMs: number, from: number, to: number): number[] {
  const quarters = [0, 0, 0, 0];
  for (const { steps } of all) {
    const share = (steps.get(step)! - sinceMs - from) / (to - from);
    expect(share).toBeGreaterThanOrEqual(0);
    expect(share).toBeLessThanOrEqual(1.02);
    quarters[Math.min(3, Math.floor(share * 4))]!++;
  }
  return quarters;
}

test('many connections take each step at times of their own, spread evenly, and none outlives its time', () => {
  const { clock, open, connect, soft } = start();
  const all = Array.from({ length: 4_000 }, () => connect());
  const { nowMs: sinceMs } = clock;
  soft.begin(40_000);
  clock.advance(60_000);
  expect(open.size).toBe(0);
  for (const [step, from, to] of [
    ['announce', 0, 4_000],
    ['drain', 30_000, 40_000],
    ['destroy', 40_000, 44_000],
  ] as const) {
    for (const count of spreadOf(all, step, sinceMs, from, to)) {
      expect(count).toBeGreaterThan(800);
      expect(count).toBeLessThan(1_200);
    }
  }
});

test.each([
  [60_000, 60_000],
  [10_000, limits.drainTimeoutMs],
  [0, limits.drainTimeoutMs],
])('in a drain of %d ms who comes later has %d ms', (timeoutMs, lateMs) => {
  const { clock, connect, soft } = start();
  soft.begin(timeoutMs);
  clock.advance(timeoutMs + 1);
  const late = connect();
  clock.advance(lateMs - 100);
  expect(late.steps.has('destroy')).toBe(false);
  clock.advance(100 + limits.drainSpreadMs);
  expect(late.steps.has('destroy')).toBe(true);
});

test('nobody is touched once it is taken back', () => {
  const { clock, connect, soft } = start();
  soft.begin(10_000);
  soft.end();
  const spared = connect();
  expect(soft.isOn).toBe(false);
  clock.advance(60_000);
  expect(spared.steps.size).toBe(0);
});

test('another time counts from when it is said, and who came meanwhile keeps what it has', () => {
  const { clock, open, connect, soft } = start();
  const early = connect();
  soft.begin(10_000);
  clock.advance(9_000);
  soft.begin(60_000);
  clock.advance(59_000);
  expect(open.size).toBe(1);
  const late = connect();
  clock.advance(1);
  soft.begin(0);
  clock.advance(limits.drainSpreadMs + 1_000);
  expect([early, late].map(({ steps }) => steps.has('destroy'))).toEqual([true, false]);
});

test('no time at all is an end at once', () => {
  const { open, connect, soft } = start();
  connect();
  soft.begin(0);
  expect(open.size).toBe(0);
});

test('a bug with one connection ends that one, and the others take their steps', () => {
  const { clock, open, connect, soft, faults } = start();
  let ends = 0;
  const bad = connect(() => {
    if (ends++ === 0) throw new Error('a bug');
  });
  connect();
  soft.begin(0);
  clock.advance(100);
  expect(faults).toHaveLength(1);
  expect([open.size, ends, bad.steps.size]).toEqual([0, 2, 1]);
});

test.each([
  [0, 'announce', 40_000],
  [29_999, 'announce', 40_000],
  [30_000, 'drain', 40_000],
  [40_000, 'destroy', 40_000],
  [0, 'destroy', 0],
] as const)('after %d ms of %s the step is %s', (ageMs, step, timeoutMs) => {
  expect(stepAt(ageMs, timeoutMs, sweepMsOf(timeoutMs)).step).toBe(step);
});

test('long drains spread no longer than the limit, and sweep no more often', () => {
  const hourMs = 3_600_000;
  const sweepMs = sweepMsOf(hourMs);
  expect(sweepMs).toBe(limits.drainSweepMs);
  expect(stepAt(hourMs + limits.drainSpreadMs - sweepMs, hourMs, sweepMs).chance).toBe(1);
  expect(stepAt(hourMs, hourMs, sweepMs).chance).toBeCloseTo(sweepMs / limits.drainSpreadMs);
});
