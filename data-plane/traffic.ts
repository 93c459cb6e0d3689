/** All that forwards traffic in one thread, put together. */
import { randomUUID } from 'node:crypto';
import { TableBuilder } from './balance/table-builder.ts';
import { Out } from './codec/out.ts';
import type { HttpShared } from './l7/http-context.ts';
import { Turns } from './l7/turns.ts';
import { limits as fixed, type NodeLimits, publicConnectionsPerAddress } from './limits.ts';
import { ConnectionGate } from './listener/connection-gate.ts';
import type { OpenCounts } from './listener/open-counts.ts';
import { isPublicAddress } from './listener/public-address.ts';
import { ownAddress } from './own-address.ts';
import { memoryShare, threadBusyShares } from './process-load.ts';
import type { SessionKeys } from './route/sticky-session.ts';
import type { MakeChecks } from './runtime/checks.ts';
import { Clusters, type ClustersDeps } from './runtime/clusters.ts';
import type { FilterModules } from './runtime/filters.ts';
import { Listeners, type ListenersDeps } from './runtime/listeners.ts';
import type { Logger } from './runtime/logger.ts';
import { ProxyNode } from './runtime/node.ts';
import { watchOverload } from './runtime/overload-watch.ts';
import type { LogSinks } from './telemetry/log-sink.ts';
import type { StatsRegistry } from './telemetry/registry.ts';
import { http2Stats, overloadStats } from './telemetry/stats.ts';
import { http1Stats } from './telemetry/underscore-stats.ts';
import { Deadlines } from './upstream/deadlines.ts';
import { nodeNow, now, random, setTimer, wallClock } from './world.ts';

export interface TrafficDeps {
  readonly registry: StatsRegistry;
  readonly sinks: LogSinks;
  readonly checks: MakeChecks;
  readonly outliers: ClustersDeps['outliers'];
  readonly countsOf: ClustersDeps['countsOf'];
  readonly totalOf: ClustersDeps['totalOf'];
  readonly limits: NodeLimits;
  readonly filters: FilterModules;
  /** Where this node stands; empty: it was not told. */
  readonly zone: string;
  readonly sessionKeys: SessionKeys;
  /** Of the node's connections. */
  readonly open: OpenCounts;
  readonly logger: Logger;
  readonly listening: Pick<ListenersDeps, 'binds' | 'reusePort' | 'onTried'>;
}

export interface Traffic {
  readonly node: ProxyNode;
  readonly listeners: Listeners;
}

export function createTraffic({
  registry,
  sinks,
  checks,
  outliers,
  countsOf,
  totalOf,
  limits,
  filters,
  zone,
  sessionKeys,
  open,
  logger,
  listening,
}: TrafficDeps): Traffic {
  const tables = new TableBuilder({ now, soon: setImmediate });
  const world = { random, now, zone, tables };
  const clusters = new Clusters({ registry, world, checks, outliers, countsOf, totalOf, now: nodeNow });
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
    wallClock,
    random,
    newRequestId: () => randomUUID(),
    sessionKeys,
    ownAddress: ownAddress(),
    turns: new Turns(setImmediate),
    http1Stats: http1Stats(registry),
    http2Stats: http2Stats(registry),
    load: { refusedShare: 0 },
    toClient: new Out(),
    toUpstream: new Out(),
    readBuffer: Buffer.allocUnsafeSlow(fixed.readBytes),
    onFault,
  };
  const gate = gateOf(limits, open);
  const listeners = new Listeners({ shared, registry, sinks, limits, filters, gate, logger, setTimer, ...listening });
  watchOverload({
    limits,
    now,
    setTimer,
    memoryShare,
    busyShare: threadBusyShares(now),
    shared,
    gate,
    listeners,
    stats: overloadStats(registry),
    logger,
  });
  return { node: new ProxyNode(clusters, listeners), listeners };
}

function gateOf({ connections, connectionsPerAddress }: NodeLimits, open: OpenCounts): ConnectionGate {
  return connectionsPerAddress === null
    ? new ConnectionGate({ connections, connectionsPerAddress: publicConnectionsPerAddress }, isPublicAddress, open)
    : new ConnectionGate({ connections, connectionsPerAddress }, () => true, open);
}
