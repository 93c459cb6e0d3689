import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { TableBuilder } from '../balance/table-builder.ts';
import type { ProbeTarget } from '../health/probe.ts';
import type { ClusterConfig } from '../model/config.ts';
import { StatsRegistry } from '../telemetry/registry.ts';
import { clusterStats } from '../telemetry/stats.ts';
import { balanceOf, clusterOf, healthCheckOf, stillWorld, tablesAtOnce } from '../testing.ts';
import { Cluster } from '../upstream/cluster.ts';
import { ownHostCounts } from '../upstream/host-counts.ts';
import { type MakeChecks, ownChecks } from './checks.ts';
import { Clusters } from './clusters.ts';
import { toldOutliers } from './outliers.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** An endpoint whose checks wait for `pass`. */
class Endpoint {
  readonly #server = net.createServer((socket) => this.#serve(socket));
  readonly #sockets = new Set<net.Socket>();
  #passes = false;
  port = 0;

  static async start(): Promise<Endpoint> {
    const endpoint = new Endpoint();
    endpoint.#server.listen(0, '127.0.0.1');
    await once(endpoint.#server, 'listening');
    endpoint.port = (endpoint.#server.address() as net.AddressInfo).port;
    closers.push(() => {
      endpoint.#server.close();
      for (const socket of endpoint.#sockets) socket.destroy();
    });
    return endpoint;
  }

  /** This check and all to come. */
  pass(): void {
    this.#passes = true;
    for (const socket of this.#sockets) socket.write('well');
  }

  /** Fails the check under way: what it says is not what is expected. */
  fail(): void {
    for (const socket of this.#sockets) socket.end('ill!');
  }

  /** Kept when a check has come. */
  get asked(): Promise<unknown> {
    return this.#sockets.size > 0 ? Promise.resolve() : once(this.#server, 'connection');
  }

  #serve(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket));
    if (this.#passes) socket.write('well');
  }
}

const healthCheck = healthCheckOf({
  check: { type: 'tcp', send: null, receive: [Buffer.from('well')] },
  ...{ intervalMs: 60_000, timeoutMs: 60_000 },
});

const wanted = (endpoints: readonly Endpoint[], more: Partial<ClusterConfig> = {}) => {
  const ports = endpoints.map(({ port }) => port);
  return new Map([
    ['c', clusterOf(ports, { healthCheck, balance: balanceOf({ type: 'round-robin' }, { panicPercent: 0 }), ...more })],
  ]);
};

function start(): { clusters: Clusters; picks: () => (number | undefined)[] } {
  const random = (): number => 0;
  const connect = ({ address: host, port }: ProbeTarget) => net.connect({ host, port });
  const quiet = { hasTraffic: () => true, logger: { info: () => {}, warn: () => {} } };
  const checks = ownChecks({ random, connect, setTimer: () => () => {}, ...quiet });
  const outliers = toldOutliers(() => {});
  const world = { ...stillWorld, random };
  const shared = { outliers, countsOf: ownHostCounts, totalOf: null, now: () => 0 };
  const clusters = new Clusters({ registry: new StatsRegistry(), world, checks, ...shared });
  closers.push(() => clusters.stop());
  return { clusters, picks: () => [0, 1].map(() => clusters.get('c')?.pick(null)?.port) };
}

test('a new cluster is whole once its endpoints have been checked', async () => {
  const a = await Endpoint.start();
  const { clusters, picks } = start();
  const applied = clusters.apply(wanted([a]));
  await a.asked;
  expect(picks()).toEqual([undefined, undefined]);
  a.pass();
  await applied;
  expect(picks()).toEqual([a.port, a.port]);
});

test('endpoints that leave no one in place serve on until the new ones are checked', async () => {
  const [a, b] = [await Endpoint.start(), await Endpoint.start()];
  const { clusters, picks } = start();
  a.pass();
  await clusters.apply(wanted([a]));
  await clusters.apply(wanted([b]));
  await b.asked;
  expect(picks()).toEqual([a.port, a.port]);
  b.pass();
  await expect.poll(picks).toEqual([b.port, b.port]);
});

test('endpoints that are checked and ill take over all the same: the documents say so', async () => {
  const [a, b] = [await Endpoint.start(), await Endpoint.start()];
  const { clusters, picks } = start();
  a.pass();
  await clusters.apply(wanted([a]));
  await clusters.apply(wanted([b]));
  await b.asked;
  b.fail();
  await expect.poll(picks).toEqual([undefined, undefined]);
});

test('an endpoint that stays and is well lets the others go at once', async () => {
  const [a, b, c] = [await Endpoint.start(), await Endpoint.start(), await Endpoint.start()];
  const { clusters, picks } = start();
  a.pass();
  b.pass();
  await clusters.apply(wanted([a, b]));
  await clusters.apply(wanted([b, c]));
  expect(picks()).toEqual([b.port, b.port]);
});

test('a later change replaces one that waits', async () => {
  const [a, b] = [await Endpoint.start(), await Endpoint.start()];
  const { clusters, picks } = start();
  a.pass();
  await clusters.apply(wanted([a]));
  await clusters.apply(wanted([b]));
  await clusters.apply(wanted([b], { healthCheck: null }));
  expect(picks()).toEqual([b.port, b.port]);
});

test('a cluster that hashes is whole once its table is built, and builds the next one before anybody asks', async () => {
  const turns: (() => void)[] = [];
  const tables = new TableBuilder({ now: () => 0, soon: (callback) => turns.push(callback) });
  const world = { ...stillWorld, tables };
  const outliers = toldOutliers(() => {});
  const checks = (): never => expect.unreachable();
  const shared = { outliers, countsOf: ownHostCounts, totalOf: null, now: () => 0 };
  const clusters = new Clusters({ registry: new StatsRegistry(), world, checks, ...shared });
  closers.push(() => clusters.stop());
  const policy = { type: 'maglev', tableSize: 65_537, useHostname: false, boundedLoadPercent: 0 } as const;
  let isWhole = false;
  const of = (ports: readonly number[]): ClusterConfig => clusterOf(ports, { balance: balanceOf(policy) });
  const ask = { subset: null, bound: '', boundOnly: false, tried: [], hostSelections: 0 };
  const picks = (cluster: Cluster, low: number): number => cluster.pick({ ...ask, hash: { high: 0, low } })!.port;
  const applied = clusters.apply(new Map([['c', of([90, 91, 92, 93, 94, 95])]])).then(() => (isWhole = true));
  await Promise.resolve();
  expect(isWhole).toBe(false);
  while (turns.length > 0 || !isWhole) {
    turns.shift()?.();
    await Promise.resolve();
  }
  await applied;
  const cluster = clusters.get('c')!;
  // the slots of six equal endpoints, as vectors.md has them
  const slots = [0, 1, 2, 3, 4, 5].map((low) => picks(cluster, low));
  expect(slots).toEqual([95, 94, 94, 90, 95, 95]);

  // without one of them, some that it never had move as well: also for the first who asks
  const fresh = new Cluster(of([90, 91, 92, 94, 95]), clusterStats(new StatsRegistry(), 'c'), {
    ...world,
    tables: tablesAtOnce(),
  });
  let moved = 0;
  while ([93, picks(fresh, moved)].includes(picks(cluster, moved))) moved++;
  await clusters.apply(new Map([['c', fresh.config]]));
  while (turns.length > 0) turns.shift()!();
  expect(picks(cluster, moved)).toBe(picks(fresh, moved));
});

test('the breakers of a cluster are shown, open or not', async () => {
  const registry = new StatsRegistry();
  const shared = { outliers: toldOutliers(() => {}), countsOf: ownHostCounts, now: () => 0 };
  const checks = (): never => expect.unreachable();
  const totalOf = (gauge: { readonly total: number }): number => gauge.total;
  const clusters = new Clusters({ registry, world: stillWorld, checks, totalOf, ...shared });
  closers.push(() => clusters.stop());
  const breakers = { connections: 2, pending: 1, requests: 3, connectionsPerEndpoint: 9 };
  await clusters.apply(new Map([['c', clusterOf([1], { breakers, retryBudget: { percent: 0, least: 1 } })]]));
  const { stats, hosts } = clusters.get('c')!;
  const open = (): string[] =>
    registry.list().flatMap((stat) => {
      const name = stat.name.stat.split('circuit_breakers.default.')[1];
      return name !== undefined && stat.kind !== 'histogram' && stat.read() === 1 ? [name] : [];
    });
  expect(open()).toEqual([]);
  for (let count = 0; count < 2; count++) hosts[0]!.opened(stats);
  stats.rqActive.value = 3;
  expect(open()).toEqual(['cx_open', 'rq_open']);
  stats.rqPendingActive.value = 1;
  stats.rqWaiting.value = 1;
  stats.retriesActive.value = 1;
  expect(open()).toEqual(['cx_open', 'rq_pending_open', 'rq_retry_open']);
});

test('checks begin with a header where connections do, also once that changes', async () => {
  const told: unknown[] = [];
  const checks: MakeChecks = ({ healthCheck: of }) => {
    told.push(of.proxyHeader);
    return {
      firstRound: Promise.resolve(),
      update: (changed) => void told.push(changed.proxyHeader),
      stateOf: () => 'passing',
      failureOf: () => '',
      stop: () => {},
    };
  };
  const shared = { outliers: toldOutliers(() => {}), countsOf: ownHostCounts, totalOf: null, now: () => 0 };
  const clusters = new Clusters({ registry: new StatsRegistry(), world: stillWorld, checks, ...shared });
  closers.push(() => clusters.stop());
  const header = (version: 1 | 2) => ({ version, passTlvs: [], tlvs: [] });
  for (const proxyHeader of [header(1), header(2), null]) {
    await clusters.apply(new Map([['c', clusterOf([1], { healthCheck, proxyHeader })]]));
  }
  expect(told).toEqual([1, 2, undefined]);
  // what is sent changes for the connections to come
  expect(clusters.get('c')?.proxyHeaders).toBeNull();
});
