/** Whatever way documents and nodes went, what is served in the end is what they say in the end. */
import { expect, test } from 'vitest';
import { decode } from '../../proto/codec.ts';
import { pushOrder } from '../../proto/type-urls.ts';
import type { DocumentKey, Kind } from '../model/document.ts';
import type { Placement } from '../model/placements.ts';
import type { Typed } from '../model/specs.ts';
import { SnapshotCache } from '../snapshot/cache.ts';
import type { Snapshot, Types } from '../snapshot/snapshot.ts';
import { certificateOf, typed } from '../translate/testing.ts';
import { Publisher } from './publisher.ts';
import { ManualTimers, MemoryLogger, Replica, TestPlacements } from './testing.ts';

const steps = 350;
const seeds = process.env['SEED'] === undefined ? [1, 2, 3, 4] : [Number(process.env['SEED'])];

test.each(seeds)(
  'any sequence of changes ends in the snapshots that the documents give from scratch (SEED=%i)',
  (seed) => {
    const random = mulberry32(seed);
    const replica = new Replica();
    const timers = new ManualTimers();
    const cache = new SnapshotCache();
    const placements = new TestPlacements();
    const publisher = start(replica, placements, timers, cache);
    const compared = { served: 0, failed: 0, resources: 0, nodes: 0 };

    for (let step = 0; step < steps; step++) {
      const batch = Array.from({ length: 1 + below(random, 3) }, () => randomDocument(random));
      if (random() < 0.25) replica.remove(...batch.map(({ document }): DocumentKey => document));
      else replica.put(...batch);
      if (random() < 0.3) placements.place(pickOf(random, groups), pickOf(random, listeners), randomNodes(random));
      timers.advanceTo(timers.now() + below(random, 15));
      if (random() < 0.7) continue;
      timers.advanceTo(timers.now() + 1_000);

      const freshCache = new SnapshotCache();
      const fresh = start(replica.copy(), placements.copy(), new ManualTimers(), freshCache);
      const expected = fresh.status();
      expect(publisher.status().map(({ group }) => group)).toEqual(expected.map(({ group }) => group));
      for (const [index, { group, failure, notes }] of expected.entries()) {
        const actual = publisher.status()[index]!;
        expect(actual.failure?.problems, `step ${step}, group ${group}`).toEqual(failure?.problems);
        if (failure !== undefined) {
          compared.failed++;
          continue;
        }
        compared.served++;
        expect(actual.revision).toBe(replica.documents.revision);
        expect(sorted(actual.notes), `step ${step}, group ${group}`).toEqual(sorted(notes));
        const bytes = bytesOf(freshCache.get(group)!);
        compared.resources += bytes.length;
        compared.nodes += nodesIn(freshCache.get(group)!);
        expect(bytesOf(cache.get(group)!), `step ${step}, group ${group}`).toEqual(bytes);
      }
    }
    // else the law above would have been tried on next to nothing
    expect(compared.served).toBeGreaterThan(50);
    expect(compared.failed).toBeGreaterThan(5);
    expect(compared.resources).toBeGreaterThan(300);
    expect(compared.nodes).toBeGreaterThan(10);
  },
);

function start(store: Replica, placements: TestPlacements, timers: ManualTimers, cache: SnapshotCache): Publisher {
  const limits = { quietMs: 10, atMostMs: 100 };
  const publisher = new Publisher({ store, placements, cache, timers, limits, logger: new MemoryLogger() });
  publisher.start();
  return publisher;
}

function sorted(notes: readonly unknown[]): string[] {
  return notes.map((note) => JSON.stringify(note)).toSorted();
}

/** Every resource's type, name, version and bytes, in order, in both forms. */
function bytesOf({ types, hostsApart }: Snapshot): string[] {
  return [...bytesOfTypes(types), ...bytesOfTypes(hostsApart)];
}

function bytesOfTypes(types: Types): string[] {
  return pushOrder.flatMap((type) => [
    `${type} ${types[type].version}`,
    ...[...types[type].resources.values()].map(
      ({ name, version, value }) => `${name} ${version} ${Buffer.from(value).toString('hex')}`,
    ),
  ]);
}

/** Endpoints that are nodes, by their port. */
function nodesIn({ types }: Snapshot): number {
  const assignments = [...types.endpoints.resources.values()].map(({ value }) => {
    return decode('envoy.config.endpoint.v3.ClusterLoadAssignment', value).endpoints ?? [];
  });
  const all = assignments.flat().flatMap(({ lb_endpoints }) => lb_endpoints ?? []);
  return all.filter(({ endpoint }) => (endpoint?.address?.socket_address?.port_value ?? 0) >= nodePort).length;
}

const nodePort = 5_000;
const groups = ['edge', 'mesh'];
const listeners = ['public', 'inner'];

function randomNodes(random: () => number): Placement[] {
  return Array.from({ length: below(random, 5) }, (_, index) => ({
    ...{ node: `n${index}`, address: '10.0.0.1', port: nodePort + index },
    ...{ zone: pickOf(random, ['', 'a']), draining: random() < 0.3 },
  }));
}

const certificates = [certificateOf('one.example.com'), certificateOf('two.example.com')];

/** A small world, so that documents meet: they name, replace and miss each other all the time. */
function randomDocument(random: () => number): Typed {
  const pick = <T>(...choices: readonly T[]): T => pickOf(random, choices);
  const some = <T>(...choices: readonly T[]): T[] => {
    const chosen = choices.filter(() => random() < 0.5);
    return chosen.length > 0 ? chosen : [pick(...choices)];
  };
  const owner = pick('', 'blue/', 'green/');
  const revision = below(random, 5);
  // references stay within the owner, mostly to what exists
  const cluster = () => pick('a', 'a', 'a', 'b', 'b', 'c');
  const kind = pick<Kind>(
    'Tenant',
    'NodeGroup',
    'Listener',
    'Cluster',
    'Cluster',
    'Cluster',
    'Route',
    'Route',
    'L4Route',
    'HealthPolicy',
    'Secret',
    'Secret',
  );
  switch (kind) {
    case 'Tenant': {
      const caps = pick<object>({}, { listeners: some('public', 'inner') });
      return typed(kind, pick('blue', 'green'), { caps, defaults: pick<object>({}, { timeout: '3s' }) });
    }
    case 'NodeGroup':
      return typed(kind, pick('edge', 'mesh', 'front'), { tier: pick('l4', 'l7') });
    case 'Listener': {
      const tenants = pick<unknown>('any', ['blue'], ['green', 'blue']);
      const name = pick('public', 'inner', 'redis', 'redis');
      const tls = { certificates: pick(['cert'], ['cert'], ['blue/cert', 'cert']) };
      const front = pick<object>({}, {}, {}, { protocol: 'https', tls });
      const protocol = name === 'redis' ? { protocol: pick('tcp', 'tls-passthrough', 'udp') } : front;
      return typed(kind, name, { groups: some('edge', 'mesh', 'front'), port: pick(0, 8080), ...protocol, tenants });
    }
    case 'Cluster': {
      const endpoints = some(1, 2, 3).map((port) => ({ address: '10.0.0.1', port, zone: pick('a', 'b') }));
      const health = pick<object>({}, {}, {}, { health: 'probe' });
      const nodes = { group: pick('edge', 'mesh'), listener: pick('public', 'inner') };
      const where = pick<object>({ endpoints }, { endpoints }, { endpoints: undefined, nodes });
      return typed(kind, `${owner}${pick('a', 'a', 'b', 'c')}`, { ...where, ...health });
    }
    case 'Route': {
      const to = [{ cluster: cluster(), weight: 1 + below(random, 2) }];
      const listeners = pick<object>({}, { listeners: some('public', 'inner') });
      const match = { path: { prefix: pick('/', '/a', '/a/b') } };
      const spec = { hosts: some('one.example.com', 'two.example.com'), to, match, ...listeners };
      return typed(kind, `${owner}${pick('x', 'y', 'z')}`, spec, revision);
    }
    case 'L4Route': {
      const sources = pick([], ['10.0.0.0/8']);
      return typed(kind, pick('redis', 'other'), { listener: 'redis', to: { cluster: cluster() }, sources }, revision);
    }
    case 'HealthPolicy':
      return typed(kind, `${owner}probe`, { active: { tcp: {}, interval: pick('5s', '6s'), timeout: '1s' } });
    case 'Secret':
      return typed(kind, pick('cert', 'cert', 'blue/cert'), pick(...certificates));
  }
}

function pickOf<T>(random: () => number, choices: readonly T[]): T {
  return choices[below(random, choices.length)]!;
}

function below(random: () => number, limit: number): number {
  return Math.floor(random() * limit);
}

/** Uniform in [0, 1), the same sequence for the same seed. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
