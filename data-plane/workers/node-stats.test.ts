import { expect, test } from 'vitest';
import { CommonRows } from '../telemetry/common-rows.ts';
import { NodeStats } from '../telemetry/node-stats.ts';
import { StatsRegistry } from '../telemetry/registry.ts';
import { SharedStats } from '../telemetry/shared-stats.ts';
import { clusterStats, overloadStats } from '../telemetry/stats.ts';
import { statsText } from '../telemetry/stats-text.ts';
import { clusterOf, nowhere, stillWorld } from '../testing.ts';
import { Cluster } from '../upstream/cluster.ts';
import { WorkerLoads } from './loads.ts';

/** A node of so many workers, whose registries are shared as they are between threads, save for the copy. */
function nodeOf(workers: number) {
  const own = new StatsRegistry();
  const node = new NodeStats(own);
  const join = () => {
    const worker = {};
    const shared = new SharedStats(
      (news) => node.take(worker, news),
      (tell) => tell(),
      new CommonRows(0),
    );
    return { worker, registry: new StatsRegistry(shared) };
  };
  const joined = Array.from({ length: workers }, join);
  const shown = (): string[] => [...statsText(node, { usedOnly: true })].map((line) => line.trim());
  return { own, node, join, shown, workers: joined, registries: joined.map(({ registry }) => registry) };
}

test('numbers of the same name are added up, those of the main thread too; histograms are merged', () => {
  const { own, registries, shown, node } = nodeOf(2);
  const counted = [own, ...registries].map((registry) => clusterStats(registry, 'c'));
  counted.forEach((stats, index) => {
    stats.rqTotal.value += index + 1;
    stats.rqActive.value = 1;
    stats.rqTimeMs.record(10 ** index);
  });
  expect(shown().slice(0, 2)).toEqual(['cluster.c.upstream_rq_active: 3', 'cluster.c.upstream_rq_total: 6']);
  const histogram = node.list().find(({ name }) => name.stat === 'cluster.c.upstream_rq_time');
  if (histogram?.kind !== 'histogram') throw new Error('no histogram');
  expect([histogram.histogram.count, histogram.histogram.sumMs]).toEqual([3, 111]);
  expect(histogram.histogram.countsBelow([1, 10, 100, 1_000])).toEqual([0, 1, 2, 3]);
});

test('what is the same in every thread is counted by the main thread alone', () => {
  const { own, registries, shown } = nodeOf(2);
  for (const registry of [own, ...registries]) {
    const stats = clusterStats(registry, 'c');
    stats.membershipTotal.value = 5;
    stats.healthCheckAttempt.value++;
  }
  expect(shown()).toEqual(['cluster.c.health_check.attempt: 1', 'cluster.c.membership_total: 5']);
});

test('of what each thread has for itself the greatest is shown', () => {
  const { registries, shown } = nodeOf(2);
  registries.forEach((registry, index) => {
    overloadStats(registry).memoryPressure.value = 40 + index;
  });
  expect(shown()).toEqual(['overload.envoy.resource_monitors.fixed_heap.pressure: 41']);
});

test('a worker that is gone leaves what it counted, and takes what it had under way', () => {
  const { node, join, shown, workers } = nodeOf(1);
  const before = clusterStats(workers[0]!.registry, 'c');
  before.rqTotal.value = 7;
  before.rqActive.value = 2;
  before.rqTimeMs.record(5);
  node.lose(workers[0]!.worker);
  expect(shown()[0]).toBe('cluster.c.upstream_rq_total: 7');
  const after = clusterStats(join().registry, 'c');
  after.rqTotal.value++;
  after.rqTimeMs.record(5);
  node.settle();
  expect(shown()[0]).toBe('cluster.c.upstream_rq_total: 8');
  expect(node.list().find(({ name }) => name.stat.endsWith('rq_time'))).toMatchObject({ histogram: { count: 2 } });
});

test('a stat goes with the last worker that has it; until then nothing that was counted is taken back', () => {
  const { node, registries, shown } = nodeOf(2);
  const [one, other] = registries.map((registry) => clusterStats(registry, 'c'));
  one!.rqTotal.value = 3;
  other!.rqTotal.value = 4;
  one!.scope.drop();
  // late: a request of the cluster that is gone
  one!.rqTotal.value++;
  expect(shown()).toEqual(['cluster.c.upstream_rq_total: 7']);
  other!.scope.drop();
  expect(node.list()).toEqual([]);
});

test('what a worker that is gone had is forgotten once it turns out that nobody goes on with it', () => {
  const { node, workers } = nodeOf(1);
  clusterStats(workers[0]!.registry, 'c');
  node.lose(workers[0]!.worker);
  expect(node.list()).not.toEqual([]);
  node.settle();
  expect(node.list()).toEqual([]);
});

test('the list is the same array until a stat comes or goes', () => {
  const { node, own, registries } = nodeOf(1);
  clusterStats(own, 'c').rqTotal.value++;
  const list = node.list();
  expect(node.list()).toBe(list);
  clusterStats(registries[0]!, 'd');
  expect(node.list()).not.toBe(list);
});

test('load reports get the sum over the workers of each zone, as the same object each time', () => {
  const { own, node, workers, registries } = nodeOf(2);
  const config = clusterOf([1, 2]);
  const zoned = {
    ...config,
    endpoints: config.endpoints.map((one, index) => ({ ...one, locality: { ...nowhere, zone: `z${index}` } })),
  };
  const make = (registry: StatsRegistry) => new Cluster(zoned, clusterStats(registry, 'c'), stillWorld);
  const mine = make(own);
  for (const cluster of registries.map(make)) {
    const [host] = cluster.hosts;
    for (let begun = 0; begun < 4; begun++) host!.load.begin();
    host!.load.end('success');
    host!.load.end('error');
    host!.load.end('cancelled');
  }
  const loads = new WorkerLoads(node);
  const read = () => loads.of([mine])[0]!.localities;
  expect(read().map((load) => ({ ...load }))).toEqual([
    { zone: 'z0', issued: 8, successful: 2, errors: 2, inProgress: 2 },
    { zone: 'z1', issued: 0, successful: 0, errors: 0, inProgress: 0 },
  ]);
  expect(read()[0]).toBe(read()[0]);
  node.lose(workers[0]!.worker);
  expect(read()[0]).toMatchObject({ issued: 8, successful: 2, errors: 2, inProgress: 1 });
  expect([...statsText(node)].join('')).not.toContain('.zone.');
});
