import { pino } from 'pino';
import { expect, test } from 'vitest';
import { MemoryDocumentSet } from '../model/memory-set.ts';
import type { Store } from '../store/store.ts';
import type { NodeIdentity } from '../xds/ports.ts';
import { Drains } from './drains.ts';
import { Fleet } from './fleet.ts';
import { limits } from './limits.ts';
import { NodePlacements } from './placements.ts';
import { stream, TestTime } from './testing-states.ts';
import { MemoryDrains, MemoryPlaces } from './testing-tables.ts';

const logger = pino({ level: 'silent' });

/** A control plane's memory of the places; `places` and `drains` outlive it. */
async function start(time: TestTime, places = new MemoryPlaces(), table = new MemoryDrains(time)) {
  const fleet = new Fleet({ now: time.now });
  const drains = new Drains({ table, shared: false, now: time.now, timers: time, logger });
  await drains.start();
  const documents = new MemoryDocumentSet();
  let onChange: Parameters<Store['subscribe']>[0] = () => {};
  const subscribe: Store['subscribe'] = (listener) => {
    onChange = listener;
    return () => {};
  };
  const placements = new NodePlacements({
    ...{ fleet, isOwn: () => true, drains, timers: time, logger },
    store: { documents, places, subscribe },
  });
  await placements.start();
  let moves = 0;
  placements.onMoved(() => moves++);
  return {
    ...{ fleet, drains, placements, places, table },
    moves: () => moves,
    /** The document of the listener says this port. */
    listens: (port: number) => {
      const key = { kind: 'Listener', name: 'public' } as const;
      const times = { revision: port, createdRevision: 1, createdAt: '', updatedAt: '', updatedBy: '' };
      const document = { ...key, ...times, spec: { groups: ['edge'], address: '0.0.0.0', port } };
      documents.apply(port, [{ key, document }]);
      onChange(port, [key]);
    },
    /** Nodes by port, `-n` for one that drains. */
    shown: () => placements.of('edge', 'public').map(({ node, draining }) => (draining ? `-${node}` : node)),
  };
}

/** A node that is connected and live. */
function join(fleet: Fleet, id: string, port: number, group = 'edge') {
  const info = stream(id, { node: { ...stream(id).node, group } });
  const node: NodeIdentity = info.node;
  fleet.opened(info);
  fleet.states.joined(node, () => {});
  const listeners = [{ name: 'public', address: '10.0.0.1', port, udp: false }];
  const say = (phase: 'live' | 'leaving', connections = 0): void => {
    fleet.states.reported(node, { phase, listeners, connections });
  };
  say('live');
  return {
    say,
    vanish: () => {
      fleet.states.ended(node);
      fleet.closed(info);
    },
  };
}

test('nodes come, drain and go; what did not change keeps its identity', async () => {
  const time = new TestTime();
  const { fleet, placements, shown, moves } = await start(time);
  const a = join(fleet, 'a', 1);
  const b = join(fleet, 'b', 2);
  await time.pass(100);
  expect([shown(), moves()]).toEqual([['a', 'b'], 1]);
  const before = placements.of('edge', 'public');
  a.say('live', 7);
  await time.pass(100);
  expect(placements.of('edge', 'public')).toBe(before);
  expect(moves()).toBe(1);
  a.say('leaving', 7);
  await time.pass(100);
  expect([shown(), moves()]).toEqual([['-a', 'b'], 2]);
  expect([placements.isOffered('a', 'edge'), placements.isOffered('b', 'edge')]).toEqual([false, true]);
  a.vanish();
  b.vanish();
  await time.pass(86_400_000);
  expect(shown()).toEqual(['b']);
  expect(placements.of('edge', 'other')).toEqual([]);
});

test('one that says that it leaves, and is gone before anybody looked, is out at once', async () => {
  const time = new TestTime();
  const { fleet, shown } = await start(time);
  const a = join(fleet, 'a', 1);
  join(fleet, 'b', 2);
  await time.pass(100);
  a.say('leaving');
  a.vanish();
  await time.pass(100);
  expect(shown()).toEqual(['b']);
});

test('nobody takes the place of a node of another group by its id', async () => {
  const time = new TestTime();
  const { fleet, shown } = await start(time);
  join(fleet, 'a', 1);
  join(fleet, 'b', 2);
  const other = join(fleet, 'a', 3, 'mesh');
  await time.pass(100);
  expect(shown()).toEqual(['a', 'b']);
  other.say('leaving');
  other.vanish();
  await time.pass(86_400_000);
  expect(shown()).toEqual(['a', 'b']);
});

test('one that vanished is out after its grace without anything else happening', async () => {
  const time = new TestTime();
  const { fleet, shown } = await start(time);
  join(fleet, 'a', 1);
  const b = join(fleet, 'b', 2);
  await time.pass(1_000);
  b.vanish();
  await time.pass(limits.lostNodeMs - 1_000);
  expect(shown()).toEqual(['a', 'b']);
  await time.pass(2_000);
  expect(shown()).toEqual(['a']);
});

test('one that is ordered to drain is out although it says nothing of it', async () => {
  const time = new TestTime();
  const { fleet, drains, shown } = await start(time);
  join(fleet, 'a', 1);
  await time.pass(100);
  await drains.order({ node: 'a', timeoutMs: 1, by: 'ann' });
  await time.pass(100);
  expect(shown()).toEqual(['-a']);
  await drains.lift('a');
  await time.pass(100);
  expect(shown()).toEqual(['a']);
});

test('a control plane that starts anew shows from its first moment what was known, and orders still hold', async () => {
  const time = new TestTime();
  const first = await start(time);
  for (const [port, id] of ['a', 'b', 'c', 'd'].entries()) join(first.fleet, id, port + 1);
  await time.pass(2_000);
  await first.drains.order({ node: 'd', timeoutMs: 1, by: 'ann' });
  await time.pass(2_000);
  await first.placements.close();

  const second = await start(time, first.places, first.table);
  expect(second.shown()).toEqual(['a', 'b', 'c']);
  await time.pass(3_600_000);
  expect(second.shown()).toEqual(['a', 'b', 'c']);
  join(second.fleet, 'b', 2);
  await time.pass(limits.lostNodeMs - 100);
  expect(second.shown()).toEqual(['a', 'b', 'c']);
  await time.pass(2_000);
  expect(second.shown()).toEqual(['b']);
  expect((await start(time, first.places, first.table)).shown()).toEqual(['b']);
});

test('what could not be written is written once the database is back', async () => {
  const time = new TestTime();
  const { fleet, places } = await start(time);
  places.down = true;
  join(fleet, 'a', 1);
  await time.pass(10_000);
  expect(await places.list()).toEqual([]);
  places.down = false;
  await time.pass(10_000);
  expect(await places.list()).toMatchObject([{ group: 'edge', node: 'a' }]);
});

test('an Envoy is there once it has its listeners, sent or known to be those that it has', async () => {
  const time = new TestTime();
  const { fleet, placements, shown, listens } = await start(time);
  listens(8080);
  const [sent, known] = [stream('sent', { peer: '10.0.0.1:1' }), stream('known', { peer: '10.0.0.2:1' })];
  fleet.opened(sent);
  fleet.opened(known);
  await time.pass(100);
  expect(shown()).toEqual([]);
  fleet.sent(sent, 'listeners', 'v1', '1', 1);
  fleet.acked(sent, 'listeners', 'v1', '1');
  await time.pass(100);
  expect(shown()).toEqual(['sent']);
  fleet.current(known, 'listeners', 'v1');
  await time.pass(100);
  expect(shown()).toEqual(['sent', 'known']);
  listens(8081);
  await time.pass(100);
  expect(placements.of('edge', 'public').map(({ port }) => port)).toEqual([8081, 8081]);
});

test('a thousand nodes that join at once are a few looks, and acknowledgements none', async () => {
  const time = new TestTime();
  const { fleet, moves } = await start(time);
  for (let index = 0; index < 1_000; index++) join(fleet, `n${index}`, index + 1);
  await time.pass(1_000);
  expect(moves()).toBe(1);
  const list = fleet.list.bind(fleet);
  let looks = 0;
  fleet.list = () => {
    looks++;
    return list();
  };
  const one = stream('n0');
  fleet.opened(one);
  await time.pass(1_000);
  looks = 0;
  fleet.sent(one, 'endpoints', 'v1', '1', 1);
  fleet.acked(one, 'endpoints', 'v1', '1');
  await time.pass(1_000);
  expect(looks).toBe(0);
});
