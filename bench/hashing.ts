/** `hashing`: how long tables for 1,000 endpoints take, and what their building does to the loop that forwards. */
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { TableBuilder } from '../data-plane/balance/table-builder.ts';
import { clusterOf, startProxy } from '../data-plane/testing.ts';
import { finishTable, type TableHost, type TableSteps } from '../proto/hashing/hash-table.ts';
import { maglevSteps } from '../proto/hashing/maglev.ts';
import { ringSteps } from '../proto/hashing/ring.ts';
import type { BenchOptions, BenchReport, Workbench } from './harness/bench.ts';
import { median, spread } from './harness/statistics.ts';
import { alignedRows } from './harness/table.ts';
import { columnOf, inTurns, type Sample } from './harness/turns.ts';
import type { FromTraffic, ToTraffic } from './hashing/traffic-thread.ts';

const hostCount = 1_000;
const buildsAtOnce = 10;
/** Of the 99th percentile. */
const delayGoalMs = 20;

interface Contender {
  readonly name: string;
  /** Null: traffic alone. */
  readonly steps: ((hosts: readonly TableHost[]) => TableSteps) | null;
  /** Envoy's published time for 100 hosts, times ten (docs/performance.md). */
  readonly envoyMs: number | null;
}

const ring = (minSize: number) => (hosts: readonly TableHost[]) =>
  ringSteps({ function: 'xx-hash', minSize, maxSize: 8_388_608 }, hosts);

const contenders: readonly Contender[] = [
  { name: 'traffic alone', steps: null, envoyMs: null },
  { name: 'ring of 1,024', steps: ring(1_024), envoyMs: null },
  { name: 'ring of 65,536', steps: ring(65_536), envoyMs: 90 },
  { name: 'maglev of 65,537', steps: (hosts) => maglevSteps({ tableSize: 65_537 }, hosts), envoyMs: 30 },
];

export async function run(bench: Workbench, options: BenchOptions): Promise<BenchReport> {
  const traffic = new Worker(new URL('./hashing/traffic-thread.ts', import.meta.url));
  const post = (message: ToTraffic): void => traffic.postMessage(message);
  const [backend] = (await once(traffic, 'message')) as [Extract<FromTraffic, { type: 'backend' }>];
  const proxy = await startProxy({ cluster: clusterOf([backend.port]) });
  const hosts = Array.from({ length: hostCount }, (_, index) => {
    return { key: `10.0.${index >> 8}.${index & 255}:8080`, weight: 1 / hostCount };
  });
  const measure = async ({ steps }: Contender, seconds: number): Promise<Sample> => {
    const sample: Record<string, number> = {};
    if (steps !== null) sample['buildMs'] = median(timesOf(buildsAtOnce, () => finishTable(steps(hosts))));
    proxy.log.length = 0;
    post({ type: 'start', port: proxy.port, connections: options.connections });
    const loop = monitorEventLoopDelay({ resolution: 1 });
    loop.enable();
    const builds = steps === null ? null : buildOverAndOver(() => steps(hosts));
    await delay(1_000 * seconds);
    loop.disable();
    sample['builds'] = (builds?.stop() ?? 0) / seconds;
    const stopped = once(traffic, 'message') as Promise<[Extract<FromTraffic, { type: 'stopped' }>]>;
    post({ type: 'stop' });
    sample['answers'] = (await stopped)[0].answers / seconds;
    sample['delayMs'] = loop.percentile(99) / 1e6;
    sample['longestMs'] = loop.max / 1e6;
    return sample;
  };
  const samples = await inTurns({
    contenders,
    rounds: options.rounds,
    warmUp: async (contender) => void (await measure(contender, options.warmUpSeconds)),
    measure: (contender) => measure(contender, options.seconds),
    onSample: ({ name }, round, sample) => {
      bench.progress(`round ${round}, ${name}: loop delay p99 ${sample['delayMs']?.toFixed(1)} ms`);
    },
  });
  await proxy.stop();
  await traffic.terminate();
  return {
    title: `Tables of ${hostCount} endpoints, built over and over beside HTTP/1.1 on ${options.connections} connections; goal: loop delay p99 under ${delayGoalMs} ms`,
    versions: [`Fairlead on Node ${process.versions.node}`],
    missing: [],
    failed: [],
    warnings: [],
    table: tableOf((name, key) => columnOf(samples.get(name) ?? [], key)),
    samples: Object.fromEntries(samples),
  };
}

function timesOf(count: number, build: () => void): number[] {
  return Array.from({ length: count }, () => {
    const startedMs = performance.now();
    build();
    return performance.now() - startedMs;
  });
}

/** As a node does it. `stop` says how many were built. */
function buildOverAndOver(steps: () => TableSteps): { readonly stop: () => number } {
  const builder = new TableBuilder({ now: () => performance.now(), soon: setImmediate });
  let built = 0;
  let giveUp = (): void => {};
  let stopped = false;
  const next = (): void => {
    if (stopped) return;
    giveUp = builder.build(steps(), () => {
      built++;
      setImmediate(next);
    });
  };
  next();
  return {
    stop: () => {
      stopped = true;
      giveUp();
      return built;
    },
  };
}

function tableOf(values: (name: string, key: string) => readonly number[]): string {
  const rows = contenders.map(({ name, steps, envoyMs }) => {
    const one = (key: string, digits: number): string => median(values(name, key)).toFixed(digits);
    const build = steps === null ? null : spread(values(name, 'buildMs'));
    return [
      name,
      build === null ? '' : `${build.median.toFixed(1)} (${build.min.toFixed(1)}–${build.max.toFixed(1)})`,
      envoyMs === null ? '' : String(envoyMs),
      envoyMs === null || build === null ? '' : (build.median / envoyMs).toFixed(2),
      one('builds', 0),
      one('delayMs', 1),
      one('longestMs', 1),
      one('answers', 0),
    ];
  });
  const delays = ['loop delay p99, ms', 'longest, ms'];
  const head = ['', 'build at once, ms', "Envoy's, scaled, ms", 'ratio', 'builds/s beside', ...delays, 'answers/s'];
  return alignedRows([head, ...rows]);
}
