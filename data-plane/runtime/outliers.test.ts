import { expect, test } from 'vitest';
import type { ClusterConfig } from '../model/config.ts';
import { StatsRegistry } from '../telemetry/registry.ts';
import { clusterOf, outliersOf, stillWorld, TestClock } from '../testing.ts';
import { ownHostCounts } from '../upstream/host-counts.ts';
import { Clusters } from './clusters.ts';
import { ownOutliers } from './outliers.ts';

const outlierDetection = outliersOf({ maxEjectionPercent: 50, consecutive5xx: 3 });
const [a, b] = ['127.0.0.1:1', '127.0.0.1:2'] as const;

function start() {
  const clock = new TestClock();
  const registry = new StatsRegistry();
  const [told, logged]: [string[], object[]] = [[], []];
  const log = (fields: object): void => void logged.push(fields);
  const random = (): number => 0;
  const clusters = new Clusters({
    registry,
    world: { ...stillWorld, random },
    checks: () => {
      throw new Error('no cluster has checks');
    },
    outliers: ownOutliers({
      ...{ now: clock.now, random, setTimer: clock.setTimer, wallClock: () => 0 },
      logger: { info: log, warn: log, error: log },
      onEjected: (...one) => void told.push(one.join(' ')),
    }),
    countsOf: ownHostCounts,
  });
  const apply = (config: ClusterConfig): Promise<void> => clusters.apply(new Map([['c', config]]));
  const stat = (name: string): number | undefined => {
    const found = registry.list().find((one) => one.name.stat === `cluster.c.outlier_detection.${name}`);
    return found !== undefined && found.kind !== 'histogram' ? found.read() : undefined;
  };
  const fail = (port: number, times: number): void => {
    const { hosts, outcomes } = clusters.get('c')!;
    const host = hosts.find((one) => one.port === port)!;
    for (let count = 0; count < times; count++) outcomes!.answered(host, 500);
  };
  const picks = (): string => {
    const cluster = clusters.get('c')!;
    return [...new Set([0, 1, 2, 3].map(() => cluster.pick(null)?.port))].toSorted().join();
  };
  return { clock, clusters, apply, stat, fail, picks, told, logged };
}

test('an endpoint that fails so often in a row is not picked for its time, is counted, logged and told', async () => {
  const { clock, clusters, apply, stat, fail, picks, told, logged } = start();
  await apply(clusterOf([1, 2], { outlierDetection }));
  fail(1, 2);
  expect(picks()).toBe('1,2');
  fail(1, 1);
  expect(picks()).toBe('2');
  fail(2, 3);
  expect(picks()).toBe('2');
  expect(clusters.get('c')!.hostOf(a)!.counts.ejected).toBe(true);
  expect(
    ['active', 'enforced_total', 'overflow', 'detected_consecutive_5xx', 'enforced_consecutive_5xx'].map((name) =>
      stat(`ejections_${name}`),
    ),
  ).toEqual([1, 1, 1, 2, 1]);
  clock.advance(29_999);
  expect(picks()).toBe('2');
  clock.advance(1);
  expect(picks()).toBe('1,2');
  expect([stat('ejections_active'), clusters.get('c')!.hostOf(a)!.counts.ejected]).toEqual([0, false]);
  expect(told).toEqual([`c ${a} true`, `c ${a} false`]);
  const common = { event: 'outlier', cluster_name: 'c', upstream_url: a, num_ejections: 1 };
  const timestamp = '1970-01-01T00:00:00.000Z';
  expect(logged).toEqual([
    { ...common, type: 'CONSECUTIVE_5XX', action: 'EJECT', enforced: true, timestamp },
    { ...common, action: 'UNEJECT', secs_since_last_action: 30, timestamp },
  ]);
});

test('an edit of others keeps an ejection; one that takes the detection away ends it', async () => {
  const { clock, apply, fail, picks, stat } = start();
  await apply(clusterOf([1, 2], { outlierDetection }));
  fail(2, 3);
  await apply(clusterOf([1, 2, 3], { outlierDetection, connectTimeoutMs: 7 }));
  expect(picks()).toBe('1,3');
  await apply(clusterOf([1, 2, 3]));
  expect(picks()).toBe('1,2,3');
  expect(stat('ejections_active')).toBe(0);
  await apply(clusterOf([1, 2, 3], { outlierDetection }));
  fail(2, 3);
  clock.advance(30_000);
  expect(picks()).toBe('1,2,3');
});

test('an endpoint that left while it was out comes again as a new one', async () => {
  const { apply, fail, picks, stat } = start();
  await apply(clusterOf([1, 2, 3], { outlierDetection }));
  fail(2, 3);
  await apply(clusterOf([1, 3], { outlierDetection }));
  expect(stat('ejections_active')).toBe(0);
  await apply(clusterOf([1, 2, 3], { outlierDetection }));
  expect(picks()).toBe('1,2,3');
});

test('one thread after another may count the failures', async () => {
  const { clusters, apply, picks } = start();
  await apply(clusterOf([1, 2], { outlierDetection }));
  clusters.onFailuresInRow('c', b, 'consecutive-5xx');
  clusters.onFailuresInRow('gone', b, 'consecutive-5xx');
  expect(picks()).toBe('1');
});
