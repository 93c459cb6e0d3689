/**
 * The TCP proxy: one session is a client's connection and the endpoint's that was opened for it. Each half closes on its
 * own, a reset on one side is a reset on the other, and nothing is cut that was not cut by somebody.
 */
import type { Hash64 } from '../../proto/hashing/hash64.ts';
import { type Arrival, addressText, directArrival, withoutMapping } from '../model/arrival.ts';
import type { TcpHashConfig, TcpProxyConfig } from '../model/config.ts';
import type { TcpSocket } from '../sockets/tcp-socket.ts';
import { emptyLogEntry } from '../telemetry/empty-log-entry.ts';
import { logArrival } from '../telemetry/log-arrival.ts';
import type { LogEntry } from '../telemetry/log-entry.ts';
import type { TcpStats } from '../telemetry/stats.ts';
import type { Cluster } from '../upstream/cluster.ts';
import { Deadline, type Deadlines } from '../upstream/deadlines.ts';
import type { Host } from '../upstream/host.ts';
import type { LocalityLoad } from '../upstream/load.ts';
import { compiledTlvs, type ProxyHeaders } from '../upstream/proxy-headers.ts';
import { reset } from '../upstream/reset.ts';
import { chooseCluster } from '../upstream/weighted.ts';
import { goesByHashes } from './choose.ts';
import { Direction } from './direction.ts';
import { hashConnection, hashFormat } from './hash.ts';
import { UpstreamConnector } from './upstream-connector.ts';

/** What all sessions of a thread share. */
export interface TcpShared {
  readonly clusters: { get(name: string): Cluster | undefined };
  readonly deadlines: Deadlines;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Epoch milliseconds. */
  readonly wallClock: () => number;
  /** 0 ≤ x < 1 */
  readonly random: () => number;
  /** A UUID. */
  readonly newRequestId: () => string;
  /** All reads land here, save those of bulk flows. */
  readonly readBuffer: Buffer;
  /** A bug showed itself while one connection was served. */
  readonly onFault: (fault: unknown) => void;
  /** Use documented Node interfaces only. */
  readonly documentedOnly?: boolean;
}

export interface TcpDeps {
  readonly shared: TcpShared;
  readonly chain: TcpProxyConfig;
  readonly stats: TcpStats;
  /** `readsStreamId`: sessions need an id; absent: no. */
  readonly logs: readonly { readonly readsStreamId?: boolean; write(entry: LogEntry): void }[];
  /**
   * `ip:port` that the configuration gives the listener, where this node stands elsewhere: what hashes go by, so that nodes
   * agree; null: what a connection says.
   */
  readonly virtualAddress: string | null;
  /** Called once, when both connections are closed and the session is logged. */
  readonly onClosed: (session: TcpSession) => void;
}

/**
 * Takes an accepted connection. Its socket must be half-open (`allowHalfOpen`) and its bytes come through `onBytes`; the
 * caller resumes it.
 * @param arrival null: all there is to know is the socket
 */
export function handleTcp(socket: TcpSocket, deps: TcpDeps, arrival: Arrival | null = null): TcpSession {
  return new TcpSession(socket, deps, arrival);
}

/** Shown as Envoy's response flags. */
const flags = {
  none: '-',
  noCluster: 'NC',
  noHost: 'UH',
  notConnected: 'UF,URX',
  overflow: 'UO',
  clientReset: 'DC',
  endpointReset: 'UC',
};

export class TcpSession {
  readonly #client: TcpSocket;
  readonly #deps: TcpDeps;
  readonly #startedMs: number;
  readonly #entry: LogEntry = emptyLogEntry();
  /** Null: nobody has asked for what the socket says. */
  #arrival: Arrival | null;
  readonly #idle = new Deadline(() => this.#onIdle());
  #hash: Hash64 | null = null;
  #connector: UpstreamConnector | null = null;
  #cluster: Cluster | null = null;
  #host: Host | null = null;
  #load: LocalityLoad | null = null;
  #endpoint: TcpSocket | null = null;
  #toEndpoint: Direction | null = null;
  #toClient: Direction | null = null;
  /** What the endpoint gets first; null: nothing of ours. */
  #header: Buffer | null = null;
  /** What the client sent before there was anybody to take it. */
  #early: Buffer | null = null;
  #clientEnded = false;
  #openSockets = 1;
  #connectedMs = 0;
  /** The endpoint closed or reset first. */
  #endpointLeftFirst = false;

  constructor(client: TcpSocket, deps: TcpDeps, arrival: Arrival | null) {
    const { shared, stats, chain } = deps;
    this.#client = client;
    this.#deps = deps;
    this.#arrival = arrival;
    this.#startedMs = shared.now();
    const entry = this.#entry;
    entry.startMs = shared.wallClock();
    const target = chooseCluster(chain.to, shared.random()).cluster;
    const cluster = shared.clusters.get(target);
    const hash = cluster !== undefined && goesByHashes(cluster) ? chain.hash : null;
    if (deps.logs.length > 0 || hash !== null) {
      const from = this.#describe();
      const hashesId = hash?.type === 'text' && hashFormat(hash).readsStreamId;
      if (hashesId || deps.logs.some((log) => log.readsStreamId === true)) entry.streamId = shared.newRequestId();
      if (hash !== null) this.#hash = this.#hashOf(hash, from);
    }
    stats.cxTotal.value++;
    client.on('error', this.#onClientError);
    client.on('end', this.#onClientEnd);
    client.on('close', this.#onClientClose);
    this.#armIdle();
    this.#connect(target, cluster);
  }

  #hashOf(hash: TcpHashConfig, { localAddress, localPort }: Arrival): Hash64 {
    const { virtualAddress } = this.#deps;
    const { localAddress: bound = '', localPort: boundPort } = this.#client;
    const bySocket = localPort === boundPort && localAddress === withoutMapping(bound);
    if (virtualAddress === null || !bySocket) return hashConnection(hash, this.#entry);
    return hashConnection(hash, { ...this.#entry, localAddress: virtualAddress });
  }

  get openedMs(): number {
    return this.#startedMs;
  }

  /** Takes what the client sent: the first `length` bytes of `b`, valid during the call only. */
  readonly onBytes = (b: Buffer, length: number): void => {
    if (this.#toEndpoint !== null) {
      this.#toEndpoint.write(b, length);
      return;
    }
    const bytes = Buffer.from(b.subarray(0, length));
    this.#early = this.#early === null ? bytes : Buffer.concat([this.#early, bytes]);
    this.#client.pause();
  };

  /** Where the client's next read shall go; asked after each read by a listener that can. */
  readonly nextReadBuffer = (): Buffer => this.#toEndpoint?.nextBuffer() ?? this.#deps.shared.readBuffer;

  /** Cuts both connections. */
  destroy(): void {
    this.#connector?.cancel();
    this.#client.destroy();
    this.#endpoint?.destroy();
  }

  /** Cuts both connections so that both sides see it. */
  reset(): void {
    this.#connector?.cancel();
    for (const socket of [this.#client, this.#endpoint]) if (socket !== null) reset(socket);
  }

  /** What is known of the client, as an entry has it. */
  #describe(): Arrival {
    const arrival = (this.#arrival ??= directArrival(this.#client));
    const entry = this.#entry;
    if (entry.downstreamAddress !== '') return arrival;
    entry.downstreamIp = arrival.remoteAddress;
    entry.downstreamAddress = addressText(arrival.remoteAddress, arrival.remotePort);
    logArrival(entry, arrival);
    return arrival;
  }

  #headerBy(headers: ProxyHeaders): Buffer {
    const { chain, shared } = this.#deps;
    const entry = this.#entry;
    const arrival = this.#describe();
    const own = compiledTlvs(chain.proxyTlvs);
    if (entry.streamId === '' && headers.readsStreamId(own)) entry.streamId = shared.newRequestId();
    return headers.headerOf(arrival, entry, own);
  }

  #connect(clusterName: string, cluster: Cluster | undefined): void {
    const { shared, stats } = this.#deps;
    const entry = this.#entry;
    entry.upstreamCluster = clusterName;
    if (cluster === undefined) {
      stats.cxNoRoute.value++;
      this.#refuse(flags.noCluster);
      return;
    }
    this.#cluster = cluster;
    if (cluster.proxyHeaders !== null) this.#header = this.#headerBy(cluster.proxyHeaders);
    const reader = {
      nextBuffer: (): Buffer => this.#toClient?.nextBuffer() ?? shared.readBuffer,
      onBytes: (b: Buffer, length: number): void => this.#toClient?.write(b, length),
    };
    this.#connector = new UpstreamConnector(cluster, this.#hash, shared, reader, {
      onConnected: (socket, host) => this.#open(socket, host, cluster),
      onOverflow: (host) => {
        this.#connector = null;
        entry.upstreamHost = host.key;
        this.#refuse(flags.overflow);
      },
      onFailed: (host) => {
        this.#connector = null;
        entry.upstreamHost = host?.key ?? '';
        this.#refuse(host === null ? flags.noHost : flags.notConnected);
      },
    });
    this.#connector.start();
  }

  /** There is nobody to talk to: a clean end would look like an empty answer. */
  #refuse(flag: string): void {
    this.#entry.flags = flag;
    reset(this.#client);
  }

  #open(endpoint: TcpSocket, host: Host, cluster: Cluster): void {
    const { shared, stats } = this.#deps;
    const client = this.#client;
    this.#connector = null;
    this.#endpoint = endpoint;
    this.#host = host;
    this.#openSockets++;
    this.#connectedMs = shared.now();
    this.#entry.upstreamHost = host.key;
    this.#load = host.load;
    this.#load.begin();
    cluster.stats.rqTotal.value++;
    cluster.stats.rqActive.value++;
    this.#toEndpoint = new Direction(
      client,
      endpoint,
      shared.readBuffer,
      (bytes) => {
        stats.cxRxBytesTotal.value += bytes;
        cluster.stats.cxTxBytesTotal.value += bytes;
        this.#armIdle();
      },
      (paused) => {
        const counter = paused ? stats.flowControlPausedReadingTotal : stats.flowControlResumedReadingTotal;
        counter.value++;
      },
    );
    this.#toClient = new Direction(
      endpoint,
      client,
      shared.readBuffer,
      (bytes) => {
        stats.cxTxBytesTotal.value += bytes;
        cluster.stats.cxRxBytesTotal.value += bytes;
        this.#armIdle();
      },
      () => undefined,
    );
    endpoint.on('error', this.#onEndpointError);
    endpoint.on('end', this.#onEndpointEnd);
    endpoint.on('close', this.#onEndpointClose);
    this.#sendEarly();
    endpoint.resume();
  }

  #sendEarly(): void {
    const early = this.#early;
    if (early !== null) {
      this.#early = null;
      this.#client.resume();
    }
    if (this.#header !== null) this.#toEndpoint!.begin(this.#header, early);
    else if (early !== null) this.#toEndpoint!.write(early, early.length);
    if (this.#clientEnded) this.#toEndpoint!.end();
  }

  #armIdle(): void {
    const { chain, shared } = this.#deps;
    if (chain.idleTimeoutMs > 0) shared.deadlines.queue(chain.idleTimeoutMs).arm(this.#idle);
  }

  #onIdle(): void {
    this.#deps.stats.idleTimeout.value++;
    this.#entry.details = 'tcp_session_idle_timeout';
    this.destroy();
  }

  readonly #onClientEnd = (): void => {
    this.#clientEnded = true;
    this.#toEndpoint?.end();
  };

  readonly #onEndpointEnd = (): void => {
    if (!this.#clientEnded) this.#endpointLeftFirst = true;
    this.#toClient!.end();
  };

  readonly #onClientError = (): void => {
    if (this.#entry.flags === flags.none) this.#entry.flags = flags.clientReset;
    this.#connector?.cancel();
    if (this.#endpoint !== null) reset(this.#endpoint);
  };

  readonly #onEndpointError = (): void => {
    if (this.#entry.flags === flags.none) {
      this.#entry.flags = flags.endpointReset;
      this.#endpointLeftFirst = true;
    }
    reset(this.#client);
  };

  readonly #onClientClose = (): void => {
    this.#connector?.cancel();
    this.#connector = null;
    this.#closed();
  };

  readonly #onEndpointClose = (): void => {
    this.#closed();
  };

  #closed(): void {
    if (--this.#openSockets > 0) return;
    this.#idle.disarm();
    if (this.#endpoint !== null) this.#leaveEndpoint(this.#cluster!, this.#host!);
    const entry = this.#entry;
    const { shared, logs, onClosed } = this.#deps;
    entry.durationMs = shared.now() - this.#startedMs;
    entry.bytesReceived = this.#toEndpoint?.bytes ?? 0;
    entry.bytesSent = this.#toClient?.bytes ?? 0;
    this.#toEndpoint?.close();
    this.#toClient?.close();
    for (const log of logs) log.write(entry);
    onClosed(this);
  }

  #leaveEndpoint({ stats }: Cluster, host: Host): void {
    host.counts.end();
    this.#load?.end(this.#entry.flags === flags.endpointReset ? 'error' : 'success');
    stats.rqActive.value--;
    host.closed(stats, this.#deps.shared.now() - this.#connectedMs);
    (this.#endpointLeftFirst ? stats.cxDestroyRemote : stats.cxDestroyLocal).value++;
  }
}
