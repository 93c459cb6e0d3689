import { expect, test } from 'vitest';
import { clearHostCounts, HostCounts, newHostCounts, ownHostCounts } from './host-counts.ts';

const [workers, endpoints] = [3, 2];

/** By worker, then by endpoint. */
function everybody(memory: SharedArrayBuffer): HostCounts[][] {
  return Array.from({ length: workers }, (_, worker) =>
    Array.from({ length: endpoints }, (_, index) => new HostCounts(new Int32Array(memory), index, workers, worker)),
  );
}

test('each worker sees the counts of all, of each endpoint by itself', () => {
  const all = everybody(newHostCounts(endpoints, workers));
  for (const worker of all) {
    worker[0]!.begin();
    worker[0]!.begin();
    worker[0]!.opened();
    worker[1]!.opened();
    worker[0]!.tally('external', worker === all[0]);
    worker[1]!.tally('local', true);
  }
  all[2]![0]!.end();
  all[2]![1]!.closed();
  for (const [one, two] of all) {
    expect([one!.active, one!.connections, two!.active, two!.connections]).toEqual([5, 3, 0, 2]);
    expect([one!.total('external'), one!.successful('external'), one!.total('local')]).toEqual([3, 1, 0]);
    expect([two!.total('local'), two!.successful('local'), two!.total('external')]).toEqual([3, 3, 0]);
  }
});

test('failures in a row are counted by all together, and any success ends the row', () => {
  const [[a], [b], [c]] = everybody(newHostCounts(endpoints, workers)) as [HostCounts[], HostCounts[], HostCounts[]];
  expect([a!, b!, c!, a!].map((one) => one.failed('consecutive-5xx'))).toEqual([1, 2, 3, 4]);
  expect(b!.failed('consecutive-gateway-failure')).toBe(1);
  c!.endRow('consecutive-5xx');
  expect([a!.failed('consecutive-5xx'), b!.failed('consecutive-gateway-failure')]).toEqual([1, 2]);
});

test('what a dead worker had under way is over, what it has counted stays', () => {
  const memory = newHostCounts(endpoints, workers);
  const all = everybody(memory);
  for (const worker of all) {
    for (const one of worker) {
      one.begin();
      one.opened();
      one.tally('external', true);
      one.failed('consecutive-5xx');
    }
  }
  clearHostCounts(memory, workers, 1);
  for (const one of all[2]!) {
    expect([one.active, one.connections, one.total('external'), one.failed('consecutive-5xx')]).toEqual([2, 2, 3, 4]);
  }
});

test('one thread counts in memory of its own', () => {
  const [one, other] = [ownHostCounts(), ownHostCounts()];
  one.begin();
  one.ejected = true;
  one.failed('consecutive-5xx');
  expect([one.active, one.ejected, one.failed('consecutive-5xx')]).toEqual([1, true, 2]);
  expect([other.active, other.ejected, other.failed('consecutive-5xx')]).toEqual([0, false, 1]);
});

test('of all threads one takes a trial, and failures are those of all', () => {
  const [[a], [b], [c]] = everybody(newHostCounts(endpoints, workers)) as [HostCounts[], HostCounts[], HostCounts[]];
  expect([a!, b!].map(({ fails }) => fails.add())).toEqual([1, 2]);
  a!.fails.checkedAtMs = 1.5e12;
  expect([c!.fails.count, c!.fails.checkedAtMs, c!.fails.failedAtMs]).toEqual([2, 1.5e12, 0]);
  c!.fails.offerTrial();
  expect([a!, b!, c!].map(({ fails }) => fails.takeTrial())).toEqual([true, false, false]);
});
