/** Outlier detection of a cluster as its user sees it, wherever it is done: in this thread, or in the main one. */
import { type OutlierDeps, OutlierDetector, type OutlierEvent } from '../health/outlier.ts';
import type { OutlierDetectionConfig } from '../model/config.ts';
import { type OutlierStats, outlierStats } from '../telemetry/outlier-stats.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { FailuresInRow } from '../upstream/host-counts.ts';
import type { Logger } from './logger.ts';

export interface OutlierWatch {
  /** The cluster has changed. */
  update(): void;
  onFailuresInRow(key: string, inRow: FailuresInRow): void;
  /** An active check passed. */
  onPassingCheck(key: string): void;
  stop(): void;
}

export type MakeOutliers = (cluster: Cluster) => OutlierWatch;

interface OwnOutliersDeps extends Pick<OutlierDeps, 'now' | 'random'> {
  /** Calls back once; must not keep the process alive. */
  readonly setTimer: (callback: () => void, ms: number) => void;
  readonly logger: Logger;
  /** Epoch milliseconds. */
  readonly wallClock: () => number;
  /** For those who are to be told beside the cluster itself. */
  readonly onEjected: (cluster: string, key: string, ejected: boolean) => void;
}

/** Decided in this thread. */
export function ownOutliers(deps: OwnOutliersDeps): MakeOutliers {
  return (cluster) => new OwnOutliers(cluster, deps);
}

/** Decided in another thread, which is told what it has to know. */
export function toldOutliers(tell: (cluster: Cluster, key: string, inRow: FailuresInRow) => void): MakeOutliers {
  return (cluster) => ({
    update: () => {},
    onFailuresInRow: (key, inRow) => tell(cluster, key, inRow),
    onPassingCheck: () => {},
    stop: () => {},
  });
}

class OwnOutliers implements OutlierWatch {
  readonly #cluster: Cluster;
  readonly #deps: OwnOutliersDeps;
  #stats: OutlierStats | null = null;
  /** Null: the cluster has none. */
  #detector: OutlierDetector | null = null;
  /** A timer that was set for another detector does nothing. */
  #ticking = 0;

  constructor(cluster: Cluster, deps: OwnOutliersDeps) {
    this.#cluster = cluster;
    this.#deps = deps;
  }

  update(): void {
    const { outlierDetection } = this.#cluster.config;
    if (outlierDetection === null) {
      this.stop();
      return;
    }
    if (this.#detector === null) {
      this.#detector = this.#start(outlierDetection);
      this.#tickLater(this.#detector, ++this.#ticking);
    }
    const counts = this.#cluster.hosts.map((host) => [host.key, host.counts] as const);
    this.#detector.update(outlierDetection, new Map(counts));
    this.#stats!.active.value = this.#detector.ejected;
  }

  onFailuresInRow(key: string, inRow: FailuresInRow): void {
    this.#detector?.onFailuresInRow(key, inRow);
  }

  onPassingCheck(key: string): void {
    this.#detector?.onPassingCheck(key);
  }

  stop(): void {
    this.#ticking++;
    this.#detector?.stop();
    this.#detector = null;
  }

  #start(config: OutlierDetectionConfig): OutlierDetector {
    const { now, random } = this.#deps;
    this.#stats ??= outlierStats(this.#cluster.stats.scope);
    return new OutlierDetector(config, {
      now,
      random,
      onEjected: (key, ejected) => this.#onEjected(key, ejected),
      onEvent: (event) => this.#onEvent(event),
    });
  }

  #tickLater(detector: OutlierDetector, ticking: number): void {
    const { intervalMs } = this.#cluster.config.outlierDetection!;
    this.#deps.setTimer(() => {
      if (ticking !== this.#ticking) return;
      detector.tick();
      this.#tickLater(detector, ticking);
    }, intervalMs);
  }

  #onEjected(key: string, ejected: boolean): void {
    const cluster = this.#cluster;
    const host = cluster.hostOf(key);
    if (host === undefined) return;
    host.counts.ejected = ejected;
    cluster.setEjected(key, ejected);
    this.#deps.onEjected(cluster.name, key, ejected);
  }

  #onEvent(event: OutlierEvent): void {
    const stats = this.#stats!;
    stats.active.value = this.#detector?.ejected ?? 0;
    if (event.action !== 'uneject') {
      stats.detected[event.type].value++;
      if (event.action === 'overflow') {
        stats.overflow.value++;
        return;
      }
      if (event.enforced) {
        stats.enforcedTotal.value++;
        stats.enforced[event.type].value++;
      }
    }
    const { logger, wallClock } = this.#deps;
    const fields = { event: 'outlier', ...loggedFields(event, this.#cluster.name, wallClock()) };
    if (event.action === 'uneject') logger.info(fields, 'an endpoint is let in again');
    else if (event.enforced) logger.warn(fields, 'an endpoint is ejected');
    else logger.info(fields, 'an endpoint would be ejected, if that were enforced');
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
