/** Old and new clusters in, clusters at work out: kept, changed in place, checked, closed. */
import { stateReason } from '../health/endpoint-state.ts';
import type { ClusterSight, EndpointSight } from '../health/journal.ts';
import type { ClusterConfig, HealthCheckConfig } from '../model/config.ts';
import type { StatsRegistry } from '../telemetry/registry.ts';
import { clusterStats } from '../telemetry/stats.ts';
import { Cluster, type ClusterWorld } from '../upstream/cluster.ts';
import type { HostCounts } from '../upstream/host-counts.ts';
import type { Finding } from '../upstream/outcomes.ts';
import { measureBreakers, type TotalOf } from './breaker-gauges.ts';
import type { EndpointChecks, MakeChecks } from './checks.ts';
import type { MakeOutliers, OutlierWatch } from './outliers.ts';

export interface ClustersDeps {
  readonly registry: StatsRegistry;
  readonly world: ClusterWorld;
  readonly checks: MakeChecks;
  readonly outliers: MakeOutliers;
  /** Null: the breakers are shown by another thread. */
  readonly totalOf: TotalOf | null;
  /** What all threads count of an endpoint. */
  readonly countsOf: (cluster: string, key: string) => HostCounts;
  /** Of a clock that all threads share, ms. */
  readonly now: () => number;
}

interface Entry {
  readonly cluster: Cluster;
  readonly outliers: OutlierWatch;
  checker: EndpointChecks | null;
  /** What the cluster is, or is about to be. */
  wanted: ClusterConfig;
}

export class Clusters {
  readonly #deps: ClustersDeps;
  readonly #entries = new Map<string, Entry>();

  constructor(deps: ClustersDeps) {
    this.#deps = deps;
  }

  get(name: string): Cluster | undefined {
    return this.#entries.get(name)?.cluster;
  }

  /** What was found of an endpoint, wherever it was counted. */
  onFinding(cluster: string, key: string, finding: Finding): void {
    this.#entries.get(cluster)?.outliers.onFinding(key, finding);
  }

  /** In name order. */
  list(): Cluster[] {
    return [...this.#entries.values()].map(({ cluster }) => cluster).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** What state each endpoint is in, and why. */
  *sights(nowMs: number): Iterable<ClusterSight> {
    for (const { cluster, checker, outliers } of this.#entries.values()) {
      const endpoints = cluster.hosts.map((host): EndpointSight => {
        const { key, config } = host;
        const state = host.state(nowMs);
        const found = state === 'ejected' ? outliers.reasonOf(key) : (checker?.failureOf(key) ?? '');
        return { key, state, reason: stateReason(state, config.health, found) };
      });
      yield { name: cluster.name, endpoints };
    }
  }

  /**
   * Adds and changes; resolves when every new cluster's first round of health checks is over and its tables are built. A cluster whose change
   * would leave no endpoint that is known to be well goes on as it was until the new ones are checked.
   */
  async apply(wanted: ReadonlyMap<string, ClusterConfig>): Promise<void> {
    const rounds: Promise<void>[] = [];
    for (const config of wanted.values()) {
      const entry = this.#entries.get(config.name);
      if (entry === undefined) rounds.push(this.#add(config));
      else if (entry.wanted !== config) this.#change(entry, config);
    }
    await Promise.all(rounds);
    if (rounds.length > 0) await this.#buildTables(wanted);
  }

  /** Before the first request comes: its hash finds the endpoint that it will go on finding. */
  async #buildTables(wanted: ReadonlyMap<string, ClusterConfig>): Promise<void> {
    const { tables } = this.#deps.world;
    if (tables === null) return;
    for (const name of wanted.keys()) this.get(name)?.settle();
    await tables.whenIdle();
  }

  /** Removes what is not wanted: to be called once no route names it any more. */
  prune(wanted: ReadonlyMap<string, ClusterConfig>): void {
    for (const [name, entry] of this.#entries) {
      if (wanted.has(name)) continue;
      this.#entries.delete(name);
      entry.checker?.stop();
      entry.outliers.stop();
      entry.cluster.close();
    }
  }

  stop(): void {
    for (const { checker, outliers, cluster } of this.#entries.values()) {
      checker?.stop();
      outliers.stop();
      cluster.close();
    }
    this.#entries.clear();
  }

  #add(config: ClusterConfig): Promise<void> {
    const { registry, world, outliers, countsOf, totalOf, now } = this.#deps;
    const { name } = config;
    const cluster = new Cluster(config, clusterStats(registry, name), world, {
      countsOf: (key) => countsOf(name, key),
      now,
      onFinding: (key, finding) => this.onFinding(name, key, finding),
    });
    if (totalOf !== null) measureBreakers(cluster, totalOf);
    const entry: Entry = { cluster, outliers: outliers(cluster), checker: null, wanted: config };
    this.#entries.set(name, entry);
    const checker = this.#check(entry, config);
    entry.checker = checker;
    if (checker !== null) cluster.update(config, (key) => checker.stateOf(key) ?? 'pending');
    entry.outliers.update();
    return checker === null ? Promise.resolve() : checker.firstRound;
  }

  #change(entry: Entry, config: ClusterConfig): void {
    const { cluster } = entry;
    entry.wanted = config;
    if (config.healthCheck === null) {
      entry.checker?.stop();
      entry.checker = null;
      take(entry, config);
      return;
    }
    const waits = leavesNoneWell(cluster, config);
    if (entry.checker === null) entry.checker = this.#check(entry, config);
    else entry.checker.update(checkOf(config.healthCheck, config), config.endpoints);
    if (!waits) take(entry, config);
    else void entry.checker?.firstRound.then(() => this.#isWanted(entry, config) && take(entry, config));
  }

  #isWanted(entry: Entry, config: ClusterConfig): boolean {
    return entry.wanted === config && this.#entries.get(config.name) === entry;
  }

  #check({ cluster, outliers }: Entry, config: ClusterConfig): EndpointChecks | null {
    const { healthCheck } = config;
    if (healthCheck === null) return null;
    const made = { ...config, healthCheck: checkOf(healthCheck, config) };
    const checker = this.#deps.checks(made, cluster.stats, (key, passed) => {
      const state = checker.stateOf(key) ?? 'pending';
      cluster.setChecked(key, state);
      if (passed && state !== 'failing') outliers.onPassingCheck(key);
    });
    return checker;
  }
}

/** A thread that has no traffic builds its tables as well: else its first requests would go by the old ones. */
function take({ cluster, outliers, checker }: Entry, config: ClusterConfig): void {
  if (checker === null) cluster.update(config);
  else cluster.update(config, (key) => checker.stateOf(key) ?? 'pending');
  outliers.update();
  cluster.settle();
}

/** Endpoints that want a header want one of checks, too. */
function checkOf(healthCheck: HealthCheckConfig, { proxyHeader }: ClusterConfig): HealthCheckConfig {
  return proxyHeader === null ? healthCheck : { ...healthCheck, proxyHeader: proxyHeader.version };
}

/** True if somebody of the cluster as it is may be used, and nobody of those that stay. */
function leavesNoneWell(cluster: Cluster, config: ClusterConfig): boolean {
  const well = new Set(cluster.hosts.filter(({ passesChecks }) => passesChecks).map(({ key }) => key));
  return (
    well.size > 0 &&
    !config.endpoints.some(({ key, health }) => (health === 'healthy' || health === 'degraded') && well.has(key))
  );
}
