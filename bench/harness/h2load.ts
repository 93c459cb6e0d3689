/** Drives h2load: HTTP/2 in the clear by prior knowledge, so many streams under way on each connection. */
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { requirePath } from './peer-path.ts';
import type { Processes } from './processes.ts';
import { quantile } from './statistics.ts';

export interface H2loadOptions {
  readonly port: number;
  readonly path: string;
  /** Headers of the request, `:authority` among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** A file that is sent as the body, by POST; undefined: GET. */
  readonly bodyFile?: string | undefined;
  readonly connections: number;
  /** On each connection. */
  readonly streams: number;
  readonly seconds: number;
  readonly core: number;
  /** For what it reports. */
  readonly folder: string;
}

export interface H2loadResult {
  readonly requests: number;
  readonly durationMicros: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
}

/** Throws if any request failed: a figure that holds failures is no figure. */
export async function runH2load(processes: Processes, options: H2loadOptions): Promise<H2loadResult> {
  const report = path.join(options.folder, 'h2load.report');
  const log = path.join(options.folder, 'h2load.log');
  for (const file of [report, log]) rmSync(file, { force: true });
  const h2load = processes.start({
    name: 'h2load',
    command: requirePath('h2load'),
    args: [
      ...['-t1', `-c${options.connections}`, `-m${options.streams}`, `-D${options.seconds}`, `--log-file=${log}`],
      ...Object.entries(options.headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
      ...(options.bodyFile === undefined ? [] : [`--data=${options.bodyFile}`]),
      `http://127.0.0.1:${options.port}${options.path}`,
    ],
    core: options.core,
    stdout: report,
  });
  const [code] = await once(h2load, 'exit');
  if (code !== 0) processes.assertAlive(h2load, { name: 'h2load' });
  return { ...parseReport(readFileSync(report, 'utf8')), ...parseLog(readFileSync(log, 'utf8')) };
}

export function parseReport(report: string): Pick<H2loadResult, 'requests' | 'durationMicros'> {
  const [, seconds] = /^finished in ([\d.]+)s,/m.exec(report) ?? [];
  const counts = /^requests: .* (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout$/m.exec(report);
  const [, good] = /^status codes: (\d+) 2xx,/m.exec(report) ?? [];
  if (seconds === undefined || counts === null || good === undefined) {
    throw new Error(`h2load gave no result. It said:\n${report.trim()}`);
  }
  const [done = 0, succeeded = 0, failed = 0, errored = 0, timeout = 0] = counts.slice(1).map(Number);
  if (done === 0 || succeeded < done || Number(good) < done || failed + errored + timeout > 0) {
    throw new Error(`Of ${done} requests ${good} got a good status; h2load said:\n${counts[0]}`);
  }
  return { requests: done, durationMicros: Number(seconds) * 1e6 };
}

/** A line a request: start, status, microseconds, parted by tabs. */
export function parseLog(log: string): Pick<H2loadResult, 'p50Micros' | 'p99Micros'> {
  const micros = log
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Number(line.slice(line.lastIndexOf('\t') + 1)));
  return { p50Micros: quantile(micros, 0.5), p99Micros: quantile(micros, 0.99) };
}
