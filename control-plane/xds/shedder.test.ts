import { expect, test } from 'vitest';
import { Shedder, type SheddingLimits } from './shedder.ts';
import { ManualTimers } from './testing/manual-timers.ts';

const limits: SheddingLimits = {
  everyMs: 1_000,
  settleMs: 15_000,
  begin: { factor: 1.2, nodes: 10 },
  end: { factor: 1.05, nodes: 1 },
  partASecond: 0.02,
  stayMs: 600_000,
};

/** A replica with `count` nodes, `perConnection` on each connection, beside `others`. By chance the middle one goes. */
function setUp(count: number, others: Record<string, number> | undefined, perConnection = 1) {
  const timers = new ManualTimers();
  const lines: object[] = [];
  const world = {
    others: others && new Map(Object.entries(others)),
    connections: new Map<string, ReadonlySet<string>>(),
    /** Peers, in the order in which they went. */
    gone: [] as string[],
    comeBack: false,
  };
  for (let from = 0; from < count; from += perConnection) {
    const nodes = Array.from({ length: perConnection }, (_, index) => `n${from + index}`);
    world.connections.set(`c${from / perConnection}`, new Set(nodes));
  }
  const shedder = new Shedder(limits, {
    others: () => world.others,
    connections: () =>
      [...world.connections].map(([peer, nodes]) => ({
        peer,
        nodes,
        goAway: () => {
          world.gone.push(peer);
          if (!world.comeBack) world.connections.delete(peer);
        },
      })),
    timers,
    random: () => 0.5,
    logger: { debug() {}, info: (fields) => void lines.push(fields), warn() {}, error() {} },
  });
  shedder.start();
  const pass = (seconds: number): void => {
    for (let tenth = 0; tenth < seconds * 10; tenth++) timers.advance(100);
  };
  return { world, shedder, pass, timers, lines };
}

test('a replica with everything, beside a new one, waits until things have settled, then gives half away, slowly', () => {
  const { world, pass, shedder, lines } = setUp(100, { b: 0 });
  pass(15);
  expect(world.gone).toHaveLength(0);
  pass(1.5);
  expect(world.gone).toHaveLength(1);
  for (let second = 0; second < 60; second++) {
    const before = world.connections.size;
    pass(1);
    const went = before - world.connections.size;
    expect(went).toBeLessThanOrEqual(2);
    world.others = new Map([['b', 100 - world.connections.size]]);
  }
  // within a twentieth of the fair share
  expect(world.connections.size).toBe(52);
  expect(shedder.nodes).toBe(48);
  expect(lines[0]).toEqual({ event: 'xds.shed', peer: 'c50', nodes: 1, surplus: 50, connected: 100 });
});

test('a replica that came, died or came back makes everybody wait again', () => {
  const { world, pass } = setUp(100, { b: 0 });
  pass(14);
  world.others = new Map([...(world.others ?? []), ['c', 0]]);
  pass(15);
  expect(world.gone).toHaveLength(0);
  pass(2);
  expect(world.gone.length).toBeGreaterThan(0);
  const before = world.gone.length;
  world.others = new Map([['b', 0]]);
  pass(15);
  expect(world.gone).toHaveLength(before);
});

test('a replica that died, which is known after ten seconds, leads to nothing', () => {
  // its nodes are here already, and those that it had are still on its list
  const { world, pass } = setUp(100, { b: 50 });
  pass(10);
  world.others = new Map();
  pass(120);
  expect(world.gone).toHaveLength(0);
});

test('while the replicas cannot tell each other, nobody is sent away', () => {
  const { world, pass } = setUp(100, undefined);
  pass(120);
  world.others = new Map([['b', 0]]);
  pass(14);
  expect(world.gone).toHaveLength(0);
});

test('a node that comes back stays: it may know no other replica', () => {
  const { world, pass } = setUp(40, { b: 0 });
  world.comeBack = true;
  pass(300);
  expect(world.gone).toHaveLength(40);
  expect(new Set(world.gone).size).toBe(40);
  pass(limits.stayMs / 1_000);
  expect(world.gone.length).toBeGreaterThan(40);
});

test('a connection of many nodes goes as a whole, and makes the next one wait for as long as they would have taken', () => {
  const { world, pass } = setUp(200, { b: 0 }, 20);
  pass(16.5);
  expect(world.gone).toHaveLength(1);
  pass(4);
  expect(world.gone).toHaveLength(1);
  pass(1);
  expect(world.gone).toHaveLength(2);
});

test('a connection that is larger than the surplus stays', () => {
  const { world, pass } = setUp(60, { b: 20 }, 30);
  pass(120);
  expect(world.gone).toHaveLength(0);
});

test('closed, it does nothing more', () => {
  const { world, pass, shedder, timers } = setUp(100, { b: 0 });
  shedder.close();
  pass(60);
  expect(world.gone).toHaveLength(0);
  expect(timers.pending).toBe(0);
});
