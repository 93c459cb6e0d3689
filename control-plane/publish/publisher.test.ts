import { beforeEach, expect, test } from 'vitest';
import { SnapshotCache } from '../snapshot/cache.ts';
import { documentsOf, typed } from '../translate/testing.ts';
import { type Published, Publisher } from './publisher.ts';
import { ManualTimers, MemoryLogger, Replica, TestPlacements } from './testing.ts';

const shop = documentsOf(`
kind: NodeGroup
name: edge
spec: { tier: l7 }
---
kind: NodeGroup
name: mesh
spec: { tier: l7 }
---
kind: Listener
name: public
spec: { groups: [edge], port: 8080 }
---
kind: Listener
name: inner
spec: { groups: [mesh], port: 8081 }
---
kind: Cluster
name: orders
spec: { endpoints: [{ address: 10.0.0.1, port: 80 }] }
---
kind: Cluster
name: ledger
spec: { endpoints: [{ address: 10.0.0.2, port: 80 }] }
---
kind: Route
name: orders
spec: { listeners: public, hosts: shop.example.com, to: { cluster: orders } }
---
kind: Route
name: ledger
spec: { listeners: inner, hosts: ledger.internal, to: { cluster: ledger } }
`);

const ordersMoved = typed('Cluster', 'orders', { endpoints: [{ address: '10.0.0.9', port: 80 }] });
const danglingRoute = typed('Route', 'orders', { listeners: 'public', to: { cluster: 'nowhere' } });

let replica: Replica;
let placements: TestPlacements;
let timers: ManualTimers;
let cache: SnapshotCache;
let logger: MemoryLogger;
let publisher: Publisher;
let published: Published[];

beforeEach(() => {
  replica = new Replica();
  timers = new ManualTimers();
  cache = new SnapshotCache();
  logger = new MemoryLogger();
  placements = new TestPlacements();
  const limits = { quietMs: 10, atMostMs: 100 };
  publisher = new Publisher({ store: replica, placements, cache, timers, logger, limits });
  published = [];
  publisher.onPublished((one) => published.push(one));
  replica.put(...shop);
  publisher.start();
});

function wait(ms = 1_000): void {
  timers.advanceTo(timers.now() + ms);
}

test('every group is published before start returns', () => {
  expect(cache.groups().toSorted()).toEqual(['edge', 'mesh']);
  expect(publisher.status()).toEqual([
    { group: 'edge', revision: 1, failure: undefined, notes: [] },
    { group: 'mesh', revision: 1, failure: undefined, notes: [] },
  ]);
});

test('a change after quiet is served at once', () => {
  wait();
  replica.put(ordersMoved);
  expect(cache.get('edge')?.revision).toBe(2);
});

test('changes in a burst are served together, the revision of the last one', () => {
  wait();
  const told: number[] = [];
  cache.watch('edge', () => told.push(cache.get('edge')?.revision ?? 0));
  replica.put(ordersMoved);
  for (let port = 81; port < 90; port++) {
    wait(3);
    replica.put(typed('Cluster', 'orders', { endpoints: [{ address: '10.0.0.9', port }] }));
  }
  wait();
  expect(told).toEqual([2, 11]);
});

test('a change that means nothing to a group leaves its snapshot and its watchers alone, but it counts as served', () => {
  wait();
  const before = cache.get('mesh');
  published.length = 0;
  replica.put(ordersMoved);
  expect(cache.get('mesh')).toBe(before);
  expect(publisher.status()[1]).toMatchObject({ group: 'mesh', revision: 2 });
  expect(published.map(({ group, revision, changed }) => ({ group, revision, changed }))).toEqual([
    { group: 'edge', revision: 2, changed: true },
    { group: 'mesh', revision: 2, changed: false },
  ]);
});

test('a document that changes only in words that no node sees is no new snapshot', () => {
  wait();
  const before = cache.get('edge');
  replica.put(
    typed('Route', 'orders', { listeners: ['public'], timeout: '15s', to: { cluster: 'orders', weight: 1 } }),
  );
  expect(cache.get('edge')).toBe(before);
  expect(publisher.status()[0]).toMatchObject({ group: 'edge', revision: 2 });
});

test('a snapshot with a dangling reference is not served: the last good stays, other groups go on', () => {
  wait();
  const before = cache.get('edge');
  published.length = 0;
  replica.put(danglingRoute, typed('Cluster', 'ledger', { endpoints: [] }));
  expect(cache.get('edge')).toBe(before);
  expect(cache.get('mesh')?.revision).toBe(2);
  expect(publisher.status()[0]).toMatchObject({
    group: 'edge',
    revision: 1,
    failure: {
      revision: 2,
      problems: ['VirtualHost public/shop.example.com names Cluster nowhere, which the snapshot does not hold'],
    },
  });
  expect(published.map(({ group }) => group)).toEqual(['mesh']);
  expect(logger.lines.filter((line) => line.startsWith('error'))).toEqual([
    'error group edge cannot be served revision 2, it stays at revision 1: ' +
      'VirtualHost public/shop.example.com names Cluster nowhere, which the snapshot does not hold',
  ]);
});

test('a document that cannot be translated fails its group by name, and what repairs it is served', () => {
  wait();
  replica.put(typed('Cluster', 'orders', { health: 'gone' }));
  expect(publisher.status()[0]?.failure).toMatchObject({ document: { kind: 'Cluster', name: 'orders' } });
  expect(cache.get('edge')?.revision).toBe(1);
  wait();
  replica.put(typed('HealthPolicy', 'gone', { active: { tcp: {}, interval: '5s', timeout: '1s' } }));
  expect(publisher.status()[0]).toMatchObject({ revision: 3, failure: undefined });
  expect(cache.get('edge')?.revision).toBe(3);
});

test('a failure that stays is logged once', () => {
  wait();
  for (let round = 0; round < 3; round++) {
    replica.put(danglingRoute);
    wait();
  }
  expect(logger.lines.filter((line) => line.startsWith('error'))).toHaveLength(1);
});

test('a group that is removed is served nothing any more, a new one is served at once', () => {
  wait();
  replica.remove({ kind: 'NodeGroup', name: 'mesh' });
  expect(cache.get('mesh')).toBeUndefined();
  expect(publisher.resourcesOf('mesh')).toBeUndefined();
  wait();
  replica.put(typed('NodeGroup', 'mesh', { tier: 'l7' }));
  expect(cache.get('mesh')?.types.listeners.resources.size).toBe(1);
});

test('what a document asks for in vain is said once', () => {
  wait();
  replica.put(typed('Listener', 'redis', { groups: 'edge', port: 6379, protocol: 'tcp' }));
  wait();
  replica.put(ordersMoved);
  const detail = 'no L4Route stands behind this tcp listener; it is not served';
  expect(publisher.status()[0]?.notes).toEqual([{ document: { kind: 'Listener', name: 'redis' }, detail }]);
  expect(logger.lines.filter((line) => line.startsWith('warn'))).toEqual([
    `warn group edge: Listener redis: ${detail}`,
  ]);
});

test('what a group is served can be read as JSON', () => {
  expect(publisher.resourcesOf('edge')).toMatchObject({
    listeners: [{ '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener', name: 'public' }],
    routes: [{ name: 'public', virtual_hosts: [{ domains: ['shop.example.com'] }] }],
    clusters: [{ name: 'orders', connect_timeout: '1s' }],
    endpoints: [{ cluster_name: 'orders' }],
  });
  expect(publisher.resourcesOf('edge')).toMatchObject({ virtualHosts: [{ name: 'public/shop.example.com' }] });
});

test('nothing is published after close', () => {
  replica.put(ordersMoved);
  publisher.close();
  wait();
  expect(cache.get('edge')?.revision).toBe(1);
});

test('70. the time to live of a group is that of all its resources, and changes with its document', () => {
  replica.put(typed('NodeGroup', 'edge', { resourceTtl: '30s' }));
  timers.advanceTo(10);
  const types = Object.values(cache.get('edge')?.types ?? {}).filter(({ resources }) => resources.size > 0);
  expect(types).toHaveLength(5);
  for (const { ttlMs } of types) expect(ttlMs).toBe(30_000);
  expect(cache.get('mesh')?.types.clusters.ttlMs).toBe(0);
  replica.put(typed('NodeGroup', 'edge', {}));
  timers.advanceTo(20);
  expect(cache.get('edge')?.types.clusters.ttlMs).toBe(0);
});

test('a route that changes twice before it is published is served once', () => {
  const changed = (timeout: string) => {
    return typed('Route', 'orders', { listeners: 'public', to: { cluster: 'orders' }, timeout });
  };
  // the first is served at once, the others together
  for (const timeout of ['1s', '2s', '3s', '4s']) replica.put(changed(timeout));
  wait();
  const [host] = publisher.resourcesOf('edge')?.virtualHosts ?? [];
  expect(host?.['routes']).toMatchObject([{ name: 'orders', route: { timeout: '4s' } }]);
});

test('nodes that come, drain and go are followed by the groups whose clusters are made of them, and by no other', () => {
  const node = { node: 'n1', address: '10.0.0.1', port: 8080, zone: '', draining: false };
  replica.put(typed('Cluster', 'ledger', { endpoints: undefined, nodes: { group: 'edge', listener: 'public' } }));
  wait();
  const edge = cache.get('edge');
  const seen = () => JSON.stringify(publisher.resourcesOf('mesh')?.endpoints);
  expect(seen()).not.toContain('10.0.0.1');
  placements.place('edge', 'public', [node]);
  wait();
  expect(seen()).toContain('10.0.0.1');
  const clusters = cache.get('mesh')?.types.clusters;
  placements.place('edge', 'public', [{ ...node, draining: true }]);
  wait();
  expect(seen()).toContain('DRAINING');
  expect(cache.get('mesh')?.types.clusters).toBe(clusters);
  published = [];
  placements.place('edge', 'other', [node]);
  wait();
  expect(published.map(({ group, changed }) => [group, changed])).toEqual([
    ['edge', false],
    ['mesh', false],
  ]);
  placements.place('edge', 'public', []);
  publisher.close();
  placements.place('edge', 'public', [node]);
  wait();
  expect(seen()).not.toContain('10.0.0.1');
  expect(cache.get('edge')).toBe(edge);
});
