/** `xds`: from one changed route to the last acknowledgement of a fleet, beside go-control-plane; and the fleet's join. */
import { startPostgres } from '../e2e/support/postgres.ts';
import { typeUrls } from '../proto/type-urls.ts';
import type { BenchOptions, BenchReport, Workbench } from './harness/bench.ts';
import { memoryOf, resetPeak } from './harness/memory.ts';
import { missingPeer } from './harness/peer-path.ts';
import { cpuMicrosOfTree } from './harness/proc.ts';
import { adminToken } from './harness/rest.ts';
import { quantile } from './harness/statistics.ts';
import { markdownTable } from './harness/table.ts';
import { inTurns, type Sample } from './harness/turns.ts';
import { group, startControlPlane, type XdsServer } from './xds/control-plane.ts';
import { type Fleet, nowMillis, startFleet } from './xds/fleet.ts';
import { startGoControlPlane } from './xds/go-control-plane.ts';
import { routeTypes } from './xds/types.ts';

interface Contender {
  readonly name: string;
  readonly missing: () => string | undefined;
  readonly start: (bench: Workbench, routes: number) => Promise<XdsServer>;
  /** Type URLs that its subscribers ask for. */
  readonly types: readonly string[];
}

const goMissing = (): string | undefined => missingPeer('go-control-plane');
const contenders: readonly Contender[] = [
  {
    name: 'fairlead',
    missing: () => undefined,
    start: (bench, routes) => startControlPlane(bench, { name: 'control-plane', routes }),
    types: routeTypes,
  },
  {
    name: 'fairlead pg',
    missing: () => undefined,
    start: startOnPostgres,
    types: routeTypes,
  },
  {
    name: 'go linear',
    missing: goMissing,
    start: (bench, routes) => startGoControlPlane(bench, { cache: 'linear', routes }),
    types: [typeUrls.routes],
  },
  {
    name: 'go snapshot',
    missing: goMissing,
    start: (bench, routes) => startGoControlPlane(bench, { cache: 'snapshot', routes }),
    types: [typeUrls.routes],
  },
];

/** The database is a process of its own, whose CPU time and memory are not the control plane's. */
async function startOnPostgres(bench: Workbench, routes: number): Promise<XdsServer> {
  const postgres = await startPostgres();
  const databaseUrl = await postgres.createDatabase();
  const server = await startControlPlane(bench, { name: 'control-plane-pg', routes, databaseUrl });
  const stop = async (): Promise<void> => {
    await server.stop();
    await postgres.stop();
  };
  return { ...server, stop };
}

const pushColumns = [
  { key: 'p50Millis', title: 'p50 ms', digits: 0 },
  { key: 'p99Millis', title: 'p99 ms', digits: 0, range: true },
  { key: 'maxMillis', title: 'last ms', digits: 0 },
  { key: 'pushCpuMillis', title: 'CPU ms a push', digits: 0, range: true },
  { key: 'pushBytes', title: 'bytes a subscriber', digits: 0 },
] as const;
const slowColumn = { key: 'slowP99Millis', title: 'p99 ms beside slow ones', digits: 0, range: true } as const;
const joinColumns = [
  { key: 'joinMillis', title: 'all joined ms', digits: 0 },
  { key: 'joinCpuMillis', title: 'CPU ms', digits: 0, range: true },
  { key: 'restMegabytes', title: 'MB before', digits: 0 },
  { key: 'joinPeakMegabytes', title: 'peak MB', digits: 0, range: true },
  { key: 'joinBytes', title: 'bytes a subscriber', digits: 0 },
  { key: 'settledKilobytes', title: 'settled KB a subscriber', digits: 0 },
] as const;

export async function run(bench: Workbench, options: BenchOptions): Promise<BenchReport> {
  const chosen = contenders.filter(({ name }) => options.only.length === 0 || options.only.includes(name));
  if (chosen.length === 0) {
    throw new Error(
      `No contender is called ${options.only.join(', ')}; there are ${contenders.map(({ name }) => name).join(', ')}.`,
    );
  }
  if (options.slow >= options.subscribers) throw new Error('--slow has to be less than --subscribers.');
  const absent = chosen.map(({ name, missing }) => ({ name, why: missing() })).filter(({ why }) => why !== undefined);
  const samples = await inTurns({
    contenders: chosen.filter(({ missing }) => missing() === undefined),
    rounds: options.rounds,
    // every turn is a fresh server and a fresh fleet: a join can be measured only once
    warmUp: async () => {},
    measure: (one) => measure(bench, options, one),
    onSample: ({ name }, round, sample) => bench.progress(`round ${round}  ${name.padEnd(11)} ${oneLine(sample)}`),
  });
  const push = options.slow === 0 ? pushColumns : [...pushColumns, slowColumn];
  const table = (
    columns: Parameters<typeof markdownTable>[1]['columns'],
    ratios: readonly [string, string][],
  ): string =>
    markdownTable(samples, {
      columns,
      ratios: ratios.map(([key, title]) => ({ key, title: `${title}: ours ÷ theirs` })),
      ours: 'fairlead',
    });
  const slowRatio: [string, string][] = options.slow === 0 ? [] : [['slowP99Millis', 'p99 beside slow ones']];
  return {
    title:
      `${options.subscribers} incremental subscribers, ${options.streams} streams a connection, ${options.routes} routes; ` +
      `${options.changes} changes a turn, ${options.slow} slow subscribers`,
    versions: [`Fairlead on Node ${process.versions.node}`, 'go-control-plane 0.14.0'],
    missing: absent.map(({ name, why }) => `${name}: ${why}`),
    failed: [],
    warnings: [],
    table: [
      'One route changed: from the request for the change to the acknowledgements',
      table(push, [['p99Millis', 'p99'], ['pushCpuMillis', 'CPU'], ...slowRatio]),
      'All join at once and take everything',
      table(joinColumns, [
        ['joinCpuMillis', 'CPU'],
        ['joinPeakMegabytes', 'peak'],
      ]),
    ].join('\n\n'),
    samples: Object.fromEntries(samples),
  };
}

async function measure(bench: Workbench, options: BenchOptions, contender: Contender): Promise<Sample> {
  const server = await contender.start(bench, options.routes);
  const fleet = await startFleet(bench);
  try {
    const joined = await measureJoin(options, contender, server, fleet);
    // the first change finds code and buffers cold, as after a start
    await measureChanges(server, fleet, 1);
    const pushed = await measureChanges(server, fleet, options.changes);
    if (options.slow === 0) return { ...joined, ...pushed };
    await fleet.stopReading(options.slow);
    const { p99Millis = 0 } = await measureChanges(server, fleet, options.changes);
    return { ...joined, ...pushed, slowP99Millis: p99Millis };
  } finally {
    await fleet.stop();
    await server.stop();
  }
}

async function measureJoin(
  { subscribers, streams, slow }: BenchOptions,
  { name, types }: Contender,
  { pid, target }: XdsServer,
  fleet: Fleet,
): Promise<Sample> {
  const before = memoryOf(pid);
  resetPeak(pid);
  const cpuBefore = cpuMicrosOfTree(pid);
  const { tookMillis, bytesEach } = await fleet.join({
    ...{ target, count: subscribers, streamsPerConnection: streams, ownConnections: slow },
    ...{ prefix: name.replace(/\W/g, '-'), group, token: adminToken, types },
  });
  const joinCpuMillis = (cpuMicrosOfTree(pid) - cpuBefore) / 1e3;
  const after = memoryOf(pid);
  return {
    joinMillis: tookMillis,
    joinCpuMillis,
    restMegabytes: before.residentBytes / 1e6,
    joinPeakMegabytes: after.peakBytes / 1e6,
    joinBytes: bytesEach,
    settledKilobytes: (after.residentBytes - before.residentBytes) / subscribers / 1e3,
  };
}

async function measureChanges(server: XdsServer, fleet: Fleet, changes: number): Promise<Sample> {
  const delays: number[] = [];
  let bytes = 0;
  const cpuBefore = cpuMicrosOfTree(server.pid);
  for (let change = 0; change < changes; change++) {
    await fleet.arm();
    const startedMillis = nowMillis();
    const [seen] = await Promise.all([fleet.arrived(), server.change()]);
    for (const atMillis of seen.atMillis) delays.push(atMillis - startedMillis);
    bytes += seen.bytes;
  }
  return {
    p50Millis: quantile(delays, 0.5),
    p99Millis: quantile(delays, 0.99),
    maxMillis: quantile(delays, 1),
    pushCpuMillis: (cpuMicrosOfTree(server.pid) - cpuBefore) / 1e3 / changes,
    pushBytes: bytes / delays.length,
  };
}

function oneLine(sample: Sample): string {
  return Object.entries(sample)
    .map(([key, value]) => `${key} ${value.toFixed(0)}`)
    .join(', ');
}
