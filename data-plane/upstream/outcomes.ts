/** What became of requests and connections, counted for outlier detection as Envoy counts it: whose fault, how often in a row. */
import type { OutlierDetectionConfig } from '../model/config.ts';
import type { FailuresInRow, HostCounts } from './host-counts.ts';

/** The status that stands for what is no answer, where it is not counted by itself. */
export const localStatus = { failed: 503, timedOut: 504 } as const;

/** Of one cluster in one thread. */
export class Outcomes {
  readonly config: OutlierDetectionConfig;
  readonly #onThreshold: (key: string, inRow: FailuresInRow) => void;

  /** @param onThreshold told when an endpoint has met as many failures in a row as are allowed, by the thread that counts the last one */
  constructor(config: OutlierDetectionConfig, onThreshold: (key: string, inRow: FailuresInRow) => void) {
    this.config = config;
    this.#onThreshold = onThreshold;
  }

  /** An answer began. @param status of HTTP, or what a status of gRPC is in HTTP */
  answered(host: Watched, status: number): void {
    if (this.config.splitLocalOrigin) this.#connected(host.counts);
    this.#answer(host, status);
  }

  /** Of an endpoint that is only connected to. */
  connected(host: Watched): void {
    if (this.config.splitLocalOrigin) this.#connected(host.counts);
    else this.#answer(host, 200);
  }

  /** There is no answer, or no more of it. @param wasConnected the endpoint was there, at first */
  failed(host: Watched, status: (typeof localStatus)[keyof typeof localStatus], wasConnected: boolean): void {
    if (!this.config.splitLocalOrigin) {
      this.#answer(host, status);
      return;
    }
    if (wasConnected) this.#connected(host.counts);
    host.counts.tally('local', false);
    this.#count(host, 'consecutive-local-origin-failure', this.config.consecutiveLocalOriginFailure);
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
    if (threshold > 0 && failures % threshold === 0) this.#onThreshold(host.key, inRow);
  }
}

interface Watched {
  readonly key: string;
  readonly counts: HostCounts;
}
