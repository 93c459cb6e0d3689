/** All that forwards traffic in one thread, put together. */
import { randomUUID } from 'node:crypto';
import { Out } from './codec/out.ts';
import type { HttpShared } from './l7/http-context.ts';
import { Turns } from './l7/turns.ts';
import { limits } from './limits.ts';
import type { MakeChecks } from './runtime/checks.ts';
import { Clusters } from './runtime/clusters.ts';
import { type Binds, Listeners } from './runtime/listeners.ts';
import type { Logger } from './runtime/logger.ts';
import { ProxyNode } from './runtime/node.ts';
import type { LogSinks } from './telemetry/log-sink.ts';
import type { StatsRegistry } from './telemetry/registry.ts';
import { Deadlines } from './upstream/deadlines.ts';
import { now, random, setTimer, wallClock } from './world.ts';

export interface TrafficDeps {
  readonly registry: StatsRegistry;
  readonly sinks: LogSinks;
  readonly checks: MakeChecks;
  readonly binds: Binds;
  readonly logger: Logger;
}

export function createTraffic({ registry, sinks, checks, binds, logger }: TrafficDeps): ProxyNode {
  const clusters = new Clusters({ registry, random, checks });
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
    turns: new Turns(setImmediate),
    toClient: new Out(),
    toUpstream: new Out(),
    readBuffer: Buffer.allocUnsafeSlow(limits.readBytes),
    onFault,
  };
  return new ProxyNode(clusters, new Listeners({ shared, registry, sinks, binds, logger, setTimer }));
}
