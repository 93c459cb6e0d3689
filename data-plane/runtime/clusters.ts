/** Old and new clusters in, clusters at work out: kept, changed in place, checked, closed. */
import { ClusterHealthChecker } from '../health/active.ts';
import type { ProbeDeps } from '../health/probe.ts';
import type { ClusterConfig } from '../model/config.ts';
import type { StatsRegistry } from '../telemetry/registry.ts';
import { clusterStats } from '../telemetry/stats.ts';
import { Cluster } from '../upstream/cluster.ts';

export interface ClustersDeps {
  readonly registry: StatsRegistry;
  readonly random: () => number;
  readonly probes: ProbeDeps;
}

interface Entry {
  readonly cluster: Cluster;
  checker: ClusterHealthChecker | null;
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

  /** In name order. */
  list(): Cluster[] {
    return [...this.#entries.values()].map(({ cluster }) => cluster).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Adds and changes; resolves when every new cluster's first round of health checks is over. */
  async apply(wanted: ReadonlyMap<string, ClusterConfig>): Promise<void> {
    const rounds: Promise<void>[] = [];
    for (const config of wanted.values()) {
      const entry = this.#entries.get(config.name);
      if (entry === undefined) this.#add(config);
      else if (entry.cluster.config !== config) this.#change(entry, config);
      const checker = this.#entries.get(config.name)?.checker;
      if (checker) rounds.push(checker.firstRound);
    }
    await Promise.all(rounds);
  }

  /** Removes what is not wanted: to be called once no route names it any more. */
  prune(wanted: ReadonlyMap<string, ClusterConfig>): void {
    for (const [name, entry] of this.#entries) {
      if (wanted.has(name)) continue;
      this.#entries.delete(name);
      entry.checker?.stop();
      entry.cluster.close();
    }
  }

  stop(): void {
    for (const { checker, cluster } of this.#entries.values()) {
      checker?.stop();
      cluster.close();
    }
    this.#entries.clear();
  }

  #add(config: ClusterConfig): void {
    const { registry, random } = this.#deps;
    const cluster = new Cluster(config, clusterStats(registry, config.name), random);
    this.#entries.set(config.name, { cluster, checker: this.#check(cluster) });
  }

  #change(entry: Entry, config: ClusterConfig): void {
    entry.cluster.update(config);
    if (config.healthCheck === null) {
      entry.checker?.stop();
      entry.checker = null;
    } else if (entry.checker === null) entry.checker = this.#check(entry.cluster);
    else entry.checker.update(config.healthCheck, config.endpoints);
  }

  #check(cluster: Cluster): ClusterHealthChecker | null {
    const { healthCheck, endpoints } = cluster.config;
    if (healthCheck === null) return null;
    const { stats } = cluster;
    const deps = { ...this.#deps.probes, random: this.#deps.random };
    const checker = new ClusterHealthChecker(healthCheck, endpoints, deps, {
      onChange: () => {},
      onOutcome: (key, outcome) => {
        cluster.setPassesChecks(key, checker.stateOf(key) === 'passing');
        stats.healthCheckAttempt.value++;
        if (outcome === 'pass') stats.healthCheckSuccess.value++;
        else stats.healthCheckFailure.value++;
        if (outcome === 'network') stats.healthCheckNetworkFailure.value++;
      },
    });
    return checker;
  }
}
