import { expect, test } from 'vitest';
import { TestClock } from '../testing.ts';
import { DrainWishes } from './drain-wishes.ts';

function start() {
  const clock = new TestClock();
  const did: (number | 'resume')[] = [];
  const node = { announce: (timeoutMs: number) => void did.push(timeoutMs), resume: () => void did.push('resume') };
  return { clock, did, wishes: new DrainWishes(node, clock.now) };
}

test('the time that is left, told again, changes nothing; another time counts from now on', () => {
  const { clock, did, wishes } = start();
  expect(wishes.add('control plane', 45_000)).toBe(true);
  clock.advance(20_000);
  expect(wishes.add('control plane', 25_000)).toBe(false);
  expect(did).toEqual([45_000]);
  expect(wishes.add('control plane', 60_000)).toBe(true);
  expect(did).toEqual([45_000, 60_000]);
  clock.advance(100_000);
  expect(wishes.add('control plane', 0)).toBe(false);
  expect(did).toEqual([45_000, 60_000]);
});

test('the node drains for as long as anybody wants it to, and the shortest time counts', () => {
  const { clock, did, wishes } = start();
  wishes.add('control plane', 45_000);
  clock.advance(15_000);
  wishes.add('admin', 10_000);
  wishes.add('stop', 50_000);
  expect(did).toEqual([45_000, 10_000]);
  clock.advance(5_000);
  expect(wishes.drop('admin')).toBe(true);
  expect(did).toEqual([45_000, 10_000, 25_000]);
  expect([wishes.drop('admin'), wishes.drop('control plane')]).toEqual([false, true]);
  clock.advance(60_000);
  expect(did).toEqual([45_000, 10_000, 25_000, 45_000]);
  wishes.drop('stop');
  expect(did.at(-1)).toBe('resume');
});

test('when the first time is over, the other one has none left', () => {
  const { clock, did, wishes } = start();
  wishes.add('control plane', 10_000);
  wishes.add('admin', 5_000);
  clock.advance(30_000);
  wishes.drop('admin');
  expect(did).toEqual([10_000, 5_000, 0]);
});
