/** One endpoint at work: its health, its load, and its pool of idle connections. */
import type { EndpointState } from '../../proto/endpoint-state.ts';
import type { Candidate, Standing } from '../balance/candidate.ts';
import { TrackRecord } from '../balance/track-record.ts';
import { isOnProbation } from '../balance/utilization.ts';
import { type EndpointFacts, endpointState } from '../health/endpoint-state.ts';
import { limits } from '../limits.ts';
import type { BalanceConfig, ClusterConfig, EndpointConfig } from '../model/config.ts';
import type { ClusterStats } from '../telemetry/stats.ts';
import { Deadline, type Deadlines } from './deadlines.ts';
import type { HostCounts } from './host-counts.ts';
import type { LocalityLoad } from './load.ts';

/** A connection that waits in a pool. The pool never looks inside. */
export abstract class PooledConnection {
  readonly idleDeadline: Deadline = new Deadline(() => this.close());
  /** Requests served so far. */
  requests = 0;
  /** Closes the socket; the connection takes itself out of the pool first. */
  abstract close(): void;
}

/** A connection that carries several requests at a time. The host never looks inside. */
export interface SharedConnection {
  /** One more request can begin on it. */
  readonly hasRoom: boolean;
  /** Takes no more requests, and closes when those under way are over. */
  drain(): void;
}

const standings: Readonly<Record<EndpointState, Standing>> = {
  disabled: 'out',
  unhealthy: 'out',
  ejected: 'out',
  draining: 'excluded',
  joining: 'excluded',
  degraded: 'degraded',
  probation: 'healthy',
  'slow-start': 'healthy',
  healthy: 'healthy',
};

/** A request that waits until one may be had. */
export interface Waiting {
  /** Returns whether it has one now, and waits no more. */
  goOn(): boolean;
}

const nobody: Waiting[] = [];

/** What is bound to one endpoint, and ends when that leaves its cluster. */
export interface BoundToHost {
  onHostRemoved(): void;
}

/** What an endpoint goes by of what is said of its cluster. */
type HostsCluster = Pick<ClusterConfig, 'balance' | 'keepAlive'>;

export class Host implements Candidate {
  readonly key: string;
  readonly port: number;
  config: EndpointConfig;
  /** As it is now. */
  cluster: HostsCluster;
  /** Of all threads. */
  readonly counts: HostCounts;
  /** Of its zone; whoever begins a request here ends it on the same object. */
  load: LocalityLoad;
  /** What active health checks say; `passing` where none are made. */
  checked: EndpointFacts['checked'] = 'passing';
  /** By outlier detection, which decides for all threads; each takes note of it by itself. */
  ejected: boolean;
  wellSinceMs = 0;
  backAtMs = Number.NEGATIVE_INFINITY;
  /** Kept where the policy of the cluster goes by it. */
  readonly record = new TrackRecord();
  /** The first request of all threads that picks it may have it; it is out for all others. */
  onTrial = false;
  /** Left the cluster: nothing goes back into the pool. */
  removed = false;
  /** Requests that the endpoint allows on one shared connection, as it last said; until then a guess. */
  streamsAllowed: number = limits.streamsBeforeSettings;
  readonly #idle: PooledConnection[] = [];
  readonly #shared: SharedConnection[] = [];
  #waiting = nobody;
  #wakes = false;
  /** Null: nothing ever was. */
  #bound: Set<BoundToHost> | null = null;

  constructor(config: EndpointConfig, cluster: HostsCluster, load: LocalityLoad, counts: HostCounts) {
    this.cluster = cluster;
    this.load = load;
    this.counts = counts;
    this.ejected = counts.ejected;
    this.key = config.key;
    this.port = config.port;
    this.config = config;
  }

  get passesChecks(): boolean {
    return this.checked === 'passing' || this.checked === 'degraded';
  }

  get standing(): Standing {
    return standings[this.state(Number.POSITIVE_INFINITY)];
  }

  /** Who is bound to it stays. @param states in which that is so */
  takesBound(states: BalanceConfig['boundStates']): boolean {
    if (!this.passesChecks || this.ejected) return states.includes('unhealthy');
    const { health } = this.config;
    return states.includes(health === 'healthy' && this.checked === 'degraded' ? 'degraded' : health);
  }

  state(nowMs: number): EndpointState {
    const { checked, ejected } = this;
    const { policy, slowStart } = this.cluster.balance;
    const inSlowStart = slowStart !== null && nowMs - this.wellSinceMs < slowStart.windowMs;
    const onProbation = policy.type === 'utilization' && isOnProbation(this, policy.probationMs, nowMs);
    return endpointState({ told: this.config.health, checked, ejected, onProbation, inSlowStart });
  }

  /** Requests (HTTP) or connections (TCP) under way, of the whole node. */
  get active(): number {
    return this.counts.active;
  }

  /** Open ones, of the whole node. */
  get connections(): number {
    return this.counts.connections;
  }

  /** Where new connections go. It changes where the endpoint is a name that leads elsewhere now. */
  get address(): string {
    return this.config.address;
  }

  /** The most recently used idle connection, or undefined. */
  takeIdle(): PooledConnection | undefined {
    const connection = this.#idle.pop();
    if (connection !== undefined) connection.idleDeadline.disarm();
    return connection;
  }

  get hasIdle(): boolean {
    return this.#idle.length > 0;
  }

  /** Requests wait for a connection of this thread. */
  get isAwaited(): boolean {
    return this.#waiting.length > 0;
  }

  wait(one: Waiting): void {
    if (this.#waiting === nobody) this.#waiting = [];
    this.#waiting.push(one);
  }

  waitNoMore(one: Waiting): void {
    const index = this.#waiting.indexOf(one);
    if (index >= 0) this.#waiting.splice(index, 1);
  }

  /** There may be a connection for who waits: once what is being done now is done. */
  wake(): void {
    if (this.#waiting.length === 0 || this.#wakes) return;
    this.#wakes = true;
    queueMicrotask(() => {
      this.#wakes = false;
      while (this.#waiting.length > 0 && this.#waiting[0]!.goOn());
    });
  }

  /** A connection is opened. */
  opened({ cxTotal, cxActive }: ClusterStats): void {
    cxTotal.value++;
    cxActive.value++;
    this.counts.opened();
  }

  /** It is closed, after so long. */
  closed({ cxActive, cxDestroy, cxLengthMs }: ClusterStats, lengthMs: number): void {
    cxActive.value--;
    cxDestroy.value++;
    cxLengthMs.record(lengthMs);
    this.counts.closed();
    this.wake();
  }

  /** Keeps a connection for the next request; `idleTimeoutMs` 0 keeps it for ever. */
  putIdle(connection: PooledConnection, idleTimeoutMs: number, deadlines: Deadlines): void {
    if (this.removed) {
      connection.close();
      return;
    }
    this.#idle.push(connection);
    if (idleTimeoutMs > 0) deadlines.queue(idleTimeoutMs).arm(connection.idleDeadline);
    // who waits takes it at once
    if (this.#waiting.length > 0) this.wake();
    else if (this.#idle.length > this.cluster.keepAlive.maxIdle) this.#closeOldest();
  }

  #closeOldest(): void {
    const oldest = this.#idle.shift()!;
    oldest.idleDeadline.disarm();
    oldest.close();
  }

  /** Until {@link unbind}. */
  bind(one: BoundToHost): void {
    this.#bound ??= new Set();
    this.#bound.add(one);
  }

  unbind(one: BoundToHost): void {
    this.#bound?.delete(one);
  }

  /** It has left its cluster: requests and TCP connections under way finish. */
  remove(): void {
    this.removed = true;
    this.closeIdle();
    for (const one of this.#bound ?? []) one.onHostRemoved();
  }

  /** Takes a connection that closed while idle out of the pool. */
  dropIdle(connection: PooledConnection): void {
    connection.idleDeadline.disarm();
    const index = this.#idle.lastIndexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  /** The oldest shared connection that has room, so that those beyond the need fall idle; or undefined. */
  findShared(): SharedConnection | undefined {
    for (let i = 0; i < this.#shared.length; i++) if (this.#shared[i]!.hasRoom) return this.#shared[i];
    return undefined;
  }

  addShared(connection: SharedConnection): void {
    this.#shared.push(connection);
  }

  dropShared(connection: SharedConnection): void {
    const index = this.#shared.indexOf(connection);
    if (index >= 0) this.#shared.splice(index, 1);
  }

  /** Closes every idle connection; those in use finish and are not pooled again once `removed` is set. */
  closeIdle(): void {
    for (let one = this.#idle.pop(); one !== undefined; one = this.#idle.pop()) {
      one.idleDeadline.disarm();
      one.close();
    }
    for (let one = this.#shared.pop(); one !== undefined; one = this.#shared.pop()) one.drain();
  }
}
