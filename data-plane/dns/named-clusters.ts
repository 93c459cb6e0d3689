/** Configurations whose clusters have names in, configurations whose clusters have endpoints out, whenever either changes. */
import type { ClusterConfig, DnsConfig, ProxyConfig } from '../model/config.ts';
import type { DnsStats } from '../telemetry/stats.ts';
import { FoundEndpoints } from './found-endpoints.ts';
import { limits } from './limits.ts';
import { type LookupDeps, NameLookup } from './name-lookup.ts';

export interface NamedClustersDeps extends LookupDeps {
  readonly statsOf: (cluster: string) => DnsStats;
  /** A configuration to serve. What did not change in it is the same object as before. */
  readonly apply: (config: ProxyConfig) => void;
  /** A line for the log. */
  readonly report: (message: string) => void;
}

interface Named {
  readonly stats: DnsStats;
  /** By family and name. */
  readonly lookups: Map<string, NameLookup>;
}

interface Resolved {
  readonly endpoints: FoundEndpoints;
  config: ClusterConfig;
}

export class NamedClusters {
  readonly #deps: NamedClustersDeps;
  readonly #named = new Map<string, Named>();
  readonly #resolved = new WeakMap<ClusterConfig, Resolved>();
  /** As the control plane said it. */
  #serving: ProxyConfig | null = null;
  /** The same with endpoints, as it was applied. */
  #applied: ProxyConfig | null = null;
  #appliedFrom: ProxyConfig | null = null;
  /** The newest, until its names have their first answers. */
  #waiting: ProxyConfig | null = null;
  /** Of the first configuration that waits since one was served. */
  #waits = 0;
  #patient = false;
  #whenServed: (() => void)[] = [];
  #stopped = false;

  constructor(deps: NamedClustersDeps) {
    this.#deps = deps;
  }

  /**
   * The newest configuration. It is applied at once, unless there are names in it that nobody has answered about: then
   * once all of them have their first answer, or failed, or that took too long.
   */
  take(config: ProxyConfig): void {
    for (const cluster of config.clusters.values()) if (cluster.dns !== null) this.#look(cluster.name, cluster.dns);
    this.#waiting = config;
    if (!this.#patient && !this.#isAnswered(config)) this.#wait();
    this.#serve();
  }

  /** Calls back once the newest configuration of now was applied, or a later one. */
  whenServed(callback: () => void): void {
    if (this.#waiting === null) callback();
    else this.#whenServed.push(callback);
  }

  stop(): void {
    this.#stopped = true;
    for (const { lookups } of this.#named.values()) for (const lookup of lookups.values()) lookup.stop();
  }

  #look(cluster: string, dns: DnsConfig): void {
    let named = this.#named.get(cluster);
    if (named === undefined) {
      named = { stats: this.#deps.statsOf(cluster), lookups: new Map() };
      this.#named.set(cluster, named);
    }
    for (const { hostname } of dns.names) {
      const known = named.lookups.get(lookupKey(dns, hostname));
      if (known !== undefined) {
        known.settings = dns;
        continue;
      }
      const lookup = new NameLookup(hostname, dns, named.stats, this.#deps, {
        onChange: () => this.#serve(),
        onFailing: (error) =>
          this.#deps.report(
            `cluster ${cluster}: ${hostname} cannot be looked up: ${error}; what was found last stands`,
          ),
      });
      named.lookups.set(lookupKey(dns, hostname), lookup);
    }
  }

  #wait(): void {
    this.#patient = true;
    const wait = ++this.#waits;
    this.#deps.setTimer(() => {
      if (wait !== this.#waits || !this.#patient) return;
      this.#patient = false;
      this.#serve();
    }, limits.firstAnswersMs);
  }

  #serve(): void {
    if (this.#stopped) return;
    const waiting = this.#waiting;
    if (waiting !== null && (!this.#patient || this.#isAnswered(waiting))) {
      this.#serving = waiting;
      this.#waiting = null;
      this.#patient = false;
      this.#forgetOthers(waiting);
    }
    if (this.#serving === null) return;
    const config = this.#resolve(this.#serving);
    if (config !== this.#applied) {
      this.#applied = config;
      this.#deps.apply(config);
    }
    if (this.#waiting === null) for (const callback of this.#whenServed.splice(0)) callback();
  }

  #isAnswered(config: ProxyConfig): boolean {
    for (const { name, dns } of config.clusters.values()) {
      if (dns === null) continue;
      const { lookups } = this.#named.get(name)!;
      if (dns.names.some(({ hostname }) => lookups.get(lookupKey(dns, hostname))?.addresses === null)) return false;
    }
    return true;
  }

  /** The same object if it names nothing, or as the last time if nothing changed. */
  #resolve(config: ProxyConfig): ProxyConfig {
    const changed = new Map<string, ClusterConfig>();
    const from = (this.#appliedFrom === config ? this.#applied : null) ?? config;
    for (const cluster of config.clusters.values()) {
      const resolved = cluster.dns === null ? cluster : this.#resolveCluster(cluster, cluster.dns);
      if (resolved !== from.clusters.get(cluster.name)) changed.set(cluster.name, resolved);
    }
    this.#appliedFrom = config;
    return changed.size === 0 ? from : { ...from, clusters: new Map([...from.clusters, ...changed]) };
  }

  #resolveCluster(cluster: ClusterConfig, dns: DnsConfig): ClusterConfig {
    let resolved = this.#resolved.get(cluster);
    if (resolved === undefined) {
      resolved = { endpoints: new FoundEndpoints(), config: cluster };
      this.#resolved.set(cluster, resolved);
    }
    const { lookups } = this.#named.get(cluster.name)!;
    const addressesOf = (hostname: string) => lookups.get(lookupKey(dns, hostname))?.addresses ?? [];
    const endpoints = resolved.endpoints.of(dns, addressesOf);
    if (endpoints !== resolved.config.endpoints) resolved.config = { ...cluster, endpoints };
    return resolved.config;
  }

  /** Ends what is asked for no cluster of this configuration. */
  #forgetOthers(config: ProxyConfig): void {
    for (const [cluster, { stats, lookups }] of this.#named) {
      const dns = config.clusters.get(cluster)?.dns ?? null;
      const asked = new Set(dns?.names.map(({ hostname }) => lookupKey(dns, hostname)));
      for (const [key, lookup] of lookups) {
        if (asked.has(key)) continue;
        lookup.stop();
        lookups.delete(key);
      }
      if (dns !== null) continue;
      this.#named.delete(cluster);
      stats.scope.drop();
    }
  }
}

/** What makes it another question. */
function lookupKey({ type, family }: DnsConfig, hostname: string): string {
  return `${type} ${family} ${hostname}`;
}
