/** UDP through the documents: our node, two threads, beside a real Envoy of the same group. */
import { readdir, readFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Peer, startAnswerer } from '../data-plane/listener/udp-testing.ts';
import { type RunningEnvoy, startEnvoy } from './support/envoy.ts';
import {
  Cleanup,
  type ControlPlaneProcess,
  type DataPlaneProcess,
  jsonLines,
  logged,
  run,
  startControlPlane,
  startDataPlane,
  temporaryFolder,
  waitFor,
} from './support/fairlead.ts';
import { requirePeer } from './support/peers.ts';

const withEnvoy = requirePeer('envoy');
const cleanup = new Cleanup();
const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
let endpoints: Peer[];
let controlPlane: ControlPlaneProcess;
let node: DataPlaneProcess;
let envoy: RunningEnvoy | undefined;
let port: number;
let workers: string;
let accessLog: string;

const documents = (ports: readonly number[]): string => `
kind: NodeGroup
name: edge
spec: { tier: l4 }
---
kind: Listener
name: dns
spec: { groups: [edge], address: 127.0.0.1, port: 0, protocol: udp, accessLog: { format: json, to: ${accessLog} } }
---
kind: L4Route
name: dns
spec: { listener: dns, hash: source, to: [{ cluster: resolvers }], idleTimeout: 10m }
---
kind: Cluster
name: resolvers
spec:
  protocol: udp
  balance: { policy: maglev, tableSize: 1009 }
  endpoints: [${ports.map((one) => `{ address: 127.0.0.1, port: ${one} }`).join()}]
`;

beforeAll(async () => {
  endpoints = await Promise.all(names.map((name) => startAnswerer(name)));
  for (const one of endpoints) cleanup.add(() => one.close());
  controlPlane = await startControlPlane(cleanup);
  accessLog = path.join(await temporaryFolder(cleanup), 'access.log');
  await controlPlane.apply(documents(endpoints.map((one) => one.port)));
  workers = await temporaryFolder(cleanup);
  node = await startDataPlane(cleanup, controlPlane, 'edge', 'ours', ['--concurrency', '2'], {
    NODE_OPTIONS: `--import=${fileURLToPath(new URL('./support/mortal-worker.ts', import.meta.url))}`,
    MORTAL_WORKERS: workers,
  });
  port = await node.port('dns');
  if (!withEnvoy) return;
  const args = ['bootstrap', 'envoy', '--group', 'edge', '--id', 'envoy', '--xds', controlPlane.xds];
  envoy = await startEnvoy({ bootstrap: (await run(args, controlPlane.env)).stdout });
  cleanup.add(envoy.stop);
});

afterAll(async () => {
  // asked to end, it would wait for its sessions
  await node?.program.stop('SIGKILL');
  await cleanup.run();
});

let questions = 0;

/** The answer to a question, which is told from those to older ones. Datagrams may be lost: so it asks until it comes. */
async function ask(client: Peer, at: number, more = ''): Promise<string> {
  const question = `?${questions++} ${more}`;
  const again = setInterval(() => client.send(question, at), 500);
  client.send(question, at);
  for (let next = client.got.seen.length; ; next++) {
    const { text } = await client.got.nth(next);
    if (!text.endsWith(` ${question}`)) continue;
    clearInterval(again);
    return text;
  }
}

/** Who answers a client of this address. */
const whoServes = async (client: Peer, at: number): Promise<string> => (await ask(client, at)).slice(0, 1);

async function clientsOf(count: number): Promise<Peer[]> {
  const clients = Array.from({ length: count }, (_, index) => new Peer().open(`127.0.2.${index + 1}`));
  for (const client of clients) cleanup.add(async () => (await client).close());
  return Promise.all(clients);
}

const all = (clients: readonly Peer[], at: number): Promise<string[]> =>
  Promise.all(clients.map((client) => whoServes(client, at)));

async function statsOf(of: string): Promise<string[]> {
  return (await (await fetch(`${of}/stats`)).text()).split('\n');
}

test.runIf(withEnvoy)(
  'a client is served by the same endpoint as behind Envoy, and is counted by the same names',
  async () => {
    const clients = await clientsOf(60);
    const ours = await all(clients, port);
    expect(new Set(ours).size).toBeGreaterThan(3);
    expect(await all(clients, await envoy!.listenerPort('dns'))).toEqual(ours);
    const isUdp = (line: string): boolean =>
      /^(?:udp\.|cluster\.[^.]*\.udp\.)/.test(line) && !/tunnel|session_filter/.test(line);
    const namesOf = (lines: readonly string[]): string[] => lines.filter(isUdp).map((line) => line.split(':')[0]!);
    const known = namesOf(await statsOf(node.admin));
    const envoys = namesOf(await statsOf(`http://127.0.0.1:${envoy!.adminPort}`));
    expect(envoys.length).toBeGreaterThan(8);
    expect(known).toEqual(expect.arrayContaining(envoys));
  },
);

test.runIf(withEnvoy)('a datagram as large as UDP has them comes through, and so does its answer', async () => {
  const [client] = await clientsOf(1);
  const large = 'x'.repeat(65_000);
  for (const at of [port, await envoy!.listenerPort('dns')]) {
    expect(await ask(client!, at, large)).toMatch(/^. \?\d+ x{65000}$/);
  }
});

test('when an endpoint goes, its clients go to others, and those of the others stay; each session has a line in the log', async () => {
  const clients = await clientsOf(40);
  const before = await all(clients, port);
  const gone = before[0]!;
  const left = endpoints.filter((_, index) => names[index] !== gone);
  await controlPlane.apply(documents(left.map((one) => one.port)));
  await waitFor('its sessions to end', async () => {
    const lines = jsonLines<{ client: string }>(await readFile(accessLog, 'utf8').catch(() => ''));
    const ended = new Set(lines.map(({ client }) => client));
    const moved = clients.filter((_, index) => before[index] === gone);
    return moved.every((one) => ended.has(`${one.socket.address().address}:${one.port}`)) || undefined;
  });
  const after = await all(clients, port);
  expect(after).not.toContain(gone);
  const stayed = before.flatMap((name, index) => (name === gone ? [] : `${index} ${after[index] === name}`));
  expect(stayed.filter((one) => one.endsWith('false'))).toEqual([]);
});

test('a thread that dies takes its sessions with it: its clients are served by the other, from the same endpoints', async () => {
  const clients = await clientsOf(40);
  const before = await all(clients, port);
  const [first] = (await readdir(workers)).sort();
  const killer = net.connect(path.join(workers, first!));
  killer.on('error', () => {}).write('throw');
  await waitFor('the death', () => logged(node.program, 'worker_died'));
  expect(await all(clients, port)).toEqual(before);
});
