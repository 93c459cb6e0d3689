/** The documents of docs/upgrades.md: a WebSocket and a CONNECT through a node that has them from a control plane. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { Cleanup, type DataPlaneProcess, startControlPlane, startDataPlane } from './support/fairlead.ts';

const page = readFileSync(new URL('../docs/upgrades.md', import.meta.url), 'utf8');
const [, routes = ''] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];

const cleanup = new Cleanup();
let node: DataPlaneProcess;

async function listening(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(() => void server.close());
  return (server.address() as net.AddressInfo).port;
}

beforeAll(async () => {
  const chat = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(chat, 'listening');
  cleanup.add(() => {
    for (const client of chat.clients) client.terminate();
    chat.close();
  });
  chat.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })));
  const gate = await listening(
    net.createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.once('data', (head) => {
        const [line = ''] = head.toString('latin1').split('\r\n');
        socket.write(`HTTP/1.1 200 OK\r\n\r\n${line}\n`);
        socket.pipe(socket);
      });
    }),
  );
  const controlPlane = await startControlPlane(cleanup);
  await controlPlane.apply(`
kind: NodeGroup
name: edge
spec: { tier: l7 }
---
kind: Listener
name: public
spec: { groups: [edge], address: 127.0.0.1, port: 0 }
---
kind: Cluster
name: chat
spec: { endpoints: { address: 127.0.0.1, port: ${(chat.address() as net.AddressInfo).port} } }
---
kind: Cluster
name: gate
spec: { endpoints: { address: 127.0.0.1, port: ${gate} } }
---
${routes}`);
  node = await startDataPlane(cleanup, controlPlane, 'edge', 'n1');
}, 60_000);

afterAll(() => cleanup.run());

test('a WebSocket opens, talks and closes', async () => {
  const port = await node.port('public');
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`, { headers: { host: 'shop.example.com' } });
  await once(socket, 'open');
  socket.send('hello');
  const [data] = await once(socket, 'message');
  socket.close(1000, 'bye');
  const [code, reason] = await once(socket, 'close');
  expect([String(data), code, String(reason)]).toEqual(['hello', 1000, 'bye']);
});

test('a CONNECT opens, and its bytes go both ways', async () => {
  const socket = net.connect(await node.port('public'), '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1');
  });
  socket.write('CONNECT db.example.com:5432 HTTP/1.1\r\nHost: db.example.com:5432\r\n\r\n');
  await once(socket, 'data');
  socket.end('hello');
  await once(socket, 'close');
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  expect(answer.split('\r\n\r\n')[1]).toBe('CONNECT db.example.com:5432 HTTP/1.1\nhello');
});
