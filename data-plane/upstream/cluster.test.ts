import { expect, test } from 'vitest';
import type { ClusterConfig, EndpointConfig } from '../model/config.ts';
import { StatsRegistry } from '../telemetry/registry.ts';
import { clusterStats } from '../telemetry/stats.ts';
import { balanceOf, clusterOf, endpointOf, healthCheckOf, nowhere, stillWorld } from '../testing.ts';
import { Cluster } from './cluster.ts';
import { Deadlines } from './deadlines.ts';
import { PooledConnection } from './host.ts';
import type { PickAsk } from './pick-ask.ts';

const healthCheck = healthCheckOf({ unhealthyThreshold: 2 });

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
const make = (config: ClusterConfig): Cluster =>
  new Cluster(config, clusterStats(new StatsRegistry(), 'c'), stillWorld);
const picks = (cluster: Cluster, count: number): string =>
  Array.from({ length: count }, () => cluster.pick(null)?.port ?? 'none').join();

test('endpoints that stay over an edit keep their connections, load and health; others are let go', () => {
  const cluster = make(clusterOf([1, 2], { healthCheck }));
  for (const host of cluster.hosts) cluster.setChecked(host.key, 'passing');
  const [one, two] = cluster.hosts;
  const [kept, gone] = [new Idle(), new Idle()];
  one!.putIdle(kept, 0, deadlines);
  two!.putIdle(gone, 0, deadlines);
  for (let count = 0; count < 3; count++) one!.counts.begin();
  one!.counts.opened();
  cluster.update(clusterOf([1, 3], { healthCheck }));
  expect(cluster.hosts[0]).toBe(one);
  expect(one).toMatchObject({ active: 3, connections: 1, checked: 'passing' });
  expect([kept.closed, gone.closed]).toEqual([false, true]);
  expect(cluster.hosts[1]).toMatchObject({ port: 3, checked: 'pending' });
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
  for (const port of [1, 2, 3]) cluster.setChecked(`127.0.0.1:${port}`, 'passing');
  expect(picks(cluster, 6)).toBe('1,2,3,1,2,3');
  for (const port of [2, 3]) cluster.setChecked(`127.0.0.1:${port}`, 'failing');
  expect(picks(cluster, 4)).toBe('1,2,3,4');
  cluster.update(
    clusterOf([1, 2, 3, 4], { healthCheck, balance: balanceOf({ type: 'round-robin' }, { panicPercent: 0 }) }),
  );
  expect(picks(cluster, 2)).toBe('1,1');
  cluster.setChecked('127.0.0.1:1', 'failing');
  expect(picks(cluster, 1)).toBe('none');
});

test('an endpoint that calls itself degraded in its checks is one, and counted', () => {
  const cluster = make(clusterOf([1, 2], { healthCheck }));
  cluster.setChecked('127.0.0.1:1', 'passing');
  cluster.setChecked('127.0.0.1:2', 'degraded');
  expect(picks(cluster, 2)).toBe('1,1');
  const { healthCheckHealthy, healthCheckDegraded, membershipHealthy, membershipDegraded } = cluster.stats;
  expect([healthCheckHealthy.value, healthCheckDegraded.value]).toEqual([2, 1]);
  expect([membershipHealthy.value, membershipDegraded.value]).toEqual([1, 1]);
});

test('what the control plane says of an endpoint counts as well as its checks', () => {
  const config = clusterOf([1, 2]);
  const draining = { ...config.endpoints[1]!, health: 'draining' as const };
  const cluster = make({ ...config, endpoints: [config.endpoints[0]!, draining] });
  expect(picks(cluster, 3)).toBe('1,1,1');
  // whoever drains is not missed: no panic, though most do, as a real Envoy has it
  const most = [
    config.endpoints[0]!,
    draining,
    ...clusterOf([3, 4]).endpoints.map((one) => ({ ...one, health: 'draining' as const })),
  ];
  cluster.update({ ...config, endpoints: most });
  expect(picks(cluster, 3)).toBe('1,1,1');
  expect([cluster.stats.lbHealthyPanic.value, cluster.stats.membershipExcluded.value]).toEqual([0, 3]);
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

test.each([
  [2, [true, false, false]],
  [0, [true, true, true]],
])('a pool of at most %i keeps those used last', (maxIdle, closed) => {
  const { keepAlive, ...rest } = clusterOf([1]);
  const host = make({ ...rest, keepAlive: { ...keepAlive, maxIdle } }).hosts[0]!;
  const connections = [new Idle(), new Idle(), new Idle()];
  for (const one of connections) host.putIdle(one, 0, deadlines);
  expect(connections.map((one) => one.closed)).toEqual(closed);
  expect(host.takeIdle()).toBe(maxIdle === 0 ? undefined : connections[2]);
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

const ask: PickAsk = { hash: null, subset: null, bound: '', boundOnly: false, tried: [], hostSelections: 0 };
const key = (port: number): string => `127.0.0.1:${port}`;

test('an endpoint that is not checked yet counts neither for its cluster nor against it', () => {
  const cluster = make(clusterOf([1, 2, 3, 4], { healthCheck }));
  cluster.setChecked(key(1), 'passing');
  expect(picks(cluster, 3)).toBe('1,1,1');
  expect(cluster.stats.membershipExcluded.value).toBe(3);
  cluster.setChecked(key(2), 'failing');
  cluster.setChecked(key(3), 'failing');
  // now 1 of 3 is well
  expect(picks(cluster, 4)).toBe('1,2,3,4');
  const { membershipHealthy, membershipExcluded, healthCheckHealthy, lbHealthyPanic } = cluster.stats;
  const gauges = [membershipHealthy, membershipExcluded, healthCheckHealthy, lbHealthyPanic];
  expect(gauges.map(({ value }) => value)).toEqual([1, 1, 1, 4]);
});

test('an ejected endpoint is not picked, whatever its checks say, until it is let back', () => {
  const cluster = make(clusterOf([1, 2, 3]));
  cluster.setEjected(key(2), true);
  expect(picks(cluster, 4)).toBe('1,3,1,3');
  expect(cluster.hosts.map((host) => host.state(0))).toEqual(['healthy', 'ejected', 'healthy']);
  cluster.setEjected(key(2), false);
  expect(picks(cluster, 3)).toBe('3,1,2');
  expect(cluster.stats.membershipHealthy.value).toBe(3);
});

test('an endpoint that its checks find degraded is used where too few are healthy', () => {
  const cluster = make(clusterOf([1, 2, 3, 4], { healthCheck }));
  for (const port of [1, 2, 3]) cluster.setChecked(key(port), 'passing');
  cluster.setChecked(key(4), 'degraded');
  expect(picks(cluster, 3)).toBe('1,2,3');
  for (const port of [1, 2, 3]) cluster.setChecked(key(port), 'failing');
  cluster.update(clusterOf([1, 2, 3, 4], { healthCheck, balance: balanceOf({ type: 'random' }, { panicPercent: 0 }) }));
  expect(picks(cluster, 2)).toBe('4,4');
  expect(cluster.stats.membershipDegraded.value).toBe(1);
});

test('editing one endpoint of 1,000 resets nothing of the others', () => {
  const ports = Array.from({ length: 1_000 }, (_, index) => index + 1);
  const cluster = make(clusterOf(ports, { healthCheck }));
  const before = cluster.hosts.map((host, index) => {
    cluster.setChecked(host.key, index % 3 === 0 ? 'failing' : index % 7 === 0 ? 'degraded' : 'passing');
    cluster.setEjected(host.key, index % 5 === 0);
    const connection = new Idle();
    host.putIdle(connection, 0, deadlines);
    for (let count = index % 4; count > 0; count--) host.counts.begin();
    return { host, connection, state: host.state(0), active: host.active };
  });
  // decoded anew: no object is the same, whoever is the same
  const edited = clusterOf(ports, { healthCheck });
  const endpoints = edited.endpoints.map((one) => (one.port === 500 ? { ...one, weight: 9 } : one));
  cluster.update({ ...edited, endpoints });
  before.forEach(({ host, connection, state, active }, index) => {
    expect(cluster.hosts[index]).toBe(host);
    expect([host.state(0), host.active, connection.closed]).toEqual([state, active, false]);
  });
  expect(cluster.hosts[499]!.config.weight).toBe(9);
});

test('who is bound to an endpoint gets it as long as it serves, also while it drains; then another, or none', () => {
  const balance = balanceOf({ type: 'round-robin' }, { boundStates: ['healthy', 'degraded', 'draining'] });
  const cluster = make(clusterOf([1, 2, 3], { balance }));
  const bound = { ...ask, bound: key(3) };
  const next = (more: Partial<PickAsk> = {}): number | undefined => cluster.pick({ ...bound, ...more })?.port;
  expect([next(), next()]).toEqual([3, 3]);
  const draining = clusterOf([1, 2, 3], { balance });
  const endpoints = draining.endpoints.map((one) => (one.port === 3 ? { ...one, health: 'draining' as const } : one));
  cluster.update({ ...draining, endpoints });
  expect([next(), next({ boundOnly: true })]).toEqual([3, 3]);
  // after a failed try there, elsewhere, unless nobody else will do
  const tried = [cluster.hosts[2]!];
  expect([next({ tried }), next({ tried, boundOnly: true })]).toEqual([1, 3]);
  cluster.setEjected(key(3), true);
  expect([next(), next({ boundOnly: true })]).toEqual([2, undefined]);
  cluster.update(clusterOf([1, 2], { balance }));
  expect([next(), next({ boundOnly: true })]).toEqual([1, undefined]);
});

test.each<
  [state: string, endpoint: Partial<EndpointConfig>, checked: 'passing' | 'degraded' | 'failing', staysIn: string]
>([
  ['well', {}, 'passing', 'healthy'],
  ['degraded, as it says itself', {}, 'degraded', 'degraded'],
  ['degraded, as it is said to be', { health: 'degraded' }, 'passing', 'degraded'],
  ['draining', { health: 'draining' }, 'degraded', 'draining'],
  ['draining and failing', { health: 'draining' }, 'failing', 'unhealthy'],
  ['said to be unhealthy', { health: 'unhealthy' }, 'passing', 'unhealthy'],
  ['failing', {}, 'failing', 'unhealthy'],
])('who is bound to an endpoint that is %s stays where that is allowed alone', (_state, rest, checked, staysIn) => {
  const stays = (['healthy', 'degraded', 'draining', 'unhealthy'] as const).filter((state) => {
    const balance = balanceOf({ type: 'round-robin' }, { boundStates: [state] });
    const cluster = make({ ...clusterOf([1], { balance, healthCheck }), endpoints: [endpointOf(1, rest)] });
    cluster.setChecked(key(1), checked);
    return cluster.pick({ ...ask, bound: key(1), boundOnly: true }) !== null;
  });
  expect(stays).toEqual([staysIn]);
});
