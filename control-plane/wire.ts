/** The one place that sees every part of the control plane and joins them. */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { createAuthenticator } from './api/authenticate.ts';
import { authorizeStatus, authorizeStreams } from './api/authorize-streams.ts';
import { type ApiLimits, apiLimits } from './api/limits.ts';
import { createMetrics, type Metrics, observeSources } from './api/metrics.ts';
import { type Api, buildApi } from './api/server.ts';
import { Drains } from './fleet/drains.ts';
import { Fleet } from './fleet/fleet.ts';
import { NodePlacements } from './fleet/placements.ts';
import { SharedFleet } from './fleet/shared-fleet.ts';
import type { Logger } from './logging.ts';
import { publishLimits } from './publish/limits.ts';
import { Orders } from './publish/orders.ts';
import { Publisher } from './publish/publisher.ts';
import { keyOfHome } from './secret-key.ts';
import { type Address, formatAddress, reachable, type Settings } from './settings.ts';
import { SnapshotCache } from './snapshot/cache.ts';
import { serves } from './snapshot/snapshot.ts';
import { openStore } from './store/open.ts';
import type { Store } from './store/store.ts';
import { envoyBootstrap, grpcBootstrap } from './translate/bootstrap.ts';
import { version } from './version.ts';
import { restDiscovery } from './xds/rest.ts';
import { startXdsServer } from './xds/server.ts';
import type { SheddingLimits } from './xds/shedder.ts';
import { systemTimers } from './xds/timers.ts';
import { checkTlsMaterial, readTlsFiles } from './xds/tls-files.ts';

export interface ControlPlane {
  /** Base URL of the REST API, as this machine reaches it. */
  readonly api: string;
  /** HOST:PORT of the xDS server, as this machine reaches it. */
  readonly xds: string;
  readonly store: Store;
  readonly metrics: Metrics;
  /** Refuses new work, ends the streams, lets requests under way finish, closes the store. May be called twice. */
  close(): Promise<void>;
}

export interface ControlPlaneOptions {
  readonly logger: Logger;
  readonly limits?: ApiLimits;
  /** When and how fast nodes are sent to other replicas. */
  readonly shedding?: SheddingLimits;
  /** Where the snapshots stand that nodes are served from. */
  readonly cache?: SnapshotCache;
  /** Epoch milliseconds. */
  readonly now?: () => number;
  /** How long streams and requests under way may take to end. */
  readonly graceMs?: number;
}

/** The process cannot start as it is set up; `remedy` says what to change. */
export class StartError extends Error {
  readonly code: string;
  readonly remedy: string;
  constructor(code: string, message: string, remedy: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'StartError';
    this.code = code;
    this.remedy = remedy;
  }
}

/** Rejects with StartError, StoreError, TlsFilesError or XdsServerError, each with a remedy; what was opened is closed again. */
export async function startControlPlane(settings: Settings, options: ControlPlaneOptions): Promise<ControlPlane> {
  const { logger, now = Date.now, graceMs = 3_000 } = options;
  // A port that is taken, or a certificate that cannot be used, is told before a database is made for nothing.
  if (settings.xdsTls !== undefined) checkTlsMaterial(settings.xdsTls, await readTlsFiles(settings.xdsTls));
  await Promise.all([
    demandFree(settings.api, 'FAIRLEAD_API (--api)'),
    demandFree(settings.xds, 'FAIRLEAD_XDS (--xds)'),
  ]);
  if (settings.databaseUrl === undefined) makeHome(settings.home);

  const opened: (() => Promise<void> | void)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of opened.toReversed()) await close();
  };
  try {
    const store = await openStore({
      dir: path.join(settings.home, 'store'),
      databaseUrl: settings.databaseUrl,
      key: settings.key ?? (settings.databaseUrl === undefined ? keyOfHome(settings.home) : undefined),
      logger,
      now,
    });
    opened.push(() => store.close());
    logger.info({ event: 'store-open', store: store.description, revision: store.documents.revision });

    const metrics = createMetrics({ withProcess: true });
    const cache = options.cache ?? new SnapshotCache();
    const fleet = new Fleet({ now });
    const wholeFleet = store.shared ? shareFleet(fleet, store, logger) : fleet;
    if (wholeFleet instanceof SharedFleet) opened.push(() => wholeFleet.close());
    const timers = systemTimers;
    const drains = new Drains({ table: store.drains, shared: store.shared, now, timers, logger });
    await drains.start();
    opened.push(() => drains.close());
    const isOwn = (node: string, group: string): boolean => fleet.get(node, group)?.connected === true;
    const placements = new NodePlacements({ fleet: wholeFleet, isOwn, drains, store, timers, logger });
    await placements.start();
    opened.push(() => placements.close());
    const publisher = new Publisher({
      store,
      placements,
      cache,
      timers,
      limits: publishLimits,
      logger,
      onEncoded: (type) => metrics.resourcesEncoded.inc({ type }),
    });
    publisher.onPublished(({ group, changed, durationMs }) => {
      if (!changed) return;
      metrics.published.inc({ group });
      metrics.publishSeconds.observe(durationMs / 1_000);
    });
    publisher.start();
    opened.push(() => publisher.close());

    const { states } = fleet;
    const orders = new Orders({
      drains,
      states,
      placements,
      publisher,
      fleet: wholeFleet,
      snapshots: cache,
      timers,
      now,
    });
    orders.start();
    opened.push(() => orders.close());
    const authenticator = createAuthenticator({ tokens: store.tokens, adminToken: settings.adminToken, now });
    let closing: Promise<void> | undefined;
    const unready = (): string[] => readiness(store, closing !== undefined);
    const xds = await startXdsServer({
      address: settings.xds,
      tls: settings.xdsTls,
      source: cache,
      authorize: authorizeStreams(authenticator),
      authorizeStatus: authorizeStatus(authenticator),
      observer: fleet,
      loads: fleet.loads,
      healths: fleet.healths,
      states,
      elsewhere: () => (wholeFleet instanceof SharedFleet ? wholeFleet.clientsElsewhere() : []),
      others: wholeFleet instanceof SharedFleet ? () => wholeFleet.connectedElsewhere() : undefined,
      timers,
      now,
      logger,
      isServing: () => unready().length === 0,
      ...(options.shedding && { shedding: options.shedding }),
    });
    opened.push(() => xds.close(graceMs));

    const api = await buildApi({
      store,
      fleet: wholeFleet,
      placements,
      drains,
      publisher,
      authenticator,
      servedVersions: (group) => {
        const snapshot = cache.get(group);
        return (
          snapshot && { revision: snapshot.revision, isServed: (type, version) => serves(snapshot, type, version) }
        );
      },
      discovery: restDiscovery(cache),
      makeEnvoyBootstrap: ({ xds: wanted, apiHost, ...request }) =>
        envoyBootstrap({
          ...request,
          xds: wanted ?? advertised(xds.address, apiHost),
        }),
      makeGrpcBootstrap: ({ xds: wanted, apiHost, ...request }) =>
        grpcBootstrap({ ...request, xds: wanted ?? advertised(xds.address, apiHost) }),
      xdsSpeaksTls: settings.xdsTls !== undefined,
      readiness: unready,
      metrics,
      logger,
      limits: options.limits ?? apiLimits,
      version,
      now,
    });
    observeSources(metrics, {
      revision: () => store.documents.revision,
      healthy: () => store.healthy(),
      frozen: () => store.frozen() !== undefined,
      rowsRead: () => store.rowsRead(),
      fleet: () => fleet.stats(),
      joins: () => xds.joins,
      nodesShed: () => xds.nodesShed,
      failingGroups: () => publisher.status().filter(({ failure }) => failure !== undefined).length,
    });
    const address = await listen(api, settings.api);
    opened.push(() => closeApi(api, graceMs));

    const listening = {
      api: `http://${formatAddress(reachable(address))}`,
      xds: formatAddress(reachable(xds.address)),
    };
    logger.info({ event: 'listening', ...listening, version });
    return {
      ...listening,
      store,
      metrics,
      close: () => {
        closing ??= closeAll();
        return closing;
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** What the fleet of this replica is to the others, and theirs to this one. */
function shareFleet(own: Fleet, store: Store, logger: Logger): SharedFleet {
  const shared = new SharedFleet({
    ...{ replica: randomUUID(), own, states: store.nodeStates, loadStates: store.loadStates },
    ...{ timers: systemTimers, logger },
  });
  shared.start();
  return shared;
}

function readiness(store: Store, closing: boolean): string[] {
  if (closing) return ['This replica is stopping. Ask another one.'];
  const frozen = store.frozen();
  if (frozen !== undefined) return [`${frozen.message} ${frozen.remedy}`];
  return store.healthy() ? [] : ['The database does not answer or the change feed is behind. See the log.'];
}

function makeHome(home: string): void {
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StartError(
      'home-unusable',
      `The state folder ${home} cannot be made: ${reason}.`,
      'Set FAIRLEAD_HOME (--home) to a folder that this user may write to.',
      { cause },
    );
  }
}

/** Where a node that was told of the control plane by this request's host finds its xDS port. */
function advertised(bound: Address, apiHost: string): Address {
  return bound.host === '0.0.0.0' || bound.host === '::' ? { host: apiHost, port: bound.port } : bound;
}

async function listen(api: Api, address: Address): Promise<Address> {
  try {
    await api.app.listen({ host: address.host, port: address.port });
  } catch (error) {
    throw listenError(error, address, 'FAIRLEAD_API (--api)');
  }
  const bound = api.app.server.address();
  return { host: address.host, port: bound !== null && typeof bound === 'object' ? bound.port : address.port };
}

/** Requests under way get `graceMs` to finish; then their connections are cut. */
async function closeApi(api: Api, graceMs: number): Promise<void> {
  const cut = setTimeout(() => api.app.server.closeAllConnections(), graceMs);
  await api.app.close();
  clearTimeout(cut);
}

async function demandFree(address: Address, setting: string): Promise<void> {
  if (address.port === 0) return;
  const probe = net.createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      probe.once('error', reject);
      probe.listen({ host: address.host, port: address.port, exclusive: true }, resolve);
    });
  } catch (error) {
    throw listenError(error, address, setting);
  }
  await new Promise<void>((resolve) => probe.close(() => resolve()));
}

function listenError(cause: unknown, address: Address, setting: string): StartError {
  const { code = 'failed', message } = cause as NodeJS.ErrnoException;
  const where = formatAddress(address);
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'the port is in use',
    EADDRNOTAVAIL: 'this machine does not have that address',
    ENOTFOUND: 'this machine does not have that address',
    EACCES: 'this user may not bind that port',
  };
  const stop = code === 'EADDRINUSE' ? 'Stop the process that holds it, or set' : 'Set';
  const remedy = `${stop} ${setting} to another address; port 0 takes a free one.`;
  return new StartError(code, `Cannot listen on ${where}: ${reasons[code] ?? message}.`, remedy, { cause });
}
