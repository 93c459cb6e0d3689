/** A socket whose connections are proxied byte for byte: accepts, bounds, hands each connection to l4, drains. */
import net from 'node:net';
import { handleTcp, type TcpSession, type TcpShared } from '../l4/tcp-proxy.ts';
import type { TcpProxyConfig } from '../model/config.ts';
import type { LeanSocket } from '../sockets/lean-socket.ts';
import { acceptLean } from '../sockets/open.ts';
import type { TcpSocket } from '../sockets/tcp-socket.ts';
import type { LogEntry } from '../telemetry/log-entry.ts';
import type { ListenerStats, TcpStats } from '../telemetry/stats.ts';
import { admit, type ConnectionGate } from './connection-gate.ts';
import { type BoundAddress, closeServer, listen } from './socket.ts';
import { takeOver } from './take-over.ts';

type Logs = readonly { write(entry: LogEntry): void }[];

const tcpSockets = { allowHalfOpen: true, ownBuffers: true };

export class TcpServer {
  readonly #shared: TcpShared;
  readonly #stats: TcpStats;
  readonly #listenerStats: ListenerStats;
  readonly #server: net.Server;
  readonly #sessions = new Set<TcpSession>();
  readonly #gate: ConnectionGate;
  readonly #documentedOnly: boolean;
  /** Open at once. */
  maxConnections: number;
  /** `ip:port` that the configuration gives the listener, where this node stands elsewhere; null: where it stands. */
  virtualAddress: string | null = null;
  #chain: TcpProxyConfig;
  #logs: Logs;
  /** Called when the last session ends. */
  #onEmpty: () => void = () => {};

  constructor(options: {
    shared: TcpShared;
    stats: TcpStats;
    listenerStats: ListenerStats;
    chain: TcpProxyConfig;
    logs: Logs;
    maxConnections: number;
    gate: ConnectionGate;
    /** Use documented Node interfaces only. */
    documentedOnly?: boolean;
  }) {
    this.#shared = options.shared;
    this.#stats = options.stats;
    this.#listenerStats = options.listenerStats;
    this.#chain = options.chain;
    this.#logs = options.logs;
    this.maxConnections = options.maxConnections;
    this.#gate = options.gate;
    this.#documentedOnly = options.documentedOnly ?? false;
    const serverOptions = { noDelay: true, pauseOnConnect: true, allowHalfOpen: true };
    this.#server = net.createServer(serverOptions, (socket) => this.#accept(socket));
  }

  /** Resolves with what was bound; rejects with an Error that says what to do. */
  async listen(address: string, port: number, reusePort = false): Promise<BoundAddress> {
    const bound = await listen(this.#server, address, port, reusePort);
    if (!this.#documentedOnly) acceptLean(this.#server, isPlain, this.#shared.onFault, this.#acceptLean);
    return bound;
  }

  get connectionCount(): number {
    return this.#sessions.size;
  }

  get connections(): Iterable<TcpSession> {
    return this.#sessions;
  }

  /** Connections that have come so far. */
  get arrivals(): number {
    return this.#listenerStats.cxTotal.value;
  }

  /** For the connections to come; those that are open stay on what they started with. */
  update(chain: TcpProxyConfig, logs: Logs): void {
    this.#chain = chain;
    this.#logs = logs;
  }

  /** No new connections; resolves when the open ones have ended by themselves. */
  async drain(): Promise<void> {
    await closeServer(this.#server);
    // lean ones are not counted by the server
    if (this.#sessions.size > 0) await new Promise<void>((resolve) => (this.#onEmpty = resolve));
  }

  /** Cuts what is left. */
  destroy(): void {
    for (const session of [...this.#sessions]) session.destroy();
  }

  /** The listener is gone for good. */
  dropStats(): void {
    this.#stats.scope.drop();
    this.#listenerStats.scope.drop();
  }

  #accept(accepted: net.Socket): void {
    const leave = this.#admit(accepted);
    if (leave === null) return;
    takeOver(accepted, this.#shared.readBuffer, tcpSockets, this.#documentedOnly, this.#shared.onFault, (socket) =>
      this.#serve(socket, leave),
    );
  }

  readonly #acceptLean = (socket: LeanSocket): void => {
    const leave = this.#admit(socket);
    if (leave === null) return;
    const { onBytes, nextReadBuffer } = this.#serve(socket, leave);
    socket.readInto({ onBytes, nextBuffer: nextReadBuffer });
    socket.resume();
  };

  #admit(accepted: TcpSocket): (() => void) | null {
    const open = this.#listenerStats.cxActive.total;
    return admit(accepted, open, this.maxConnections, this.#gate, this.#listenerStats);
  }

  #serve(socket: TcpSocket, leave: () => void): TcpSession {
    socket.once('close', leave);
    this.#listenerStats.cxTotal.value++;
    this.#listenerStats.cxActive.value++;
    const session = handleTcp(socket, {
      shared: this.#shared,
      chain: this.#chain,
      stats: this.#stats,
      logs: this.#logs,
      virtualAddress: this.virtualAddress,
      onClosed: this.#onClosed,
    });
    this.#sessions.add(session);
    return session;
  }

  readonly #onClosed = (closed: TcpSession): void => {
    this.#sessions.delete(closed);
    this.#listenerStats.cxActive.value--;
    this.#listenerStats.cxDestroy.value++;
    if (this.#sessions.size === 0) this.#onEmpty();
  };
}

const isPlain = (): boolean => true;
