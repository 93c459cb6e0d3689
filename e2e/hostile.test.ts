/** Every hostile request of the lists at once, at a node as users start it: it lives, says of no bug, and serves the others. */
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { afterAll, expect, test } from 'vitest';
import {
  Cleanup,
  logged,
  request,
  startBackend,
  startControlPlane,
  startDataPlane,
  waitFor,
} from './support/fairlead.ts';

const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const requests = ['http1-hostile.json', 'http1-hostile-own.json'].flatMap((file) => {
  const entries = JSON.parse(readFileSync(new URL(`data/${file}`, import.meta.url), 'utf8')) as { bytes: string }[];
  return entries.map(({ bytes }) => Buffer.from(bytes, 'latin1'));
});

/** Resolves when the proxy has closed the connection. */
function deliver(port: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
    socket.resume();
    socket.write(bytes);
    cleanup.add(() => socket.destroy());
  });
}

test(`${requests.length} hostile requests at once do a node no harm`, async () => {
  const [controlPlane, backend] = await Promise.all([startControlPlane(cleanup), startBackend(cleanup, 'blue')]);
  await controlPlane.apply(`
kind: NodeGroup
name: edge
spec: { tier: l7 }
---
kind: Listener
name: public
spec:
  groups: [edge]
  address: 127.0.0.1
  port: 0
  accessLog: off
  limits: { headersTimeout: 1s, bodyTimeout: 1s, idleTimeout: 1s }
---
kind: Listener
name: calm
spec: { groups: [edge], address: 127.0.0.1, port: 0, accessLog: off }
---
kind: Cluster
name: blue
spec: { endpoints: [{ address: 127.0.0.1, port: ${backend.port} }] }
---
kind: Route
name: all
spec: { hosts: ['*'], to: [{ cluster: blue }] }
`);
  const node = await startDataPlane(cleanup, controlPlane, 'edge', 'harried-1', ['--concurrency', '2']);
  const [port, calm] = [await node.port('public'), await node.port('calm')];
  // of the same threads, and with time for clients that are slow because the machine is
  const ask = async (): Promise<number> => (await request(calm, { path: '/good' })).status;
  await waitFor('the route', async () => ((await ask()) === 200 ? true : undefined));
  const good: number[] = [];
  for (let round = 0; round < 3; round++) {
    const delivered = Promise.all(requests.map((bytes) => deliver(port, bytes)));
    good.push(await ask(), await ask());
    await delivered;
    const served = () => request(port, { path: '/good' }).then(({ status }) => status, String);
    await waitFor('an answer beside them', async () => ((await served()) === 200 ? true : undefined));
  }
  expect(good).toEqual(good.map(() => 200));
  const info = (await (await fetch(`${node.admin}/server_info`)).json()) as {
    workers: { state: string; restarts: number }[];
  };
  expect(info.workers.map(({ state, restarts }) => [state, restarts])).toEqual([
    ['serving', 0],
    ['serving', 0],
  ]);
  expect(logged(node.program, 'fault')).toBeUndefined();
  await waitFor('connections to be closed', async () => {
    const stats = await (await fetch(`${node.admin}/stats`)).text();
    return /^http\.public\.downstream_cx_active: 0$/m.test(stats) ? true : undefined;
  });
});
