/** Limits of connections are the node's, whichever of its threads a connection comes to. */
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cleanup, type DataPlaneProcess, startControlPlane, startDataPlane, waitFor } from './support/fairlead.ts';

const cleanup = new Cleanup();
let node: DataPlaneProcess;

beforeAll(async () => {
  const controlPlane = await startControlPlane(cleanup);
  await controlPlane.apply(`
kind: NodeGroup
name: edge
spec: { tier: l7 }
---
kind: Listener
name: small
spec: { groups: [edge], address: 127.0.0.1, port: 0, limits: { connections: 5 } }
---
kind: Listener
name: large
spec: { groups: [edge], address: 127.0.0.1, port: 0 }
`);
  const args = ['--concurrency', '2', '--limit', 'connections-per-address=6', '--limit', 'connections=14'];
  node = await startDataPlane(cleanup, controlPlane, 'edge', 'limited-1', args);
});

afterAll(() => cleanup.run());

/** A connection that was answered on, and stays; null: it was closed instead. */
function open(port: number, localAddress: string): Promise<net.Socket | null> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress });
    socket.on('error', () => resolve(null));
    socket.on('close', () => resolve(null));
    socket.once('data', () => resolve(socket));
    socket.write('GET / HTTP/1.1\r\nhost: nobody.example.com\r\n\r\n');
    cleanup.add(() => socket.destroy());
  });
}

async function openMany(port: number, localAddress: string, count: number): Promise<(net.Socket | null)[]> {
  const opened: (net.Socket | null)[] = [];
  for (let i = 0; i < count; i++) opened.push(await open(port, localAddress));
  return opened;
}

const admitted = (sockets: readonly (net.Socket | null)[]): number =>
  sockets.filter((socket) => socket !== null).length;

async function statOf(name: string): Promise<number> {
  const stats = await (await fetch(`${node.admin}/stats`)).text();
  return Number(new RegExp(`^${name.replaceAll('.', '\\.')}: (\\d+)$`, 'm').exec(stats)?.[1]);
}

test('a listener, an address and the node take what they may, and then what has room again', async () => {
  const [small, large] = [await node.port('small'), await node.port('large')];
  const ofListener = await openMany(small, '127.0.0.2', 8);
  expect(admitted(ofListener)).toBe(5);
  expect(await statOf('listener.small.downstream_cx_overflow')).toBe(3);

  const ofAddress = await openMany(large, '127.0.0.3', 8);
  expect(admitted(ofAddress)).toBe(6);
  expect(await statOf('listener.large.downstream_cx_address_overflow')).toBe(2);

  const ofNode = await openMany(large, '127.0.0.4', 5);
  expect(admitted(ofNode)).toBe(3);
  expect(await statOf('listener.large.downstream_global_cx_overflow')).toBe(2);

  for (const socket of ofListener) socket?.destroy();
  await waitFor('room', async () => (await open(small, '127.0.0.5')) ?? undefined);
});
