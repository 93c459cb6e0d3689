/** Who carries a node's traffic, as the rest of the node sees it; and the simple one, the main thread itself. */
import { clusterViews } from './admin/node-parts.ts';
import type { AdminParts } from './admin/parts.ts';
import { OwnOpenCounts } from './listener/open-counts.ts';
import type { Logger } from './logging.ts';
import { ownChecks } from './runtime/checks.ts';
import type { FilterModules } from './runtime/filters.ts';
import type { BoundListener, ProxyNode } from './runtime/node.ts';
import { ownOutliers } from './runtime/outliers.ts';
import type { ClientTraffic } from './runtime/quiet.ts';
import type { Settings } from './settings.ts';
import { LogFile } from './telemetry/log-file.ts';
import { LogSinks } from './telemetry/log-sink.ts';
import type { StatsRegistry } from './telemetry/registry.ts';
import { filesystemStats } from './telemetry/stats.ts';
import { createTraffic } from './traffic.ts';
import { ownHostCounts } from './upstream/host-counts.ts';
import { checking, judging, now, setTimer } from './world.ts';
import type { CountedCluster } from './xds/ports.ts';

export interface Carrier extends Pick<AdminParts, 'stats' | 'clusters' | 'listeners' | 'workers' | 'reopenLogs'> {
  readonly node: ProxyNode;
  /** Those that are bound. */
  bound(): readonly BoundListener[];
  traffic(): Promise<ClientTraffic>;
  /** What was sent where, for load reports. */
  loads(): Iterable<CountedCluster>;
  /** After a drain: writes the last log lines, and ends. */
  close(): Promise<void>;
}

/** Opens the files of access logs. */
export function logFiles(registry: StatsRegistry, logger: Logger) {
  const deps = { now, setTimer, report: (message: string) => logger.warn({ event: 'access_log' }, message) };
  const stats = filesystemStats(registry);
  return { ...deps, stats, open: (path: string) => new LogFile(path, deps, stats) };
}

export function carryAlone(
  { binds, limits, zone, sessionKeys }: Settings,
  filters: FilterModules,
  registry: StatsRegistry,
  logger: Logger,
): Carrier {
  const sinks = new LogSinks(logFiles(registry, logger));
  const { node, listeners } = createTraffic({
    registry,
    sinks,
    checks: ownChecks({ ...checking, hasTraffic: ({ cxTotal }) => cxTotal.value > 0, logger }),
    outliers: ownOutliers({
      ...judging,
      logger,
      onEjected: () => {},
      onTrial: (cluster, key) => cluster.offerTrial(key),
    }),
    countsOf: ownHostCounts,
    totalOf: (gauge) => gauge.total,
    limits,
    filters,
    zone,
    sessionKeys,
    open: new OwnOpenCounts(),
    logger,
    listening: { binds, reusePort: false, onTried: () => {} },
  });
  return {
    node,
    stats: registry,
    clusters: async () => clusterViews(node.clusters, now()),
    listeners: async () => listeners.list(),
    bound: () => listeners.bound(),
    traffic: async () => ({ connections: listeners.connectionCount, arrivals: listeners.arrivals }),
    workers: () => [],
    reopenLogs: () => sinks.reopen(),
    loads: () => node.clusters.list(),
    close: () => sinks.close(),
  };
}
