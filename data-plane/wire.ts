/** The one place that sees every part of a node: builds them, joins them, stops them. */
import { serverState } from './admin/node-parts.ts';
import type { AdminParts } from './admin/parts.ts';
import { startAdmin } from './admin/server.ts';
import { carryAlone } from './carrier.ts';
import { NamedClusters } from './dns/named-clusters.ts';
import { systemResolver } from './dns/system-resolver.ts';
import { type Journal, lookAgain } from './health/journal.ts';
import { KernelDatapath } from './l4/kernel/datapath.ts';
import { realSystem } from './l4/kernel/nft.ts';
import { limits } from './limits.ts';
import { loadFilters } from './load-filters.ts';
import type { Logger } from './logging.ts';
import { filterFault } from './runtime/filters.ts';
import type { Settings } from './settings.ts';
import { kernelStats } from './telemetry/kernel-stats.ts';
import { StatsRegistry } from './telemetry/registry.ts';
import { dnsStats, serverStats } from './telemetry/stats.ts';
import { carryByWorkers } from './threads.ts';
import { watchUnsignedSessions } from './unsigned-sessions.ts';
import { now, random, setTimer } from './world.ts';
import { checkTlsFiles } from './xds/channel-security.ts';
import { createXdsClient } from './xds/client.ts';
import { HealthReporter } from './xds/health-reporter.ts';
import { LoadReporter } from './xds/load-reporter.ts';

export interface RunningNode {
  /** Drains, then stops everything; resolves when nothing is left open. */
  stop(): Promise<void>;
}

/** Rejects, before anything is opened, for files that no connection to the control plane could be made with. */
export async function startNode(settings: Settings, version: string, logger: Logger): Promise<RunningNode> {
  if (settings.xdsTls !== undefined) checkTlsFiles(settings.xdsTls);
  const filters = await loadFilters(settings.filters);
  const { concurrency } = settings;
  const startedMs = now();
  const registry = new StatsRegistry();
  const carrier =
    concurrency === 1 ? carryAlone(settings, filters, registry, logger) : carryByWorkers(settings, registry, logger);
  const { node } = carrier;
  const controlPlane = {
    servers: settings.xds,
    node: { id: settings.id, group: settings.group, zone: settings.zone, version },
    token: settings.token,
    tls: settings.xdsTls,
    logger,
  };
  const kernel = new KernelDatapath({
    id: settings.id,
    zone: settings.zone,
    system: realSystem(process.env),
    clusters: node.clusters,
    listeners: () => carrier.listeners(),
    registry,
    stats: kernelStats(registry),
    logger,
    now,
    setTimer,
    soon: setImmediate,
  });
  const names = new NamedClusters({
    resolver: systemResolver(),
    random,
    setTimer,
    statsOf: (cluster) => dnsStats(registry, cluster),
    apply: (config) => void node.apply(config).then(() => kernel.take(config)),
    report: (message) => logger.warn({ event: 'dns' }, message),
  });
  const warnUnsigned = watchUnsignedSessions(settings.sessionKeys.length > 0, (message) =>
    logger.warn({ event: 'session_key' }, message),
  );
  const client = createXdsClient({
    ...controlPlane,
    onConfig: (config) => {
      warnUnsigned(config);
      names.take(config);
    },
    onComplete: () => names.whenServed(() => node.markComplete()),
    filterFault: (config) => filterFault(filters, config),
  });
  const loadReporter = new LoadReporter({ ...controlPlane, clusters: () => carrier.loads() });
  let journal: Journal = new Map();
  const look = (): Journal => {
    const nowMs = now();
    journal = lookAgain(journal, node.clusters.sights(nowMs), nowMs);
    return journal;
  };
  const healthReporter = new HealthReporter({ ...controlPlane, now, look });
  const drain = (): Promise<void> => {
    // asked before, told after: a worker that is stuck must not hold up the drain
    const counting = carrier.connectionCount().catch(() => null);
    const drained = Promise.all([node.drain(limits.drainTimeoutMs), kernel.drain(limits.drainTimeoutMs)]).then(
      () => {},
    );
    void counting.then((connections) => logger.info({ event: 'draining', connections }, 'draining'));
    return drained;
  };
  const { reopenLogs } = carrier;
  const parts: AdminParts = {
    ...carrier,
    id: settings.id,
    group: settings.group,
    version,
    kernel: () => kernel.view,
    state: () => serverState(node),
    uptimeMs: () => now() - startedMs,
    dump: () => client.dump(),
    drain: () => void drain(),
    drainTimeoutMs: limits.drainTimeoutMs,
    logLevel: () => logger.level,
    setLogLevel: (level) => {
      logger.level = level;
    },
  };
  serverStats(registry, { state: parts.state, uptimeMs: parts.uptimeMs, concurrency });
  const admin = await startAdmin({ address: settings.admin, parts });
  const { address } = admin;
  logger.info({ event: 'started', group: settings.group, xds: settings.xds, admin: address, concurrency }, 'started');
  client.start();
  loadReporter.start();
  healthReporter.start();
  process.on('SIGUSR1', reopenLogs);
  return {
    stop: async () => {
      await drain();
      loadReporter.close();
      healthReporter.close();
      client.close();
      names.stop();
      await admin.close();
      await carrier.close();
      process.off('SIGUSR1', reopenLogs);
    },
  };
}
