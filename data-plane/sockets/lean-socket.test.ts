import { once } from 'node:events';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { LeanSocket } from './lean-socket.ts';
import { acceptLean, connectTcp } from './open.ts';

const servers: net.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const reader = { nextBuffer: () => Buffer.alloc(1), onBytes: () => {} };
const bug = (): never => {
  throw new Error('a bug');
};

test('whoever throws when told that a connection could not even be tried is heard of, and ends nothing else', async () => {
  const faults: unknown[] = [];
  const socket = connectTcp({ host: 'no address', port: 1 }, reader, (fault) => faults.push(fault), false);
  socket.on('error', bug);
  await once(socket, 'close');
  expect(faults).toEqual([new Error('a bug')]);
});

test('a bug with an accepted socket cuts it, and whoever counts on its end is told', async () => {
  const faults: unknown[] = [];
  const closed: Promise<unknown>[] = [];
  const server = net.createServer();
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const onSocket = (socket: LeanSocket): void => {
    closed.push(once(socket, 'close'));
    bug();
  };
  acceptLean(server, (fault) => faults.push(fault), onSocket);
  const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1').resume();
  client.on('error', () => {});
  await once(client, 'close');
  await Promise.all(closed);
  expect([closed.length, faults]).toEqual([1, [new Error('a bug')]]);
});
