/** The one place that sees every part of a node: builds them, joins them, stops them. */
import { randomUUID } from 'node:crypto';
import net from 'node:net';
import { nodeParts } from './admin/node-parts.ts';
import type { AdminParts } from './admin/parts.ts';
import { startAdmin } from './admin/server.ts';
import { Out } from './codec/out.ts';
import type { HttpShared } from './l7/http-context.ts';
import { Turns } from './l7/turns.ts';
import { limits } from './limits.ts';
import type { Logger } from './logging.ts';
import { Clusters } from './runtime/clusters.ts';
import { Listeners } from './runtime/listeners.ts';
import { ProxyNode } from './runtime/node.ts';
import type { Settings } from './settings.ts';
import { LogSinks } from './telemetry/log-sink.ts';
import { StatsRegistry } from './telemetry/registry.ts';
import { http2Stats, serverStats } from './telemetry/stats.ts';
import { Deadlines } from './upstream/deadlines.ts';
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
  const now = (): number => performance.now();
  const setTimer = (callback: () => void, ms: number): void => {
    setTimeout(callback, ms).unref();
  };
  const registry = new StatsRegistry();
  const sinks = new LogSinks({
    stats: registry,
    now,
    setTimer,
    report: (message) => logger.warn({ event: 'access_log' }, message),
  });
  const clusters = new Clusters({
    registry,
    random: Math.random,
    probes: {
      connect: (address, port) => net.connect({ host: address, port, noDelay: true }),
      setTimer: (callback, ms) => {
        const timer = setTimeout(callback, ms).unref();
        return () => clearTimeout(timer);
      },
    },
  });
  const onFault = (fault: unknown): void => {
    // what was put together for a request that failed must not go out with the next one's
    shared.toClient.length = 0;
    shared.toUpstream.length = 0;
    logger.error({ event: 'fault', err: fault }, 'a bug: one connection was ended, the others go on; please report it');
  };
  const shared: HttpShared = {
    clusters,
    deadlines: new Deadlines(now, setTimer, onFault),
    now,
    wallClock: Date.now,
    random: Math.random,
    newRequestId: () => randomUUID(),
    turns: new Turns(setImmediate),
    http2Stats: http2Stats(registry),
    toClient: new Out(),
    toUpstream: new Out(),
    readBuffer: Buffer.allocUnsafeSlow(limits.readBytes),
    onFault,
  };
  const listeners = new Listeners({ shared, registry, sinks, binds: settings.binds, logger, setTimer });
  const node = new ProxyNode(clusters, listeners);
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
