/** Entry of a worker: a thread that carries traffic. Its configuration comes by messages, and what it has to say goes by them. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadFilters } from './load-filters.ts';
import { toldOutliers } from './runtime/outliers.ts';
import { CommonRows } from './telemetry/common-rows.ts';
import { LogSinks } from './telemetry/log-sink.ts';
import { StatsRegistry } from './telemetry/registry.ts';
import { SharedStats } from './telemetry/shared-stats.ts';
import { filesystemStats, workerStats } from './telemetry/stats.ts';
import { createTraffic } from './traffic.ts';
import { ToldHostCounts } from './workers/common-host-counts.ts';
import { CommonOpenCounts } from './workers/common-open-counts.ts';
import { ConfigReceiver, prefixesOf } from './workers/config-message.ts';
import { HealthBook } from './workers/health-book.ts';
import { limits } from './workers/limits.ts';
import { RemoteLogs } from './workers/log-lines.ts';
import type { FromWorker, ToWorker, WorkerData, WorkerView } from './workers/messages.ts';
import { now, setTimer } from './world.ts';

const port = parentPort!;
const data = workerData as WorkerData;

const post = (message: FromWorker, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);
const log =
  (level: 'info' | 'warn' | 'error') =>
  (fields: object, message: string): void =>
    post({ type: 'log', level, fields, message });
const logger = { info: () => {}, warn: log('warn'), error: log('error') };

const rows = new CommonRows(data.number - 1);
const registry = new StatsRegistry(new SharedStats((news) => post({ type: 'stats', news }), queueMicrotask, rows));
const remoteLogs = new RemoteLogs(post);
const sinks = new LogSinks({
  now,
  setTimer,
  report: (message) => logger.warn({ event: 'access_log' }, message),
  stats: filesystemStats(registry),
  open: (path) => remoteLogs.open(path),
});
const health = new HealthBook(data.health);
const counts = new ToldHostCounts(data.workers, data.number - 1);
const { node, listeners } = createTraffic({
  registry,
  sinks,
  checks: health.checks,
  outliers: toldOutliers(({ name }, key, finding) => post({ type: 'finding', cluster: name, key, finding })),
  countsOf: (cluster, key) => counts.of(cluster, key),
  totalOf: null,
  limits: data.limits,
  filters: await loadFilters(data.filters),
  zone: data.zone,
  sessionKeys: data.sessionKeys,
  open: new CommonOpenCounts(data.open, data.number - 1),
  logger,
  listening: { binds: new Map(), reusePort: true, onTried: () => tellApplied() },
});
const configs = new ConfigReceiver();
let received = 0;
let applied = 0;

function tellApplied(): void {
  const failed = listeners.list().flatMap(({ name, error }) => (error === null ? [] : { name, error }));
  post({ type: 'applied', number: applied, failed });
}

function view(): WorkerView {
  const { connectionCount: connections, arrivals } = listeners;
  return { listeners: listeners.list(), connections, arrivals };
}

function take(message: ToWorker): void {
  switch (message.type) {
    case 'config': {
      const config = configs.take(message.config);
      rows.keep(prefixesOf(config));
      for (const [prefix, memory] of message.config.rows) rows.set(prefix, memory);
      counts.take(config, message.config.counts);
      received = message.number;
      health.keep(config);
      void node.apply(config).then(() => {
        applied = received;
        tellApplied();
      });
      break;
    }
    case 'health':
      health.tell(message.cluster, message.key, message.state);
      break;
    case 'ejected':
      node.clusters.get(message.cluster)?.setEjected(message.key, message.ejected);
      break;
    case 'trial':
      node.clusters.get(message.cluster)?.offerTrial(message.key);
      break;
    case 'call':
      post({ type: 'here' });
      break;
    case 'ask':
      post({ type: 'view', number: message.number, view: view() });
      break;
    case 'written':
      remoteLogs.written(message.number);
      break;
    case 'announce':
      node.announce(message.timeoutMs);
      break;
    case 'resume':
      node.resume();
      break;
    case 'drain':
      void node.drain(message.timeoutMs).then(() => post({ type: 'drained' }));
      break;
    case 'stop':
      void sinks.close().then(() => process.exit());
      break;
  }
}

const memory = workerStats(registry);
function measure(): void {
  const { heapUsed, heapTotal } = process.memoryUsage();
  memory.allocated.value = heapUsed;
  memory.heapSize.value = heapTotal;
  setTimer(measure, limits.measureMs);
}
measure();
port.on('message', take);
