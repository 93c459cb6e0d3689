/**
 * `npm run l4-faults`: an L4 node and peers at their worst: resets at each stage, windows that stay closed, 10,000 idle
 * connections, peers that vanish, want of descriptors, kill -9. After each the node has the descriptors and the memory that
 * it began with, every connection one line in its log, and serves.
 */
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { allowedDescriptors, raiseDescriptors } from '../../data-plane/descriptors.ts';
import {
  Cleanup,
  type ControlPlaneProcess,
  type DataPlaneProcess,
  startControlPlane,
  startDataPlane,
  temporaryFolder,
  waitFor,
} from '../support/fairlead.ts';
import { closeOf, connect, type Endpoint, echo, says, startEndpoint } from './peers.ts';
import { inNamespace } from './vanish.ts';

raiseDescriptors(65_536);
/** This process holds both ends, and may not have the descriptors for it. */
const idleConnections = Math.min(10_000, Math.floor((allowedDescriptors() - 1_000) / 2));
const idleTimes = 3;
const megabyte = 1024 * 1024;
/** What the heap and its fragments may have kept. */
const memorySlackBytes = 60 * megabyte;

interface Stage {
  readonly controlPlane: ControlPlaneProcess;
  readonly node: DataPlaneProcess;
  readonly port: number;
  readonly endpoint: Endpoint;
  readonly accessLog: string;
}

function descriptorsOf({ program }: Pick<DataPlaneProcess, 'program'>): number {
  return readdirSync(`/proc/${program.child.pid}/fd`).length;
}

function residentBytes({ program }: Pick<DataPlaneProcess, 'program'>): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${program.child.pid}/status`, 'utf8'))?.[1]) * 1_024;
}

function linesOf(file: string): number {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0;
}

/** Connections that were let in; one that is gone before it is looked at is none. */
async function admitted({ node }: Pick<Stage, 'node'>): Promise<number> {
  const stats = await (await fetch(`${node.admin}/stats`)).text();
  return Number(/listener\.front\.downstream_cx_total: (\d+)/.exec(stats)?.[1]);
}

/** As many descriptors as before, a line for each connection, a whole answer. */
async function atRest(stage: Stage, before: number): Promise<void> {
  const client = await connect(stage.port);
  if (!(await says(client, 'still here?'))) throw new Error('the node does not serve any more');
  client.destroy();
  // the connection of the statistics is one more
  const wanted = before + 2;
  await waitFor('descriptors', () => (descriptorsOf(stage.node) <= wanted ? true : undefined)).catch(() => {
    throw new Error(`${descriptorsOf(stage.node)} descriptors are open; there were ${before}`);
  });
  const connections = await admitted(stage);
  await waitFor('the log', () => (linesOf(stage.accessLog) === connections ? true : undefined)).catch(() => {
    throw new Error(`${linesOf(stage.accessLog)} lines in the access log for ${connections} connections`);
  });
}

/** Each stage by each side, so many times. */
async function resets(stage: Stage): Promise<string> {
  const { endpoint, port, node } = stage;
  const [before, times] = [descriptorsOf(node), 100];
  const reset = (socket: net.Socket): void => void socket.resetAndDestroy();
  const behaviours: readonly (readonly [
    name: string,
    client: (socket: net.Socket) => void,
    endpoint: (socket: net.Socket) => void,
  ])[] = [
    ['client at once', reset, echo],
    ['client after its first bytes', (socket) => socket.write('x', () => reset(socket)), echo],
    [
      'client within an answer',
      (socket) => socket.on('data', () => reset(socket)),
      (socket) => socket.write(randomBytes(megabyte)),
    ],
    [
      'client after its end',
      (socket) => socket.end('x', () => setImmediate(reset, socket)),
      (socket) => socket.on('end', () => setTimeout(reset, 20, socket)).resume(),
    ],
    ['endpoint at once', (socket) => socket.resume(), reset],
    [
      'endpoint after first bytes',
      (socket) => socket.resume().write('x'),
      (socket) => socket.on('data', () => reset(socket)),
    ],
    [
      'endpoint within an upload',
      (socket) => socket.resume().write(randomBytes(megabyte)),
      (socket) => socket.once('data', () => reset(socket)),
    ],
    [
      'endpoint after its end',
      (socket) => socket.resume(),
      (socket) => socket.end('bye', () => setTimeout(reset, 20, socket)),
    ],
    [
      'both',
      (socket) => socket.resume().write('x', () => reset(socket)),
      (socket) => socket.on('data', () => reset(socket)),
    ],
  ];
  for (const [, client, server] of behaviours) {
    endpoint.behave = server;
    const clients: net.Socket[] = [];
    const ended: Promise<unknown>[] = [];
    for (let i = 0; i < times; i++) {
      const socket = await connect(port);
      clients.push(socket);
      ended.push(closeOf(socket));
      client(socket);
    }
    await Promise.race([Promise.all(ended), delay(2_000)]);
    // one side that has ended, and hears nothing more, may hold its other half open for as long as it likes
    for (const socket of clients) socket.destroy();
    await Promise.all(ended);
  }
  endpoint.behave = echo;
  await atRest(stage, before);
  return `${times} resets at each of ${behaviours.length} stages`;
}

/** Clients that ask for much and read nothing, then everything. */
async function closedWindows(stage: Stage): Promise<string> {
  const { endpoint, port, node } = stage;
  const [before, memory, clients] = [descriptorsOf(node), residentBytes(node), 100];
  const sent = randomBytes(8 * megabyte);
  const wanted = createHash('sha256').update(sent).digest('hex');
  endpoint.behave = (socket) => socket.once('data', () => socket.end(sent)).resume();
  const sockets = await Promise.all(Array.from({ length: clients }, () => connect(port)));
  for (const socket of sockets) socket.pause().write('x');
  await delay(3_000);
  const held = residentBytes(node) - memory;
  if (held > clients * megabyte + memorySlackBytes) throw new Error(`${held >> 20} MB are held for ${clients} clients`);
  const digests = await Promise.all(
    sockets.map(async (socket) => {
      const hash = createHash('sha256');
      socket.on('data', (chunk) => hash.update(chunk));
      socket.resume();
      socket.end();
      await once(socket, 'end');
      return hash.digest('hex');
    }),
  );
  if (digests.some((digest) => digest !== wanted)) throw new Error('bytes were lost or mixed up');
  endpoint.behave = echo;
  await atRest(stage, before);
  return `${clients} clients that did not read for 3 s: ${Math.max(0, held >> 20)} MB more, then every byte`;
}

/** Several times: what is in use afterwards is what was before. The system gets less back: the heap keeps its pages. */
async function manyIdle(stage: Stage): Promise<string> {
  const [usedBefore, memory] = [await usedBytes(stage), residentBytes(stage.node)];
  const eachBytes = await idleOnce(stage, memory);
  for (let time = 1; time < idleTimes; time++) await idleOnce(stage, memory);
  let used = 0;
  await waitFor('memory', async () =>
    (used = await usedBytes(stage)) < usedBefore + memorySlackBytes / 4 ? true : undefined,
  ).catch(() => {
    throw new Error(`${used >> 20} MB of the heap are in use, after ${usedBefore >> 20}`);
  });
  return `${idleConnections} idle connections, ${idleTimes} times: ${(eachBytes / 1024).toFixed(1)} KB each, every one answered; the heap has ${used >> 20} MB in use, after ${usedBefore >> 20} before`;
}

/** Of the heap, without what nobody holds any more. */
async function usedBytes({ node }: Stage): Promise<number> {
  node.program.child.kill('SIGUSR2');
  const stats = await (await fetch(`${node.admin}/stats`)).text();
  return Number(/^server\.memory_allocated: (\d+)$/m.exec(stats)?.[1]);
}

/** @returns bytes a connection */
async function idleOnce(stage: Stage, memory: number): Promise<number> {
  const { port, node, endpoint } = stage;
  const before = descriptorsOf(node);
  const sockets: net.Socket[] = [];
  for (let i = 0; i < idleConnections; i += 100) {
    sockets.push(...(await Promise.all(Array.from({ length: 100 }, () => connect(port, `127.0.${i % 250}.2`)))));
    // this process accepts more slowly than the node connects
    await waitFor('the endpoint', () => (endpoint.sockets.size >= sockets.length ? true : undefined));
  }
  const eachBytes = (residentBytes(node) - memory) / idleConnections;
  const answered = await Promise.all(sockets.map((socket, i) => says(socket, `connection ${i}`)));
  if (answered.includes(false)) throw new Error(`${answered.filter((well) => !well).length} did not answer`);
  for (const socket of sockets) socket.end();
  await atRest(stage, before);
  return eachBytes;
}

/** A node that may have few descriptors. */
async function fewDescriptors(cleanup: Cleanup, { controlPlane, endpoint }: Stage): Promise<string> {
  const node = await startDataPlane(cleanup, controlPlane, 'front', 'front-few');
  const pid = `${node.program.child.pid}`;
  const allowed = descriptorsOf(node) + 100;
  // behind its back, as an operator's mistake would be
  spawnSync('prlimit', [`--pid=${pid}`, `--nofile=${allowed}:${allowed}`]);
  const port = await node.port('front');
  const before = descriptorsOf(node);
  const sockets = await Promise.all(Array.from({ length: 40 }, () => connect(port)));
  const more = await Promise.all(Array.from({ length: 100 }, () => connect(port)));
  const late = await Promise.all(more.map((socket) => says(socket, 'x')));
  const served = await Promise.all(sockets.map((socket) => says(socket, 'still here?')));
  if (served.includes(false)) throw new Error('a connection that was open before has suffered');
  if (!late.includes(false)) throw new Error('nobody was refused: descriptors were not used up');
  for (const socket of [...sockets, ...more]) socket.destroy();
  await waitFor('descriptors to be free again', () => (descriptorsOf(node) <= before ? true : undefined));
  const again = await connect(port);
  if (!(await says(again, 'and now?'))) throw new Error('it does not serve any more');
  again.destroy();
  await node.program.stop();
  const refused = late.filter((well) => !well).length;
  if (endpoint.sockets.size > 1_000) throw new Error('connections to endpoints are left');
  return `with 100 descriptors to spare ${refused} of 140 connections were refused, none of the others suffered`;
}

/** One that knows from its start that it may have few. */
async function toldDescriptors(cleanup: Cleanup, { controlPlane }: Stage): Promise<string> {
  const node = await startDataPlane(cleanup, controlPlane, 'front', 'front-told', ['--limit', 'connections=50']);
  const port = await node.port('front');
  const sockets = await Promise.all(Array.from({ length: 60 }, () => connect(port)));
  const served = (await Promise.all(sockets.map((socket) => says(socket, 'x')))).filter((well) => well).length;
  const stats = await (await fetch(`${node.admin}/stats`)).text();
  const counted = Number(/listener\.front\.downstream_global_cx_overflow: (\d+)/.exec(stats)?.[1]);
  for (const socket of sockets) socket.destroy();
  await node.program.stop();
  if (served !== 50 || counted !== 10) throw new Error(`${served} were served, ${counted} counted as too many`);
  return 'a limit of 50 connections: 50 served, 10 closed and counted';
}

async function killed(cleanup: Cleanup, stage: Stage): Promise<string> {
  const { controlPlane, endpoint } = stage;
  const home = await temporaryFolder(cleanup);
  const bind = ['--bind', 'front=127.0.0.1:0'];
  const start = (): Promise<DataPlaneProcess> =>
    startDataPlane(cleanup, controlPlane, 'front', 'front-killed', bind, { FAIRLEAD_HOME: home });
  const node = await start();
  const port = await node.port('front');
  const sockets = await Promise.all(Array.from({ length: 200 }, () => connect(port)));
  await Promise.all(sockets.map((socket) => says(socket, 'x')));
  const closed = Promise.all(sockets.map((socket) => closeOf(socket.resume())));
  for (const socket of sockets) socket.on('end', () => socket.end());
  const open = endpoint.sockets.size;
  node.program.child.kill('SIGKILL');
  await closed;
  await waitFor('the endpoint to be rid of them', () => (endpoint.sockets.size <= open - 200 ? true : undefined));
  const again = await start();
  const client = await connect(await again.port('front'));
  if (!(await says(client, 'back?'))) throw new Error('the node that was started again does not serve');
  client.destroy();
  await again.program.stop();
  return 'kill -9 of a node with 200 connections ends them on both sides; started again it serves';
}

async function main(cleanup: Cleanup): Promise<void> {
  const endpoint = await startEndpoint(cleanup);
  const controlPlane = await startControlPlane(cleanup);
  const accessLog = path.join(await temporaryFolder(cleanup), 'access.log');
  await controlPlane.apply(`kind: NodeGroup
name: front
spec: { tier: l4 }
---
kind: Listener
name: front
spec: { groups: [front], address: 127.0.0.1, port: 0, protocol: tcp, limits: { connections: 20000 }, accessLog: { to: ${accessLog} } }
---
kind: L4Route
name: front
spec: { listener: front, to: [{ cluster: endpoint }] }
---
kind: Cluster
name: endpoint
spec: { protocol: tcp, endpoints: [{ address: 127.0.0.1, port: ${endpoint.port} }], breakers: { connections: 20000 } }
`);
  const collected = { NODE_OPTIONS: `--import=${import.meta.resolve('./collected.ts')}` };
  const node = await startDataPlane(cleanup, controlPlane, 'front', 'front-1', [], collected);
  const port = await node.port('front');
  const stage = { controlPlane, node, port, endpoint, accessLog };
  // what the first connections of a process open for good
  for (let i = 0; i < 20; i++) {
    const client = await connect(port);
    await says(client, 'warm');
    client.destroy();
  }
  await waitFor('the first lines', () => (linesOf(accessLog) === 20 ? true : undefined));
  const checks: readonly (() => Promise<string>)[] = [
    () => resets(stage),
    () => closedWindows(stage),
    () => manyIdle(stage),
    () => fewDescriptors(cleanup, stage),
    () => toldDescriptors(cleanup, stage),
    () => killed(cleanup, stage),
    () => inNamespace(cleanup),
  ];
  for (const check of checks) {
    try {
      console.log(await check());
    } catch (error) {
      console.error(`FAILED: ${error instanceof Error ? error.stack : error}`);
      process.exitCode = 1;
    }
  }
  if (node.program.child.exitCode !== null) throw new Error(`the node ended: ${node.program.stderr()}`);
  const faults = node.program
    .stderr()
    .split('\n')
    .filter((line) => /"level":"(error|fatal)"/.test(line));
  if (faults.length > 0) throw new Error(`it logged: ${faults.join('\n')}`);
}

const cleanup = new Cleanup();
try {
  await main(cleanup);
} finally {
  await cleanup.run();
}
