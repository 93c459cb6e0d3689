/** Proxies side by side: who takes part, in turns, and one table. What is asked of them is the benchmark's. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { PeerName } from '../e2e/support/peers.ts';
import type { HttpContender, Running } from './contenders/contender.ts';
import { takeAccessLog } from './harness/access-log.ts';
import type { BenchOptions, BenchReport, Workbench } from './harness/bench.ts';
import { missingPeer } from './harness/peer-path.ts';
import { cpuMicrosOfTree } from './harness/proc.ts';
import { median } from './harness/statistics.ts';
import { type Column, markdownTable } from './harness/table.ts';
import { columnOf, inTurns, type Sample, type Samples } from './harness/turns.ts';

/** What a load generator says of one turn. */
export interface LoadResult {
  /** Units of work: requests, unless the scene says otherwise. */
  readonly requests: number;
  readonly durationMicros: number;
  /** Absent where there are only bytes, and nobody waits for an answer. */
  readonly p50Micros?: number;
  readonly p99Micros?: number;
}

/** What surrounds every contender of one benchmark. */
export interface Scene {
  readonly title: string;
  /** Of what makes the load and the answers. */
  readonly versions: readonly string[];
  /** Of work; `request` where nothing is said. */
  readonly unit?: string;
  /** Nobody waits for an answer. */
  readonly onlyBytes?: boolean;
  /** Lines of access log that so many units make; one each where nothing is said. */
  readonly linesOf?: (units: number) => number;
  /** Starts one and makes sure that it does what all have to do; throws where it does not. */
  readonly start: (contender: HttpContender) => Promise<Running>;
  /** One turn of load on a port; throws if any request failed. */
  readonly load: (port: number, seconds: number) => Promise<LoadResult>;
}

const delays: readonly Column[] = [
  { key: 'p50Millis', title: 'p50 ms', digits: 2 },
  { key: 'p99Millis', title: 'p99 ms', digits: 2 },
];

function columnsOf({ unit = 'request', onlyBytes = false }: Scene): Column[] {
  return [
    { key: 'cpuMicros', title: `CPU µs a ${unit}`, digits: 1, range: true },
    { key: 'requestsPerSecond', title: `${unit}s/s`, digits: 0 },
    ...(onlyBytes ? [] : delays),
    { key: 'coreShare', title: 'core used', digits: 2 },
  ];
}

/** Those that are not installed are named as missing, those that do not do their part as failed. */
export async function compare(
  bench: Workbench,
  options: BenchOptions,
  scene: Scene,
  contenders: readonly HttpContender[],
): Promise<BenchReport> {
  const chosen = chosenOf(contenders, options.only);
  const missing: string[] = [];
  const failed: string[] = [];
  const running: Running[] = [];
  for (const contender of chosen) {
    const why = contender.missing();
    if (why !== undefined) {
      missing.push(`${contender.name}: ${why}`);
      continue;
    }
    try {
      running.push(await scene.start(contender));
    } catch (error) {
      failed.push(`${contender.name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  const columns = columnsOf(scene);
  const turn = (one: Running, seconds: number): Promise<Sample> =>
    measure(one, () => scene.load(one.port, seconds), scene.linesOf);
  const samples = await inTurns({
    contenders: running,
    rounds: options.rounds,
    warmUp: async (one) => void (await turn(one, options.warmUpSeconds)),
    measure: (one) => turn(one, options.seconds),
    onSample: (one, round, sample) =>
      bench.progress(`round ${round}  ${one.name.padEnd(10)} ${oneLine(sample, columns)}`),
  });
  const table = markdownTable(samples, {
    columns,
    ratios: [
      { key: 'cpuMicros', title: 'CPU: ours ÷ theirs' },
      ...(scene.onlyBytes === true ? [] : [{ key: 'p99Millis', title: 'p99: ours ÷ theirs' }]),
    ],
    ours: 'fairlead',
  });
  return {
    title: scene.title,
    versions: [...running.map((one) => one.version), ...scene.versions],
    missing,
    failed,
    warnings: idleCoreWarnings(samples),
    table,
    samples: Object.fromEntries(samples),
  };
}

/** Throws where a program is missing without which nothing can be measured. */
export function requirePeers(...names: readonly PeerName[]): void {
  for (const name of names) {
    const why = missingPeer(name);
    if (why !== undefined) throw new Error(`${name}, which makes the load or the answers, is ${why}.`);
  }
}

/** The proxy's CPU time around one turn of load. */
export async function measure(
  running: Running,
  load: () => Promise<LoadResult>,
  linesOf: (units: number) => number = (units) => units,
): Promise<Sample> {
  running.assertAlive();
  const cpuBefore = cpuMicrosOfTree(running.pid);
  const result = await load();
  const cpuMicros = cpuMicrosOfTree(running.pid) - cpuBefore;
  await takeAccessLog(running, linesOf(result.requests));
  return {
    cpuMicros: cpuMicros / result.requests,
    requestsPerSecond: (result.requests / result.durationMicros) * 1e6,
    p50Millis: (result.p50Micros ?? 0) / 1e3,
    p99Millis: (result.p99Micros ?? 0) / 1e3,
    coreShare: cpuMicros / result.durationMicros,
  };
}

export function subfolder(bench: Workbench, name: string): string {
  const folder = path.join(bench.folder, name.replace(/\W/g, '-'));
  mkdirSync(folder, { recursive: true });
  return folder;
}

function chosenOf(all: readonly HttpContender[], only: readonly string[]): HttpContender[] {
  const chosen = all.filter(({ name }) => only.length === 0 || only.includes(name));
  if (chosen.length > 0) return chosen;
  throw new Error(`No contender is called ${only.join(', ')}; there are ${all.map((one) => one.name).join(', ')}.`);
}

/** Under this, a proxy was kept from its core, or the load was too small to fill it. */
const busyCoreShare = 0.8;

function idleCoreWarnings(samples: Samples): string[] {
  const idle = [...samples]
    .filter(([, own]) => median(columnOf(own, 'coreShare')) < busyCoreShare)
    .map(([name]) => name);
  if (idle.length === 0) return [];
  return [
    `${idle.join(', ')} used less than ${busyCoreShare} of a core: let nothing else run here, or add connections`,
  ];
}

function oneLine(sample: Sample, columns: readonly Column[]): string {
  return columns.map(({ key, title, digits }) => `${sample[key]?.toFixed(digits)} ${title}`).join(', ');
}
