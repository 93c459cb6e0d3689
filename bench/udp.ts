/** `udp`: what datagrams of sessions that are there, and sessions of one round trip, cost the proxy, beside the native ones. */
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from '../e2e/support/ports.ts';
import { type LoadResult, type Scene, subfolder } from './compare.ts';
import { routeTable } from './contenders/route-table.ts';
import { envoyUdp, fairleadUdp, nginxUdp, type UdpWork } from './contenders/udp.ts';
import type { BenchOptions, BenchReport, Workbench } from './harness/bench.ts';
import { runLoadProgram } from './harness/load-program.ts';
import { compareKinds, type Kind } from './kinds.ts';

const clients = 64;
const logFlushMs = 1_500;

const kinds: Readonly<Record<string, Kind>> = {
  trips: kindOf('trips', {
    title: `round trips of datagrams of 64 B, ${clients} sessions`,
    unit: 'round trip',
    linesOf: () => 0,
    forgottenMs: 0,
    work: { idleMs: 60_000 },
  }),
  sessions: kindOf('sessions', {
    title: `sessions of one round trip each, ${clients} at a time, forgotten after 250 ms`,
    unit: 'session',
    linesOf: (units) => units,
    forgottenMs: 250,
    work: { idleMs: 250 },
  }),
};

export function run(bench: Workbench, options: BenchOptions): Promise<BenchReport> {
  return compareKinds(bench, options, 'UDP', kinds);
}

interface UdpKind {
  readonly title: string;
  readonly unit: string;
  readonly linesOf: (units: number) => number;
  /** Sessions are over so long after the load; 0: they stay. */
  readonly forgottenMs: number;
  readonly work: UdpWork;
}

function kindOf(name: string, { work, ...kind }: UdpKind): Kind {
  return {
    title: kind.title,
    contenders: [fairleadUdp, nginxUdp, envoyUdp].map((contender) => contender(work)),
    scene: (bench) => scene(bench, name, kind),
  };
}

const load = path.join(import.meta.dirname, 'harness/udp-load.ts');

async function scene(bench: Workbench, name: string, kind: Omit<UdpKind, 'work'>): Promise<Scene> {
  const { processes, cores } = bench;
  const [backendPort = 0] = await freePorts(1);
  const echo = { name: 'echo', command: process.execPath, args: [load, 'echo', `${backendPort}`], core: cores.load };
  const child = processes.start(echo);
  await ask(bench, 'trips', backendPort, 1, 0);
  processes.assertAlive(child, echo);
  return {
    ...kind,
    versions: [`backend and load: Node ${process.versions.node}`],
    load: async (port, seconds) => {
      const result = await ask(bench, name, port, clients, seconds);
      // to the end of the last session: that is work, too
      if (kind.forgottenMs > 0) await delay(kind.forgottenMs + logFlushMs);
      return result;
    },
    start: async (contender) => {
      const [port = 0] = await freePorts(1);
      const folder = subfolder(bench, contender.name);
      const running = await contender.start({ processes, cores, folder, port, backendPort, table, protocol: 'http1' });
      await ask(bench, 'trips', port, 1, 0);
      running.assertAlive();
      return running;
    },
  };
}

const table = routeTable(1);

/** @param seconds 0: one round trip each, however often it has to be asked */
function ask(bench: Workbench, what: string, port: number, count: number, seconds: number): Promise<LoadResult> {
  const { processes, cores, folder } = bench;
  const args = [load, what, `${port}`, `${count}`, `${seconds}`];
  return runLoadProgram(processes, { name: 'load', args, core: cores.load, stdout: path.join(folder, 'load.out') });
}
