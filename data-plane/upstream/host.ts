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
import type { ToldClient } from './told-client.ts';
import { ToldConnections } from './told-connections.ts';

/** A connection that waits in a pool. The pool never looks inside. */
export abstract class PooledConnection {
  readonly idleDeadline: Deadline = new Deadline(() => this.close());
  /** Requests served so far. */
  requests = 0;
  /** Whom it tells its endpoint of, and serves alone; null: it serves everybody. */
  readonly client: ToldClient | null;

  constructor(client: ToldClient | null = null) {
    this.client = client;
  }

  /** Closes the socket; the connection takes itself out of the pool first. */
  abstract close(): void;
}

/** A connection that carries several requests at a time. The host never looks inside. */
export interface SharedConnection {
  /** As {@link PooledConnection} has it. */
  readonly client: ToldClient | null;
  /** One more request can begin on it. */
  readonly hasRoom: boolean;
  /** No request is under way on it, and it is connected. */
  readonly isIdle: boolean;
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
  /** Null: there have never been any. */
  #told: ToldConnections | null = null;
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

  /** The most recently used idle connection, or undefined. @param client null: one that serves everybody */
  takeIdle(client: ToldClient | null = null): PooledConnection | undefined {
    const connection = client === null ? this.#idle.pop() : this.#told?.takeIdle(client);
    if (connection !== undefined) connection.idleDeadline.disarm();
    return connection;
  }

  hasIdle(client: ToldClient | null): boolean {
    return client === null ? this.#idle.length > 0 : this.#told?.hasIdle(client) === true;
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
    const { client } = connection;
    if (this.removed || client?.isGone === true) {
      connection.close();
      return;
    }
    if (client === null) this.#idle.push(connection);
    else this.#toldOf(client).putIdle(client, connection);
    if (idleTimeoutMs > 0) deadlines.queue(idleTimeoutMs).arm(connection.idleDeadline);
    // who waits takes it at once
    if (this.#waiting.length > 0) this.wake();
    else if (client === null && this.#idle.length > this.cluster.keepAlive.maxIdle) this.#closeOldest();
    else if (client !== null && this.#told!.idleCount > this.cluster.keepAlive.maxIdle) this.#told!.closeOneIdle();
  }

  #toldOf(client: ToldClient): ToldConnections {
    client.isAt(this);
    return (this.#told ??= new ToldConnections());
  }

  /** A client is gone: connections that tell of it close once they are idle. */
  forget(client: ToldClient): void {
    this.#told?.closeIdleOf(client);
  }

  /** One that tells of some client goes, if there is one without a request: there is no room for another client's. */
  makeRoom(): void {
    this.#told?.closeOneIdle();
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
    if (connection.client !== null) {
      this.#told?.dropIdle(connection.client, connection);
      return;
    }
    const index = this.#idle.lastIndexOf(connection);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  /** The oldest shared connection that has room, so that those beyond the need fall idle; or undefined. */
  findShared(client: ToldClient | null): SharedConnection | undefined {
    if (client !== null) {
      for (const connection of this.#told?.sharedOf(client) ?? []) if (connection.hasRoom) return connection;
      return undefined;
    }
    for (let i = 0; i < this.#shared.length; i++) if (this.#shared[i]!.hasRoom) return this.#shared[i];
    return undefined;
  }

  addShared(connection: SharedConnection): void {
    const { client } = connection;
    if (client === null) this.#shared.push(connection);
    else this.#toldOf(client).addShared(client, connection);
  }

  dropShared(connection: SharedConnection): void {
    if (connection.client !== null) {
      this.#told?.dropShared(connection.client, connection);
      return;
    }
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
    this.#told?.closeIdle();
  }
}
