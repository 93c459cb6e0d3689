/** Slow clients of four kinds at a listener, while a probe asks for something small ten times a second. */
import { once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Cleanup,
  type DataPlaneProcess,
  request,
  startControlPlane,
  startDataPlane,
  waitFor,
} from '../support/fairlead.ts';

export const modes = ['slow headers', 'slow body', 'range', 'slow read'] as const;
export type Mode = (typeof modes)[number];

/** Plays clients of one kind for so long; returns how many connections were open at once. */
export type Attack = (mode: Mode, options: AttackOptions) => Promise<number>;

export interface AttackOptions {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
}

export interface SlowOptions extends Omit<AttackOptions, 'port'> {
  readonly attack: Attack;
  /** The modes of each attack at once; the next ones when they have ended. `connections` are for each mode. */
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
  /** Probes that took a second longer than the machine itself makes three processes wait. */
  readonly late: number;
  /** Resident memory of the node. */
  readonly beforeMiB: number;
  readonly mostMiB: number;
}

const probeMs = 100;
/** The system holds what a slow reader has not read, for a thousand of them at once: more would be a test of the system. */
const bigBytes = 256 * 1024;

export async function endure(cleanup: Cleanup, options: SlowOptions): Promise<RoundReport[]> {
  const bench = await start(cleanup);
  const reports: RoundReport[] = [];
  for (const round of options.rounds) reports.push(await runRound(bench, round, options));
  return reports;
}

/** Everybody was served, and nobody was late; but once the machine may halt the node alone. */
export function isGood({ failed, late }: RoundReport): boolean {
  return failed.length === 0 && late <= 1;
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
  { node, port, backend }: Bench,
  round: readonly Mode[],
  options: SlowOptions,
): Promise<RoundReport> {
  const beforeMiB = await memoryOf(node);
  let over = false;
  const attacks = Promise.all(round.map((mode) => options.attack(mode, { ...options, port }))).finally(() => {
    over = true;
  });
  const failed: string[] = [];
  const tookMs: number[] = [];
  let slowestDirectMs = 0;
  let mostMiB = beforeMiB;
  while (!over) {
    const [proxied, direct] = await Promise.all([probe(port), probe(backend)]);
    tookMs.push(proxied.ms);
    slowestDirectMs = Math.max(slowestDirectMs, direct.ms);
    if (proxied.answer !== '200 small') failed.push(proxied.answer);
    if (tookMs.length % 10 === 0) mostMiB = Math.max(mostMiB, await memoryOf(node));
    await delay(probeMs);
  }
  return {
    ...{ modes: round, open: await attacks, probes: tookMs.length, failed, beforeMiB, mostMiB },
    ...{ slowestMs: Math.max(...tookMs), slowestDirectMs },
    late: tookMs.filter((ms) => ms >= 1_000 + 3 * slowestDirectMs).length,
  };
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
