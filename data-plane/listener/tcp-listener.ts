/** A socket whose connections are proxied byte for byte: accepts, bounds, finds each its chain, hands it to l4, drains. */
import net from 'node:net';
import { handleTcp, type TcpSession, type TcpShared } from '../l4/tcp-proxy.ts';
import { type Arrival, directArrival, withoutMapping } from '../model/arrival.ts';
import type { TcpProxyConfig } from '../model/config.ts';
import type { LeanSocket } from '../sockets/lean-socket.ts';
import { acceptLean } from '../sockets/open.ts';
import type { TcpSocket } from '../sockets/tcp-socket.ts';
import type { LogEntry } from '../telemetry/log-entry.ts';
import type { ListenerStats, TcpStats } from '../telemetry/stats.ts';
import type { ChainMatcher } from './chain-match.ts';
import { type Admission, admit, type ConnectionGate } from './connection-gate.ts';
import { HeaderGuard } from './header-guard.ts';
import { Prelude } from './prelude.ts';
import type { ProxyRules } from './proxy-rules.ts';
import { type BoundAddress, closeServer, listen } from './socket.ts';
import { type ByteReceiver, takeOver } from './take-over.ts';

/** A TCP proxy at work. */
export interface TcpService {
  readonly proxy: TcpProxyConfig;
  readonly stats: TcpStats;
  readonly logs: readonly { write(entry: LogEntry): void }[];
}

/** A configuration at work; sessions stay on the one that they began with. */
export interface TcpSetup {
  readonly chains: ChainMatcher<TcpService>;
  readonly inspectTls: boolean;
  /** Until a chain can be chosen; 0: for ever. */
  readonly inspectTimeoutMs: number;
  /** Null: PROXY headers are not looked for. */
  readonly proxyProtocol: ProxyRules | null;
  /** It is not used any more. */
  close(): void;
}

interface Held {
  readonly setup: TcpSetup;
  sessions: number;
}

const tcpSockets = { allowHalfOpen: true, ownBuffers: true };

export class TcpServer {
  readonly #shared: TcpShared;
  readonly #listenerStats: ListenerStats;
  readonly #server: net.Server;
  readonly #preludes = new Set<Prelude>();
  readonly #sessions = new Map<TcpSession, Held>();
  readonly #gate: ConnectionGate;
  readonly #documentedOnly: boolean;
  /** Open at once. */
  maxConnections: number;
  /** `ip:port` that the configuration gives the listener, where this node stands elsewhere; null: where it stands. */
  virtualAddress: string | null = null;
  /** Null: the listener is gone. */
  #current: Held | null;
  /** Called when nobody is left. */
  #onEmpty: () => void = () => {};

  constructor(options: {
    shared: TcpShared;
    listenerStats: ListenerStats;
    setup: TcpSetup;
    maxConnections: number;
    gate: ConnectionGate;
    /** Use documented Node interfaces only. */
    documentedOnly?: boolean;
  }) {
    this.#shared = options.shared;
    this.#listenerStats = options.listenerStats;
    this.#current = { setup: options.setup, sessions: 0 };
    this.maxConnections = options.maxConnections;
    this.#gate = options.gate;
    this.#documentedOnly = options.documentedOnly ?? false;
    const serverOptions = { noDelay: true, pauseOnConnect: true, allowHalfOpen: true };
    this.#server = net.createServer(serverOptions, (socket) => this.#accept(socket));
  }

  /** Resolves with what was bound; rejects with an Error that says what to do. */
  async listen(address: string, port: number, reusePort = false): Promise<BoundAddress> {
    const bound = await listen(this.#server, address, port, reusePort);
    if (!this.#documentedOnly) acceptLean(this.#server, this.#shared.onFault, this.#acceptLean);
    return bound;
  }

  get connectionCount(): number {
    return this.#sessions.size;
  }

  get connections(): Iterable<TcpSession> {
    return this.#sessions.keys();
  }

  /** Connections that have come so far. */
  get arrivals(): number {
    return this.#listenerStats.cxTotal.value;
  }

  /** For the connections to come, and those that are not served yet. */
  update(setup: TcpSetup): void {
    this.#replace({ setup, sessions: 0 });
  }

  /** No new connections; resolves when the open ones have ended by themselves. */
  async drain(): Promise<void> {
    await closeServer(this.#server);
    // lean ones are not counted by the server
    if (!this.#isEmpty) await new Promise<void>((resolve) => (this.#onEmpty = resolve));
  }

  /** Cuts what is left. */
  destroy(): void {
    for (const prelude of [...this.#preludes]) prelude.destroy();
    for (const session of [...this.#sessions.keys()]) session.destroy();
  }

  /** The listener is gone for good. */
  dropStats(): void {
    this.#replace(null);
    this.#listenerStats.scope.drop();
  }

  #replace(next: Held | null): void {
    const before = this.#current;
    this.#current = next;
    if (before !== null && before.sessions === 0) before.setup.close();
  }

  #accept(accepted: net.Socket): void {
    const admission = this.#admit(accepted);
    if (admission === null) return;
    const { readBuffer, onFault } = this.#shared;
    takeOver(accepted, readBuffer, tcpSockets, this.#documentedOnly, onFault, (socket) =>
      this.#begin(socket, admission),
    );
  }

  readonly #acceptLean = (socket: LeanSocket): void => {
    const admission = this.#admit(socket);
    if (admission === null) return;
    const { onBytes, nextReadBuffer } = this.#begin(socket, admission);
    socket.readInto({ onBytes, nextBuffer: nextReadBuffer });
    socket.resume();
  };

  #admit(accepted: TcpSocket): Admission | null {
    const stats = this.#listenerStats;
    const rules = this.#current!.setup.proxyProtocol;
    const treatment = rules === null ? 'plain' : rules.treatmentOf(withoutMapping(accepted.remoteAddress ?? ''));
    if (treatment === 'closed') {
      stats.noFilterChainMatch.value++;
      accepted.destroy();
      return null;
    }
    const open = stats.cxActive.total + stats.preCxActive.total;
    return admit(accepted, open, this.maxConnections, this.#gate, stats, treatment === 'plain');
  }

  #begin(socket: TcpSocket, admission: Admission): Receiver {
    socket.once('close', admission.leave);
    const { inspectTls, inspectTimeoutMs, proxyProtocol, chains } = this.#current!.setup;
    const { isClient } = admission;
    const isDoubted = proxyProtocol !== null && isClient;
    if (isClient && !inspectTls) {
      const arrival = chains.forAll === null ? directArrival(socket) : null;
      return this.#serve(socket, arrival, 'raw_buffer', isDoubted) ?? this.#nobody;
    }
    const { readBuffer, deadlines } = this.#shared;
    const prelude = new Prelude(socket, {
      proxy: isClient ? null : proxyProtocol,
      hello: inspectTls,
      timeoutMs: inspectTimeoutMs,
      ...{ stats: this.#listenerStats, admission, readBuffer },
      setDeadline: (timeoutMs, onDeadline) => deadlines.after(timeoutMs, onDeadline),
      serve: (arrival, transport) => this.#serve(socket, arrival, transport, isDoubted),
      onOver: (over) => {
        this.#preludes.delete(over);
        if (this.#isEmpty) this.#onEmpty();
      },
    });
    this.#preludes.add(prelude);
    return prelude;
  }

  /**
   * @param arrival null: it decides nothing, and all there is to know is the socket
   * @param isDoubted a PROXY header in its bytes would come from somebody whom nobody believes
   * @returns null: nobody serves it, and it is closed
   */
  #serve(
    socket: TcpSocket,
    arrival: Arrival | null,
    transport: 'tls' | 'raw_buffer',
    isDoubted: boolean,
  ): Receiver | null {
    const stats = this.#listenerStats;
    const held = this.#current;
    const chains = held?.setup.chains;
    const service = (arrival === null ? chains?.forAll : chains?.choose(arrival, transport)) ?? null;
    if (held === null || service === null) {
      stats.noFilterChainMatch.value++;
      socket.on('error', () => {});
      socket.destroy();
      return null;
    }
    stats.cxTotal.value++;
    stats.cxActive.value++;
    const { proxy: chain, stats: tcpStats, logs } = service;
    const session = handleTcp(
      socket,
      {
        ...{ shared: this.#shared, chain, stats: tcpStats, logs, onClosed: this.#onClosed },
        virtualAddress: this.virtualAddress,
      },
      arrival,
    );
    held.sessions++;
    this.#sessions.set(session, held);
    if (!isDoubted) return session;
    return new HeaderGuard(session, () => {
      stats.proxyProtoError.value++;
      session.reset();
    });
  }

  readonly #onClosed = (closed: TcpSession): void => {
    const held = this.#sessions.get(closed)!;
    this.#sessions.delete(closed);
    this.#listenerStats.cxActive.value--;
    this.#listenerStats.cxDestroy.value++;
    if (--held.sessions === 0 && held !== this.#current) held.setup.close();
    if (this.#isEmpty) this.#onEmpty();
  };

  get #isEmpty(): boolean {
    return this.#sessions.size + this.#preludes.size === 0;
  }

  /** Gets what still comes of a connection that is closed. */
  readonly #nobody: Receiver = { onBytes: () => {}, nextReadBuffer: () => this.#shared.readBuffer };
}

/** Its functions are called on their own. */
type Receiver = Required<ByteReceiver>;
