/** A node that says how it is to a scripted control plane, and hears what it shall do. */
import { expect, onTestFinished, test } from 'vitest';
import { durationOf } from '../../proto/codec.ts';
import { limits } from './limits.ts';
import type { NodeOrders, ToldState } from './ports.ts';
import { StateReporter } from './state-reporter.ts';
import { methods } from './stream.ts';
import { Queue } from './testing.ts';
import { startReports } from './testing-reports.ts';

async function start(takesReports = true) {
  const names = ['fairlead.report.v1.NodeState', 'fairlead.report.v1.NodeOrders'] as const;
  const { streams, timers, events, deps } = await startReports(methods.state, ...names, takesReports);
  const orders = new Queue<NodeOrders>();
  const world: { state: ToldState; connections: number | null; onOrders: (orders: NodeOrders) => void } = {
    state: { phase: 'INITIALIZING', listeners: [] },
    connections: 0,
    onOrders: () => {},
  };
  const reporter = new StateReporter({
    ...deps,
    random: () => 0.9,
    look: () => world.state,
    connections: async () => {
      if (world.connections === null) throw new Error('a worker does not answer');
      return world.connections;
    },
    onOrders: (one) => {
      world.onOrders(one);
      orders.put(one);
    },
  });
  onTestFinished(() => reporter.close());
  reporter.start();
  const look = (): void => void timers.fireAll(limits.stateLookMs);
  /** The connections are counted anew. */
  const count = async (connections: number | null): Promise<void> => {
    world.connections = connections;
    timers.fire(await timers.awaitSet(limits.connectionsTellMs));
    await timers.awaitSet(limits.connectionsTellMs);
  };
  return { streams, timers, events, world, look, count, orders, reporter };
}

const web = { name: 'web', address: '0.0.0.0', port: 8080, udp: false };
const dns = { name: 'dns', address: '::', port: 53, udp: true };

test('it says who and how it is at once, and again what it is when that changes', async () => {
  const { streams, world, look } = await start();
  const { reports, token } = await streams.take();
  expect(token).toBe('Bearer secret');
  expect(await reports.take()).toMatchObject({ node: { id: 'n1', cluster: 'edge' }, phase: 'INITIALIZING' });
  look();
  world.state = { phase: 'LIVE', listeners: [web] };
  look();
  look();
  expect(await reports.take()).toEqual({ phase: 'LIVE', listeners: [{ ...web, udp: undefined }] });
  world.state = { phase: 'LIVE', listeners: [dns, web] };
  look();
  expect((await reports.take()).listeners).toMatchObject([dns, { name: 'web', port: 8080 }]);
});

test('connections are told with what else is, and for themselves while the node is leaving', async () => {
  const { streams, world, look, count } = await start();
  const { reports } = await streams.take();
  await reports.take();
  await count(7);
  world.state = { phase: 'LIVE', listeners: [] };
  look();
  expect(await reports.take()).toMatchObject({ phase: 'LIVE', connections: 7 });
  await count(9);
  world.state = { phase: 'LEAVING', listeners: [] };
  look();
  expect(await reports.take()).toMatchObject({ phase: 'LEAVING', connections: 9 });
  await count(5);
  expect(await reports.take()).toMatchObject({ phase: 'LEAVING', connections: 5 });
  await count(null);
  await count(5);
  await count(4);
  expect(await reports.take()).toMatchObject({ phase: 'LEAVING', connections: 4 });
});

test('orders are carried out, and what they change is told at once', async () => {
  const { streams, world, orders } = await start();
  const stream = await streams.take();
  await stream.reports.take();
  world.onOrders = ({ drain }) => {
    world.state = { phase: drain ? 'LEAVING' : 'LIVE', listeners: [] };
  };
  stream.ask({ drain: true, timeout: durationOf(2_500) });
  expect(await orders.take()).toEqual({ drain: true, timeoutMs: 2_500 });
  expect((await stream.reports.take()).phase).toBe('LEAVING');
  stream.ask({ drain: true });
  expect(await orders.take()).toEqual({ drain: true, timeoutMs: null });
  stream.ask({});
  expect(await orders.take()).toEqual({ drain: false, timeoutMs: null });
  expect((await stream.reports.take()).phase).toBe('LIVE');
});

test('a stream that ends orders nothing; the next one is told everything anew', async () => {
  const { streams, world, look, events, timers, orders } = await start();
  world.state = { phase: 'LEAVING', listeners: [web] };
  const first = await streams.take();
  await first.reports.take();
  first.ask({ drain: true, timeout: durationOf(45_000) });
  await orders.take();
  first.end();
  expect(await events.take()).toBe('state_stream_ended');
  look();
  const lookings = new Set<number>([limits.stateLookMs, limits.connectionsTellMs]);
  timers.fire([...timers.pending].find(({ ms }) => !lookings.has(ms))!);
  const second = await streams.take();
  expect(await second.reports.take()).toMatchObject({
    node: { id: 'n1' },
    phase: 'LEAVING',
    listeners: [{ name: 'web' }],
  });
  second.ask({ drain: false });
  expect(await orders.take()).toEqual({ drain: false, timeoutMs: null });
});

test('a control plane that takes no such reports is asked again much later, without a warning', async () => {
  const { timers, events } = await start(false);
  expect(await events.take()).toBe('state_unsupported');
  timers.fire(await timers.awaitSet(limits.askAgainMs));
  expect(await events.take()).toBe('state_unsupported');
});

test('an order that cannot be read ends the stream, and nothing else', async () => {
  const { streams, events, orders } = await start();
  const stream = await streams.take();
  await stream.reports.take();
  stream.askBytes(Buffer.of(0xff));
  expect(await events.take()).toBe('state_malformed');
  expect(await events.take()).toBe('state_stream_ended');
  stream.ask({ drain: true });
  const none = Promise.race([orders.take(), new Promise((resolve) => setImmediate(() => resolve('none')))]);
  expect(await none).toBe('none');
});
