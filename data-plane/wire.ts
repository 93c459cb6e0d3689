/** The one place that sees every part of a node: builds them, joins them, stops them. */
import { nodeParts } from './admin/node-parts.ts';
import type { AdminParts } from './admin/parts.ts';
import { startAdmin } from './admin/server.ts';
import { limits } from './limits.ts';
import type { Logger } from './logging.ts';
import { ownChecks } from './runtime/checks.ts';
import type { ProxyNode } from './runtime/node.ts';
import type { Settings } from './settings.ts';
import { LogFile } from './telemetry/log-file.ts';
import { LogSinks } from './telemetry/log-sink.ts';
import { StatsRegistry } from './telemetry/registry.ts';
import { filesystemStats, serverStats } from './telemetry/stats.ts';
import { createTraffic } from './traffic.ts';
import { checking, now, setTimer } from './world.ts';
import { checkTlsFiles } from './xds/channel-security.ts';
import { createXdsClient } from './xds/client.ts';
import { LoadReporter } from './xds/load-reporter.ts';

export interface RunningNode {
  /** `ip:port` of the admin interface. */
  readonly admin: string;
  readonly node: ProxyNode;
  /** Drains, then stops everything; resolves when nothing is left open. */
  stop(): Promise<void>;
}

/** Rejects, before anything is opened, for files that no connection to the control plane could be made with. */
export async function startNode(settings: Settings, version: string, logger: Logger): Promise<RunningNode> {
  if (settings.xdsTls !== undefined) checkTlsFiles(settings.xdsTls);
  const registry = new StatsRegistry();
  const logDeps = { now, setTimer, report: (message: string) => logger.warn({ event: 'access_log' }, message) };
  const logStats = filesystemStats(registry);
  const sinks = new LogSinks({ ...logDeps, stats: logStats, open: (path) => new LogFile(path, logDeps, logStats) });
  const node = createTraffic({ registry, sinks, checks: ownChecks(checking), binds: settings.binds, logger });
  const { clusters, listeners } = node;
  const controlPlane = {
    servers: settings.xds,
    node: { id: settings.id, group: settings.group, zone: settings.zone, version },
    token: settings.token,
    tls: settings.xdsTls,
    logger,
  };
  const client = createXdsClient({
    ...controlPlane,
    onConfig: (config) => void node.apply(config),
    onComplete: () => node.markComplete(),
  });
  const loadReporter = new LoadReporter({ ...controlPlane, clusters: () => clusters.list() });
  const drain = (): Promise<void> => {
    logger.info({ event: 'draining', connections: listeners.connectionCount }, 'draining');
    return node.drain(limits.drainTimeoutMs);
  };
  const startedMs = now();
  const reopenLogs = (): void => sinks.reopen();
  const parts: AdminParts = {
    ...nodeParts(node),
    id: settings.id,
    group: settings.group,
    version,
    registry,
    uptimeMs: () => now() - startedMs,
    dump: () => client.dump(),
    drain: () => void drain(),
    drainTimeoutMs: limits.drainTimeoutMs,
    logLevel: () => logger.level,
    setLogLevel: (level) => {
      logger.level = level;
    },
    reopenLogs,
  };
  serverStats(registry, parts);
  const admin = await startAdmin({ address: settings.admin, parts });
  logger.info({ event: 'started', group: settings.group, xds: settings.xds, admin: admin.address }, 'started');
  client.start();
  loadReporter.start();
  process.on('SIGUSR1', reopenLogs);
  return {
    admin: admin.address,
    node,
    stop: async () => {
      await drain();
      loadReporter.close();
      client.close();
      await admin.close();
      await sinks.close();
      process.off('SIGUSR1', reopenLogs);
    },
  };
}
