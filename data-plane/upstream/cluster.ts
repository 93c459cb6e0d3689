/** A cluster at work: its endpoints, who of them may be picked, and in which order. */
import type { Standing, World } from '../balance/candidate.ts';
import type { PoolDeps } from '../balance/level.ts';
import { Pool } from '../balance/pool.ts';
import { Subsets } from '../balance/subsets.ts';
import { TrackRecord } from '../balance/track-record.ts';
import type { EndpointFacts } from '../health/endpoint-state.ts';
import type { ClusterConfig, EndpointConfig, SubsetsConfig } from '../model/config.ts';
import type { ClusterStats } from '../telemetry/stats.ts';
import { Host } from './host.ts';
import { type HostCounts, ownHostCounts } from './host-counts.ts';
import { createLoad, type LocalityLoad } from './load.ts';
import { Outcomes, type OutcomesWatch } from './outcomes.ts';
import type { PickAsk } from './pick-ask.ts';
import { ProxyHeaders } from './proxy-headers.ts';

export type ClusterWorld = World;

type Checked = EndpointFacts['checked'];

/** What the threads of a node know together. */
interface ClusterWatch extends OutcomesWatch {
  countsOf(key: string): HostCounts;
}

/** Of one thread that is alone, and ejects nobody. */
const alone: ClusterWatch = { countsOf: ownHostCounts, onFinding: () => {}, now: () => 0 };

export class Cluster {
  readonly name: string;
  config: ClusterConfig;
  readonly stats: ClusterStats;
  /** What traffic meets, counted; null: nobody asks. */
  outcomes: Outcomes | null = null;
  /** What connections begin with; null: nothing. */
  proxyHeaders: ProxyHeaders | null = null;
  readonly #watch: ClusterWatch;
  readonly #world: ClusterWorld;
  readonly #deps: PoolDeps;
  readonly #pool: Pool<Host>;
  #subsets: Subsets<Host> | null = null;
  #hosts: readonly Host[] = [];
  #byKey: ReadonlyMap<string, Host> = new Map();
  /** By zone; zones that are gone stay, for what they still have to report. */
  readonly #loads = new Map<string, LocalityLoad>();
  readonly #zoneRecords = new Map<string, TrackRecord>();

  constructor(config: ClusterConfig, stats: ClusterStats, world: ClusterWorld, watch: ClusterWatch = alone) {
    this.name = config.name;
    this.config = config;
    this.stats = stats;
    this.#watch = watch;
    this.#world = world;
    // of all workers, as what each endpoint has; a TCP connection counts as one
    const totalActive = (): number => stats.rqActive.total;
    this.#deps = { world, stats, totalActive };
    this.#pool = new Pool(config, [], this.#deps);
    this.update(config);
  }

  /** In the order of the configuration. */
  get hosts(): readonly Host[] {
    return this.#hosts;
  }

  /**
   * Endpoints that stay keep their connections, load, health and ejection. Where checks are made, new ones are not used
   * before their first, unless `checked` knows of it.
   */
  update(config: ClusterConfig, checked: (key: string) => Checked = () => 'pending'): void {
    const gone = new Map(this.#byKey);
    const changed = new Set<Host>();
    const nowMs = this.#world.now();
    const before = this.config;
    this.config = config;
    this.#watchOutcomes();
    this.#updateProxyHeaders();
    const hosts = config.endpoints.map((endpoint) => {
      const known = this.#byKey.get(endpoint.key);
      gone.delete(endpoint.key);
      const load = this.#loadOf(endpoint.locality.zone);
      const host = known ?? new Host(endpoint, config, load, this.#watch.countsOf(endpoint.key));
      if (known === undefined || !isSame(known.config, endpoint)) changed.add(host);
      host.config = endpoint;
      host.cluster = config;
      host.load = load;
      host.record.zone = this.#recordOf(endpoint.locality.zone);
      const state = config.healthCheck === null ? 'passing' : checked(endpoint.key);
      if (known === undefined || state !== 'pending') this.#takeChecked(host, state);
      if (known === undefined) host.wellSinceMs = nowMs;
      return host;
    });
    if (gone.size > 0 || hosts.length !== this.#hosts.length) this.stats.membershipChange.value++;
    for (const host of gone.values()) host.remove();
    this.#hosts = hosts;
    this.#byKey = new Map(hosts.map((host) => [host.key, host]));
    this.#pool.update(config, hosts, changed);
    this.#updateSubsets(before.balance.subsets, changed);
    this.#countMembers();
  }

  /** By zone, those without endpoints included. */
  get localities(): Iterable<LocalityLoad> {
    return this.#loads.values();
  }

  #watchOutcomes(): void {
    const { outlierDetection } = this.config;
    if (outlierDetection === (this.outcomes?.config ?? null)) return;
    this.outcomes = outlierDetection === null ? null : new Outcomes(outlierDetection, this.#watch);
  }

  #updateProxyHeaders(): void {
    const { proxyHeader } = this.config;
    if (proxyHeader === (this.proxyHeaders?.config ?? null)) return;
    this.proxyHeaders = proxyHeader === null ? null : new ProxyHeaders(proxyHeader);
  }

  #loadOf(zone: string): LocalityLoad {
    let load = this.#loads.get(zone);
    if (load === undefined) this.#loads.set(zone, (load = createLoad(zone, this.stats.scope)));
    return load;
  }

  #recordOf(zone: string): TrackRecord {
    let record = this.#zoneRecords.get(zone);
    if (record === undefined) this.#zoneRecords.set(zone, (record = new TrackRecord('zone')));
    return record;
  }

  /** Works out now who may be picked, and begins to build tables: what the next pick would do. */
  settle(): void {
    if (this.#subsets === null) this.#pool.settle();
    else this.#subsets.settle();
  }

  /** What active health checks say of an endpoint. */
  setChecked(key: string, checked: Checked): void {
    const host = this.#byKey.get(key);
    if (host === undefined || host.checked === checked) return;
    const { passesChecks, standing, checked: before } = host;
    this.#takeChecked(host, checked);
    this.stats.healthCheckHealthy.value += Number(host.passesChecks) - Number(passesChecks);
    this.stats.healthCheckDegraded.value += Number(checked === 'degraded') - Number(before === 'degraded');
    this.#stood(host, standing);
  }

  /** What outlier detection says of an endpoint. */
  setEjected(key: string, ejected: boolean): void {
    const host = this.#byKey.get(key);
    if (host === undefined) return;
    host.onTrial = false;
    if (host.ejected === ejected) return;
    const { standing } = host;
    host.ejected = ejected;
    if (!ejected) host.backAtMs = this.#world.now();
    this.#stood(host, standing);
  }

  /** One that is out may serve one request of all threads, to show that it can. */
  offerTrial(key: string): void {
    this.setEjected(key, false);
    const host = this.#byKey.get(key);
    if (host !== undefined) host.onTrial = true;
  }

  #takeChecked(host: Host, checked: Checked): void {
    const before = host.checked;
    const passed = host.passesChecks;
    host.checked = checked;
    if (passed || !host.passesChecks) return;
    host.wellSinceMs = this.#world.now();
    if (before === 'failing') host.backAtMs = host.wellSinceMs;
  }

  /** @param before what subsets went by */
  #updateSubsets(before: SubsetsConfig | null, changed: ReadonlySet<Host>): void {
    const { subsets } = this.config.balance;
    if (this.#subsets !== null && JSON.stringify(before) !== JSON.stringify(subsets)) {
      this.#subsets.close();
      this.#subsets = null;
    }
    if (subsets === null) return;
    this.#subsets ??= new Subsets(subsets, this.config, this.#pool, this.#deps, this.stats);
    this.#subsets.update(this.config, this.#hosts, changed);
  }

  /** Counts on from where an endpoint stood before. Who is picked follows at the next pick, for all changes up to then. */
  #stood(host: Host, before: Standing): void {
    const { standing } = host;
    if (standing === before) return;
    this.#gaugeOf(before).value--;
    this.#gaugeOf(standing).value++;
    this.#pool.markStale(host.config.locality.priority);
    this.#subsets?.markStale(host);
  }

  #countMembers(): void {
    const { stats } = this;
    const hosts = this.#hosts;
    const count = (wanted: Standing): number => hosts.filter(({ standing }) => standing === wanted).length;
    stats.membershipTotal.value = hosts.length;
    stats.healthCheckHealthy.value = hosts.filter(({ passesChecks }) => passesChecks).length;
    stats.healthCheckDegraded.value = hosts.filter(({ checked }) => checked === 'degraded').length;
    stats.membershipHealthy.value = count('healthy');
    stats.membershipDegraded.value = count('degraded');
    stats.membershipExcluded.value = count('excluded');
  }

  #gaugeOf(standing: Standing): { value: number } {
    const { membershipHealthy, membershipDegraded, membershipExcluded } = this.stats;
    if (standing === 'healthy') return membershipHealthy;
    if (standing === 'degraded') return membershipDegraded;
    return standing === 'excluded' ? membershipExcluded : uncounted;
  }

  /** The endpoint with this key, if there is one. */
  hostOf(key: string): Host | undefined {
    return this.#byKey.get(key);
  }

  /** The endpoint for the next request, or null if none may take it. @param ask null: nothing in particular */
  pick(ask: PickAsk | null): Host | null {
    let host = this.#choose(ask);
    while (host?.onTrial === true && !host.counts.fails.takeTrial()) {
      this.setEjected(host.key, true);
      host = this.#choose(ask);
    }
    return host;
  }

  #choose(ask: PickAsk | null): Host | null {
    if (ask === null) {
      return this.#subsets === null ? this.#pool.pick(null, nobody, 0) : this.#subsets.pick(null, null, nobody, 0);
    }
    if (ask.bound !== '') {
      const bound = this.#byKey.get(ask.bound);
      if (bound?.takesBound(this.config.balance.boundStates) && (ask.boundOnly || !ask.tried.includes(bound)))
        return bound;
      if (ask.boundOnly) return null;
    }
    const { hash, tried, hostSelections } = ask;
    if (this.#subsets !== null) return this.#subsets.pick(ask.subset, hash, tried, hostSelections);
    return this.#pool.pick(hash, tried, hostSelections);
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
    const { retriesActive, rqActive } = this.stats;
    return retriesActive.total < this.retriesAllowed(rqActive.total);
  }

  /** At a time, where so many requests are under way. */
  retriesAllowed(requests: number): number {
    const { percent, least } = this.config.retryBudget;
    return Math.max(least, Math.floor((requests * percent) / 100));
  }

  /** Whether this thread may make one more connection to an endpoint: without any it may, beyond all limits. */
  mayConnect(host: Host): boolean {
    if (this.hasRoomAt(host)) return true;
    if (host.counts.ownConnections > 0) return false;
    this.stats.cxOverflow.value++;
    return true;
  }

  /** The limits of the node allow one more connection there. */
  hasRoomAt(host: Host): boolean {
    const { connections, connectionsPerEndpoint } = this.config.breakers;
    return this.stats.cxActive.total < connections && host.connections < connectionsPerEndpoint;
  }

  /** The cluster is gone: idle connections close, those in use finish. */
  close(): void {
    for (const host of this.#hosts) host.remove();
    this.#hosts = [];
    this.#byKey = new Map();
    this.#pool.update(this.config, [], new Set());
    this.#pool.close();
    this.#subsets?.close();
    this.#subsets = null;
    this.stats.scope.drop();
  }
}

const nobody: readonly Host[] = [];

/** Nobody asks how many are out. */
const uncounted = { value: 0 };

/** Nothing is new that balancing goes by. */
function isSame(a: EndpointConfig, b: EndpointConfig): boolean {
  return (
    a.weight === b.weight &&
    a.health === b.health &&
    a.hostname === b.hostname &&
    a.hashKey === b.hashKey &&
    (a.locality === b.locality || JSON.stringify(a.locality) === JSON.stringify(b.locality)) &&
    JSON.stringify(a.labels) === JSON.stringify(b.labels)
  );
}
