/** What became of requests and connections, counted for outlier detection as Envoy counts it: whose fault, how often in a row. */
import { noteFailure, notePick, noteSuccess } from '../health/max-fails.ts';
import type { OutlierDetectionConfig } from '../model/config.ts';
import type { FailuresInRow, HostCounts } from './host-counts.ts';

/** The status that stands for what is no answer, where it is not counted by itself. */
export const localStatus = { failed: 503, timedOut: 504 } as const;

/** An endpoint has met as many failures as are allowed; `recovered`: it was out for `max-fails`, and has served a request. */
export type Finding = FailuresInRow | 'max-fails' | 'recovered';

/** Who decides what comes of it. */
export interface OutcomesWatch {
  /** Of a clock that all threads share, ms. */
  now(): number;
  /** Told once, by the thread whose count it was. */
  onFinding(key: string, finding: Finding): void;
}

/** Of one cluster in one thread. */
export class Outcomes {
  readonly config: OutlierDetectionConfig;
  readonly #watch: OutcomesWatch;

  constructor(config: OutlierDetectionConfig, watch: OutcomesWatch) {
    this.config = config;
    this.#watch = watch;
  }

  /** A request or a connection goes to it. */
  began({ counts }: Watched): void {
    const { maxFails } = this.config;
    if (maxFails !== null) notePick(counts.fails, maxFails, this.#watch.now());
  }

  /** An answer began. @param status of HTTP, or what a status of gRPC is in HTTP */
  answered(host: Watched, status: number): void {
    if (this.config.splitLocalOrigin) this.#connected(host.counts);
    this.#answer(host, status);
    this.#note(host, status < 500 || this.config.splitLocalOrigin);
  }

  /** Of an endpoint that is only connected to. */
  connected(host: Watched): void {
    if (this.config.splitLocalOrigin) this.#connected(host.counts);
    else this.#answer(host, 200);
    this.#note(host, true);
  }

  /** There is no answer, or no more of it. @param wasConnected the endpoint was there, at first */
  failed(host: Watched, status: (typeof localStatus)[keyof typeof localStatus], wasConnected: boolean): void {
    this.#note(host, false);
    if (!this.config.splitLocalOrigin) {
      this.#answer(host, status);
      return;
    }
    if (wasConnected) this.#connected(host.counts);
    host.counts.tally('local', false);
    this.#count(host, 'consecutive-local-origin-failure', this.config.consecutiveLocalOriginFailure);
  }

  /** As nginx counts; what an endpoint answers is no failure there unless one asks for that. */
  #note(host: Watched, success: boolean): void {
    const { maxFails } = this.config;
    if (maxFails === null) return;
    const { fails } = host.counts;
    if (success) {
      if (noteSuccess(fails, maxFails)) this.#watch.onFinding(host.key, 'recovered');
    } else if (noteFailure(fails, maxFails, this.#watch.now())) this.#watch.onFinding(host.key, 'max-fails');
  }

  #connected(counts: HostCounts): void {
    counts.tally('local', true);
    counts.endRow('consecutive-local-origin-failure');
  }

  #answer(host: Watched, status: number): void {
    const { counts } = host;
    const fails = status >= 500;
    counts.tally('external', !fails);
    if (fails && status >= 502 && status <= 504) {
      this.#count(host, 'consecutive-gateway-failure', this.config.consecutiveGatewayFailure);
    } else counts.endRow('consecutive-gateway-failure');
    if (fails) this.#count(host, 'consecutive-5xx', this.config.consecutive5xx);
    else counts.endRow('consecutive-5xx');
  }

  #count(host: Watched, inRow: FailuresInRow, threshold: number): void {
    const failures = host.counts.failed(inRow);
    if (threshold > 0 && failures % threshold === 0) this.#watch.onFinding(host.key, inRow);
  }
}

interface Watched {
  readonly key: string;
  readonly counts: HostCounts;
}
