/**
 * The UDP proxy of one listener: clients by address and port, each with a session of its own. Nothing is sent but what
 * came: to the endpoint of a session what its client sends, and to that client what that endpoint answers.
 */
import net from 'node:net';
import os from 'node:os';
import type { MutableHash64 } from '../../proto/hashing/hash64.ts';
import { addressText, withoutMapping } from '../model/arrival.ts';
import type { UdpChainConfig } from '../model/config.ts';
import { type DatagramReceiver, UdpError, type UdpSocket, type UdpSockets } from '../sockets/udp-socket.ts';
import type { LogEntry } from '../telemetry/log-entry.ts';
import type { ClusterStats } from '../telemetry/stats.ts';
import { type UdpClusterStats, type UdpStats, udpClusterStats } from '../telemetry/udp-stats.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { DeadlineQueue, Deadlines } from '../upstream/deadlines.ts';
import type { Host } from '../upstream/host.ts';
import { localStatus } from '../upstream/outcomes.ts';
import { isOwnShortage } from '../upstream/own-shortage.ts';
import { hashSession } from './udp-hash.ts';
import { compileUdpRoutes, type UdpRoutes } from './udp-routes.ts';
import { type SessionOwner, type UdpClient, UdpSession } from './udp-session.ts';

/** What all sessions of a thread share. */
export interface UdpShared {
  readonly clusters: { get(name: string): Cluster | undefined };
  readonly deadlines: Deadlines;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Epoch milliseconds. */
  readonly wallClock: () => number;
  /** Unique in the world. */
  readonly newRequestId: () => string;
  /** A bug showed itself while one session was served. */
  readonly onFault: (fault: unknown) => void;
}

type Logs = readonly { write(entry: LogEntry): void }[];

export interface UdpDeps {
  readonly shared: UdpShared;
  readonly stats: UdpStats;
  readonly sockets: UdpSockets;
  readonly chain: UdpChainConfig;
  readonly logs: Logs;
  /** Whether one more session may be; it counts from then on, until `leave`. */
  readonly admit: () => boolean;
  readonly leave: () => void;
}

const clusterStatsOf = new WeakMap<ClusterStats, UdpClusterStats>();

export class UdpProxy implements DatagramReceiver, SessionOwner {
  readonly stats: UdpStats;
  idle: DeadlineQueue | null = null;
  logs: Logs;
  localAddress = '';
  /** `ip:port` where clients believe the listener to be; null: where it is. */
  virtualAddress: string | null = null;
  /** No session begins any more. */
  isDraining = false;
  readonly #deps: UdpDeps;
  readonly #sessions = new Map<string, UdpSession>();
  readonly #hash: MutableHash64 = { high: 0, low: 0 };
  readonly #ask = { subset: null, bound: '', boundOnly: false, tried: [], hostSelections: 0, hash: this.#hash };
  #chain: UdpChainConfig;
  #routes: UdpRoutes;
  #mintsIds = false;
  #socket: UdpSocket | null = null;
  #port = 0;
  #own = new net.BlockList();
  /** Whose datagram is being handled; null: nobody's. */
  #serving: UdpSession | null = null;
  #onEmpty: (() => void) | null = null;

  constructor(deps: UdpDeps) {
    this.#deps = deps;
    this.stats = deps.stats;
    this.logs = deps.logs;
    this.#chain = deps.chain;
    this.#routes = compileUdpRoutes(deps.chain.routes);
    this.update(deps.chain, deps.logs);
  }

  get sessions(): ReadonlyMap<string, UdpSession> {
    return this.#sessions;
  }

  /** Before the first datagram. */
  attach(socket: UdpSocket): void {
    this.#socket = socket;
    const { address, port } = socket.local;
    this.#port = port;
    this.localAddress = addressText(address, port);
    this.#own = ownAddresses(address);
  }

  /** Sessions stay where they are. */
  update(chain: UdpChainConfig, logs: Logs): void {
    const { deadlines } = this.#deps.shared;
    this.#chain = chain;
    this.logs = logs;
    this.idle = chain.idleTimeoutMs > 0 ? deadlines.queue(chain.idleTimeoutMs) : null;
    this.#routes = compileUdpRoutes(chain.routes);
    this.#mintsIds = JSON.stringify(chain.accessLogs).includes('%STREAM_ID%');
  }

  /** Resolves when no session is left. */
  drain(): Promise<void> {
    this.isDraining = true;
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
      this.#lookEmpty();
    });
  }

  /** Ends all of them. */
  close(): void {
    this.isDraining = true;
    for (const session of this.#sessions.values()) session.destroy();
  }

  onDatagram(b: Buffer, address: string, port: number): void {
    this.#serving = null;
    const session = this.#chain.perPacket ? this.#chooseSession(address, port) : this.#findSession(address, port);
    this.#serving = session;
    session?.forward(b);
    this.#serving = null;
  }

  onSocketError(): void {
    this.stats.sessRxErrors.value++;
  }

  onFault(fault: unknown): void {
    this.#deps.shared.onFault(fault);
    this.#serving?.end('udp_fault');
  }

  now(): number {
    return this.#deps.shared.now();
  }

  wallClock(): number {
    return this.#deps.shared.wallClock();
  }

  newId(): string {
    return this.#mintsIds ? this.#deps.shared.newRequestId() : '';
  }

  answer(b: Buffer, { rawAddress, port }: UdpClient): string | null {
    return this.#socket!.sendTo(b, rawAddress, port);
  }

  onEnded(session: UdpSession): void {
    this.#sessions.delete(session.key);
    this.#deps.leave();
    this.#lookEmpty();
  }

  /** The one that the client has, or a new one. */
  #findSession(rawAddress: string, port: number): UdpSession | null {
    const key = `${rawAddress} ${port}`;
    const session = this.#sessions.get(key);
    if (session === undefined) return this.#open(key, rawAddress, port);
    const { host, cluster } = session;
    if (!isDown(host)) return session;
    // as Envoy: to somebody who is well, if there is one
    const client = clientOf(rawAddress, port);
    const better = this.#pick(cluster, client);
    if (better === null || better === host || isDown(better)) return session;
    session.end('udp_endpoint_unhealthy');
    return this.#admitted(() => this.#start(key, client, cluster, better));
  }

  /** The one that the client has with the endpoint whose turn it is. */
  #chooseSession(rawAddress: string, port: number): UdpSession | null {
    const client = clientOf(rawAddress, port);
    const cluster = this.#clusterOf(client);
    const host = cluster === null ? null : this.#pick(cluster, client);
    if (cluster === null || host === null) return null;
    const key = `${rawAddress} ${port} ${host.key}`;
    const session = this.#sessions.get(key);
    if (session !== undefined) return session;
    return this.#mayBegin(client) ? this.#admitted(() => this.#start(key, client, cluster, host)) : null;
  }

  #open(key: string, rawAddress: string, port: number): UdpSession | null {
    const client = clientOf(rawAddress, port);
    if (!this.#mayBegin(client)) return null;
    return this.#admitted(() => {
      const cluster = this.#clusterOf(client);
      const host = cluster === null ? null : this.#pick(cluster, client);
      return cluster === null || host === null ? null : this.#start(key, client, cluster, host);
    });
  }

  #mayBegin({ address, port }: UdpClient): boolean {
    if (this.isDraining) {
      this.stats.sessDrainReject.value++;
      return false;
    }
    // nobody has port 0; and what claims to come from here would be answered here, again and again
    const isOwn = port === this.#port && this.#own.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
    if (port !== 0 && !isOwn) return true;
    this.stats.sessRxErrors.value++;
    return false;
  }

  #admitted(start: () => UdpSession | null): UdpSession | null {
    if (!this.#deps.admit()) return null;
    this.#serving = null;
    try {
      return start();
    } finally {
      if (this.#serving === null) this.#deps.leave();
    }
  }

  #clusterOf({ address }: UdpClient): Cluster | null {
    const cluster = this.#deps.shared.clusters.get(this.#routes.clusterFor(address) ?? '');
    if (cluster !== undefined) return cluster;
    this.stats.sessNoRoute.value++;
    return null;
  }

  #pick(cluster: Cluster, client: UdpClient): Host | null {
    const { hash } = this.#chain;
    if (hash !== null) hashSession(hash, client, this.virtualAddress ?? this.localAddress, this.#hash);
    const host = cluster.pick(hash === null ? null : this.#ask);
    if (host === null) cluster.stats.cxNoneHealthy.value++;
    return host;
  }

  #start(key: string, client: UdpClient, cluster: Cluster, host: Host): UdpSession | null {
    if (!cluster.hasRoomAt(host)) {
      cluster.stats.cxOverflow.value++;
      return null;
    }
    let clusterStats = clusterStatsOf.get(cluster.stats);
    if (clusterStats === undefined) {
      clusterStats = udpClusterStats(cluster.stats);
      clusterStatsOf.set(cluster.stats, clusterStats);
    }
    let session: UdpSession;
    try {
      session = new UdpSession(key, client, { cluster, clusterStats, host }, this, this.#deps.sockets);
    } catch (error) {
      if (!(error instanceof UdpError)) throw error;
      cluster.stats.cxConnectFail.value++;
      if (!isOwnShortage(error.code)) cluster.outcomes?.failed(host, localStatus.failed, false);
      return null;
    }
    this.#sessions.set(key, session);
    this.#serving = session;
    session.begin();
    return session;
  }

  #lookEmpty(): void {
    if (this.#sessions.size === 0) this.#onEmpty?.();
  }
}

function clientOf(rawAddress: string, port: number): UdpClient {
  return { rawAddress, address: withoutMapping(rawAddress), port };
}

/** What Envoy calls unhealthy: checks fail, it is ejected, or the control plane says so. One that drains is not. */
function isDown(host: Host): boolean {
  return host.ejected || host.checked === 'failing' || host.config.health === 'unhealthy';
}

/** Those that reach a socket at `address`. */
function ownAddresses(address: string): net.BlockList {
  const own = new net.BlockList();
  const add = (one: string): void => own.addAddress(one, net.isIPv6(one) ? 'ipv6' : 'ipv4');
  if (address !== '0.0.0.0' && address !== '::') {
    add(address);
    return own;
  }
  own.addSubnet('127.0.0.0', 8, 'ipv4');
  for (const addresses of Object.values(os.networkInterfaces()))
    for (const { address: one } of addresses ?? []) add(one);
  return own;
}
