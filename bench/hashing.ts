/** `hashing`: how long tables for 1,000 endpoints take, and what their building does to the loop that forwards. */
import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { HashingConfig } from '../data-plane/balance/hashed-hosts.ts';
import { TableBuilder } from '../data-plane/balance/table-builder.ts';
import type { ClusterConfig } from '../data-plane/model/config.ts';
import { startProxy } from '../data-plane/proxy-testing.ts';
import { StatsRegistry } from '../data-plane/telemetry/registry.ts';
import { clusterStats } from '../data-plane/telemetry/stats.ts';
import { balanceOf, clusterOf, endpointOf, stillWorld } from '../data-plane/testing.ts';
import { Cluster } from '../data-plane/upstream/cluster.ts';
import { finishTable, type TableSteps } from '../proto/hashing/hash-table.ts';
import { maglevSteps } from '../proto/hashing/maglev.ts';
import { ringSteps } from '../proto/hashing/ring.ts';
import type { BenchOptions, BenchReport, Workbench } from './harness/bench.ts';
import { median, spread } from './harness/statistics.ts';
import { alignedRows } from './harness/table.ts';
import { columnOf, inTurns, type Sample } from './harness/turns.ts';
import type { FromTraffic, ToTraffic } from './hashing/traffic-thread.ts';

const hostCount = 1_000;
const endpoints = Array.from({ length: hostCount + 1 }, (_, index) => {
  const address = `10.0.${index >> 8}.${index & 255}`;
  return { ...endpointOf(8_080), key: `${address}:8080`, address };
});
const buildsAtOnce = 10;
/** Of the 99th percentile. */
const delayGoalMs = 20;

interface Contender {
  readonly name: string;
  /** Null: traffic alone. */
  readonly policy: HashingConfig | null;
  /** Envoy's published time for 100 hosts, times ten (docs/performance.md). */
  readonly envoyMs: number | null;
}

const any = { useHostname: false, boundedLoadPercent: 0 };
const ring = { type: 'ring-hash', function: 'xx-hash', maxSize: 8_388_608, ...any } as const;

const contenders: readonly Contender[] = [
  { name: 'traffic alone', policy: null, envoyMs: null },
  { name: 'ring of 1,024', policy: { ...ring, minSize: 1_024 }, envoyMs: null },
  { name: 'ring of 65,536', policy: { ...ring, minSize: 65_536 }, envoyMs: 90 },
  { name: 'maglev of 65,537', policy: { type: 'maglev', tableSize: 65_537, ...any }, envoyMs: 30 },
];

export async function run(bench: Workbench, options: BenchOptions): Promise<BenchReport> {
  const traffic = new Worker(new URL('./hashing/traffic-thread.ts', import.meta.url));
  const post = (message: ToTraffic): void => traffic.postMessage(message);
  const [backend] = (await once(traffic, 'message')) as [Extract<FromTraffic, { type: 'backend' }>];
  const proxy = await startProxy({ cluster: clusterOf([backend.port]) });
  const measure = async ({ policy }: Contender, seconds: number): Promise<Sample> => {
    const sample: Record<string, number> = {};
    if (policy !== null) sample['buildMs'] = median(timesOf(buildsAtOnce, () => finishTable(stepsOf(policy))));
    proxy.log.length = 0;
    post({ type: 'start', port: proxy.port, connections: options.connections });
    const loop = monitorEventLoopDelay({ resolution: 1 });
    loop.enable();
    const changes = policy === null ? null : changeOverAndOver(policy);
    await delay(1_000 * seconds);
    loop.disable();
    sample['changes'] = (changes?.stop() ?? 0) / seconds;
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
    title: `Clusters of ${hostCount} endpoints, one of which comes or goes all the time, beside HTTP/1.1 on ${options.connections} connections; goal: loop delay p99 under ${delayGoalMs} ms`,
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

function stepsOf(policy: HashingConfig): TableSteps {
  const hosts = endpoints.slice(0, hostCount).map(({ key }) => ({ key, weight: 1 / hostCount }));
  return policy.type === 'maglev' ? maglevSteps(policy, hosts) : ringSteps(policy, hosts);
}

/** As a node does it: an endpoint comes, and goes as soon as the table with it is there. `stop` says how many did. */
function changeOverAndOver(policy: HashingConfig): { readonly stop: () => number } {
  const tables = new TableBuilder({ now: () => performance.now(), soon: setImmediate });
  const configOf = (count: number): ClusterConfig => {
    return { ...clusterOf([]), endpoints: endpoints.slice(0, count), balance: balanceOf(policy) };
  };
  const [smaller, larger] = [configOf(hostCount), configOf(hostCount + 1)];
  const cluster = new Cluster(smaller, clusterStats(new StatsRegistry(), 'changing'), { ...stillWorld, tables });
  let changes = 0;
  let stopped = false;
  const change = async (): Promise<void> => {
    while (!stopped) {
      cluster.update(changes % 2 === 0 ? larger : smaller);
      cluster.settle();
      await tables.whenIdle();
      changes++;
      await nextTurn();
    }
    cluster.close();
  };
  void change();
  return {
    stop: () => {
      stopped = true;
      return changes;
    },
  };
}

function tableOf(values: (name: string, key: string) => readonly number[]): string {
  const rows = contenders.map(({ name, policy, envoyMs }) => {
    const one = (key: string, digits: number): string => median(values(name, key)).toFixed(digits);
    const build = policy === null ? null : spread(values(name, 'buildMs'));
    return [
      name,
      build === null ? '' : `${build.median.toFixed(1)} (${build.min.toFixed(1)}–${build.max.toFixed(1)})`,
      envoyMs === null ? '' : String(envoyMs),
      envoyMs === null || build === null ? '' : (build.median / envoyMs).toFixed(2),
      one('changes', 0),
      one('delayMs', 1),
      one('longestMs', 1),
      one('answers', 0),
    ];
  });
  const delays = ['loop delay p99, ms', 'longest, ms'];
  const head = ['', 'build at once, ms', "Envoy's, scaled, ms", 'ratio', 'changes/s beside', ...delays, 'answers/s'];
  return alignedRows([head, ...rows]);
}
