/** Outlier detection of a cluster as its user sees it, wherever it is done: in this thread, or in the main one. */
import { MaxFails } from '../health/max-fails.ts';
import { type OutlierDeps, OutlierDetector, type OutlierEvent } from '../health/outlier.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Finding } from '../upstream/outcomes.ts';
import type { Logger } from './logger.ts';
import { OutlierReport } from './outlier-report.ts';

export interface OutlierWatch {
  /** The cluster has changed. */
  update(): void;
  onFinding(key: string, finding: Finding): void;
  /** An active check passed. */
  onPassingCheck(key: string): void;
  /** What an endpoint that is out was ejected for, in a few words; empty: it is in, or that is known elsewhere. */
  reasonOf(key: string): string;
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
  /** One request may go to it, of those who carry traffic. */
  readonly onTrial: (cluster: Cluster, key: string) => void;
}

/** Decided in this thread. */
export function ownOutliers(deps: OwnOutliersDeps): MakeOutliers {
  return (cluster) => new OwnOutliers(cluster, deps);
}

/** Decided in another thread, which is told what it has to know. */
export function toldOutliers(tell: (cluster: Cluster, key: string, finding: Finding) => void): MakeOutliers {
  return (cluster) => ({
    update: () => {},
    onFinding: (key, finding) => tell(cluster, key, finding),
    onPassingCheck: () => {},
    reasonOf: () => '',
    stop: () => {},
  });
}

class OwnOutliers implements OutlierWatch {
  readonly #cluster: Cluster;
  readonly #deps: OwnOutliersDeps;
  readonly #maxFails: MaxFails;
  #report: OutlierReport | null = null;
  /** Why they are out, in Envoy's words. */
  readonly #reasons = new Map<string, string>();
  /** Null: the cluster has none. */
  #detector: OutlierDetector | null = null;
  /** A timer that was set for another detector does nothing. */
  #ticking = 0;

  constructor(cluster: Cluster, deps: OwnOutliersDeps) {
    this.#cluster = cluster;
    this.#deps = deps;
    this.#maxFails = new MaxFails({ ...deps, ...this.#told, onTrial: (key) => this.#offerTrial(key) });
  }

  update(): void {
    const { config, hosts } = this.#cluster;
    const { outlierDetection } = config;
    if (outlierDetection === null) {
      this.stop();
      return;
    }
    const { logger, wallClock } = this.#deps;
    this.#report ??= new OutlierReport(config.name, this.#cluster.stats, logger, wallClock);
    if (this.#detector === null) {
      this.#detector = new OutlierDetector(outlierDetection, { ...this.#deps, ...this.#told });
      this.#tickLater(this.#detector, ++this.#ticking);
    }
    this.#detector.update(outlierDetection, new Map(hosts.map(({ key, counts }) => [key, counts])));
    this.#maxFails.update(outlierDetection.maxFails, new Map(hosts.map(({ key, counts }) => [key, counts.fails])));
    for (const key of this.#reasons.keys()) if (this.#cluster.hostOf(key) === undefined) this.#reasons.delete(key);
    this.#countEjected();
  }

  onFinding(key: string, finding: Finding): void {
    if (finding === 'recovered') this.#maxFails.onRecovered(key);
    else if (finding === 'max-fails') this.#maxFails.onFails(key, this.#isLast(key));
    // what is said in Envoy's words beside nginx's stands for them, to those who do not know these
    else if (this.#cluster.config.outlierDetection?.maxFails === null) this.#detector?.onFailuresInRow(key, finding);
  }

  onPassingCheck(key: string): void {
    this.#detector?.onPassingCheck(key);
  }

  reasonOf(key: string): string {
    return this.#reasons.get(key)?.toLowerCase().replaceAll('_', ' ') ?? '';
  }

  stop(): void {
    this.#reasons.clear();
    this.#ticking++;
    this.#detector?.stop();
    this.#detector = null;
    this.#maxFails.update(null, new Map());
  }

  readonly #told = {
    onEjected: (key: string): void => this.#settle(key),
    onEvent: (event: OutlierEvent): void => {
      this.#countEjected();
      if (event.action === 'eject' && event.enforced) this.#reasons.set(event.key, event.type);
      else if (event.action === 'uneject') this.#reasons.delete(event.key);
      this.#report!.add(event);
    },
  };

  #tickLater(detector: OutlierDetector, ticking: number): void {
    const { intervalMs } = this.#cluster.config.outlierDetection!;
    this.#deps.setTimer(() => {
      if (ticking !== this.#ticking) return;
      detector.tick();
      this.#tickLater(detector, ticking);
    }, intervalMs);
  }

  /** Nobody but this endpoint may be used. */
  #isLast(key: string): boolean {
    return !this.#cluster.hosts.some((host) => host.key !== key && host.standing !== 'out' && !this.#isOut(host.key));
  }

  #isOut(key: string): boolean {
    return this.#detector?.isEjected(key) === true || this.#maxFails.isOut(key);
  }

  #settle(key: string): void {
    const cluster = this.#cluster;
    const host = cluster.hostOf(key);
    const ejected = this.#isOut(key);
    if (host === undefined) return;
    host.counts.ejected = ejected;
    cluster.setEjected(key, ejected);
    this.#deps.onEjected(cluster.name, key, ejected);
  }

  #offerTrial(key: string): void {
    if (this.#detector?.isEjected(key) === true) return;
    this.#deps.onTrial(this.#cluster, key);
  }

  #countEjected(): void {
    this.#report!.setEjected((this.#detector?.ejected ?? 0) + this.#maxFails.out);
  }
}
