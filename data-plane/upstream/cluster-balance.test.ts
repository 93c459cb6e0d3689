/** Clusters of endpoints whose picks are counted, with a clock that is moved: the worked examples of vectors.md. */
import { expect, test, vi } from 'vitest';
import { TableBuilder } from '../balance/table-builder.ts';
import type { BalanceConfig, ClusterConfig, EndpointConfig, LocalityConfig, PolicyConfig } from '../model/config.ts';
import { StatsRegistry } from '../telemetry/registry.ts';
import { clusterStats } from '../telemetry/stats.ts';
import { balanceOf, clusterOf, endpointOf, healthCheckOf, nowhere, seededRandom, TestClock } from '../testing.ts';
import { Cluster } from './cluster.ts';
import type { Host } from './host.ts';
import type { PickAsk } from './pick-ask.ts';

const healthCheck = healthCheckOf();
const roundRobin: PolicyConfig = { type: 'round-robin' };

/** So many endpoints in one place, their ports from `first` on. */
function endpointsAt(first: number, count: number, locality: Partial<LocalityConfig> = {}): EndpointConfig[] {
  const place = { ...nowhere, ...locality };
  return Array.from({ length: count }, (_, index) => endpointOf(first + index, { locality: place }));
}

function start(
  endpoints: readonly EndpointConfig[],
  balance: BalanceConfig = balanceOf(roundRobin),
  rest: Partial<ClusterConfig> = {},
) {
  const clock = new TestClock();
  const tables = new TableBuilder({ now: clock.now, soon: (callback) => callback() });
  const world = { random: seededRandom(11), now: clock.now, zone: 'a', tables };
  const config = { ...clusterOf([]), endpoints, balance, ...rest };
  const cluster = new Cluster(config, clusterStats(new StatsRegistry(), 'c'), world);
  const say = (ports: readonly number[], checked: 'passing' | 'failing' | 'degraded'): void => {
    for (const port of ports) cluster.setChecked(`127.0.0.1:${port}`, checked);
  };
  /** Percent of 10,000 picks, by tens of ports. */
  const percents = (): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (let pick = 0; pick < 10_000; pick++) {
      const tens = Math.floor((cluster.pick(null)?.port ?? -10) / 10) * 10;
      counts[tens] = (counts[tens] ?? 0) + 1;
    }
    return Object.fromEntries(Object.entries(counts).map(([tens, count]) => [tens, count / 100]));
  };
  return { cluster, clock, config, say, percents };
}

test('slow start: an endpoint that joins takes a tenth of its share at first, half at half time, then all of it', () => {
  const balance = balanceOf(roundRobin, { slowStart: { windowMs: 60_000, aggression: 1, minWeightPercent: 10 } });
  const { cluster, clock, config, percents } = start(endpointsAt(10, 1), balance);
  clock.advance(60_000);
  cluster.update({ ...config, endpoints: [...config.endpoints, ...endpointsAt(20, 1)] });
  const [, joined] = cluster.hosts;
  for (const [afterMs, share] of [
    [0, 0.1],
    [6_000, 0.1],
    [30_000, 0.5],
    [45_000, 0.75],
    [60_000, 1],
  ] as const) {
    clock.nowMs = 61_000 + afterMs;
    expect(percents()['20'], `after ${afterMs} ms`).toBeCloseTo((100 * share) / (1 + share), 0);
    expect(joined!.state(clock.nowMs)).toBe(afterMs < 60_000 ? 'slow-start' : 'healthy');
  }
});

test('slow start: where checks are made it begins when they pass, and anew after each failure', () => {
  const balance = balanceOf(roundRobin, { slowStart: { windowMs: 60_000, aggression: 1, minWeightPercent: 10 } });
  const { cluster, clock, say, percents } = start([...endpointsAt(10, 1), ...endpointsAt(20, 1)], balance, {
    healthCheck,
  });
  say([10], 'passing');
  clock.advance(100_000);
  say([20], 'passing');
  clock.advance(30_000);
  expect(percents()['20']).toBeCloseTo(33.3, 0);
  expect(cluster.hosts.map((host) => host.state(clock.nowMs))).toEqual(['healthy', 'slow-start']);
  // between two picks
  say([20], 'failing');
  say([20], 'passing');
  expect(percents()['20']).toBeCloseTo(9.1, 0);
});

test('spill: the first priority loses what its overprovisioning cannot make up for', () => {
  const { say, percents } = start([...endpointsAt(10, 4), ...endpointsAt(20, 2, { priority: 1 })], undefined, {
    healthCheck,
  });
  say([10, 11, 12, 13, 20, 21], 'passing');
  expect(percents()).toEqual({ 10: 100 });
  say([13], 'failing');
  expect(percents()).toEqual({ 10: 100 });
  say([12], 'failing');
  const half = percents();
  expect([half['10']! / 100, half['20']! / 100]).toEqual([expect.closeTo(0.7, 1), expect.closeTo(0.3, 1)]);
  say([11], 'failing');
  const quarter = percents();
  expect([quarter['10']! / 100, quarter['20']! / 100]).toEqual([expect.closeTo(0.35, 1), expect.closeTo(0.65, 1)]);
  say([10], 'failing');
  expect(percents()).toEqual({ 20: 100 });
});

test('panic: with too few well everywhere all endpoints are used by their number, until enough are well again', () => {
  const { cluster, say, percents } = start([...endpointsAt(10, 5), ...endpointsAt(20, 5, { priority: 1 })], undefined, {
    healthCheck,
  });
  say([10, 11, 12, 13, 14, 20, 21, 22, 23, 24], 'failing');
  say([20], 'passing');
  expect(percents()).toEqual({ 10: expect.closeTo(50, -1), 20: expect.closeTo(50, -1) });
  expect(cluster.stats.lbHealthyPanic.value).toBe(10_000);
  expect(new Set(Array.from({ length: 500 }, () => cluster.pick(null)!.port)).size).toBe(10);
  say([20, 21, 22, 23], 'passing');
  expect(percents()).toEqual({ 20: 100 });
});

test('locality: weights hold, a locality loses weight as it loses endpoints, and all of it when nobody is left', () => {
  const balance = balanceOf(roundRobin, { panicPercent: 0, localities: { type: 'weighted' } });
  const places = [...endpointsAt(10, 5, { zone: 'x', weight: 1 }), ...endpointsAt(20, 1, { zone: 'y', weight: 2 })];
  const { say, percents } = start(places, balance, { healthCheck });
  say([10, 11, 12, 13, 14, 20], 'passing');
  for (const [failing, share] of [
    [10, 33.3],
    [11, 29.6],
    [12, 21.9],
    [13, 12.3],
    [14, 0],
  ] as const) {
    say([failing], 'failing');
    expect(percents()['10'] ?? 0, `${failing} fails`).toBeCloseTo(share, 0);
  }
});

test('zones: picks stay in the own zone as far as it has its part of the endpoints', () => {
  const settings = { routingPercent: 100, minEndpoints: 6, failOnPanic: false };
  const balance = balanceOf(roundRobin, { localities: { type: 'zone-aware', ...settings } });
  const { cluster, say, percents } = start(
    [...endpointsAt(20, 4, { zone: 'b' }), ...endpointsAt(10, 4, { zone: 'a' })],
    balance,
    { healthCheck },
  );
  say([10, 11, 12, 13, 20, 21, 22, 23], 'passing');
  expect(percents()).toEqual({ 10: 100 });
  expect(cluster.stats.lbZoneRoutingAllDirectly.value).toBe(10_000);
  say([12, 13], 'failing');
  // a third of the endpoints for half of the nodes
  expect(percents()['10']! / 100).toBeCloseTo(2 / 3, 1);
});

const ring: PolicyConfig = {
  type: 'ring-hash',
  function: 'xx-hash',
  minSize: 12,
  maxSize: 8_388_608,
  useHostname: false,
  boundedLoadPercent: 0,
};
const ask: PickAsk = { hash: null, subset: null, bound: '', boundOnly: false, tried: [], hostSelections: 0 };
const hashOf = (value: bigint): PickAsk['hash'] => ({ high: Number(value >> 32n), low: Number(value & 0xffff_ffffn) });

test('a ring serves by hashes, goes on over those that were tried, and holds all of them in panic', () => {
  const { cluster } = start(endpointsAt(90, 6), balanceOf(ring), { healthCheck });
  const port = (hash: bigint, more: Partial<PickAsk> = {}): number | undefined =>
    cluster.pick({ ...ask, hash: hashOf(hash), ...more })?.port;
  const read = (): unknown[] => [
    port(0n),
    port(2n ** 64n - 1n),
    port(3551244743356806947n),
    port(3551244743356806948n),
    port(16117243373044804880n),
  ];
  const hosts = cluster.hosts;
  const basic = [94, 94, 95, 93, 90];
  for (const { key } of hosts) cluster.setChecked(key, 'passing');
  expect(read()).toEqual(basic);
  const rejected = hosts.filter((host) => host.port === 94);
  expect(port(0n, { tried: rejected, hostSelections: 2 })).toBe(92);
  expect(port(0n, { tried: hosts, hostSelections: 2 })).toBe(90);
  expect(port(0n, { tried: hosts, hostSelections: 13 })).toBe(92);
  for (const { key } of hosts) cluster.setChecked(key, 'failing');
  expect(read()).toEqual(basic);
  expect(cluster.stats.lbHealthyPanic.value).toBe(5);
});

test.each(['http1', 'tcp'] as const)(
  '%s: a hash stays with its endpoint until that has its part of all',
  (protocol) => {
    const { cluster } = start(endpointsAt(90, 2), balanceOf({ ...ring, boundedLoadPercent: 125 }), { protocol });
    const [one, other] = cluster.hosts as [Host, Host];
    const picked = (): Host | null => cluster.pick({ ...ask, hash: hashOf(3n) });
    const own = picked() === one ? one : other;
    for (let request = 0; request < 4; request++) own.counts.begin();
    // of eight in all, the one asked for included, five may be here; six are too many
    cluster.stats.rqActive.value = 7;
    expect(picked()).toBe(own);
    own.counts.begin();
    own.counts.begin();
    expect(picked()).not.toBe(own);
  },
);

test('the same hash finds the same priority: its remainder by 100 says which', () => {
  const { cluster, say } = start([...endpointsAt(10, 4), ...endpointsAt(20, 4, { priority: 1 })], balanceOf(ring), {
    healthCheck,
  });
  say([10, 11, 20, 21, 22, 23], 'passing');
  say([12, 13], 'failing');
  const tens = (hash: bigint): number => Math.floor(cluster.pick({ ...ask, hash: hashOf(hash) })!.port / 10);
  expect([0n, 69n, 70n, 99n, 100n, 2n ** 63n + 61n, 2n ** 63n + 62n].map(tens)).toEqual([1, 1, 2, 2, 1, 1, 2]);
});

test('with bounded loads a hash leaves an endpoint that has more than its part of the requests under way', () => {
  const { cluster } = start(endpointsAt(90, 6), balanceOf({ ...ring, boundedLoadPercent: 150 }));
  const picked = (): Host => cluster.pick({ ...ask, hash: hashOf(0n) })!;
  const own = picked();
  expect(own.port).toBe(94);
  for (let request = 0; request < 3; request++) {
    own.counts.begin();
    cluster.stats.rqActive.value++;
  }
  const other = picked();
  expect(other).not.toBe(own);
  expect(picked()).toBe(other);
  // as the whole cluster bears more, so does each of them: 3 of 12
  cluster.stats.rqActive.value += 9;
  expect(picked()).toBe(own);
});

test('a hashing cluster without a hash picks by chance, and where nobody is healthy the degraded serve', () => {
  const { cluster, say, percents } = start(endpointsAt(90, 6), balanceOf(ring), { healthCheck });
  say([90, 91, 92, 93, 94, 95], 'degraded');
  expect(percents()).toEqual({ 90: 100 });
  expect(new Set(Array.from({ length: 200 }, () => cluster.pick(null)!.port)).size).toBe(6);
});

test('a request that chooses by labels gets endpoints of that subset, by their health; another one the fallback', () => {
  const labelled = (first: number, version: string): EndpointConfig[] =>
    endpointsAt(first, 2).map((one) => ({ ...one, labels: { version } }));
  const selectors = [{ keys: ['version'], fallback: null }];
  const subsets = { selectors, fallback: 'default', defaultSubset: { version: '1' } } as const;
  const { cluster, config } = start([...labelled(10, '1'), ...labelled(20, '2')], balanceOf(roundRobin, { subsets }));
  const ports = (version: string | null, count: number): string => {
    const chosen = version === null ? null : { version };
    return Array.from({ length: count }, () => cluster.pick({ ...ask, subset: chosen })?.port)
      .sort()
      .join();
  };
  expect(ports('2', 2)).toBe('20,21');
  expect(ports('3', 2)).toBe('10,11');
  expect(ports(null, 2)).toBe('10,11');
  expect([cluster.pick(null)!.port, cluster.pick(null)!.port].sort()).toEqual([10, 11]);
  cluster.setEjected('127.0.0.1:20', true);
  expect(ports('2', 2)).toBe('21,21');
  const { lbSubsetsActive, lbSubsetsSelected, lbSubsetsFallback } = cluster.stats;
  expect([lbSubsetsActive, lbSubsetsSelected, lbSubsetsFallback].map(({ value }) => value)).toEqual([2, 4, 6]);
  // the labels stay, what is done with them is new
  cluster.update({ ...config, balance: balanceOf(roundRobin, { subsets: { ...subsets, fallback: 'none' } }) });
  expect([cluster.pick(null), cluster.pick({ ...ask, subset: { version: '1' } })?.port]).toEqual([null, 10]);
  cluster.update({ ...config, balance: balanceOf(roundRobin) });
  expect(new Set(Array.from({ length: 6 }, () => cluster.pick(null)!.port)).size).toBe(3);
  expect(lbSubsetsActive.value).toBe(0);
});

test('tables of subsets, and of what stands in for them, are begun before anybody asks', () => {
  const policy = { type: 'maglev', tableSize: 65_537, useHostname: false, boundedLoadPercent: 0 } as const;
  const subsets = { selectors: [{ keys: ['version'], fallback: null }], fallback: 'any', defaultSubset: {} } as const;
  const endpoints = endpointsAt(10, 4).map((one, index) => ({ ...one, labels: { version: String(index % 2) } }));
  const tables = new TableBuilder({ now: () => 0, soon: () => {} });
  const config = { ...clusterOf([]), endpoints, balance: balanceOf(policy, { subsets }) };
  const world = { random: () => 0, now: () => 0, zone: '', tables };
  const cluster = new Cluster(config, clusterStats(new StatsRegistry(), 'c'), world);
  const begun = vi.spyOn(tables, 'build');
  cluster.settle();
  expect(begun).toHaveBeenCalledTimes(3);
});

test('by utilisation, a zone where requests fail gets less, whoever fails them', () => {
  const policy = { reportExpiryMs: 10_000, probationMs: 0, probationRequests: 1, choices: 2 } as const;
  const { cluster, clock, percents } = start(
    [...endpointsAt(10, 2, { zone: 'a' }), ...endpointsAt(20, 2, { zone: 'b' })],
    balanceOf({ type: 'utilization', ...policy }),
  );
  const [failing, fine] = cluster.hosts;
  for (let i = 0; i < 400; i++) failing!.record.count(i % 2 === 0, clock.nowMs);
  expect(fine!.record.successShare).toBe(1);
  // of two draws both are of zone a one time in four
  expect(percents()['10']).toBeCloseTo(25, -1);
});

test('by utilisation, an endpoint that failed a request or came back is on probation, and gets one at a time', () => {
  const policy = { reportExpiryMs: 10_000, probationMs: 10_000, probationRequests: 1, choices: 2 } as const;
  const balance = balanceOf({ type: 'utilization', ...policy }, { panicPercent: 0 });
  const { cluster, clock, say } = start(endpointsAt(10, 4), balance, { healthCheck });
  say([10, 11, 12, 13], 'passing');
  const states = (): string[] => cluster.hosts.map((host) => host.state(clock.nowMs));
  expect(new Set(states())).toEqual(new Set(['healthy']));
  const [erred, ejected, failed] = cluster.hosts;
  erred!.record.count(false, clock.nowMs);
  cluster.setEjected(ejected!.key, true);
  cluster.setEjected(ejected!.key, false);
  say([failed!.port], 'failing');
  expect(states()).toEqual(['probation', 'probation', 'unhealthy', 'healthy']);
  say([failed!.port], 'passing');
  for (let pick = 0; pick < 100; pick++) cluster.pick(null)!.counts.begin();
  expect(cluster.hosts.map(({ active }) => active)).toEqual([1, 1, 1, 97]);
  clock.advance(10_000);
  expect(new Set(states())).toEqual(new Set(['healthy']));
  for (let pick = 0; pick < 40; pick++) cluster.pick(null)!.counts.begin();
  expect(erred!.active).toBeGreaterThan(1);
});
