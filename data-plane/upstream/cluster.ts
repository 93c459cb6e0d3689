/** A cluster at work: its endpoints, who of them may be picked, and in which order. */
import { type Balancer, createBalancer } from '../balance/balancer.ts';
import { eligibleEndpoints } from '../balance/panic.ts';
import type { ClusterConfig, EndpointConfig } from '../model/config.ts';
import type { ClusterStats } from '../telemetry/stats.ts';
import { Host } from './host.ts';
import { type FailuresInRow, type HostCounts, ownHostCounts } from './host-counts.ts';
import { createLoad, type LocalityLoad } from './load.ts';
import { Outcomes } from './outcomes.ts';

/** What the threads of a node know together. */
interface ClusterWatch {
  countsOf(key: string): HostCounts;
  /** An endpoint has met as many failures in a row as are allowed. */
  onFailuresInRow(key: string, inRow: FailuresInRow): void;
}

/** Of one thread that is alone, and ejects nobody. */
const alone: ClusterWatch = { countsOf: ownHostCounts, onFailuresInRow: () => {} };

export class Cluster {
  readonly name: string;
  config: ClusterConfig;
  readonly stats: ClusterStats;
  /** What traffic meets, counted; null: nobody asks. */
  outcomes: Outcomes | null = null;
  readonly #watch: ClusterWatch;
  readonly #random: () => number;
  #hosts: readonly Host[] = [];
  #byKey: ReadonlyMap<string, Host> = new Map();
  #eligible: readonly Host[] = [];
  #balancer: Balancer;
  #panic = false;
  /** By zone; zones that are gone stay, for what they still have to report. */
  readonly #loads = new Map<string, LocalityLoad>();

  constructor(config: ClusterConfig, stats: ClusterStats, random: () => number, watch: ClusterWatch = alone) {
    this.name = config.name;
    this.config = config;
    this.stats = stats;
    this.#random = random;
    this.#watch = watch;
    this.#balancer = createBalancer(config.balance.policy, [], () => 0, random);
    this.update(config);
  }

  get hosts(): readonly Host[] {
    return this.#hosts;
  }

  /**
   * Endpoints that stay keep their connections, load and health; where checks are made, new ones fail until they pass,
   * unless `passes` knows better.
   */
  update(config: ClusterConfig, passes: (key: string) => boolean = () => false): void {
    const gone = new Map(this.#byKey);
    this.config = config;
    this.#watchOutcomes();
    const hosts = config.endpoints.map((endpoint) => {
      const known = this.#byKey.get(endpoint.key);
      gone.delete(endpoint.key);
      const passing = config.healthCheck === null || passes(endpoint.key);
      return this.#keepOrCreate(known, endpoint, passing);
    });
    if (gone.size > 0 || hosts.length !== this.#hosts.length) this.stats.membershipChange.value++;
    for (const host of gone.values()) {
      host.removed = true;
      host.closeIdle();
    }
    this.#hosts = hosts;
    this.#byKey = new Map(hosts.map((host) => [host.key, host]));
    this.rebuild();
  }

  /** The endpoint as it was, with its new settings, or a new one. `passes`: it needs no check, or passed one. */
  #keepOrCreate(known: Host | undefined, endpoint: EndpointConfig, passes: boolean): Host {
    const load = this.#loadOf(endpoint.locality.zone);
    const host = known ?? new Host(endpoint, load, this.#watch.countsOf(endpoint.key));
    host.config = endpoint;
    host.load = load;
    if (passes) host.passesChecks = true;
    else if (known === undefined) host.passesChecks = false;
    return host;
  }

  /** By zone, those without endpoints included. */
  get localities(): Iterable<LocalityLoad> {
    return this.#loads.values();
  }

  #watchOutcomes(): void {
    const { outlierDetection } = this.config;
    if (outlierDetection === (this.outcomes?.config ?? null)) return;
    const onThreshold = (key: string, inRow: FailuresInRow): void => this.#watch.onFailuresInRow(key, inRow);
    this.outcomes = outlierDetection === null ? null : new Outcomes(outlierDetection, onThreshold);
  }

  #loadOf(zone: string): LocalityLoad {
    let load = this.#loads.get(zone);
    if (load === undefined) this.#loads.set(zone, (load = createLoad(zone, this.stats.scope)));
    return load;
  }

  /** An active health check changed its mind. */
  setPassesChecks(key: string, passes: boolean): void {
    const host = this.#byKey.get(key);
    if (host === undefined || host.passesChecks === passes) return;
    host.passesChecks = passes;
    this.rebuild();
  }

  find(key: string): Host | undefined {
    return this.#byKey.get(key);
  }

  /** Outlier detection has taken an endpoint out, or lets it in again. */
  setEjected(key: string, ejected: boolean): void {
    const host = this.#byKey.get(key);
    if (host === undefined || host.ejected === ejected) return;
    host.ejected = ejected;
    this.rebuild();
  }

  /** Who may be picked, after a change of membership or health. */
  rebuild(): void {
    const hosts = this.#hosts;
    const health = hosts.map((host) => (host.passesChecks && !host.ejected ? host.config.health : 'unhealthy'));
    const { indexes, panic } = eligibleEndpoints(health, this.config.balance.panicPercent);
    const eligible = indexes.map((index) => hosts[index]!);
    this.#eligible = eligible;
    this.#panic = panic;
    this.#balancer = createBalancer(
      this.config.balance.policy,
      eligible.map((host) => host.config.weight),
      (index) => eligible[index]!.active,
      this.#random,
    );
    this.stats.membershipTotal.value = hosts.length;
    this.stats.healthCheckHealthy.value = hosts.filter((host) => host.passesChecks).length;
    this.stats.membershipHealthy.value = health.filter((one) => one === 'healthy').length;
    this.stats.membershipDegraded.value = health.filter((one) => one === 'degraded').length;
  }

  /** The endpoint for the next request, or null if none may take it. */
  pick(): Host | null {
    if (this.#panic) this.stats.lbHealthyPanic.value++;
    const index = this.#balancer.pick();
    return index < 0 ? null : this.#eligible[index]!;
  }

  /** Retries of this thread that are planned or under way. */
  get retries(): number {
    return this.stats.retriesActive.value;
  }

  set retries(retries: number) {
    this.stats.retriesActive.value = retries;
  }

  /** Whether the node's budget has room for one more retry. */
  get mayRetry(): boolean {
    const { percent, least } = this.config.retryBudget;
    const { retriesActive, rqActive } = this.stats;
    return retriesActive.total < Math.max(least, Math.floor((rqActive.total * percent) / 100));
  }

  /** The cluster is gone: idle connections close, those in use finish. */
  close(): void {
    for (const host of this.#hosts) {
      host.removed = true;
      host.closeIdle();
    }
    this.#hosts = [];
    this.#byKey = new Map();
    this.#eligible = [];
    this.stats.scope.drop();
  }
}
