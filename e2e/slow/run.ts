/**
 * slowhttptest in its four modes against a listener, while a probe asks for something small ten times a second.
 * Everything in processes of its own, but backend and probe.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import type net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Cleanup,
  type DataPlaneProcess,
  request,
  startControlPlane,
  startDataPlane,
  temporaryFolder,
  waitFor,
} from '../support/fairlead.ts';

/** By what slowhttptest does, its switches. */
export const modes = {
  'slow headers': ['-H', '-u', '/small', '-x', '24', '-i', '2'],
  'slow body': ['-B', '-u', '/small', '-s', '65536', '-x', '10', '-i', '2'],
  range: ['-R', '-u', '/small', '-a', '5', '-b', '2000'],
  'slow read': ['-X', '-u', '/big', '-w', '16', '-y', '64', '-n', '2', '-z', '32'],
} as const;
export type Mode = keyof typeof modes;

export interface SlowOptions {
  /** slowhttptest */
  readonly program: string;
  /** For each mode. */
  readonly connections: number;
  readonly seconds: number;
  /** Each of them attacks at once; the next ones when it has ended. */
  readonly rounds: readonly (readonly Mode[])[];
}

export interface RoundReport {
  readonly modes: readonly Mode[];
  /** Connections that were open at once, by mode. */
  readonly open: readonly number[];
  readonly probes: number;
  /** Probes that were not answered 200. */
  readonly failed: readonly string[];
  readonly slowestMs: number;
  /** Of the same question asked of the backend itself: what the machine takes. */
  readonly slowestDirectMs: number;
  /** Resident memory of the node. */
  readonly beforeMiB: number;
  readonly mostMiB: number;
}

const probeMs = 100;
/** The system holds what a slow reader has not read, for a thousand of them at once: more would be a test of the system. */
const bigBytes = 256 * 1024;

export async function attack(cleanup: Cleanup, options: SlowOptions): Promise<RoundReport[]> {
  const bench = await start(cleanup);
  const reports: RoundReport[] = [];
  for (const round of options.rounds) reports.push(await runRound(cleanup, bench, round, options));
  return reports;
}

/** Nobody waited for a second longer than the machine itself takes, and everybody was served. */
export function isGood({ failed, slowestMs, slowestDirectMs }: RoundReport): boolean {
  return failed.length === 0 && slowestMs < 1_000 + slowestDirectMs;
}

export function reportOf(rounds: readonly RoundReport[]): string {
  return rounds
    .map(
      ({ modes: names, open, probes, failed, slowestMs, slowestDirectMs, beforeMiB, mostMiB }) =>
        `${names.join(' + ')}: ${open.join(' + ')} connections, ${probes} probes, failed: ${failed.join(', ') || 'none'}, ` +
        `slowest ${Math.round(slowestMs)} ms (without the proxy ${Math.round(slowestDirectMs)} ms), ` +
        `memory ${beforeMiB} to ${mostMiB} MiB`,
    )
    .join('\n');
}

interface Bench {
  readonly node: DataPlaneProcess;
  /** Of the listener. */
  readonly port: number;
  /** Port. */
  readonly backend: number;
}

async function start(cleanup: Cleanup): Promise<Bench> {
  const backend = await startBigBackend(cleanup);
  const controlPlane = await startControlPlane(cleanup);
  await controlPlane.apply(`
kind: NodeGroup
name: edge
spec: { tier: l7 }
---
kind: Listener
name: public
spec: { groups: [edge], address: 127.0.0.1, port: 0, protocol: http, accessLog: off }
---
kind: Cluster
name: backend
spec: { endpoints: [{ address: 127.0.0.1, port: ${backend} }], keepAlive: { idle: 5s } }
---
kind: Route
name: all
spec: { hosts: ['*'], to: [{ cluster: backend }] }
`);
  const node = await startDataPlane(cleanup, controlPlane, 'edge', 'slow-1');
  const port = await node.port('public');
  await waitFor('the route', async () => ((await request(port, { path: '/small' })).status === 200 ? true : undefined));
  return { node, port, backend };
}

/** `/big` is long, everything else a word. */
async function startBigBackend(cleanup: Cleanup): Promise<number> {
  const big = Buffer.alloc(bigBytes, 'x');
  const server = http.createServer((incoming, response) => {
    incoming.resume();
    incoming.on('end', () => response.end(incoming.url?.startsWith('/big') ? big : 'small'));
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as net.AddressInfo).port;
}

async function runRound(
  cleanup: Cleanup,
  { node, port, backend }: Bench,
  round: readonly Mode[],
  options: SlowOptions,
): Promise<RoundReport> {
  const beforeMiB = await memoryOf(node);
  const folder = await temporaryFolder(cleanup);
  let over = false;
  const attacks = Promise.all(
    round.map((mode, i) => slowhttptest(cleanup, mode, port, path.join(folder, `${i}`), options)),
  ).finally(() => {
    over = true;
  });
  const failed: string[] = [];
  let probes = 0;
  let slowestMs = 0;
  let slowestDirectMs = 0;
  let mostMiB = beforeMiB;
  while (!over) {
    const [proxied, direct] = await Promise.all([probe(port), probe(backend)]);
    probes++;
    slowestMs = Math.max(slowestMs, proxied.ms);
    slowestDirectMs = Math.max(slowestDirectMs, direct.ms);
    if (proxied.answer !== '200 small') failed.push(proxied.answer);
    if (probes % 10 === 0) mostMiB = Math.max(mostMiB, await memoryOf(node));
    await delay(probeMs);
  }
  return { modes: round, open: await attacks, probes, failed, slowestMs, slowestDirectMs, beforeMiB, mostMiB };
}

async function probe(port: number): Promise<{ answer: string; ms: number }> {
  const askedMs = performance.now();
  const answer = await request(port, { path: '/small' }).then(
    ({ status, body }) => `${status} ${body}`,
    (error: Error) => error.message,
  );
  return { answer, ms: performance.now() - askedMs };
}

async function memoryOf(node: DataPlaneProcess): Promise<number> {
  const stats = await (await fetch(`${node.admin}/stats`)).text();
  return Math.round(Number(/^server\.memory_physical_size: (\d+)$/m.exec(stats)?.[1]) / 1024 / 1024);
}

/** Runs one attack; returns how many connections it had open at once. */
async function slowhttptest(
  cleanup: Cleanup,
  mode: Mode,
  port: number,
  file: string,
  { program, connections, seconds }: SlowOptions,
): Promise<number> {
  const url = (written: string): string => (written.startsWith('/') ? `http://127.0.0.1:${port}${written}` : written);
  const args = [...modes[mode].map(url), '-c', `${connections}`, '-r', `${connections}`, '-l', `${seconds}`];
  const child = spawn(program, [...args, '-p', '5', '-g', '-o', file, '-v', '0'], { stdio: 'ignore' });
  cleanup.add(() => child.kill('SIGKILL'));
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`slowhttptest ended with ${code} in mode ${mode}`);
  // Seconds,Closed,Pending,Connected,Service Available
  const lines = (await readFile(`${file}.csv`, 'utf8')).trim().split('\n').slice(1);
  return Math.max(...lines.map((line) => Number(line.split(',')[3])));
}
