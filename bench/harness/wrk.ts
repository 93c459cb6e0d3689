/** Drives wrk: so many connections, each with one request under way. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { requirePath } from './peer-path.ts';
import type { Processes } from './processes.ts';

export interface WrkOptions {
  /** Default 127.0.0.1. */
  readonly address?: string;
  readonly port: number;
  /** Of every request, beside Host. */
  readonly headers: Readonly<Record<string, string>>;
  /** Sent in turn over all connections. */
  readonly requests: readonly { readonly host: string; readonly path: string }[];
  readonly connections: number;
  readonly seconds: number;
  readonly core: number;
  /** File that its report goes to. */
  readonly report: string;
}

export interface WrkResult {
  readonly requests: number;
  readonly durationMicros: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
}

const script = path.join(import.meta.dirname, 'wrk.lua');

/** Throws if any request failed: a figure that holds failures is no figure. */
export async function runWrk(
  processes: Pick<Processes, 'start' | 'assertAlive'>,
  options: WrkOptions,
): Promise<WrkResult> {
  const args = [
    '-t1',
    `-c${options.connections}`,
    `-d${options.seconds}s`,
    '--timeout',
    '10s',
    '-s',
    script,
    `http://${options.address ?? '127.0.0.1'}:${options.port}/`,
    '--',
    ...Object.entries(options.headers).map(([name, value]) => `${name}: ${value}`),
    ...options.requests.flatMap(({ host, path }) => [host, path]),
  ];
  const wrk = processes.start({
    name: 'wrk',
    command: requirePath('wrk'),
    args,
    core: options.core,
    stdout: options.report,
  });
  const [code] = await once(wrk, 'exit');
  if (code !== 0) processes.assertAlive(wrk, { name: 'wrk' });
  return parseWrk(readFileSync(options.report, 'utf8'));
}

/** Reads the line that wrk.lua writes; of several reports in one file, the last. */
export function parseWrk(report: string): WrkResult {
  const line = report.split('\n').findLast((text) => text.startsWith('{'));
  if (line === undefined) throw new Error(`wrk gave no result. It said:\n${report.trim()}`);
  const { badStatuses, socketErrors, ...result } = JSON.parse(line) as WrkResult & {
    badStatuses: number;
    socketErrors: number;
  };
  if (badStatuses + socketErrors > 0) {
    throw new Error(`Of ${result.requests} requests ${badStatuses} got a bad status; ${socketErrors} sockets failed.`);
  }
  return result;
}
