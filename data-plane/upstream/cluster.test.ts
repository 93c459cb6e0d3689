import { expect, test } from 'vitest';
import type { ClusterConfig } from '../model/config.ts';
import { StatsRegistry } from '../telemetry/registry.ts';
import { clusterStats } from '../telemetry/stats.ts';
import { balanceOf, clusterOf, nowhere } from '../testing.ts';
import { Cluster } from './cluster.ts';
import { Deadlines } from './deadlines.ts';
import { PooledConnection } from './host.ts';

const healthCheck: ClusterConfig['healthCheck'] = {
  check: { type: 'tcp', send: null, receive: [] },
  intervalMs: 1_000,
  timeoutMs: 1_000,
  unhealthyThreshold: 2,
  healthyThreshold: 1,
  jitterPercent: 0,
  jitterMs: 0,
  initialJitterMs: 0,
  noTrafficIntervalMs: null,
};

class Idle extends PooledConnection {
  closed = false;
  override close(): void {
    this.closed = true;
  }
}

const deadlines = new Deadlines(
  () => 0,
  () => {},
  () => {},
);
const make = (config: ClusterConfig): Cluster => new Cluster(config, clusterStats(new StatsRegistry(), 'c'), () => 0);
const picks = (cluster: Cluster, count: number): string =>
  Array.from({ length: count }, () => cluster.pick()?.port ?? 'none').join();

test('endpoints that stay over an edit keep their connections, load and health; others are let go', () => {
  const cluster = make(clusterOf([1, 2], { healthCheck }));
  for (const host of cluster.hosts) cluster.setPassesChecks(host.key, true);
  const [one, two] = cluster.hosts;
  const [kept, gone] = [new Idle(), new Idle()];
  one!.putIdle(kept, 0, deadlines);
  two!.putIdle(gone, 0, deadlines);
  for (let count = 0; count < 3; count++) one!.counts.begin();
  one!.counts.opened();
  cluster.update(clusterOf([1, 3], { healthCheck }));
  expect(cluster.hosts[0]).toBe(one);
  expect(one).toMatchObject({ active: 3, connections: 1, passesChecks: true });
  expect([kept.closed, gone.closed]).toEqual([false, true]);
  expect(cluster.hosts[1]).toMatchObject({ port: 3, passesChecks: false });
});

test('a connection that is given back after its endpoint left is closed, not pooled', () => {
  const cluster = make(clusterOf([1, 2]));
  const left = cluster.hosts[1]!;
  cluster.update(clusterOf([1]));
  const late = new Idle();
  left.putIdle(late, 0, deadlines);
  expect(late.closed).toBe(true);
  expect(left.takeIdle()).toBeUndefined();
});

test('only endpoints that are well are picked; below the panic threshold all are, at 0 none', () => {
  const cluster = make(clusterOf([1, 2, 3, 4], { healthCheck }));
  for (const port of [1, 2, 3]) cluster.setPassesChecks(`127.0.0.1:${port}`, true);
  expect(picks(cluster, 6)).toBe('1,2,3,1,2,3');
  for (const port of [2, 3]) cluster.setPassesChecks(`127.0.0.1:${port}`, false);
  expect(picks(cluster, 4)).toBe('1,2,3,4');
  cluster.update(
    clusterOf([1, 2, 3, 4], { healthCheck, balance: balanceOf({ type: 'round-robin' }, { panicPercent: 0 }) }),
  );
  expect(picks(cluster, 2)).toBe('1,1');
  cluster.setPassesChecks('127.0.0.1:1', false);
  expect(picks(cluster, 1)).toBe('none');
});

test('what the control plane says of an endpoint counts as well as its checks', () => {
  const config = clusterOf([1, 2]);
  const draining = { ...config.endpoints[1]!, health: 'draining' as const };
  const cluster = make({ ...config, endpoints: [config.endpoints[0]!, draining] });
  expect(picks(cluster, 3)).toBe('1,1,1');
});

test('the pool is last in, first out', () => {
  const host = make(clusterOf([1])).hosts[0]!;
  const [a, b] = [new Idle(), new Idle()];
  host.putIdle(a, 0, deadlines);
  host.putIdle(b, 0, deadlines);
  expect(host.takeIdle()).toBe(b);
  expect(host.takeIdle()).toBe(a);
  expect(host.takeIdle()).toBeUndefined();
});

test('load is counted by zone; what began in a zone ends there, also when its endpoint has moved or gone', () => {
  const config = clusterOf([1, 2]);
  const [first, second] = config.endpoints;
  const cluster = make({
    ...config,
    endpoints: [
      { ...first!, locality: { ...nowhere, zone: 'a' } },
      { ...second!, locality: { ...nowhere, zone: 'a' } },
    ],
  });
  const [one, two] = cluster.hosts.map(({ load }) => load);
  expect(one).toBe(two);
  one!.begin();
  two!.begin();
  cluster.update({ ...config, endpoints: [{ ...first!, locality: { ...nowhere, zone: 'b' } }] });
  one!.end('success');
  two!.end('error');
  cluster.hosts[0]!.load.begin();
  expect([...cluster.localities].map((load) => ({ ...load }))).toEqual([
    { zone: 'a', issued: 2, successful: 1, errors: 1, inProgress: 0 },
    { zone: 'b', issued: 1, successful: 0, errors: 0, inProgress: 1 },
  ]);
});
