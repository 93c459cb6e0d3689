/**
 * Outlier detection of one cluster: who is ejected for what, and when they come back. Envoy's algorithm, for the whole
 * node; counts are read from where all threads make them, the clock and chance are handed in.
 */
import type { OutlierDetectionConfig } from '../model/config.ts';
import { quantileMs } from './latency-buckets.ts';
import { ejectionMs, mayEject, median, nextMultiplier, successRateThreshold } from './outlier-rules.ts';

type Origin = 'external' | 'local';
type InRow = 'consecutive-5xx' | 'consecutive-gateway-failure' | 'consecutive-local-origin-failure';

/** In Envoy's words. */
type EjectionType =
  | 'CONSECUTIVE_5XX'
  | 'CONSECUTIVE_GATEWAY_FAILURE'
  | 'CONSECUTIVE_LOCAL_ORIGIN_FAILURE'
  | 'SUCCESS_RATE'
  | 'SUCCESS_RATE_LOCAL_ORIGIN'
  | 'FAILURE_PERCENTAGE'
  | 'FAILURE_PERCENTAGE_LOCAL_ORIGIN'
  /** Our own. */
  | 'LATENCY'
  /** As nginx's; not decided here. */
  | 'MAX_FAILS';

/** What an endpoint has met so far. Numbers are 32 bits that wrap. */
interface OutlierCounts {
  total(origin: Origin): number;
  successful(origin: Origin): number;
  endRow(inRow: InRow): void;
  readonly latency: { read(): Int32Array };
}

export type OutlierEvent =
  | {
      /** `overflow`: too many are out already. */
      readonly action: 'eject' | 'overflow';
      readonly key: string;
      readonly type: EjectionType;
      /** False: chance, or a share of 0, had it only counted. */
      readonly enforced: boolean;
      readonly ejections: number;
      /** Since it came back the last time, or was ejected; null: never. */
      readonly sinceMs: number | null;
      /** What it was measured by; empty for failures in a row. */
      readonly measured: Readonly<Record<string, number>>;
    }
  | {
      readonly action: 'uneject';
      readonly key: string;
      readonly ejections: number;
      readonly sinceMs: number;
    };

export interface OutlierDeps {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** 0 ≤ x < 1 */
  readonly random: () => number;
  /** An ejection that is enforced begins or ends. */
  readonly onEjected: (key: string, ejected: boolean) => void;
  readonly onEvent: (event: OutlierEvent) => void;
}

const inRowTypes = {
  'consecutive-5xx': 'CONSECUTIVE_5XX',
  'consecutive-gateway-failure': 'CONSECUTIVE_GATEWAY_FAILURE',
  'consecutive-local-origin-failure': 'CONSECUTIVE_LOCAL_ORIGIN_FAILURE',
} as const satisfies Record<InRow, EjectionType>;

const rows = Object.keys(inRowTypes) as InRow[];

/** One endpoint. */
class Monitor {
  readonly counts: OutlierCounts;
  ejectedAtMs: number | null = null;
  unejectedAtMs: number | null = null;
  lastActionMs: number | null = null;
  ejections = 0;
  multiplier = 0;
  jitterMs = 0;
  readonly #last = { external: { total: 0, successful: 0 }, local: { total: 0, successful: 0 } };
  #latency: Int32Array;

  constructor(counts: OutlierCounts) {
    this.counts = counts;
    this.#latency = counts.latency.read();
    this.takeInterval('external');
    this.takeInterval('local');
  }

  /** What came since the last time. */
  takeInterval(origin: Origin): { volume: number; rate: number } {
    const total = this.counts.total(origin);
    const successful = this.counts.successful(origin);
    const last = this.#last[origin];
    const volume = (total - last.total) >>> 0;
    const rate = volume === 0 ? 0 : (100 * ((successful - last.successful) >>> 0)) / volume;
    last.total = total;
    last.successful = successful;
    return { volume, rate };
  }

  takeP99Ms(): number {
    const before = this.#latency;
    this.#latency = this.counts.latency.read();
    return quantileMs(before, this.#latency, 0.99);
  }
}

interface Measured {
  readonly key: string;
  readonly monitor: Monitor;
  readonly volume: number;
  readonly rate: number;
  readonly p99Ms: number;
}

export class OutlierDetector {
  readonly #deps: OutlierDeps;
  readonly #monitors = new Map<string, Monitor>();
  #config: OutlierDetectionConfig;
  #ejected = 0;

  constructor(config: OutlierDetectionConfig, deps: OutlierDeps) {
    this.#config = config;
    this.#deps = deps;
  }

  /** Ejections in force. */
  get ejected(): number {
    return this.#ejected;
  }

  isEjected(key: string): boolean {
    return (this.#monitors.get(key)?.ejectedAtMs ?? null) !== null;
  }

  /** Endpoints that stay keep what is known of them. */
  update(config: OutlierDetectionConfig, endpoints: ReadonlyMap<string, OutlierCounts>): void {
    this.#config = config;
    for (const [key, { ejectedAtMs }] of this.#monitors) {
      if (endpoints.has(key)) continue;
      this.#monitors.delete(key);
      if (ejectedAtMs !== null) this.#ejected--;
    }
    for (const [key, counts] of endpoints) {
      if (!this.#monitors.has(key)) this.#monitors.set(key, new Monitor(counts));
    }
  }

  /** So many failures in a row as the threshold says were counted. */
  onFailuresInRow(key: string, inRow: InRow): void {
    const monitor = this.#monitors.get(key);
    if (monitor === undefined || monitor.ejectedAtMs !== null) return;
    this.#eject(key, monitor, inRowTypes[inRow], this.#enforcingOf(inRow), {});
    // the next bout is counted anew, whether or not a success lies between
    monitor.counts.endRow(inRow);
  }

  /** An active check passed. */
  onPassingCheck(key: string): void {
    const monitor = this.#monitors.get(key);
    if (monitor === undefined || monitor.ejectedAtMs === null || !this.#config.healthyCheckUnejects) return;
    this.#uneject(key, monitor, this.#deps.now());
  }

  /** Once an interval. */
  tick(): void {
    const now = this.#deps.now();
    for (const [key, monitor] of this.#monitors) this.#checkBack(key, monitor, now);
    for (const origin of ['external', 'local'] as const) {
      const measured = this.#measure(origin);
      this.#judgeSuccessRates(origin, measured);
      this.#judgeFailures(origin, measured);
      if (origin === 'external') this.#judgeLatency(measured);
    }
  }

  /** Everybody comes back. */
  stop(): void {
    const now = this.#deps.now();
    for (const [key, monitor] of this.#monitors) if (monitor.ejectedAtMs !== null) this.#uneject(key, monitor, now);
    this.#monitors.clear();
  }

  #checkBack(key: string, monitor: Monitor, now: number): void {
    const { ejectedAtMs, unejectedAtMs, multiplier, jitterMs } = monitor;
    if (ejectedAtMs === null) {
      const settled = unejectedAtMs !== null && now - unejectedAtMs >= this.#config.intervalMs;
      if (multiplier > 0 && settled) monitor.multiplier--;
    } else if (ejectionMs(multiplier, this.#config, jitterMs) <= now - ejectedAtMs) this.#uneject(key, monitor, now);
  }

  /** The interval that ends; those that are out are not counted. */
  #measure(origin: Origin): Measured[] {
    const measured: Measured[] = [];
    for (const [key, monitor] of this.#monitors) {
      const { volume, rate } = monitor.takeInterval(origin);
      const p99Ms = origin === 'external' && this.#config.latency !== null ? monitor.takeP99Ms() : Number.NaN;
      if (monitor.ejectedAtMs === null && volume > 0) measured.push({ key, monitor, volume, rate, p99Ms });
    }
    return measured;
  }

  #judgeSuccessRates(origin: Origin, all: readonly Measured[]): void {
    const { successRate } = this.#config;
    const counted = all.filter(({ volume }) => volume >= successRate.requestVolume);
    if (counted.length === 0 || counted.length < successRate.minimumHosts) return;
    const rates = counted.map(({ rate }) => rate);
    const { mean, threshold } = successRateThreshold(rates, successRate.stdevFactor);
    const type = origin === 'external' ? 'SUCCESS_RATE' : 'SUCCESS_RATE_LOCAL_ORIGIN';
    for (const { key, monitor, rate } of counted) {
      if (rate >= threshold) continue;
      this.#eject(key, monitor, type, percentOf(successRate, origin), {
        host_success_rate: rate,
        cluster_average_success_rate: mean,
        cluster_success_rate_ejection_threshold: threshold,
      });
    }
  }

  #judgeFailures(origin: Origin, all: readonly Measured[]): void {
    const { failurePercentage } = this.#config;
    const counted = all.filter(({ volume }) => volume >= failurePercentage.requestVolume);
    if (counted.length < failurePercentage.minimumHosts) return;
    const type = origin === 'external' ? 'FAILURE_PERCENTAGE' : 'FAILURE_PERCENTAGE_LOCAL_ORIGIN';
    for (const { key, monitor, rate } of counted) {
      if (100 - rate < failurePercentage.threshold || monitor.ejectedAtMs !== null) continue;
      this.#eject(key, monitor, type, percentOf(failurePercentage, origin), { host_success_rate: rate });
    }
  }

  #judgeLatency(all: readonly Measured[]): void {
    const { latency } = this.#config;
    if (latency === null) return;
    const counted = all.filter(({ volume, p99Ms }) => volume >= latency.requestVolume && !Number.isNaN(p99Ms));
    if (counted.length < Math.max(2, latency.minimumHosts)) return;
    for (const one of counted) {
      const peersMs = median(counted.filter((other) => other !== one).map(({ p99Ms }) => p99Ms));
      const isSlow = one.p99Ms >= latency.leastMs && one.p99Ms > peersMs * latency.factor;
      if (!isSlow || one.monitor.ejectedAtMs !== null) continue;
      this.#eject(one.key, one.monitor, 'LATENCY', 100, { host_p99_ms: one.p99Ms, peers_p99_ms: peersMs });
    }
  }

  #eject(
    key: string,
    monitor: Monitor,
    type: EjectionType,
    enforcingPercent: number,
    measured: Readonly<Record<string, number>>,
  ): void {
    const { now, random, onEjected, onEvent } = this.#deps;
    const config = this.#config;
    const nowMs = now();
    const allowed = mayEject(this.#ejected, this.#monitors.size, config);
    const enforced = allowed && random() * 100 < enforcingPercent;
    const sinceMs = monitor.lastActionMs === null ? null : nowMs - monitor.lastActionMs;
    if (enforced) {
      this.#ejected++;
      monitor.ejections++;
      monitor.ejectedAtMs = nowMs;
      monitor.lastActionMs = nowMs;
      monitor.jitterMs = Math.floor(random() * (config.maxEjectionJitterMs + 1));
      monitor.multiplier = nextMultiplier(monitor.multiplier, config);
      onEjected(key, true);
    }
    const action = allowed ? 'eject' : 'overflow';
    onEvent({ action, key, type, enforced, ejections: monitor.ejections, sinceMs, measured });
  }

  #uneject(key: string, monitor: Monitor, nowMs: number): void {
    const sinceMs = nowMs - monitor.ejectedAtMs!;
    this.#ejected--;
    monitor.ejectedAtMs = null;
    monitor.unejectedAtMs = nowMs;
    monitor.lastActionMs = nowMs;
    for (const inRow of rows) monitor.counts.endRow(inRow);
    this.#deps.onEjected(key, false);
    this.#deps.onEvent({ action: 'uneject', key, ejections: monitor.ejections, sinceMs });
  }

  #enforcingOf(inRow: InRow): number {
    const { enforcing5xxPercent, enforcingGatewayPercent, enforcingLocalOriginPercent } = this.#config;
    if (inRow === 'consecutive-5xx') return enforcing5xxPercent;
    return inRow === 'consecutive-gateway-failure' ? enforcingGatewayPercent : enforcingLocalOriginPercent;
  }
}

function percentOf(
  { enforcingPercent, enforcingLocalOriginPercent }: { enforcingPercent: number; enforcingLocalOriginPercent: number },
  origin: Origin,
): number {
  return origin === 'external' ? enforcingPercent : enforcingLocalOriginPercent;
}
