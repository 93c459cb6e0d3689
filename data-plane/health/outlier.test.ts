import { expect, test } from 'vitest';
import type { OutlierDetectionConfig } from '../model/config.ts';
import { outliersOf } from '../testing.ts';
import { LatencyBuckets } from './latency-buckets.ts';
import { OutlierDetector, type OutlierEvent } from './outlier.ts';

type InRow = Parameters<OutlierDetector['onFailuresInRow']>[1];

class Counts {
  readonly latency = new LatencyBuckets(new Int32Array(LatencyBuckets.count), 0);
  readonly ended: InRow[] = [];
  readonly sums = { external: [0, 0] as [number, number], local: [0, 0] as [number, number] };

  add(total: number, successful: number, origin: 'external' | 'local' = 'external'): void {
    this.sums[origin][0] += total;
    this.sums[origin][1] += successful;
  }

  total(origin: 'external' | 'local'): number {
    return this.sums[origin][0] >>> 0;
  }

  successful(origin: 'external' | 'local'): number {
    return this.sums[origin][1] >>> 0;
  }

  endRow(inRow: InRow): void {
    this.ended.push(inRow);
  }
}

/** @param chances one after the other, then 0 for ever */
function start(hosts: number, config: Partial<OutlierDetectionConfig> = {}, chances: number[] = []) {
  let nowMs = 0;
  const out = new Set<string>();
  const events: OutlierEvent[] = [];
  const counts = new Map(Array.from({ length: hosts }, (_, index) => [`h${index}`, new Counts()]));
  const detector = new OutlierDetector(outliersOf(config), {
    now: () => nowMs,
    random: () => chances.shift() ?? 0,
    onEjected: (key, ejected) => void (ejected ? out.add(key) : out.delete(key)),
    onEvent: (event) => events.push(event),
  });
  detector.update(outliersOf(config), counts);
  return {
    detector,
    counts,
    events,
    out: () => [...out].join(' '),
    update: (changed: Partial<OutlierDetectionConfig>) => detector.update(outliersOf(changed), counts),
    fail: (key: string, inRow: InRow = 'consecutive-5xx') => detector.onFailuresInRow(key, inRow),
    /** What each host gets until the next tick, then the tick. */
    interval: (atMs: number, ...each: [total: number, successful: number][]): string => {
      for (const [index, [total, successful]] of each.entries()) counts.get(`h${index}`)!.add(total, successful);
      nowMs = atMs;
      detector.tick();
      return [...out].join(' ');
    },
    at: (atMs: number) => {
      nowMs = atMs;
    },
  };
}

const all = { maxEjectionPercent: 100 };

test('the sequence of Envoy: each ejection is longer than the last, until the endpoint has been well for a while', () => {
  const { fail, interval, at, out } = start(1, { ...all, baseEjectionMs: 10_000 });
  const ejectAt = (seconds: number): void => {
    at(seconds * 1000);
    fail('h0');
    expect(out()).toBe('h0');
  };
  const ticks = (...seconds: number[]): string => seconds.map((one) => interval(one * 1000) || '-').join(' ');
  ejectAt(0);
  expect(ticks(10)).toBe('-');
  ejectAt(10);
  expect(ticks(20, 30)).toBe('h0 -');
  ejectAt(30);
  expect(ticks(40, 50, 60)).toBe('h0 h0 -');
  expect(ticks(70, 80)).toBe('- -');
  ejectAt(80);
  expect(ticks(90, 100)).toBe('h0 -');
  for (let second = 110; second <= 600; second += 10) expect(ticks(second)).toBe('-');
  ejectAt(610);
  expect(ticks(620)).toBe('-');
});

test('an outlier in success rate is ejected for its time, and what it did meanwhile counts for nothing', () => {
  const { interval, events } = start(5, all);
  const [bad, good] = [
    [200, 100],
    [200, 200],
  ] as [[number, number], [number, number]];
  expect(interval(10_000, bad, good, good, good, good)).toBe('h0');
  expect(events).toMatchObject([
    {
      action: 'eject',
      type: 'SUCCESS_RATE',
      enforced: true,
      ejections: 1,
      sinceMs: null,
      measured: {
        host_success_rate: 50,
        cluster_average_success_rate: 90,
        cluster_success_rate_ejection_threshold: 52,
      },
    },
  ]);
  expect(interval(19_999, [200, 0], good, good, good, good)).toBe('h0');
  expect(interval(50_001, [0, 0], good, good, good, good)).toBe('');
  expect(events.at(-1)).toMatchObject({ action: 'uneject', key: 'h0', ejections: 1, sinceMs: 40_001 });
});

test.each([
  ['too few requests', 5, [99, 49]],
  ['too few endpoints', 4, [200, 100]],
  ['rates that are all the same', 5, [200, 200]],
] as const)('nobody is an outlier among %s', (_, hosts, bad) => {
  const { interval } = start(hosts, all);
  const good = Array.from({ length: hosts - 1 }, () => [200, 200] as [number, number]);
  expect(interval(10_000, [...bad], ...good)).toBe('');
});

test('failures of this side have rates of their own', () => {
  const { detector, counts, out, events } = start(5, { ...all, splitLocalOrigin: true });
  for (const one of counts.values()) one.add(200, one === counts.get('h3') ? 100 : 200, 'local');
  detector.tick();
  expect(out()).toBe('h3');
  expect(events).toMatchObject([{ type: 'SUCCESS_RATE_LOCAL_ORIGIN' }]);
});

test('a share of failures from the threshold on is an outlier, whatever the others do', () => {
  const failurePercentage = { ...outliersOf().failurePercentage, enforcingPercent: 100 };
  const successRate = { ...outliersOf().successRate, enforcingPercent: 0 };
  const { interval, events } = start(6, { ...all, failurePercentage, successRate });
  expect(interval(10_000, [100, 15], [100, 16], [100, 15], [49, 0], [100, 15], [100, 100])).toBe('h0 h2 h4');
  expect(events.filter(({ action }) => action === 'eject')).toMatchObject([
    { type: 'FAILURE_PERCENTAGE', key: 'h0', measured: { host_success_rate: 15 } },
    { type: 'FAILURE_PERCENTAGE', key: 'h2' },
    { type: 'FAILURE_PERCENTAGE', key: 'h4' },
  ]);
});

test('a share that is enforced is a matter of chance, and what is not enforced is only told', () => {
  const { fail, out, events } = start(10, { enforcing5xxPercent: 30 }, [0.3, 0.29]);
  fail('h0');
  expect(out()).toBe('');
  fail('h0');
  expect(out()).toBe('h0');
  fail('h1', 'consecutive-gateway-failure');
  expect(events.map((event) => event.action === 'eject' && event.enforced)).toEqual([false, true, false]);
});

test('no more are ejected than may be, and one that is out is not ejected again', () => {
  const { fail, out, events, counts } = start(20);
  for (const key of ['h0', 'h0', 'h1', 'h2']) fail(key);
  expect(out()).toBe('h0 h1');
  expect(events.map(({ action, key }) => `${action} ${key}`)).toEqual(['eject h0', 'eject h1', 'overflow h2']);
  // the next bout of the one that may not go is counted anew
  expect(counts.get('h2')!.ended).toEqual(['consecutive-5xx']);
});

test('one may go of a few where that is allowed', () => {
  const { fail, out } = start(3, { alwaysEjectOne: true });
  fail('h1');
  fail('h2');
  expect(out()).toBe('h1');
});

test('jitter makes an ejection longer', () => {
  const { fail, interval } = start(1, { ...all, maxEjectionJitterMs: 5_000 }, [0, 0.5]);
  fail('h0');
  expect([interval(30_000), interval(32_499), interval(32_500)]).toEqual(['h0', 'h0', '']);
});

test('a check that passes ends an ejection, unless that is not wanted; its failures in a row are forgotten', () => {
  const { detector, fail, out, counts, update } = start(1, { ...all, healthyCheckUnejects: false });
  fail('h0');
  detector.onPassingCheck('h0');
  expect(out()).toBe('h0');
  update(all);
  detector.onPassingCheck('h0');
  expect(out()).toBe('');
  expect(new Set(counts.get('h0')!.ended).size).toBe(3);
});

test('an edit keeps ejections and their multipliers; who leaves makes room', () => {
  const { detector, counts, fail, out, interval, at } = start(10, { baseEjectionMs: 10_000 });
  fail('h0');
  counts.set('h10', new Counts());
  counts.delete('h5');
  detector.update(outliersOf({ baseEjectionMs: 10_000 }), counts);
  fail('h1');
  expect(out()).toBe('h0');
  expect(interval(10_000)).toBe('');
  at(10_000);
  fail('h0');
  expect(interval(20_000)).toBe('h0');
  counts.delete('h0');
  counts.set('h11', new Counts());
  detector.update(outliersOf(), counts);
  expect(detector.ejected).toBe(0);
  fail('h1');
  expect(detector.ejected).toBe(1);
});

test('when it is over everybody comes back', () => {
  const { detector, fail, out } = start(20);
  fail('h0');
  fail('h1');
  detector.stop();
  expect(out()).toBe('');
});

test('an endpoint that is so much slower than the others is ejected, if it is slow at all', () => {
  const latency = { factor: 3, leastMs: 200, minimumHosts: 4, requestVolume: 50 };
  const { detector, counts, out, events } = start(5, { ...all, latency });
  const interval = (...times: number[]): string => {
    times.forEach((ms, index) => {
      const one = counts.get(`h${index}`)!;
      one.add(50, 50);
      for (let count = 0; count < 50; count++) one.latency.record(ms);
    });
    detector.tick();
    return out();
  };
  expect(interval(100, 10, 10, 10, 10)).toBe('');
  expect(interval(250, 100, 100, 100)).toBe('');
  expect(interval(900, 100, 800)).toBe('');
  expect(interval(100, 100, 900, 100)).toBe('h2');
  expect(events).toMatchObject([{ type: 'LATENCY', key: 'h2', enforced: true }]);
});

test('counts that wrap are counted on', () => {
  const { counts, interval } = start(5, all);
  for (const one of counts.values()) one.add(2 ** 32 - 100, 2 ** 32 - 100);
  interval(10_000);
  const good = Array.from({ length: 4 }, () => [200, 200] as [number, number]);
  expect(interval(20_000, [200, 100], ...good)).toBe('h0');
});
