import { expect, test } from 'vitest';
import type { ClusterConfig, ProxyConfig } from '../model/config.ts';
import { clusterOf } from '../testing.ts';
import { HostCountsBook, ToldHostCounts } from './common-host-counts.ts';
import { ConfigSender } from './config-message.ts';
import { limits } from './limits.ts';

const configOf = (...clusters: ClusterConfig[]): ProxyConfig => ({
  clusters: new Map(clusters.map((cluster) => [cluster.name, cluster])),
  listeners: new Map(),
});
const keyOf = (port: number): string => `127.0.0.1:${port}`;

function node() {
  const book = new HostCountsBook(2);
  const newWorker = (worker: number) => {
    const sender = new ConfigSender(
      () => new SharedArrayBuffer(0),
      () => book.chunks,
    );
    const told = new ToldHostCounts(2, worker);
    const take = (config: ProxyConfig): number => {
      const { counts } = sender.next(config);
      told.take(config, structuredClone(counts));
      return counts.length;
    };
    return { told, take };
  };
  return { book, newWorker };
}

test('endpoints that stay over an edit keep their counts, and nothing of them is sent again', () => {
  const { book, newWorker } = node();
  const [a, b] = [newWorker(0), newWorker(1)];
  const ports = Array.from({ length: 1_000 }, (_, index) => index + 1);
  const before = configOf(clusterOf(ports));
  book.take(before);
  expect([a.take(before), b.take(before)]).toEqual(Array(2).fill(Math.ceil(1_000 / limits.chunkEndpoints)));
  for (const { told } of [a, b]) for (const port of [1, 7, 1_000]) told.of('c', keyOf(port)).begin();
  const after = configOf(clusterOf([...ports.slice(1), 2_000]));
  book.take(after);
  expect([a.take(after), b.take(after)]).toEqual([1, 1]);
  const active = (port: number): number[] => [book, a.told, b.told].map((one) => one.of('c', keyOf(port)).active);
  expect([7, 1_000, 2_000].map(active)).toEqual([
    [2, 2, 2],
    [2, 2, 2],
    [0, 0, 0],
  ]);
});

test('who comes again counts from nothing, also while somebody still counts for who went', () => {
  const { book, newWorker } = node();
  const { told, take } = newWorker(0);
  const both = configOf(clusterOf([1, 2]));
  book.take(both);
  take(both);
  const late = told.of('c', keyOf(1));
  late.begin();
  for (const config of [configOf(clusterOf([2])), both]) {
    book.take(config);
    take(config);
  }
  late.begin();
  expect([book, told].map((one) => one.of('c', keyOf(1)).active)).toEqual([0, 0]);
});

test('memory goes when the last of its endpoints has, and a cluster that goes takes its own along', () => {
  const { book } = node();
  const ports = Array.from({ length: limits.chunkEndpoints + 1 }, (_, index) => index + 1);
  book.take(configOf(clusterOf(ports), { ...clusterOf([1]), name: 'd' }));
  expect(book.chunks.size).toBe(3);
  book.take(configOf(clusterOf(ports.slice(0, -1)), { ...clusterOf([1]), name: 'd' }));
  expect(book.chunks.size).toBe(2);
  book.take(configOf({ ...clusterOf([1]), name: 'd' }));
  expect([...book.chunks].map(({ cluster }) => cluster)).toEqual(['d']);
});

test('a worker that begins late is told all, and goes on where the one before it was', () => {
  const { book, newWorker } = node();
  const config = configOf(clusterOf([1]));
  book.take(config);
  const before = newWorker(0);
  before.take(config);
  before.told.of('c', keyOf(1)).begin();
  before.told.of('c', keyOf(1)).tally('external', false);
  book.of('c', keyOf(1)).ejected = true;
  book.clear(0);
  const after = newWorker(0);
  expect(after.take(config)).toBe(1);
  const counts = after.told.of('c', keyOf(1));
  expect([counts.active, counts.total('external'), counts.ejected]).toEqual([0, 1, true]);
});
