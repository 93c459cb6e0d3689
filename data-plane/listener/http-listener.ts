/** A socket that speaks HTTP, in the clear or inside TLS: accepts, bounds, hands each connection to l7, drains. */
import net from 'node:net';
import { H1Connection } from '../l7/h1-connection.ts';
import { H2Connection } from '../l7/h2-connection.ts';
import { H2StreamPool } from '../l7/h2-stream.ts';
import type { HttpContext, HttpListener, HttpShared } from '../l7/http-context.ts';
import type { TlsConfig } from '../model/config.ts';
import type { HttpStats, ListenerStats } from '../telemetry/stats.ts';
import { forwardedCertificate } from './client-certificate.ts';
import { admit, type ConnectionGate } from './connection-gate.ts';
import { type BoundAddress, closeServer, formatAddress, listen } from './socket.ts';
import { receive, takeOver } from './take-over.ts';
import { TlsTerminator } from './tls-terminator.ts';
import { type HttpConnection, type HttpVersion, UndecidedConnection } from './undecided.ts';

const httpSockets = { allowHalfOpen: false, ownBuffers: false };

export class HttpServer implements HttpListener {
  readonly shared: HttpShared;
  readonly stats: HttpStats;
  readonly listenerStats: ListenerStats;
  context: HttpContext;
  /** Open at once. */
  maxConnections: number;
  draining = false;
  closing = false;
  localAddress = '';
  readonly documentedOnly: boolean;
  readonly scheme: 'http' | 'https';
  readonly #server: net.Server;
  readonly #connections = new Set<HttpConnection>();
  readonly #streams = new H2StreamPool(this);
  readonly #gate: ConnectionGate;
  readonly #tls: TlsTerminator | null;

  constructor(options: {
    shared: HttpShared;
    stats: HttpStats;
    listenerStats: ListenerStats;
    context: HttpContext;
    tls: TlsConfig | null;
    maxConnections: number;
    gate: ConnectionGate;
    /** Use documented Node interfaces only. */
    documentedOnly?: boolean;
  }) {
    this.shared = options.shared;
    this.stats = options.stats;
    this.listenerStats = options.listenerStats;
    this.context = options.context;
    this.maxConnections = options.maxConnections;
    this.#gate = options.gate;
    this.documentedOnly = options.documentedOnly ?? false;
    this.scheme = options.tls === null ? 'http' : 'https';
    this.#tls = options.tls === null ? null : this.#terminator(options.tls);
    this.#server = net.createServer({ noDelay: true, pauseOnConnect: true }, (socket) => this.#accept(socket));
  }

  /** Resolves with what was bound; rejects with an Error that says what to do. */
  async listen(address: string, port: number, reusePort = false): Promise<BoundAddress> {
    const bound = await listen(this.#server, address, port, reusePort);
    this.localAddress = formatAddress(bound.address, bound.port);
    return bound;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  get connections(): Iterable<HttpConnection> {
    return this.#connections;
  }

  /** Connections and requests that have come so far. */
  get arrivals(): number {
    return this.listenerStats.cxTotal.value + this.stats.rqTotal.value;
  }

  /** Of a listener that ends TLS: for the handshakes to come. */
  updateTls(config: TlsConfig): void {
    this.#tls?.update(config);
  }

  /** Connections that are not counted yet: their TLS handshake is under way. */
  get handshakeCount(): number {
    return this.#tls?.handshakes ?? 0;
  }

  /** No new connections; idle ones close now, busy ones with their answer. Resolves when none is left. */
  async drain(): Promise<void> {
    this.draining = true;
    this.closing = true;
    const closed = closeServer(this.#server);
    this.#tls?.destroy();
    this.shedIdle();
    await closed;
  }

  /** Connections without a request end now. */
  shedIdle(): void {
    for (const connection of [...this.#connections]) connection.drain();
  }

  /** Cuts what is left. */
  destroy(): void {
    this.#tls?.destroy();
    for (const connection of [...this.#connections]) connection.destroy();
  }

  /** The listener is gone for good. */
  dropStats(): void {
    this.stats.scope.drop();
    this.listenerStats.scope.drop();
  }

  #accept(accepted: net.Socket): void {
    const open = this.listenerStats.cxActive.total + this.handshakeCount;
    const leave = admit(accepted, open, this.maxConnections, this.#gate, this.listenerStats);
    if (leave === null) return;
    if (this.#tls !== null) {
      accepted.once('close', leave);
      this.#tls.accept(accepted);
      return;
    }
    const { readBuffer, onFault } = this.shared;
    takeOver(accepted, readBuffer, httpSockets, this.documentedOnly, onFault, (socket) => {
      socket.once('close', leave);
      return this.#serve(socket, '', '');
    });
  }

  #terminator(config: TlsConfig): TlsTerminator {
    const { deadlines, onFault } = this.shared;
    return new TlsTerminator({
      config,
      stats: this.listenerStats,
      onFault,
      wallClock: () => this.shared.wallClock(),
      setDeadline: (timeoutMs, onDeadline) => deadlines.after(timeoutMs, onDeadline),
      onSecure: (secured, peer) => {
        const { forwardClientCert } = this.context.chain;
        const clientCert =
          peer === null || forwardClientCert === null
            ? ''
            : forwardedCertificate(peer, secured.getX509Certificate(), forwardClientCert);
        receive(secured, onFault, (socket) => this.#serve(socket, secured.alpnProtocol || '', clientCert));
      },
    });
  }

  /**
   * @param protocol what TLS has agreed on; empty: nothing, so that the first bytes tell
   * @param clientCert what endpoints are told of the client's certificate; empty: nothing
   */
  #serve(socket: net.Socket, protocol: string, clientCert: string): HttpConnection {
    const { stats, listenerStats } = this;
    stats.cxTotal.value++;
    stats.cxActive.value++;
    listenerStats.cxTotal.value++;
    listenerStats.cxActive.value++;
    const onClosed = (): void => this.#onClosed(connection);
    const version = this.#versionOf(protocol);
    const connection =
      version === null
        ? new UndecidedConnection(
            socket,
            this,
            (decided) => this.#open(socket, decided, clientCert, onClosed),
            onClosed,
          )
        : this.#open(socket, version, clientCert, onClosed);
    this.#connections.add(connection);
    return connection;
  }

  /** Null: not known yet. */
  #versionOf(protocol: string): HttpVersion | null {
    const { codec } = this.context.chain;
    if (codec !== 'auto') return codec;
    if (protocol === '') return null;
    return protocol === 'h2' ? 'http2' : 'http1';
  }

  #open(socket: net.Socket, version: HttpVersion, clientCert: string, onClosed: () => void): HttpConnection {
    const { stats } = this;
    const [total, active] =
      version === 'http2' ? [stats.cxHttp2Total, stats.cxHttp2Active] : [stats.cxHttp1Total, stats.cxHttp1Active];
    total.value++;
    active.value++;
    const onClose = (): void => {
      active.value--;
      onClosed();
    };
    return version === 'http2'
      ? new H2Connection(socket, this, this.#streams, clientCert, onClose)
      : new H1Connection(socket, this, clientCert, onClose);
  }

  #onClosed(connection: HttpConnection): void {
    if (!this.#connections.delete(connection)) return;
    this.stats.cxActive.value--;
    this.stats.cxDestroy.value++;
    this.listenerStats.cxActive.value--;
    this.listenerStats.cxDestroy.value++;
  }
}
