import { expect, test } from 'vitest';
import type { ClusterLoad, LocalityLoad, NodeIdentity } from '../xds/ports.ts';
import { limits } from './limits.ts';
import { mergeViews } from './load-sums.ts';
import { Loads } from './loads.ts';

const intervalMs = 10_000;

function start() {
  const clock = { ms: 0 };
  const loads = new Loads(() => clock.ms);
  const report = (id: string, ...clusters: ClusterLoad[]): void => loads.reported(nodeOf(id), { intervalMs, clusters });
  return { clock, loads, report };
}

const nodeOf = (id: string): NodeIdentity => ({ id, group: 'edge', userAgent: '', zone: '' });

function locality(zone: string, issued: number, inProgress = 0): LocalityLoad {
  return { region: '', zone, subZone: '', issued, successful: issued - inProgress, errors: 0, inProgress };
}

const load = (cluster: string, ...localities: LocalityLoad[]): ClusterLoad => ({ cluster, localities, dropped: 0 });

test('reports add up by cluster and locality over nodes and time; what is under way is of the newest report', () => {
  const { loads, report } = start();
  report('n1', load('checkout/orders', locality('a', 5, 2), locality('b', 1)), { ...load('web'), dropped: 3 });
  report('n2', load('checkout/orders', locality('a', 10, 1)));
  report('n1', load('checkout/orders', locality('a', 7, 4)));
  expect(loads.list().items).toMatchObject([
    {
      tenant: 'checkout',
      name: 'orders',
      nodes: 2,
      issued: 23,
      successful: 16,
      inProgress: 5,
      dropped: 0,
      localities: [
        { zone: 'a', issued: 22, inProgress: 5 },
        { zone: 'b', issued: 1, inProgress: 0 },
      ],
    },
    { name: 'web', nodes: 1, issued: 0, dropped: 3, localities: [] },
  ]);
  expect(loads.ofNode('n2', 'edge')).toMatchObject([{ name: 'orders', nodes: 1, issued: 10 }]);
  expect(loads.ofCluster('checkout', 'orders').issued).toBe(23);
  expect(loads.ofCluster('payments', 'orders')).toMatchObject({ nodes: 0, issued: 0, localities: [] });
});

test('a report without a cluster says that nothing of it is under way any more', () => {
  const { loads, report } = start();
  report('n1', load('web', locality('a', 5, 2)));
  report('n1');
  expect(loads.ofCluster(undefined, 'web')).toMatchObject({ issued: 5, inProgress: 0 });
});

test('a node counts until it has missed three reports, and is forgotten then', () => {
  const { clock, loads, report } = start();
  report('n1', load('web', locality('a', 5)));
  clock.ms = 15_000;
  report('n2', load('web', locality('a', 1)));
  clock.ms = 30_000;
  expect(loads.ofCluster(undefined, 'web')).toMatchObject({ nodes: 2, issued: 6 });
  clock.ms = 30_001;
  expect(loads.ofCluster(undefined, 'web')).toMatchObject({ nodes: 1, issued: 1 });
  expect(loads.ofNode('n1', 'edge')).toEqual([]);
  report('n1', load('web', locality('a', 2)));
  expect(loads.ofNode('n1', 'edge')).toMatchObject([{ issued: 2 }]);
});

test('a node whose stream ended has nothing under way and is no node of the cluster, until it reports again', () => {
  const { loads, report } = start();
  const first = nodeOf('n1');
  loads.reported(first, { intervalMs, clusters: [load('web', locality('a', 5, 2))] });
  report('n2', load('web', locality('a', 1, 1)));
  loads.ended(first);
  expect(loads.ofCluster(undefined, 'web')).toMatchObject({ nodes: 1, issued: 6, inProgress: 1 });
  report('n1', load('web', locality('a', 1, 1)));
  // of a stream that it left before
  loads.ended(first);
  expect(loads.ofCluster(undefined, 'web')).toMatchObject({ nodes: 2, issued: 7, inProgress: 2 });
});

const seed = Number(process.env['SEED'] ?? 5);
test(`the sums that are kept are those of all nodes, whatever came and went (SEED=${seed})`, () => {
  let state = seed;
  const below = (count: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * count);
  };
  const { clock, loads } = start();
  const streams = Array.from({ length: 8 }, (_, index) => nodeOf(`n${index}`));
  for (let step = 0; step < 500; step++) {
    clock.ms += below(4_000);
    const node = streams[below(streams.length)]!;
    const clusters = Array.from({ length: below(3) }, () =>
      load(`c${below(5)}`, locality(`z${below(3)}`, below(9), below(3))),
    );
    if (below(6) === 0) loads.ended(node);
    else loads.reported(node, { intervalMs, clusters });
    const byNode = streams.flatMap(({ id, group }) => loads.ofNode(id, group));
    expect(loads.list().items).toEqual(mergeViews(byNode));
  }
});

test('of a node that reports very many clusters the busiest are shown', () => {
  const { loads, report } = start();
  const count = limits.loadClustersShown + 2;
  report('n1', ...Array.from({ length: count }, (_, i) => load(`c${1_000 + i}`, locality('a', i))));
  const shown = loads.ofNode('n1', 'edge').map(({ name }) => name);
  expect(shown).toHaveLength(limits.loadClustersShown);
  expect(shown.slice(0, 2)).toEqual(['c1002', 'c1003']);
});

test('the same id in another group is another node', () => {
  const { loads, report } = start();
  report('n1', load('web', locality('a', 5)));
  loads.reported({ ...nodeOf('n1'), group: 'inner' }, { intervalMs, clusters: [load('web', locality('a', 1))] });
  expect(loads.ofNode('n1', 'inner')).toMatchObject([{ issued: 1 }]);
  expect(loads.ofCluster(undefined, 'web')).toMatchObject({ nodes: 2, issued: 6 });
});

test('nodes, clusters and localities beyond the limits are left out, and counted', () => {
  const { loads, report } = start();
  const localities = Array.from({ length: limits.loadLocalities + 1 }, (_, i) => locality(`z${i}`, 1));
  const clusters = Array.from({ length: limits.loadClusters + 1 }, (_, i) => load(`c${i}`));
  report('n1', load('c0', ...localities), ...clusters);
  expect(loads.leftOut).toBe(2);
  expect(loads.ofCluster(undefined, 'c0').localities).toHaveLength(limits.loadLocalities);
  expect(loads.list().items).toHaveLength(limits.loadClusters);
  for (let i = 2; i <= limits.loadNodes + 1; i++) report(`n${i}`);
  expect(loads.leftOut).toBe(3);
});
