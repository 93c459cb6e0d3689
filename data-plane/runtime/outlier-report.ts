/** Outlier detection of a cluster as it is counted and logged. */
import type { OutlierEvent } from '../health/outlier.ts';
import { type OutlierStats, outlierStats } from '../telemetry/outlier-stats.ts';
import type { ClusterStats } from '../telemetry/stats.ts';
import type { Logger } from './logger.ts';

export class OutlierReport {
  readonly #stats: OutlierStats;
  readonly #cluster: string;
  readonly #logger: Logger;
  readonly #wallClock: () => number;

  /** @param wallClock epoch milliseconds */
  constructor(cluster: string, { scope }: ClusterStats, logger: Logger, wallClock: () => number) {
    this.#stats = outlierStats(scope);
    this.#cluster = cluster;
    this.#logger = logger;
    this.#wallClock = wallClock;
  }

  setEjected(ejected: number): void {
    this.#stats.active.value = ejected;
  }

  add(event: OutlierEvent): void {
    if (event.action !== 'uneject') this.#count(event);
    if (event.action === 'overflow') return;
    const fields = { event: 'outlier', ...loggedFields(event, this.#cluster, this.#wallClock()) };
    if (event.action === 'uneject') this.#logger.info(fields, 'an endpoint is let in again');
    else if (event.enforced) this.#logger.warn(fields, 'an endpoint is ejected');
    else this.#logger.info(fields, 'an endpoint would be ejected, if that were enforced');
  }

  #count({ action, type, enforced }: Exclude<OutlierEvent, { action: 'uneject' }>): void {
    const stats = this.#stats;
    stats.detected[type].value++;
    if (action === 'overflow') stats.overflow.value++;
    if (!enforced) return;
    stats.enforcedTotal.value++;
    stats.enforced[type].value++;
  }
}

/** As in Envoy's log of outlier events. */
function loggedFields(event: OutlierEvent, cluster: string, epochMs: number): object {
  const common = {
    cluster_name: cluster,
    upstream_url: event.key,
    action: event.action.toUpperCase(),
    num_ejections: event.ejections,
    timestamp: new Date(epochMs).toISOString(),
    ...(event.sinceMs === null ? {} : { secs_since_last_action: Math.floor(event.sinceMs / 1000) }),
  };
  if (event.action === 'uneject') return common;
  const { type, enforced, measured } = event;
  return { type, ...common, enforced, ...measured };
}
