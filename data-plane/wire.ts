/** The one place that sees every part of a node: builds them, joins them, stops them. */
import { serverState } from './admin/node-parts.ts';
import type { AdminParts } from './admin/parts.ts';
import { startAdmin } from './admin/server.ts';
import { carryAlone } from './carrier.ts';
import { allowedDescriptors, descriptorsFor, raiseDescriptors } from './descriptors.ts';
import { NamedClusters } from './dns/named-clusters.ts';
import { systemResolver } from './dns/system-resolver.ts';
import { type Journal, lookAgain } from './health/journal.ts';
import { KernelDatapath } from './l4/kernel/datapath.ts';
import { realSystem } from './l4/kernel/nft.ts';
import { limits, type NodeLimits } from './limits.ts';
import { loadFilters } from './load-filters.ts';
import type { Logger } from './logging.ts';
import { type DrainWisher, DrainWishes } from './runtime/drain-wishes.ts';
import { filterFault } from './runtime/filters.ts';
import { untilQuiet } from './runtime/quiet.ts';
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
import { StateReporter } from './xds/state-reporter.ts';

/** What the control plane is told of it. */
const phases = { initializing: 'INITIALIZING', live: 'LIVE', draining: 'LEAVING' } as const;

export interface RunningNode {
  /** Drains, then stops everything; resolves when nothing is left open. */
  stop(): Promise<void>;
}

/** Rejects, before anything is opened, for files that no connection to the control plane could be made with. */
export async function startNode(written: Settings, version: string, logger: Logger): Promise<RunningNode> {
  const settings = { ...written, limits: withinDescriptors(written.limits, logger) };
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
    system: realSystem(process.env, settings.kernel),
    clusters: node.clusters,
    bound: () => carrier.bound(),
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
  const connectionCount = async (): Promise<number> => (await carrier.traffic()).connections;
  const stateReporter = new StateReporter({
    ...controlPlane,
    look: () => ({ phase: phases[node.state], listeners: carrier.bound() }),
    connections: connectionCount,
    onOrders: ({ drain: wanted, timeoutMs }) => {
      if (!wanted) undrain('control plane');
      else if (timeoutMs !== null) drain('control plane', timeoutMs);
      else if (!wishes.has('control plane')) drain('control plane', limits.announcedDrainMs);
    },
  });
  const wishes = new DrainWishes(node, now);
  const drain = (wisher: DrainWisher, timeoutMs: number): boolean => {
    const isNew = wishes.add(wisher, timeoutMs);
    if (isNew) logger.info({ event: 'draining', wisher, timeoutMs }, 'draining: clients are asked to go elsewhere');
    stateReporter.look();
    return isNew;
  };
  const undrain = (wisher: DrainWisher): boolean => {
    const was = wishes.drop(wisher);
    if (was) logger.info({ event: 'undrained', wisher, state: node.state }, 'drain taken back');
    stateReporter.look();
    return was;
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
    connectionCount,
    drain: (timeoutMs) =>
      (timeoutMs !== null || !wishes.has('admin')) && drain('admin', timeoutMs ?? limits.announcedDrainMs),
    undrain: () => undrain('admin'),
    drainTimeoutMs: limits.announcedDrainMs,
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
  stateReporter.start();
  process.on('SIGUSR1', reopenLogs);
  return {
    stop: async () => {
      const { announceMs } = settings.limits;
      // so much longer that all are told, and none is closed for being idle, before it is over
      drain('stop', 2 * announceMs + limits.quietMs);
      // flows that go past this process are not seen coming, so nobody knows when it is quiet
      if (kernel.carries) await new Promise<void>((resolve) => setTimer(resolve, announceMs));
      else await untilQuiet({ traffic: () => carrier.traffic(), now, setTimer }, announceMs);
      logger.info({ event: 'listeners_closing' }, 'no connections are taken any more');
      await Promise.all([node.drain(limits.drainTimeoutMs), kernel.drain(limits.drainTimeoutMs)]);
      loadReporter.close();
      healthReporter.close();
      stateReporter.close();
      client.close();
      names.stop();
      await admin.close();
      await carrier.close();
      process.off('SIGUSR1', reopenLogs);
    },
  };
}

function withinDescriptors(limits: NodeLimits, logger: Logger): NodeLimits {
  const { connections, warning } = descriptorsFor(limits.connections, allowedDescriptors, raiseDescriptors);
  if (warning !== null) logger.warn({ event: 'descriptors', connections }, warning);
  return { ...limits, connections };
}
