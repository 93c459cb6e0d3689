import { expect, test } from 'vitest';
import type { ClusterConfig } from '../model/config.ts';
import { StatsRegistry } from '../telemetry/registry.ts';
import { clusterOf, outliersOf, stillWorld, TestClock } from '../testing.ts';
import { ownHostCounts } from '../upstream/host-counts.ts';
import { Clusters } from './clusters.ts';
import { ownOutliers } from './outliers.ts';

const outlierDetection = outliersOf({ maxEjectionPercent: 50, consecutive5xx: 3 });
const [a, b] = ['127.0.0.1:1', '127.0.0.1:2'] as const;

/** @param carries this thread has the traffic, too */
function start(carries = true) {
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
      onTrial: (cluster, key) => {
        told.push(`${cluster.name} ${key} trial`);
        if (carries) cluster.offerTrial(key);
      },
    }),
    countsOf: ownHostCounts,
    totalOf: null,
    now: clock.now,
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
  clusters.onFinding('c', b, 'consecutive-5xx');
  clusters.onFinding('gone', b, 'consecutive-5xx');
  expect(picks()).toBe('1');
});

const window = { fails: 3, windowMs: 10_000 };
const asNginx = outliersOf({ consecutive5xx: 0, maxFails: window });

/** Requests as nginx's own balancer would see them: each goes where it is picked, and fares as the endpoint does then. */
function traffic({ clock, clusters }: ReturnType<typeof start>) {
  const failing = new Set<number>();
  /** Ports that got the requests of one moment. */
  const send = (requests: number): string => {
    const cluster = clusters.get('c')!;
    const ports: number[] = [];
    for (let request = 0; request < requests; request++) {
      const host = cluster.pick(null)!;
      cluster.outcomes!.began(host);
      cluster.outcomes!.answered(host, failing.has(host.port) ? 500 : 200);
      ports.push(host.port);
    }
    return ports.toSorted().join('');
  };
  return { send, failing, wait: (ms: number) => clock.advance(ms) };
}

test('as nginx: out after so many failures, one request after the time, and back when it went well', async () => {
  const node = start();
  await node.apply(clusterOf([1, 2], { outlierDetection: asNginx }));
  const { send, failing, wait } = traffic(node);
  failing.add(1);
  expect([send(4), send(2), send(4)]).toEqual(['1122', '12', '2222']);
  wait(10_000);
  expect(send(4)).toBe('2222');
  wait(2);
  expect([send(4), send(4)]).toEqual(['1222', '2222']);
  wait(10_002);
  failing.clear();
  expect(send(1) + send(8)).toContain('1');
  expect(send(4)).toBe('1122');
  expect(node.told).toEqual([`c ${a} true`, `c ${a} trial`, `c ${a} trial`, `c ${a} false`]);
  expect([node.stat('ejections_enforced_max_fails'), node.stat('ejections_active')]).toEqual([1, 0]);
  expect(node.logged).toMatchObject([{ type: 'MAX_FAILS', action: 'EJECT', failures: 3 }, { action: 'UNEJECT' }]);
});

test('as nginx: failures are forgotten by the success of a request that was sent the time after the last of them', async () => {
  const node = start();
  await node.apply(clusterOf([1, 2], { outlierDetection: asNginx }));
  const { send, failing, wait } = traffic(node);
  const fail = (): string => {
    failing.add(1);
    const ports = send(2);
    failing.clear();
    return ports;
  };
  fail();
  // too soon to be forgotten
  wait(9_000);
  send(2);
  fail();
  wait(10_001);
  send(2);
  expect([fail(), fail()]).toEqual(['12', '12']);
  // 18 s from the first to the last, and yet never 10 s between two
  wait(9_000);
  expect([fail(), send(2)]).toEqual(['12', '22']);
});

test('a single endpoint is never out, and neither are all: then all are used, and begin anew', async () => {
  const node = start();
  await node.apply(clusterOf([1], { outlierDetection: asNginx }));
  const { send, failing } = traffic(node);
  failing.add(1).add(2);
  expect(send(9)).toBe('1'.repeat(9));
  await node.apply(clusterOf([1, 2], { outlierDetection: asNginx }));
  const seen = send(40);
  expect([...seen].filter((port) => port === '1').length).toBeGreaterThan(10);
  expect([...seen].filter((port) => port === '2').length).toBeGreaterThan(10);
  expect(node.told.length).toBeGreaterThan(2);
});

test('a trial that nobody takes, or that comes to nothing, is offered again', async () => {
  const node = start();
  await node.apply(clusterOf([1, 2], { outlierDetection: asNginx }));
  const { send, failing, wait } = traffic(node);
  failing.add(1);
  send(6);
  wait(10_002);
  const cluster = node.clusters.get('c')!;
  const picked = [0, 1, 2, 3].map(() => cluster.pick(null)!.port);
  expect(picked.filter((port) => port === 1)).toEqual([1]);
  wait(10_002);
  failing.clear();
  expect(send(4)).toContain('1');
  expect(node.stat('ejections_active')).toBe(0);
});

test('while others try it an endpoint is shown as what it is: out', async () => {
  const node = start(false);
  await node.apply(clusterOf([1, 2], { outlierDetection: asNginx }));
  node.clusters.onFinding('c', a, 'max-fails');
  node.clock.advance(60_000);
  const host = node.clusters.get('c')!.hostOf(a)!;
  expect([host.ejected, host.counts.ejected, node.stat('ejections_active')]).toEqual([true, true, 1]);
  expect(node.told.slice(0, 3)).toEqual([`c ${a} true`, `c ${a} trial`, `c ${a} trial`]);
  node.clusters.onFinding('c', a, 'recovered');
  expect([host.ejected, host.counts.ejected, node.stat('ejections_active')]).toEqual([false, false, 0]);
});

test('where it is configured no more, who was out is back', async () => {
  const node = start();
  await node.apply(clusterOf([1, 2], { outlierDetection: asNginx }));
  const { send, failing } = traffic(node);
  failing.add(1);
  send(6);
  await node.apply(clusterOf([1, 2], { outlierDetection: outliersOf() }));
  expect([node.picks(), node.stat('ejections_active')]).toEqual(['1,2', 0]);
});

test('why an endpoint is out is known for as long as it is', async () => {
  const { clock, clusters, apply, fail } = start();
  const sights = () => [...clusters.sights(clock.now())].flatMap(({ endpoints }) => endpoints);
  await apply(clusterOf([1, 2], { outlierDetection }));
  fail(1, 3);
  expect(sights()).toEqual([
    { key: a, state: 'ejected', reason: 'outlier detection: consecutive 5xx' },
    { key: b, state: 'healthy', reason: '' },
  ]);
  clock.advance(outlierDetection.baseEjectionMs + outlierDetection.intervalMs);
  expect(sights()).toMatchObject([
    { state: 'healthy', reason: '' },
    { state: 'healthy', reason: '' },
  ]);
});

test("what Envoy's words say of failures in a row beside nginx's is for others", async () => {
  const node = start();
  await node.apply(clusterOf([1, 2], { outlierDetection: { ...asNginx, consecutive5xx: 1, maxEjectionPercent: 100 } }));
  const { send, failing } = traffic(node);
  failing.add(1);
  expect([send(4), send(2)]).toEqual(['1122', '12']);
});
