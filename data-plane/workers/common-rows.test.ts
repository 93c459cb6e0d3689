import { expect, test } from 'vitest';
import type { ClusterConfig } from '../model/config.ts';
import { CommonRows, clearRow, newRows, rowCells } from '../telemetry/common-rows.ts';
import { StatsRegistry } from '../telemetry/registry.ts';
import { SharedStats } from '../telemetry/shared-stats.ts';
import { clusterStats } from '../telemetry/stats.ts';
import { clusterOf, noBreakers, stillWorld } from '../testing.ts';
import { Cluster } from '../upstream/cluster.ts';
import { HostCounts, newHostCounts, ownHostCounts } from '../upstream/host-counts.ts';

/** The same cluster in so many workers. */
function clustersOf(
  workers: number,
  memory: SharedArrayBuffer | null,
  rest: Partial<ClusterConfig> = {},
  countsOf: (worker: number) => HostCounts = ownHostCounts,
) {
  return Array.from({ length: workers }, (_, worker) => {
    const rows = new CommonRows(worker);
    if (memory !== null) rows.set('cluster.c.', memory);
    const shared = new SharedStats(
      () => {},
      () => {},
      rows,
    );
    const config = clusterOf([1], { retryBudget: { percent: 50, least: 2 }, ...rest });
    const watch = { countsOf: () => countsOf(worker), now: () => 0, onFinding: () => {} };
    return new Cluster(config, clusterStats(new StatsRegistry(shared), 'c'), stillWorld, watch);
  });
}

test('a budget is that of the node: what one worker retries, another one may not, until it is over or the worker dead', () => {
  const memory = newRows(3);
  const [a, b, c] = clustersOf(3, memory);
  expect(a!.mayRetry).toBe(true);
  a!.retries++;
  b!.retries++;
  expect([a!, b!, c!].map(({ mayRetry }) => mayRetry)).toEqual([false, false, false]);
  // half of six requests
  for (const cluster of [a!, b!, c!]) cluster.stats.rqActive.value += 2;
  expect(c!.mayRetry).toBe(true);
  c!.retries++;
  expect(a!.mayRetry).toBe(false);
  c!.retries--;
  expect(a!.mayRetry).toBe(true);
  clearRow(memory, 0);
  expect([a!.retries, b!.retries, c!.stats.rqActive.total]).toEqual([0, 1, 4]);
});

test('connections are those of the node, and yet each worker may have one to an endpoint', () => {
  const [rows, memory] = [newRows(2), newHostCounts(1, 2)];
  const breakers = { ...noBreakers, connections: 2 };
  const [a, b] = clustersOf(2, rows, { breakers }, (worker) => new HostCounts(new Int32Array(memory), 0, 2, worker));
  const [hostOfA, hostOfB] = [a!.hosts[0]!, b!.hosts[0]!];
  for (let connection = 0; connection < 2; connection++) hostOfA.opened(a!.stats);
  expect([a!.hasRoomAt(hostOfA), b!.hasRoomAt(hostOfB)]).toEqual([false, false]);
  expect([a!.mayConnect(hostOfA), b!.mayConnect(hostOfB), b!.stats.cxOverflow.value]).toEqual([false, true, 1]);
  expect(hostOfB.connections).toBe(2);
  hostOfA.closed(a!.stats, 1);
  expect([a!.mayConnect(hostOfA), b!.mayConnect(hostOfB)]).toEqual([true, true]);
});

test('without rows in common a worker goes by what it counts itself', () => {
  const [a, b] = clustersOf(2, null);
  a!.retries += 2;
  expect([a!.mayRetry, b!.mayRetry]).toEqual([false, true]);
});

test('a scope has as many places in common as a row has cells', () => {
  const rows = new CommonRows(1);
  rows.set('x.', newRows(2));
  const places = Array.from({ length: rowCells + 1 }, (_, place) => rows.take('x.', place)?.at ?? null);
  expect(places).toEqual([8, 9, 10, 11, 12, 13, 14, 15, null]);
  rows.keep(new Set(['y.']));
  expect(rows.take('x.', 0)).toBeNull();
});
