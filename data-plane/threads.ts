/** The other one who carries a node's traffic: worker threads, which the main thread looks after. */
import { randomBytes, randomInt } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { clusterViews } from './admin/node-parts.ts';
import { type Carrier, logFiles } from './carrier.ts';
import { Places } from './listener/places.ts';
import type { Logger } from './logging.ts';
import { ownChecks } from './runtime/checks.ts';
import { Clusters } from './runtime/clusters.ts';
import { ProxyNode } from './runtime/node.ts';
import { ownOutliers } from './runtime/outliers.ts';
import type { Settings } from './settings.ts';
import { NodeStats } from './telemetry/node-stats.ts';
import type { StatsRegistry } from './telemetry/registry.ts';
import { type ClusterStats, workerRestarts } from './telemetry/stats.ts';
import { HostCountsBook } from './workers/common-host-counts.ts';
import { newOpenCounts } from './workers/common-open-counts.ts';
import { WorkerLoads } from './workers/loads.ts';
import { LogWriter } from './workers/log-lines.ts';
import type { FromWorker, WorkerData } from './workers/messages.ts';
import { type WorkerEvents, WorkerPool, type WorkerThread } from './workers/pool.ts';
import { ToldHealth } from './workers/told-health.ts';
import { WorkerListeners } from './workers/worker-listeners.ts';
import { checking, judging, nodeNow, now, random, setTimer } from './world.ts';

/** What this thread does itself is to be told, to check the health of endpoints, and to write. */
export function carryByWorkers(
  { binds, limits, concurrency, filters, zone, sessionKeys }: Settings,
  registry: StatsRegistry,
  logger: Logger,
): Carrier {
  const stats = new NodeStats(registry);
  const logs = new LogWriter(logFiles(registry, logger).open);
  const health = new ToldHealth((cluster, key, state) => pool.tell({ type: 'health', cluster, key, state }));
  const counts = new HostCountsBook(concurrency);
  const pool = new WorkerPool({
    count: concurrency,
    spawn: spawnWorker,
    stats,
    logs,
    logger,
    restarts: workerRestarts(registry),
    health: () => health.states,
    limits,
    filters,
    zone,
    sessionKeys,
    open: newOpenCounts(concurrency, [randomInt(2 ** 31), randomInt(2 ** 31)]),
    counts,
    onFinding: (cluster, key, finding) => clusters.onFinding(cluster, key, finding),
    onProgress: () => listeners.onProgress(),
    now,
    setTimer,
  });
  const newTicketKeys = (): Uint8Array => randomBytes(48);
  const listeners = new WorkerListeners(pool, { places: new Places(), binds, logger, setTimer, newTicketKeys });
  const hasTraffic = ({ scope }: ClusterStats): boolean => stats.countOf(scope.nameOf('upstream_cx_total')) > 0;
  const clusters = new Clusters({
    registry,
    world: { random, now, zone, tables: null },
    checks: health.telling(ownChecks({ ...checking, hasTraffic, logger })),
    outliers: ownOutliers({
      ...judging,
      logger,
      onEjected: (cluster, key, ejected) => pool.tell({ type: 'ejected', cluster, key, ejected }),
      onTrial: ({ name }, key) => pool.tell({ type: 'trial', cluster: name, key }),
    }),
    countsOf: (cluster, key) => counts.of(cluster, key),
    totalOf: (_, stat) => stats.countOf(stat),
    now: nodeNow,
  });
  const node = new ProxyNode(clusters, listeners, (config) => listeners.take(config));
  const loads = new WorkerLoads(stats);
  pool.start();
  return {
    node,
    stats,
    clusters: async () => clusterViews(clusters, now()),
    listeners: async () => listeners.list(await pool.ask()),
    bound: () => listeners.bound(),
    traffic: async () => {
      const sum = { connections: 0, arrivals: 0 };
      for (const { connections, arrivals } of await pool.ask()) {
        sum.connections += connections;
        sum.arrivals += arrivals;
      }
      return sum;
    },
    workers: () => pool.states,
    reopenLogs: () => logs.reopen(),
    loads: () => loads.of(clusters.list()),
    close: async () => {
      logs.hurry();
      await pool.stop();
      await logs.close();
    },
  };
}

function spawnWorker(data: WorkerData, { onMessage, onEnd }: WorkerEvents): WorkerThread {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: data,
    name: `worker ${data.number}`,
  });
  let reason: string | null = null;
  worker.on('message', (message: FromWorker) => onMessage(message));
  worker.on('error', (error) => {
    reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  });
  worker.on('exit', (code) => onEnd(reason ?? `it ended with code ${code}`));
  return {
    post: (message) => worker.postMessage(message),
    terminate: (why) => {
      reason ??= why;
      void worker.terminate();
    },
  };
}
