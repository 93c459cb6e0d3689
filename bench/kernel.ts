/**
 * `kernel`: TCP and UDP past the process. A client, a node and a server in network namespaces of their own, joined by wires. The
 * kernel's work is done in the time of whoever sends, so what is counted is the CPU of everybody: the load, the server, the
 * node, and the kernel's own threads for packets. What a node costs is what comes on top of a wire from client to server.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TcpProxyConfig } from '../data-plane/model/config.ts';
import { backendAddress, ip, type Namespaces, nodeAddress } from '../e2e/kernel/namespaces.ts';
import { clusterAt, siteOf, toDns, toFront } from '../e2e/kernel/site.ts';
import { backendPort, type RunningNode, World } from '../e2e/kernel/world.ts';
import { Cleanup, waitFor } from '../e2e/support/fairlead.ts';
import { type LoadResult, requirePeers, subfolder } from './compare.ts';
import { timeouts } from './contenders/contender.ts';
import { nginxConfiguration, nginxVersion } from './contenders/nginx.ts';
import { missingStream, nginxStream } from './contenders/nginx-stream.ts';
import type { BenchOptions, BenchReport, Workbench } from './harness/bench.ts';
import { runLoadProgram } from './harness/load-program.ts';
import { requirePath } from './harness/peer-path.ts';
import { cpuMicrosOfTree } from './harness/proc.ts';
import { median } from './harness/statistics.ts';
import { markdownTable } from './harness/table.ts';
import { columnOf, inTurns, type Sample } from './harness/turns.ts';
import { runWrk } from './harness/wrk.ts';

/** Somebody between client and server, or nobody. */
interface Way {
  readonly name: string;
  readonly address: string;
  /** Absent: it takes no part in that. */
  readonly tcp?: number;
  readonly udp?: number;
  /** Whose CPU counts beside that of the load and the server. */
  readonly pids: readonly number[];
  readonly prepare: () => Promise<void>;
}

const kinds = {
  connections: 'connections of one round trip each, 64 at a time, 1 KB answers',
  messages: 'round trips of small messages on 64 connections, 1 KB answers',
  datagrams: 'round trips of datagrams of 64 B, 64 sessions',
} as const;

type Kind = keyof typeof kinds;

/** Who has no node in between. */
const bare = 'a wire';
const direct = { client: '10.77.100.1', server: '10.77.100.2' };
const haproxyPort = 8_100;
const nginxPort = 8_101;
const parallel = 64;

export async function run(bench: Workbench, options: BenchOptions): Promise<BenchReport> {
  const unknown = options.only.find((name) => !Object.hasOwn(kinds, name));
  if (unknown !== undefined)
    throw new Error(`There is no work ${unknown}; there are ${Object.keys(kinds).join(', ')}.`);
  requirePeers('nginx', 'wrk', 'haproxy', 'nft', 'ip');
  if (process.getuid?.() !== 0) throw new Error('Network namespaces need root: sudo npm run bench -- kernel.');
  const cleanup = new Cleanup();
  try {
    const world = new World(`fairlead-bench-${process.pid}`, cleanup);
    // also where a signal ends the run
    process.once('exit', () => world.namespaces.remove());
    joinDirectly(world.namespaces);
    const servers = startServers(bench, world.namespaces);
    const ways = await startWays(bench, world);
    await listening(world.namespaces.backends[0]!, backendPort);
    await listening(world.namespaces.node, haproxyPort);
    const tables: string[] = [];
    const samples: Record<string, unknown> = {};
    for (const kind of Object.keys(kinds) as Kind[]) {
      if (options.only.length > 0 && !options.only.includes(kind)) continue;
      bench.progress(`-- ${kinds[kind]}`);
      const measured = await inTurns({
        contenders: ways.filter((way) => portOf(way, kind) !== undefined),
        rounds: options.rounds,
        warmUp: async (way) => void (await turn(bench, world, way, servers, kind, options.warmUpSeconds)),
        measure: (way) => turn(bench, world, way, servers, kind, options.seconds),
        onSample: ({ name }, round, { cpuMicros }) =>
          bench.progress(`round ${round}  ${name.padEnd(14)} ${cpuMicros?.toFixed(1)} µs of everybody`),
      });
      const costs = onTopOf(measured);
      const wire = median(columnOf(measured.get(bare) ?? [], 'cpuMicros'));
      tables.push(`${kinds[kind]}; ${wire.toFixed(1)} µs over ${bare}\n\n${tableOf(costs)}`);
      samples[kind] = Object.fromEntries(costs);
    }
    return {
      title: 'Past the process, in network namespaces',
      versions: [nginxVersion(), `nft ${world.nft(['--version'])?.trim()}`],
      ...{ missing: [], failed: [], warnings: [], table: tables.join('\n\n'), samples },
    };
  } finally {
    await bench.processes.stopAll();
    await cleanup.run();
  }
}

/** A wire without anybody on it. */
function joinDirectly({ client, backends }: Namespaces): void {
  const [server = ''] = backends;
  ip('link', 'add', 'direct', 'netns', client, 'type', 'veth', 'peer', 'name', 'direct', 'netns', server);
  for (const [namespace, address] of [
    [client, direct.client],
    [server, direct.server],
  ] as const) {
    ip('-n', namespace, 'addr', 'add', `${address}/24`, 'dev', 'direct');
    ip('-n', namespace, 'link', 'set', 'direct', 'up');
  }
}

/** Starts programs inside a namespace; their pid is their own. */
function inside({ processes }: Workbench, namespace: string): Pick<Workbench['processes'], 'start' | 'assertAlive'> {
  return {
    start: ({ command, args, ...rest }) =>
      processes.start({ ...rest, command: 'ip', args: ['netns', 'exec', namespace, command, ...args] }),
    assertAlive: (child, named) => processes.assertAlive(child, named),
  };
}

/** nginx with a canned answer, and an echo of datagrams. @returns their pids */
function startServers(bench: Workbench, { backends: [namespace = ''] }: Namespaces): readonly number[] {
  const config = path.join(bench.folder, 'server.conf');
  const answer = `location / { return 200 "${'x'.repeat(1_024)}"; }`;
  const http = `access_log off; server { listen 0.0.0.0:${backendPort} backlog=4096; ${answer} }`;
  writeFileSync(config, nginxConfiguration(bench.folder, http));
  const args = ['-p', bench.folder, '-e', 'stderr', '-c', config];
  const place = { core: bench.cores.load, env: { UDP_LOAD_ADDRESS: '0.0.0.0' } };
  const { start } = inside(bench, namespace);
  const answering = start({ ...place, name: 'server', command: requirePath('nginx'), args });
  const echo = start({ ...place, name: 'echo', command: process.execPath, args: [udpLoad, 'echo', `${backendPort}`] });
  return [answering.pid ?? 0, echo.pid ?? 0];
}

const udpLoad = path.join(import.meta.dirname, 'harness/udp-load.ts');

function portOf({ tcp, udp }: Way, kind: Kind): number | undefined {
  return kind === 'datagrams' ? udp : tcp;
}

/** Somebody takes connections there. */
async function listening(namespace: string, port: number): Promise<void> {
  const place = `:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A`;
  await waitFor(
    `port ${port}`,
    () => ip('netns', 'exec', namespace, 'cat', '/proc/net/tcp').includes(place) || undefined,
  );
}

async function startWays(bench: Workbench, world: World): Promise<readonly Way[]> {
  const haproxy = startHaproxy(bench, world.namespaces.node);
  const node = world.startNode(['taskset', '-c', String(bench.cores.proxy)]);
  const nothing = async (): Promise<void> => {};
  const at = { address: nodeAddress[4], pids: [node.child.pid ?? 0] };
  const serve = (datapath: TcpProxyConfig['datapath']) => async (): Promise<void> => {
    node.configure(siteOf(clusterAt('team/front', 4, [1]), datapath));
    await carriedBy(node, datapath === 'user' ? 'user' : 'kernel');
  };
  const servers = { tcp: backendPort, udp: backendPort };
  const fronts = { tcp: toFront.port, udp: toDns.port };
  const ways: Way[] = [
    { name: bare, address: direct.server, ...servers, pids: [], prepare: nothing },
    { name: 'a router', address: backendAddress(0, 4), ...servers, pids: [], prepare: serve('user') },
    { name: 'fairlead kernel', ...at, ...fronts, prepare: serve('kernel') },
    { name: 'fairlead user', ...at, ...fronts, prepare: serve('user') },
    { name: 'haproxy', address: nodeAddress[4], tcp: haproxyPort, pids: [haproxy], prepare: nothing },
  ];
  if (missingStream() !== undefined) return ways;
  const nginx = startNginxStream(bench, world.namespaces.node);
  return [...ways, { name: 'nginx', address: nodeAddress[4], udp: nginxPort, pids: [nginx], prepare: nothing }];
}

/** It takes datagrams, which HAProxy does not. */
function startNginxStream(bench: Workbench, namespace: string): number {
  const folder = subfolder(bench, 'nginx');
  const config = path.join(folder, 'nginx.conf');
  const pass = `proxy_pass ${backendAddress(0, 4)}:${backendPort}; proxy_timeout ${timeouts.idleMs}ms;`;
  writeFileSync(config, nginxStream(folder, `server { listen 0.0.0.0:${nginxPort} udp; ${pass} }`));
  const args = ['-p', folder, '-e', 'stderr', '-c', config];
  const named = { name: 'nginx', command: requirePath('nginx'), args, core: bench.cores.proxy };
  return inside(bench, namespace).start(named).pid ?? 0;
}

/** In user space the kernel has no part once its table is gone, or takes no new flow. */
async function carriedBy(node: RunningNode, datapath: 'kernel' | 'user'): Promise<void> {
  await waitFor(`the ${datapath} datapath`, async () => {
    const { view } = await node.look();
    const inKernel = view.listeners.some((one) => one.name === 'front' && one.datapath === 'kernel');
    return inKernel === (datapath === 'kernel') || undefined;
  });
}

/** Without a log, which the kernel does not write either. */
function startHaproxy(bench: Workbench, namespace: string): number {
  const config = path.join(bench.folder, 'haproxy.cfg');
  writeFileSync(
    config,
    `
global
  nbthread 1
  maxconn 4000
defaults
  mode tcp
  timeout connect ${timeouts.connectMs}ms
  timeout client ${timeouts.idleMs}ms
  timeout server ${timeouts.idleMs}ms
frontend front
  bind 0.0.0.0:${haproxyPort} backlog 4096
  default_backend shop
backend shop
  server one ${backendAddress(0, 4)}:${backendPort}
`,
  );
  const args = ['-db', '-f', config];
  const named = { name: 'haproxy', command: requirePath('haproxy'), args, core: bench.cores.proxy };
  return inside(bench, namespace).start(named).pid ?? 0;
}

async function turn(
  bench: Workbench,
  { namespaces }: World,
  way: Way,
  servers: readonly number[],
  kind: Kind,
  seconds: number,
): Promise<Sample> {
  await way.prepare();
  const load = inside(bench, namespaces.client);
  const sumOf = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + cpuMicrosOfTree(pid), 0);
  const own = (): number => sumOf(way.pids);
  const of = (): number => own() + sumOf(servers) + softirqThreads();
  const report = path.join(bench.folder, 'wrk.out');
  const before = of();
  const ownBefore = own();
  let loadPid = 0;
  let loadMicros = 0;
  const watch = setInterval(() => {
    try {
      if (loadPid > 0) loadMicros = cpuMicrosOfTree(loadPid);
    } catch {
      // it has just ended
    }
  }, lookMs);
  const watched: typeof load = {
    ...load,
    start: (named) => {
      const child = load.start(named);
      loadPid = child.pid ?? 0;
      return child;
    },
  };
  const port = portOf(way, kind)!;
  const asked =
    kind === 'datagrams'
      ? sendDatagrams(watched, { address: way.address, port, seconds, core: bench.cores.load, report })
      : runWrk(watched, {
          ...{ address: way.address, port, connections: parallel, seconds, core: bench.cores.load, report },
          headers: { Connection: kind === 'connections' ? 'close' : 'keep-alive' },
          requests: [{ host: 'bench', path: '/' }],
        });
  const { requests, durationMicros, p50Micros = 0, p99Micros = 0 } = await asked.finally(() => clearInterval(watch));
  return {
    cpuMicros: (of() - before + loadMicros) / requests,
    ownMicros: (own() - ownBefore) / requests,
    requestsPerSecond: (requests / durationMicros) * 1e6,
    ...{ p50Millis: p50Micros / 1e3, p99Millis: p99Micros / 1e3 },
  };
}

interface Datagrams {
  readonly address: string;
  readonly port: number;
  readonly seconds: number;
  readonly core: number;
  readonly report: string;
}

function sendDatagrams(
  processes: Pick<Workbench['processes'], 'start' | 'assertAlive'>,
  { address, port, seconds, core, report }: Datagrams,
): Promise<LoadResult> {
  const args = [udpLoad, 'trips', `${port}`, `${parallel}`, `${seconds}`];
  const env = { UDP_LOAD_ADDRESS: address };
  return runLoadProgram(processes, { name: 'udp-load', args, core, env, stdout: report });
}

/** The load's CPU is read until shortly before it ends: so much of it may be missing, the same for all. */
const lookMs = 20;

/** CPU of the kernel's threads that take packets nobody else took. */
function softirqThreads(): number {
  const isOne = (pid: string): boolean => {
    try {
      return readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('ksoftirqd/');
    } catch {
      return false;
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && isOne(name))
    .reduce((sum, pid) => sum + cpuMicrosOfTree(Number(pid)), 0);
}

/** Round by round, what comes on top of the wire. */
function onTopOf(measured: ReadonlyMap<string, readonly Sample[]>): Map<string, Sample[]> {
  const wire = columnOf(measured.get(bare) ?? [], 'cpuMicros');
  const others = [...measured].filter(([name]) => name !== bare);
  return new Map(
    others.map(([name, own]) => [
      name,
      own.map((sample, round) => ({ ...sample, nodeMicros: sample['cpuMicros']! - wire[round]! })),
    ]),
  );
}

function tableOf(samples: ReadonlyMap<string, readonly Sample[]>): string {
  return markdownTable(samples, {
    columns: [
      { key: 'cpuMicros', title: 'CPU µs, everybody', digits: 1, range: true },
      { key: 'nodeMicros', title: 'on top of a wire', digits: 1, range: true },
      { key: 'ownMicros', title: "the node's process", digits: 1 },
      { key: 'requestsPerSecond', title: 'a second', digits: 0 },
      { key: 'p50Millis', title: 'p50 ms', digits: 2 },
      { key: 'p99Millis', title: 'p99 ms', digits: 2 },
    ],
    ratios: [{ key: 'nodeMicros', title: 'on top: kernel ÷ theirs' }],
    ours: 'fairlead kernel',
  });
}
