import { pino } from 'pino';
import { expect, test } from 'vitest';
import { Fleet } from './fleet.ts';
import { limits } from './limits.ts';
import { SharedFleet } from './shared-fleet.ts';
import { MemoryLoadStates, MemoryStates, stream, TestTime } from './testing-states.ts';

function world(names: readonly string[] = ['a', 'b']) {
  const time = new TestTime();
  const states = new MemoryStates(time);
  const loadStates = new MemoryLoadStates();
  const events: string[] = [];
  const logger = pino({}, { write: (line: string) => void events.push(String(JSON.parse(line).event)) });
  const replicas = names.map((replica) => {
    const own = new Fleet({ now: time.now, disconnectedNodes: 2 });
    const shared = new SharedFleet({ replica, own, states, loadStates, timers: time, logger });
    shared.start();
    return { own, shared };
  });
  return { time, states, loadStates, events, replicas, a: replicas[0]!, b: replicas[1]! };
}

/** What a hint needs: a moment for more, and the longest wait for the write before. */
const soonMs = limits.writePace.settleMs + limits.writePace.gapMs + limits.readPace.gapMs;

test('a node of one replica is seen by the other, with what happens to it', async () => {
  const { time, a, b } = world();
  const one = stream('n1');
  a.own.opened(one);
  await time.pass(soonMs);
  expect(b.shared.get('n1')).toMatchObject({ id: 'n1', group: 'edge', connected: true });
  a.own.sent(one, 'clusters', 'v1', '1', 10);
  a.own.nacked(one, 'clusters', 'v1', '1', 'no such thing');
  await time.pass(soonMs);
  expect(b.shared.get('n1')?.types.clusters).toMatchObject({ state: 'nack', error: 'no such thing' });
  expect(b.shared.list()).toEqual(a.shared.list());
});

test('how a node is by its own word is seen by the other, which hears of it once', async () => {
  const { time, a, b } = world();
  const one = stream('n1');
  a.own.opened(one);
  a.own.states.joined(one.node, () => {});
  const listeners = [{ name: 'public', address: '10.0.0.1', port: 80, udp: false }];
  a.own.states.reported(one.node, { phase: 'leaving', listeners, connections: 7 });
  const news: unknown[] = [];
  const unsubscribe = b.shared.subscribe((change) => news.push(change));
  await time.pass(10 * limits.heartbeatMs);
  expect(b.shared.get('n1')).toMatchObject({ phase: 'leaving', listeners, connections: 7 });
  expect(news).toEqual([undefined]);
  b.own.opened(stream('n2'));
  expect(news).toMatchObject([undefined, { kind: 'connected', node: 'n2' }]);
  unsubscribe();
  a.own.closed(one);
  await time.pass(10 * limits.heartbeatMs);
  expect(news).toHaveLength(2);
});

test('client status has the connected clients of the others, type by type', async () => {
  const { time, a, b } = world();
  const one = stream('n1');
  a.own.opened(one);
  a.own.sent(one, 'clusters', 'c1', '1', 10);
  a.own.acked(one, 'clusters', 'c1', '1');
  a.own.sent(one, 'endpoints', 'e1', '2', 10);
  a.own.waiting(one, 'endpoints', 'e2');
  a.own.sent(one, 'listeners', 'l1', '3', 10);
  a.own.nacked(one, 'listeners', 'l1', '3', 'no such thing');
  a.own.waiting(one, 'routes', 'r1');
  const gone = stream('n0');
  a.own.opened(gone);
  a.own.closed(gone);
  b.own.opened(stream('n2'));
  await time.pass(soonMs);
  expect(b.shared.clientsElsewhere()).toEqual([
    {
      node: one.node,
      types: {
        clusters: { config: 'SYNCED', version: 'c1' },
        endpoints: { config: 'STALE', version: 'e1' },
        listeners: { config: 'ERROR', version: 'l1', refusal: { version: 'l1', reason: 'no such thing', atMs: 0 } },
        routes: { config: 'NOT_SENT', version: '' },
      },
    },
  ]);
  expect(a.shared.clientsElsewhere()).toMatchObject([{ node: { id: 'n2' }, types: {} }]);
});

test('a node of another group with the same id is another node, at each replica', async () => {
  const { time, a, b } = world();
  const mine = stream('n1');
  const theirs = stream('n1', { node: { ...mine.node, group: 'mesh' } });
  a.own.opened(mine);
  a.own.opened(theirs);
  a.own.closed(theirs);
  await time.pass(soonMs);
  for (const { shared } of [a, b]) {
    expect(shared.list()).toMatchObject([
      { id: 'n1', group: 'edge', connected: true },
      { id: 'n1', group: 'mesh', connected: false },
    ]);
    expect(shared.get('n1')).toMatchObject({ group: 'edge', connected: true });
  }
  expect(a.own.get('n1', 'mesh')).toMatchObject({ group: 'mesh', connected: false });
});

test('without hints it is seen at the next heartbeat', async () => {
  const { time, states, a, b } = world();
  states.deaf = true;
  a.own.opened(stream('n1'));
  await time.pass(2 * limits.heartbeatMs);
  expect(b.shared.get('n1')?.connected).toBe(true);
});

test('a thousand changes in a second are one write a second, and a quiet fleet is not written at all', async () => {
  const { time, states, a } = world();
  await time.pass(10_000);
  const open = Array.from({ length: 100 }, (_, index) => stream(`n${index}`));
  for (const one of open) a.own.opened(one);
  for (let round = 0; round < 10; round++) {
    for (const one of open) a.own.sent(one, 'clusters', `v${round}`, String(round), 1);
    await time.pass(100);
  }
  await time.pass(2_000);
  const before = states.writes.length;
  expect(states.writes.filter(({ replica, changed }) => replica === 'a' && changed.length > 0)).toHaveLength(2);
  await time.pass(60_000);
  expect(states.writes).toHaveLength(before);
});

test('statements at rest grow with the replicas, not with the nodes', async () => {
  const count = async (nodes: number) => {
    const { time, states, a } = world(['a', 'b', 'c']);
    for (let index = 0; index < nodes; index++) a.own.opened(stream(`n${index}`));
    await time.pass(10_000);
    states.statements.length = 0;
    await time.pass(20_000);
    return states.statements.length;
  };
  expect(await count(1_000)).toBe(await count(1));
  // a sign of life and a look, each heartbeat
  expect(await count(1)).toBe((3 * 2 * 20_000) / limits.heartbeatMs);
});

test('a node that moved is shown where it is connected now', async () => {
  const { time, a, b } = world();
  const first = stream('n1');
  a.own.opened(first);
  await time.pass(soonMs);
  b.own.opened(stream('n1', { peer: '127.0.0.1:6000' }));
  a.own.closed(first);
  await time.pass(soonMs);
  for (const { shared } of [a, b]) {
    expect(shared.get('n1')).toMatchObject({ connected: true, peer: '127.0.0.1:6000' });
    expect(shared.list()).toHaveLength(1);
  }
});

test('the nodes of a replica that is silent are shown as gone since it was last seen, and are forgotten in the end', async () => {
  const { time, states, a: b } = world(['b']);
  const state = { id: 'n1', connected: true, since: 'before' };
  await states.write({ replica: 'a', version: 1, count: 1, changed: [{ id: 'n1', state }], removed: [] });
  await time.pass(limits.deadReplicaMs / 2);
  expect(b.shared.get('n1')?.connected).toBe(true);
  await time.pass(limits.deadReplicaMs);
  expect(b.shared.get('n1')).toMatchObject({ connected: false, since: '1970-01-01T00:00:00.000Z' });
  await time.pass(limits.forgetReplicaMs);
  expect(b.shared.get('n1')).toBeUndefined();
  expect((await states.replicas()).map(({ id }) => id)).toEqual(['b']);
});

test('after an outage of the database the living get time to show it', async () => {
  const { time, states, events, a, b } = world();
  a.own.opened(stream('n1'));
  await time.pass(5_000);
  states.down = true;
  await time.pass(60_000);
  expect(b.shared.get('n1')?.connected).toBe(true);
  states.down = false;
  const seen: unknown[] = [];
  for (let step = 0; step < 60; step++) {
    await time.pass(100);
    seen.push(b.shared.get('n1')?.connected);
  }
  expect(new Set(seen)).toEqual(new Set([true]));
  expect(events.filter((event) => event === 'fleet.not-shared')).toHaveLength(4);
  expect(events.filter((event) => event === 'fleet.shared-again')).toHaveLength(4);
});

test('what happened during an outage is seen after it', async () => {
  const { time, states, a, b } = world();
  const one = stream('n1');
  a.own.opened(one);
  await time.pass(5_000);
  states.down = true;
  a.own.closed(one);
  a.own.opened(stream('n2'));
  await time.pass(30_000);
  states.down = false;
  await time.pass(2 * limits.heartbeatMs);
  expect(b.shared.list().map(({ id, connected }) => [id, connected])).toEqual([
    ['n1', false],
    ['n2', true],
  ]);
});

test('a replica that the others forgot tells of all its nodes and of their load again', async () => {
  const { time, states, loadStates, a, b } = world();
  a.own.opened(stream('n1'));
  a.own.opened(stream('n2'));
  const cluster = { cluster: 'web', dropped: 1, localities: [] };
  a.own.loads.reported(stream('n1').node, { intervalMs: 60_000, clusters: [cluster] });
  await time.pass(5_000);
  await states.forget('a');
  loadStates.forget('a');
  await time.pass(2 * limits.heartbeatMs);
  expect(b.shared.list()).toHaveLength(2);
  await time.pass(limits.loadWritePace.gapMs);
  expect((await b.shared.loads.list()).items).toMatchObject([{ name: 'web', dropped: 1 }]);
});

test('a node that its replica forgets is forgotten everywhere', async () => {
  const { time, a, b } = world();
  const gone = ['n1', 'n2', 'n3'].map((id) => stream(id));
  for (const one of gone) a.own.opened(one);
  await time.pass(soonMs);
  expect(b.shared.list()).toHaveLength(3);
  for (const one of gone) a.own.closed(one);
  await time.pass(soonMs);
  expect(b.shared.list().map(({ id }) => id)).toEqual(['n2', 'n3']);
});

test('a replica that stops says that its nodes are gone', async () => {
  const { time, a, b } = world();
  const one = stream('n1');
  a.own.opened(one);
  await time.pass(soonMs);
  a.own.closed(one);
  await a.shared.close();
  await time.pass(soonMs);
  expect(b.shared.get('n1')?.connected).toBe(false);
});

test('how many nodes each other replica has is known, of those that live, and while they can tell', async () => {
  const { time, states, a, b } = world(['a', 'b', 'c']);
  const [one, two] = [stream('n1'), stream('n2')];
  b.own.opened(one);
  b.own.opened(two);
  await time.pass(soonMs + limits.heartbeatMs);
  expect(a.shared.connectedElsewhere()).toEqual(
    new Map([
      ['b', 2],
      ['c', 0],
    ]),
  );
  b.own.closed(two);
  await time.pass(soonMs);
  expect(a.shared.connectedElsewhere()?.get('b')).toBe(1);
  await b.shared.close();
  await time.pass(limits.deadReplicaMs + limits.heartbeatMs);
  expect(a.shared.connectedElsewhere()).toEqual(new Map([['c', 0]]));
  states.down = true;
  await time.pass(2 * limits.heartbeatMs);
  expect(a.shared.connectedElsewhere()).toBeUndefined();
});
