/** `l7`: HTTP/1.1 on both sides. What a request costs the proxy, beside HAProxy, nginx, Envoy and plain `node:http`. */
import { mkdirSync, statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { answerPath, type Backend, featuresPath, startBackend } from './backend.ts';
import { type HttpContender, type Running, routedHost } from './contenders/contender.ts';
import { envoyHttp } from './contenders/envoy.ts';
import { fairleadHttp } from './contenders/fairlead.ts';
import { haproxyHttp } from './contenders/haproxy.ts';
import { nginxHttp } from './contenders/nginx.ts';
import { nodeHttp } from './contenders/node-http.ts';
import type { BenchOptions, BenchReport, Workbench } from './harness/bench.ts';
import { missingPeer } from './harness/peer-path.ts';
import { freePorts, waitFor200 } from './harness/ports.ts';
import { cpuMicrosOfTree } from './harness/proc.ts';
import { median } from './harness/statistics.ts';
import { markdownTable } from './harness/table.ts';
import { columnOf, inTurns, type Sample, type Samples } from './harness/turns.ts';
import { runWrk } from './harness/wrk.ts';

const httpContenders: readonly HttpContender[] = [fairleadHttp(), haproxyHttp, nginxHttp, envoyHttp, nodeHttp];

const columns = [
  { key: 'cpuMicros', title: 'CPU µs a request', digits: 1, range: true },
  { key: 'requestsPerSecond', title: 'requests/s', digits: 0 },
  { key: 'p50Millis', title: 'p50 ms', digits: 2 },
  { key: 'p99Millis', title: 'p99 ms', digits: 2 },
  { key: 'coreShare', title: 'core used', digits: 2 },
] as const;

/** Compares the contenders; those that are not installed are named as missing. */
export async function run(
  bench: Workbench,
  options: BenchOptions,
  all: readonly HttpContender[] = httpContenders,
): Promise<BenchReport> {
  const chosen = all.filter(({ name }) => options.only.length === 0 || options.only.includes(name));
  if (chosen.length === 0) {
    throw new Error(
      `No contender is called ${options.only.join(', ')}; there are ${all.map((one) => one.name).join(', ')}.`,
    );
  }
  const absent = chosen.map((one) => ({ name: one.name, why: one.missing() })).filter((one) => one.why !== undefined);
  const backend = await startHttpBackend(bench, options);
  const running: Running[] = [];
  for (const contender of chosen.filter((one) => one.missing() === undefined)) {
    running.push(await startHttpContender(bench, contender, backend));
  }
  const turn = (one: Running, seconds: number): Promise<Sample> => measureHttp(bench, options, one, seconds);
  const samples = await inTurns({
    contenders: running,
    rounds: options.rounds,
    warmUp: async (one) => void (await turn(one, options.warmUpSeconds)),
    measure: (one) => turn(one, options.seconds),
    onSample: (one, round, sample) => bench.progress(`round ${round}  ${one.name.padEnd(10)} ${oneLine(sample)}`),
  });
  const table = markdownTable(samples, {
    columns,
    ratios: [
      { key: 'cpuMicros', title: 'CPU: ours ÷ theirs' },
      { key: 'p99Millis', title: 'p99: ours ÷ theirs' },
    ],
    ours: 'fairlead',
  });
  return {
    title: `HTTP/1.1: ${options.connections} keep-alive connections, 10 request headers, ${options.bodyBytes} B answers`,
    versions: [...running.map((one) => one.version), `backend: ${backend.version}`],
    missing: absent.map((one) => `${one.name}: ${one.why}`),
    warnings: idleCoreWarnings(samples),
    table,
    samples: Object.fromEntries(samples),
  };
}

/** The backend on the load's core; named as missing, it ends the run, for nothing can be measured without it. */
export async function startHttpBackend(bench: Workbench, options: BenchOptions): Promise<Backend> {
  for (const peer of ['nginx', 'wrk'] as const) {
    const why = missingPeer(peer);
    if (why !== undefined) throw new Error(`${peer}, which makes the load or the answers, is ${why}.`);
  }
  const { processes, cores } = bench;
  return startBackend({
    processes,
    folder: subfolder(bench, 'backend'),
    core: cores.load,
    bodyBytes: options.bodyBytes,
  });
}

/** Starts a contender and makes sure that it does what all have to do. */
export async function startHttpContender(
  bench: Workbench,
  contender: HttpContender,
  backend: Backend,
): Promise<Running> {
  const [port = 0] = await freePorts(1);
  const folder = subfolder(bench, contender.name.replace(/\W/g, '-'));
  const { processes, cores } = bench;
  const running = await contender.start({ processes, cores, folder, port, backendPort: backend.port });
  const headers = { host: routedHost };
  const { assertAlive } = running;
  const features = await waitFor200(`http://127.0.0.1:${port}${featuresPath}`, {
    headers,
    timeoutMs: 10_000,
    assertAlive,
  });
  // Envoy writes an address of the machine instead of a loopback peer
  if (!/^[\d.]+ \S+$/.test(features)) {
    throw new Error(`${contender.name} has to add x-forwarded-for and x-request-id; the backend saw "${features}".`);
  }
  return running;
}

/** One turn: the proxy's CPU time around one run of wrk. */
export async function measureHttp(
  bench: Workbench,
  options: BenchOptions,
  running: Running,
  seconds: number,
): Promise<Sample> {
  running.assertAlive();
  const cpuBefore = cpuMicrosOfTree(running.pid);
  const result = await runWrk(bench.processes, {
    url: `http://127.0.0.1:${running.port}${answerPath}`,
    connections: options.connections,
    seconds,
    core: bench.cores.load,
    report: path.join(bench.folder, 'wrk.out'),
  });
  const cpuMicros = cpuMicrosOfTree(running.pid) - cpuBefore;
  takeAccessLog(running, result.requests);
  return {
    cpuMicros: cpuMicros / result.requests,
    requestsPerSecond: (result.requests / result.durationMicros) * 1e6,
    p50Millis: result.p50Micros / 1e3,
    p99Millis: result.p99Micros / 1e3,
    coreShare: cpuMicros / result.durationMicros,
  };
}

/** No line of an access log is shorter than this. */
const shortestLineBytes = 40;

/** Empties the log, which would fill the disk, after making sure that it was really written. */
function takeAccessLog(running: Running, requests: number): void {
  const bytes = statSync(running.accessLog, { throwIfNoEntry: false })?.size ?? 0;
  // what is still in buffers is not missing; a log that is off is
  if (bytes < (requests * shortestLineBytes) / 2) {
    throw new Error(`${running.name} wrote ${bytes} B of access log for ${requests} requests: its log must be on.`);
  }
  truncateSync(running.accessLog);
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

function oneLine(sample: Sample): string {
  return columns.map(({ key, title, digits }) => `${sample[key]?.toFixed(digits)} ${title}`).join(', ');
}

function subfolder(bench: Workbench, name: string): string {
  const folder = path.join(bench.folder, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}
