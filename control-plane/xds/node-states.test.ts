/** States of nodes on real streams: who may tell them, what is taken, and what the node is told. */
import { status } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { limits } from './limits.ts';
import type { AuthorizeStream } from './ports.ts';
import { Harness } from './testing/harness.ts';
import { node } from './testing/raw-client.ts';
import { StateClient } from './testing/state-client.ts';

let harness: Harness;
const clients: StateClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await harness.stop();
});

function open(): StateClient {
  const { host, port } = harness.server.address;
  const client = new StateClient(`${host}:${port}`);
  clients.push(client);
  return client;
}

test('a node says how it is, is told at once what it shall do, and again when that changes', async () => {
  harness = await Harness.start({});
  const client = open();
  const listeners = [{ name: 'public', address: '0.0.0.0', port: 8080 }];
  client.say({ node, phase: 'LIVE', listeners });
  await client.until(1);
  expect(client.orders[0]).not.toHaveProperty('drain', true);
  harness.states.tell({ drainWithinMs: 45_500 });
  await client.until(2);
  expect(client.orders[1]).toMatchObject({ drain: true, timeout: { nanos: 500_000_000 } });
  expect(Number(client.orders[1]?.timeout?.seconds)).toBe(45);
  client.say({ phase: 'LEAVING', listeners: [{ name: 'dns', address: '::1', port: 53, udp: true }], connections: 7 });
  await harness.states.until(2);
  expect(harness.states.reports.map(({ report }) => report)).toEqual([
    { phase: 'live', listeners: [{ ...listeners[0], udp: false }], connections: 0 },
    { phase: 'leaving', listeners: [{ name: 'dns', address: '::1', port: 53, udp: true }], connections: 7 },
  ]);
  expect(harness.states.reports[0]?.node).toMatchObject({ id: 'n1', group: 'edge' });
  client.end();
  expect((await client.ended).code).toBe(status.OK);
  expect(harness.states.ends).toEqual([harness.states.reports[0]?.node]);
});

test('what is no listener at an address is left out, and no phase is not ready', async () => {
  harness = await Harness.start({});
  const client = open();
  const listeners = [
    { name: '', address: '10.0.0.1', port: 80 },
    { name: 'x'.repeat(limits.nodeNameLength + 1), address: '10.0.0.1', port: 80 },
    { name: 'a', address: 'localhost', port: 80 },
    { name: 'b', address: '10.0.0.1' },
    { name: 'c', address: '10.0.0.1', port: 65_536 },
    ...Array.from({ length: limits.stateListeners }, (_, index) => ({
      name: `l${index}`,
      address: '10.0.0.1',
      port: 80,
    })),
  ];
  client.say({ node, phase: 9, listeners });
  await harness.states.until(1);
  const { report } = harness.states.reports[0]!;
  expect(report.phase).toBe('initializing');
  expect(report.listeners).toHaveLength(limits.stateListeners - 5);
});

test('a node that is refused is told nothing and says nothing', async () => {
  const authorize: AuthorizeStream = async () => ({ ok: false, code: 'permission-denied', message: 'Create a token' });
  harness = await Harness.start({}, authorize);
  const client = open();
  client.say({ node, phase: 'LIVE' });
  expect(await client.ended).toMatchObject({ code: status.PERMISSION_DENIED, details: 'Create a token' });
  expect([client.orders, harness.states.reports, harness.states.ends]).toEqual([[], [], []]);
});

test('a fault of ours at the beginning of a stream ends that stream, and no other', async () => {
  harness = await Harness.start({});
  const { joined } = harness.states;
  harness.states.joined = () => {
    throw new Error('a bug');
  };
  const client = open();
  client.say({ node, phase: 'LIVE' });
  expect(await client.ended).toMatchObject({ code: status.INTERNAL, details: expect.stringContaining('its log') });
  expect(harness.errors.splice(0)).toEqual([expect.stringContaining('the state of a node failed')]);
  harness.states.joined = joined;
  const other = open();
  other.say({ node, phase: 'LIVE' });
  await other.until(1);
});

test('what is no state ends the stream', async () => {
  harness = await Harness.start({});
  const client = open();
  client.sayBytes(Buffer.from([0xff]));
  expect(await client.ended).toMatchObject({
    code: status.INVALID_ARGUMENT,
    details: 'the request is no fairlead.report.v1.NodeState',
  });
});
