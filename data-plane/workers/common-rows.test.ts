import { expect, test } from 'vitest';
import { CommonRows, clearRow, newRows, rowCells } from '../telemetry/common-rows.ts';
import { StatsRegistry } from '../telemetry/registry.ts';
import { SharedStats } from '../telemetry/shared-stats.ts';
import { clusterStats } from '../telemetry/stats.ts';
import { clusterOf, stillWorld } from '../testing.ts';
import { Cluster } from '../upstream/cluster.ts';

/** The same cluster in so many workers. */
function clustersOf(workers: number, memory: SharedArrayBuffer | null) {
  return Array.from({ length: workers }, (_, worker) => {
    const rows = new CommonRows(worker);
    if (memory !== null) rows.set('cluster.c.', memory);
    const shared = new SharedStats(
      () => {},
      () => {},
      rows,
    );
    const config = clusterOf([1], { retryBudget: { percent: 50, least: 2 } });
    return new Cluster(config, clusterStats(new StatsRegistry(shared), 'c'), stillWorld);
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
