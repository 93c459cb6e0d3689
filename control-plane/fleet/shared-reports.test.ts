import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { ClusterLoad, NodeIdentity } from '../xds/ports.ts';
import { Attempts } from './attempts.ts';
import { Healths } from './healths.ts';
import { limits } from './limits.ts';
import { Loads } from './loads.ts';
import { SharedReports } from './shared-reports.ts';
import { MemoryLoadStates, TestTime } from './testing-states.ts';

const intervalMs = 10_000;
/** A write and, for what does not fit into it, the next. */
const soonMs = limits.loadWritePace.settleMs + limits.loadWritePace.gapMs + limits.heartbeatMs;

function world() {
  const time = new TestTime();
  const states = new MemoryLoadStates();
  const events: string[] = [];
  const logger = pino({}, { write: (line: string) => void events.push(String(JSON.parse(line).event)) });
  const [a, b] = ['a', 'b'].map((replica) => {
    const own = new Loads(time.now);
    const healths = new Healths(time.now);
    const attempts = new Attempts(logger);
    const shared = new SharedReports({ replica, own: { loads: own, healths }, states, timers: time, attempts });
    shared.start();
    return { own, healths, shared };
  });
  return { time, states, events, a: a!, b: b! };
}

const node = (id: string): NodeIdentity => ({ id, group: 'edge', userAgent: '', zone: '' });

function load(cluster: string, issued: number, zone = 'z1', inProgress = 0): ClusterLoad {
  const counts = { issued, successful: issued - inProgress, errors: 0, inProgress };
  return { cluster, dropped: 0, localities: [{ region: '', zone, subZone: '', ...counts }] };
}

const report = (own: Loads, id: string, ...clusters: ClusterLoad[]): void =>
  own.reported(node(id), { intervalMs, clusters });

test('every replica shows the load of all, by cluster and locality, and that of each node', async () => {
  const { time, a, b } = world();
  report(a.own, 'n1', load('checkout/orders', 5, 'z1', 2), load('web', 1));
  report(b.own, 'n2', load('checkout/orders', 7, 'z1'), load('checkout/orders', 1, 'z2'));
  await time.pass(soonMs);
  const seen = await b.shared.loads.list();
  expect(seen.items).toMatchObject([
    {
      tenant: 'checkout',
      name: 'orders',
      nodes: 2,
      issued: 13,
      inProgress: 2,
      localities: [
        { zone: 'z1', issued: 12 },
        { zone: 'z2', issued: 1 },
      ],
    },
    { name: 'web', nodes: 1, issued: 1 },
  ]);
  expect(await a.shared.loads.list()).toEqual(seen);
  expect(await a.shared.loads.ofCluster('checkout', 'orders')).toEqual(seen.items[0]);
  expect(await b.shared.loads.ofNode('n1', 'edge')).toEqual(a.own.ofNode('n1', 'edge'));
  expect(await a.shared.loads.ofNode('n3', 'edge')).toEqual([]);
});

test('a node that moved is one node with what it reported to both; what it left is forgotten after three intervals', async () => {
  const { time, a, b } = world();
  const before = node('n1');
  a.own.reported(before, { intervalMs, clusters: [load('web', 5, 'z1', 2)] });
  a.own.ended(before);
  report(b.own, 'n1', load('web', 3, 'z1', 1));
  await time.pass(soonMs);
  for (const { shared } of [a, b]) {
    expect(await shared.loads.ofCluster(undefined, 'web')).toMatchObject({ nodes: 1, issued: 8, inProgress: 1 });
    expect(await shared.loads.ofNode('n1', 'edge')).toMatchObject([{ nodes: 1, issued: 8, inProgress: 1 }]);
  }
  await time.pass(2 * intervalMs);
  report(b.own, 'n1');
  await time.pass(intervalMs + soonMs);
  expect(await b.shared.loads.ofCluster(undefined, 'web')).toMatchObject({ nodes: 1, issued: 3, inProgress: 0 });
  expect(await a.shared.loads.ofCluster(undefined, 'web')).toMatchObject({ nodes: 1, issued: 3, inProgress: 0 });
});

test('a thousand nodes with one cluster change one row of it, once a write; without news nothing is written', async () => {
  const { time, states, a } = world();
  for (let i = 0; i < 1_000; i++) report(a.own, `n${i}`, load('web', 1));
  await time.pass(soonMs);
  expect(states.writes).toHaveLength(1);
  expect(states.writes[0]?.changed.filter(({ subject }) => subject === 'cluster')).toMatchObject([
    { name: 'web', load: { nodes: 1_000, issued: 1_000 } },
  ]);
  for (let i = 0; i < 1_000; i++) report(a.own, `n${i}`);
  await time.pass(intervalMs);
  expect(states.writes).toHaveLength(1);
});

test('a write is bounded; what does not fit goes with the next ones, and nothing is left behind', async () => {
  const { time, states, a, b } = world();
  const zones = Array.from({ length: limits.loadLocalities }, (_, zone) => `z${zone}`);
  const clusters = Array.from({ length: 450 }, (_, i): ClusterLoad => {
    const localities = zones.flatMap((zone) => load('', 1, zone).localities);
    return { cluster: `c${i}`, dropped: 0, localities };
  });
  report(a.own, 'n1', ...clusters);
  await time.pass(3 * soonMs);
  for (const { changed } of states.writes) {
    const size = changed
      .filter(({ subject }) => subject === 'cluster')
      .reduce((all, { load }) => all + (load as { localities: unknown[] }).localities.length, 0);
    expect(size).toBeLessThan(limits.reportPartsAWrite + limits.loadLocalities);
  }
  expect(states.writes.length).toBeGreaterThan(2);
  expect(await b.shared.loads.list()).toEqual(a.own.list());
});

test('what is reported while the database is away is told after it; one line says so, one that it is over', async () => {
  const { time, states, events, a, b } = world();
  report(a.own, 'n1', load('web', 1));
  await time.pass(soonMs);
  states.down = true;
  report(a.own, 'n1', load('web', 2));
  await time.pass(2 * soonMs);
  await expect(b.shared.loads.list()).rejects.toThrow('away');
  states.down = false;
  await time.pass(soonMs);
  expect(await b.shared.loads.ofCluster(undefined, 'web')).toMatchObject({ issued: 3 });
  expect(events).toEqual(['fleet.not-shared', 'fleet.shared-again']);
});

test('a replica that the others forgot tells everything again', async () => {
  const { time, states, a, b } = world();
  report(a.own, 'n1', load('web', 1), load('other', 1));
  await time.pass(soonMs);
  states.forget('a');
  report(a.own, 'n1', load('web', 1));
  await time.pass(2 * soonMs);
  expect(await b.shared.loads.list()).toEqual(a.own.list());
});

test('a replica that stops says that nothing of it is under way any more', async () => {
  const { time, a, b } = world();
  const one = node('n1');
  a.own.reported(one, { intervalMs, clusters: [load('web', 5, 'z1', 2)] });
  await time.pass(soonMs);
  a.own.ended(one);
  await a.shared.close();
  expect(await b.shared.loads.ofCluster(undefined, 'web')).toMatchObject({ nodes: 0, issued: 5, inProgress: 0 });
});

test('every replica shows the states of endpoints that the nodes of all see', async () => {
  const { time, a, b } = world();
  const endpoint = (state: 'unhealthy' | 'healthy', reason: string) => ({
    address: '10.0.0.1:80',
    state,
    ageMs: 0,
    reason,
  });
  const n1 = node('n1');
  a.healths.reported(n1, [{ cluster: 'checkout/orders', endpoints: [endpoint('unhealthy', 'status 503')], gone: [] }]);
  b.healths.reported(node('n2'), [{ cluster: 'checkout/orders', endpoints: [endpoint('healthy', '')], gone: [] }]);
  await time.pass(soonMs);
  const seen = await b.shared.healths.ofCluster('checkout', 'orders');
  expect(seen).toMatchObject({
    nodes: 2,
    endpoints: [{ states: { unhealthy: { nodes: 1, reason: 'status 503' }, healthy: { nodes: 1 } } }],
  });
  expect(await a.shared.healths.list()).toEqual([seen]);
  expect(await b.shared.healths.ofNode('n1', 'edge')).toEqual(a.healths.ofNode('n1', 'edge'));
  a.healths.ended(n1);
  await time.pass(soonMs);
  expect(await b.shared.healths.ofCluster('checkout', 'orders')).toMatchObject({ nodes: 1 });
  expect(await b.shared.healths.ofNode('n1', 'edge')).toEqual([]);
});
