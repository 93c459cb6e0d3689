/** Connects to an endpoint of a cluster, and to another one where the first does not take the connection. */
import type { Hash64 } from '../../proto/hashing/hash64.ts';
import { connectTcp } from '../sockets/open.ts';
import type { Reader, TcpSocket } from '../sockets/tcp-socket.ts';
import type { Cluster } from '../upstream/cluster.ts';
import { Deadline, type Deadlines } from '../upstream/deadlines.ts';
import type { Host } from '../upstream/host.ts';
import { localStatus } from '../upstream/outcomes.ts';
import { isOwnShortage } from '../upstream/own-shortage.ts';
import { placeOf } from '../upstream/place.ts';
import { chooseHost } from './choose.ts';

/** Endpoints tried for one connection. */
export const maxConnectAttempts = 3;

export interface ConnectDeps {
  readonly deadlines: Deadlines;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** A bug showed itself while one connection was served. */
  readonly onFault: (fault: unknown) => void;
  /** Use documented Node interfaces only. */
  readonly documentedOnly?: boolean;
}

export interface ConnectHandlers {
  /** The socket has neither an error nor any other handler from here on. */
  onConnected(socket: TcpSocket, host: Host): void;
  /** There are as many connections as there may be. */
  onOverflow(host: Host): void;
  /** `null`: there was nobody to connect to; else the last endpoint tried. */
  onFailed(host: Host | null): void;
}

export class UpstreamConnector {
  readonly #cluster: Cluster;
  readonly #hash: Hash64 | null;
  readonly #deps: ConnectDeps;
  readonly #reader: Reader;
  readonly #handlers: ConnectHandlers;
  readonly #tried: Host[] = [];
  readonly #deadline = new Deadline(() => this.#onTimeout());
  #socket: TcpSocket | null = null;
  #startedMs = 0;

  /** @param hash what hashing clusters go by; null: chance */
  constructor(cluster: Cluster, hash: Hash64 | null, deps: ConnectDeps, reader: Reader, handlers: ConnectHandlers) {
    this.#cluster = cluster;
    this.#hash = hash;
    this.#deps = deps;
    this.#reader = reader;
    this.#handlers = handlers;
  }

  /** Ends in one call of a handler, or in `cancel`. */
  start(): void {
    const { stats } = this.#cluster;
    const host = this.#tried.length < maxConnectAttempts ? chooseHost(this.#cluster, this.#tried, this.#hash) : null;
    if (host === null) {
      if (this.#tried.length === 0) stats.cxNoneHealthy.value++;
      this.#handlers.onFailed(this.#tried.at(-1) ?? null);
      return;
    }
    if (!this.#cluster.hasRoomAt(host)) {
      stats.cxOverflow.value++;
      this.#handlers.onOverflow(host);
      return;
    }
    this.#tried.push(host);
    host.counts.begin();
    host.opened(stats);
    this.#cluster.outcomes?.began(host);
    this.#startedMs = this.#deps.now();
    const { onFault, documentedOnly = false } = this.#deps;
    const socket = connectTcp(placeOf(host.config), this.#reader, onFault, documentedOnly);
    this.#socket = socket;
    const { connectTimeoutMs } = this.#cluster.config;
    if (connectTimeoutMs > 0) this.#deps.deadlines.queue(connectTimeoutMs).arm(this.#deadline);
    socket.once('error', this.#onError);
    socket.once('connect', this.#onConnect);
  }

  /** Gives up an attempt under way. */
  cancel(): void {
    const socket = this.#socket;
    if (socket === null) return;
    this.#leave(socket);
    socket.on('error', () => undefined);
    socket.destroy();
    this.#release();
  }

  readonly #onConnect = (): void => {
    const socket = this.#socket!;
    this.#leave(socket);
    const { stats } = this.#cluster;
    stats.cxConnectMs.record(this.#deps.now() - this.#startedMs);
    const host = this.#tried.at(-1)!;
    this.#cluster.outcomes?.connected(host);
    this.#handlers.onConnected(socket, host);
  };

  readonly #onError = ({ code }: NodeJS.ErrnoException): void => {
    if (!isOwnShortage(code)) this.#cluster.outcomes?.failed(this.#tried.at(-1)!, localStatus.failed, false);
    this.#onFailure();
  };

  #onTimeout(): void {
    this.#cluster.stats.cxConnectTimeout.value++;
    this.#socket!.destroy();
    this.#cluster.outcomes?.failed(this.#tried.at(-1)!, localStatus.timedOut, false);
    this.#onFailure();
  }

  #onFailure(): void {
    this.#leave(this.#socket!);
    this.#cluster.stats.cxConnectFail.value++;
    this.#release();
    this.start();
  }

  #leave(socket: TcpSocket): void {
    this.#deadline.disarm();
    this.#socket = null;
    socket.off('error', this.#onError);
    socket.off('connect', this.#onConnect);
  }

  /** The attempt came to nothing. */
  #release(): void {
    const { counts } = this.#tried.at(-1)!;
    counts.end();
    counts.closed();
    this.#cluster.stats.cxActive.value--;
  }
}
