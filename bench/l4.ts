/**
 * `l4`: TCP. What small messages, connections and bytes each way cost the proxy, beside the native ones. Both ends speak
 * HTTP/1.1, of which the proxies know nothing: wrk in front, nginx behind; but for bytes from clients.
 */
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from '../e2e/support/ports.ts';
import { startBackend } from './backend.ts';
import { type LoadResult, requirePeers, type Scene, subfolder } from './compare.ts';
import type { HttpContender, Running } from './contenders/contender.ts';
import { type BenchRequest, routeTable } from './contenders/route-table.ts';
import { envoyTcp, fairleadTcp, haproxyTcp, haproxyTuned, nginxTcp } from './contenders/tcp.ts';
import type { BenchOptions, BenchReport, Workbench } from './harness/bench.ts';
import { runLoadProgram } from './harness/load-program.ts';
import { runWrk } from './harness/wrk.ts';
import { compareKinds } from './kinds.ts';

interface TcpKind {
  readonly title: string;
  readonly unit: string;
  readonly onlyBytes?: boolean;
  /** Of the access log; connections that stay write none until they end. */
  readonly linesOf: (units: number) => number;
  readonly contenders: readonly HttpContender[];
  /** The port of what stands behind the proxies. */
  readonly backend: (bench: Workbench) => Promise<Backend>;
  readonly load: (bench: Workbench, port: number, seconds: number) => Promise<LoadResult>;
}

interface Backend {
  readonly port: number;
  readonly version: string;
}

const all = [fairleadTcp(), haproxyTcp, nginxTcp, envoyTcp];
const megabyte = 1024 * 1024;
const bulkConnections = 4;
const downBytes = 16 * megabyte;
const bytes = { unit: 'MB', onlyBytes: true, linesOf: () => 0, contenders: [...all, haproxyTuned] };

const kinds: Readonly<Record<string, TcpKind>> = {
  messages: {
    title: 'round trips of small messages on 64 connections, 1 KB answers',
    ...{ unit: 'message', linesOf: () => 0, contenders: all },
    backend: (bench) => answering(bench, 1024),
    load: (bench, port, seconds) => wrk(bench, port, seconds, 64, 'keep-alive'),
  },
  connections: {
    title: 'connections of one round trip each, 64 at a time, 1 KB answers',
    ...{ unit: 'connection', linesOf: (units) => units, contenders: all },
    backend: (bench) => answering(bench, 1024),
    load: (bench, port, seconds) => wrk(bench, port, seconds, 64, 'close'),
  },
  down: {
    title: `bytes to clients, ${downBytes / megabyte} MB at a time on ${bulkConnections} connections`,
    ...bytes,
    backend: (bench) => answering(bench, downBytes),
    load: async (bench, port, seconds) => {
      const { requests, durationMicros } = await wrk(bench, port, seconds, bulkConnections, 'keep-alive');
      return { requests: requests * (downBytes / megabyte), durationMicros };
    },
  },
  up: {
    title: `bytes from clients on ${bulkConnections} connections`,
    ...bytes,
    backend: startSink,
    load: upload,
  },
};

export async function run(bench: Workbench, options: BenchOptions): Promise<BenchReport> {
  requirePeers('nginx', 'wrk');
  const works = Object.entries(kinds).map(([name, kind]) => {
    const { title, contenders } = kind;
    return [name, { title, contenders, scene: (own: Workbench) => tcpScene(own, kind) }] as const;
  });
  return compareKinds(bench, options, 'TCP', Object.fromEntries(works));
}

/** One kind of work, for `profile-l4`: that named first by `--only`. */
export function oneTcpScene(bench: Workbench, { only: [name = 'connections'] }: BenchOptions): Promise<Scene> {
  const kind = kinds[name];
  if (kind === undefined) throw new Error(`There is no work ${name}; there are ${Object.keys(kinds).join(', ')}.`);
  return tcpScene(bench, kind);
}

async function tcpScene(bench: Workbench, kind: TcpKind): Promise<Scene> {
  const { processes, cores } = bench;
  const backend = await kind.backend(bench);
  return {
    ...{ title: kind.title, unit: kind.unit, linesOf: kind.linesOf, onlyBytes: kind.onlyBytes ?? false },
    versions: [`backend: ${backend.version}`],
    load: (port, seconds) => kind.load(bench, port, seconds),
    start: async (contender) => {
      const [port = 0] = await freePorts(1);
      const folder = subfolder(bench, contender.name);
      const site = { processes, cores, folder, port, backendPort: backend.port, table, protocol: 'http1' } as const;
      const running = await contender.start(site);
      await connected(running);
      return running;
    },
  };
}

const table = routeTable(1);
const [request] = table.requests as [BenchRequest];

/** nginx with a canned answer. */
function answering(bench: Workbench, bodyBytes: number): Promise<Backend> {
  const { processes, cores } = bench;
  return startBackend({ processes, folder: subfolder(bench, 'backend'), core: cores.load, bodyBytes, table });
}

function wrk(bench: Workbench, port: number, seconds: number, connections: number, connection: 'keep-alive' | 'close') {
  return runWrk(bench.processes, {
    ...{ port, connections, seconds, core: bench.cores.load },
    headers: { Connection: connection },
    requests: [request],
    report: path.join(bench.folder, 'wrk.out'),
  });
}

const uploader = path.join(import.meta.dirname, 'harness/upload.ts');

async function startSink({ processes, cores }: Workbench): Promise<Backend> {
  const [port = 0] = await freePorts(1);
  const sink = { name: 'sink', command: process.execPath, args: [uploader, 'sink', `${port}`], core: cores.load };
  const child = processes.start(sink);
  await connected({ port, assertAlive: () => processes.assertAlive(child, sink) });
  return { port, version: `Node ${process.versions.node}` };
}

async function upload({ processes, cores, folder }: Workbench, port: number, seconds: number): Promise<LoadResult> {
  const args = [uploader, 'send', `${port}`, `${bulkConnections}`, `${seconds}`];
  const sent = await runLoadProgram<{ bytes: number; durationMicros: number }>(processes, {
    ...{ name: 'upload', args, core: cores.load, stdout: path.join(folder, 'upload.out') },
  });
  return { requests: sent.bytes / megabyte, durationMicros: sent.durationMicros };
}

const connectTimeoutMs = 10_000;

/** Whoever listens there has let somebody in. */
async function connected({ port, assertAlive }: Pick<Running, 'port' | 'assertAlive'>): Promise<void> {
  const deadline = performance.now() + connectTimeoutMs;
  for (;;) {
    assertAlive();
    const socket = net.connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(50);
    } finally {
      socket.destroy();
    }
  }
}
