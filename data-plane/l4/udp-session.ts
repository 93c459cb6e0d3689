/** One client of a UDP proxy, its endpoint, and the socket between this machine and that endpoint. */
import net from 'node:net';
import { addressText } from '../model/arrival.ts';
import type { DatagramReceiver, UdpSocket, UdpSockets } from '../sockets/udp-socket.ts';
import { emptyLogEntry } from '../telemetry/empty-log-entry.ts';
import type { LogEntry } from '../telemetry/log-entry.ts';
import type { UdpClusterStats, UdpStats } from '../telemetry/udp-stats.ts';
import type { Cluster } from '../upstream/cluster.ts';
import { Deadline, type DeadlineQueue } from '../upstream/deadlines.ts';
import type { BoundToHost, Host } from '../upstream/host.ts';
import type { LocalityLoad } from '../upstream/load.ts';
import { localStatus } from '../upstream/outcomes.ts';

export interface UdpClient {
  /** IPv4 as such, also at a socket for both. */
  readonly address: string;
  readonly port: number;
  /** As the system writes it, and as answers are sent to. */
  readonly rawAddress: string;
}

/** What a session needs of its proxy, always as it is now. */
export interface SessionOwner {
  readonly stats: UdpStats;
  /** Null: no end to idleness. */
  readonly idle: DeadlineQueue | null;
  readonly logs: readonly { write(entry: LogEntry): void }[];
  /** `ip:port` of the listener. */
  readonly localAddress: string;
  /** Monotonic, and since the epoch, ms. */
  now(): number;
  wallClock(): number;
  /** Empty: no log asks for one. */
  newId(): string;
  /** @returns as `UdpSocket.sendTo` */
  answer(b: Buffer, client: UdpClient): string | null;
  onFault(fault: unknown): void;
  /** It is over, and logged. */
  onEnded(session: UdpSession): void;
}

/** Why a session is over; stands in its log line. */
export type UdpEnd =
  | 'udp_session_idle_timeout'
  | 'udp_endpoint_removed'
  | 'udp_endpoint_unhealthy'
  | 'udp_listener_closed'
  | 'udp_fault';

/** There is nobody, or no way there: what outlier detection hears of. */
const unreachable: ReadonlySet<string> = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH']);

export class UdpSession implements DatagramReceiver, BoundToHost {
  /** By which its proxy finds it. */
  readonly key: string;
  readonly cluster: Cluster;
  readonly host: Host;
  readonly #owner: SessionOwner;
  readonly #client: UdpClient;
  readonly #clusterStats: UdpClusterStats;
  readonly #load: LocalityLoad;
  readonly #socket: UdpSocket;
  readonly #endpointAddress: string;
  readonly #idle = new Deadline(() => {
    this.#owner.stats.idleTimeout.value++;
    this.end('udp_session_idle_timeout');
  });
  readonly openedMs: number;
  readonly #startMs: number;
  #bytesReceived = 0;
  #bytesSent = 0;
  /** The endpoint has answered since it was last said not to be there. */
  #isHeard = false;
  #isRefused = false;
  #hasEnded = false;

  /** @throws UdpError */
  constructor(
    key: string,
    client: UdpClient,
    { cluster, clusterStats, host }: { cluster: Cluster; clusterStats: UdpClusterStats; host: Host },
    owner: SessionOwner,
    sockets: UdpSockets,
  ) {
    const { address, port } = host.config;
    this.#socket = sockets.connect(address, port, this);
    this.#endpointAddress = canonical(address);
    this.key = key;
    this.cluster = cluster;
    this.host = host;
    this.#owner = owner;
    this.#client = client;
    this.#clusterStats = clusterStats;
    this.openedMs = owner.now();
    this.#startMs = owner.wallClock();
    this.#load = host.load;
  }

  /** It is found from now on, and counts. */
  begin(): void {
    const { cluster, host } = this;
    const { stats } = this.#owner;
    this.#load.begin();
    host.counts.begin();
    host.opened(cluster.stats);
    host.bind(this);
    cluster.stats.rqTotal.value++;
    cluster.stats.rqActive.value++;
    stats.sessTotal.value++;
    stats.sessActive.value++;
    cluster.outcomes?.began(host);
  }

  /** To the endpoint. */
  forward(b: Buffer): void {
    const { length } = b;
    const { stats, idle } = this.#owner;
    stats.sessRxDatagrams.value++;
    stats.sessRxBytes.value += length;
    this.#bytesReceived += length;
    idle?.arm(this.#idle);
    let failed = this.#socket.send(b);
    if (failed === 'ECONNREFUSED') {
      // that was said of an earlier one, and this one was not even tried
      this.onSocketError(failed);
      failed = this.#socket.send(b);
    }
    if (failed === null) {
      this.#clusterStats.sessTxDatagrams.value++;
      this.cluster.stats.cxTxBytesTotal.value += length;
      return;
    }
    this.#clusterStats.sessTxErrors.value++;
    if (unreachable.has(failed)) this.#refused();
  }

  /** From the endpoint. */
  onDatagram(b: Buffer, address: string, port: number): void {
    const { length } = b;
    if (!this.#isHeard) {
      if (port !== this.host.port || address !== this.#endpointAddress) {
        // it was here before the socket was connected
        this.#clusterStats.sessRxDropped.value++;
        return;
      }
      this.#isHeard = true;
      this.#isRefused = false;
      this.cluster.outcomes?.connected(this.host);
    }
    const { stats, idle } = this.#owner;
    this.#clusterStats.sessRxDatagrams.value++;
    this.cluster.stats.cxRxBytesTotal.value += length;
    idle?.arm(this.#idle);
    if (this.#owner.answer(b, this.#client) !== null) {
      stats.sessTxErrors.value++;
      return;
    }
    stats.sessTxDatagrams.value++;
    stats.sessTxBytes.value += length;
    this.#bytesSent += length;
  }

  onSocketError(code: string): void {
    this.#clusterStats.sessRxErrors.value++;
    if (unreachable.has(code)) this.#refused();
  }

  onFault(fault: unknown): void {
    this.#owner.onFault(fault);
    this.end('udp_fault');
  }

  onHostRemoved(): void {
    this.end('udp_endpoint_removed');
  }

  /** Its client, if it goes on, gets another one. */
  destroy(): void {
    this.end('udp_listener_closed');
  }

  end(why: UdpEnd): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const { cluster, host } = this;
    this.#idle.disarm();
    this.#socket.close();
    host.counts.end();
    this.#load.end(this.#isRefused ? 'error' : 'success');
    cluster.stats.rqActive.value--;
    cluster.stats.cxDestroyLocal.value++;
    host.unbind(this);
    host.closed(cluster.stats, this.#owner.now() - this.openedMs);
    this.#owner.stats.sessActive.value--;
    this.#log(why);
    this.#owner.onEnded(this);
  }

  /** The session goes on: whoever sends next may find somebody there, or another endpoint. */
  #refused(): void {
    this.#isHeard = false;
    this.#isRefused = true;
    this.cluster.outcomes?.failed(this.host, localStatus.failed, false);
  }

  #log(why: UdpEnd): void {
    const { logs, localAddress } = this.#owner;
    if (logs.length === 0) return;
    const entry = emptyLogEntry();
    entry.startMs = this.#startMs;
    entry.durationMs = this.#owner.now() - this.openedMs;
    entry.flags = this.#isRefused ? 'UF' : '-';
    entry.details = why;
    entry.bytesReceived = this.#bytesReceived;
    entry.bytesSent = this.#bytesSent;
    entry.upstreamHost = this.host.key;
    entry.upstreamCluster = this.cluster.name;
    entry.downstreamAddress = addressText(this.#client.address, this.#client.port);
    entry.downstreamIp = this.#client.address;
    entry.localAddress = localAddress;
    entry.streamId = this.#owner.newId();
    for (const log of logs) log.write(entry);
  }
}

/** As the system writes it. */
function canonical(address: string): string {
  return address.includes(':') ? new net.SocketAddress({ address, family: 'ipv6' }).address : address;
}
