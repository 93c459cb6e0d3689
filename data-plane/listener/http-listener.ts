/** A socket that speaks HTTP, in the clear or inside TLS: accepts, bounds, hands each connection to l7, drains. */
import net from 'node:net';
import { H1Connection } from '../l7/h1-connection.ts';
import { H2Connection } from '../l7/h2-connection.ts';
import { H2StreamPool } from '../l7/h2-stream.ts';
import type { HttpContext, HttpListener, HttpShared } from '../l7/http-context.ts';
import { type Arrival, addressText, directArrival, withoutMapping } from '../model/arrival.ts';
import type { ProxyProtocolConfig, TlsConfig } from '../model/config.ts';
import type { HttpStats, ListenerStats } from '../telemetry/stats.ts';
import { forwardedCertificate } from './client-certificate.ts';
import { type Admission, admit, type ConnectionGate } from './connection-gate.ts';
import { Prelude } from './prelude.ts';
import { ProxyRules } from './proxy-rules.ts';
import { type BoundAddress, closeServer, listen } from './socket.ts';
import { type ByteReceiver, receive, takeOver } from './take-over.ts';
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
  readonly #preludes = new Set<Prelude>();
  readonly #connections = new Set<HttpConnection>();
  readonly #streams = new H2StreamPool(this);
  readonly #gate: ConnectionGate;
  readonly #tls: TlsTerminator | null;
  /** Null: PROXY headers are not looked for. */
  #proxyProtocol: ProxyRules | null;

  constructor(options: {
    shared: HttpShared;
    stats: HttpStats;
    listenerStats: ListenerStats;
    context: HttpContext;
    tls: TlsConfig | null;
    proxyProtocol: ProxyProtocolConfig | null;
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
    this.#proxyProtocol = rulesOf(options.proxyProtocol);
    this.#server = net.createServer({ noDelay: true, pauseOnConnect: true }, (socket) => this.#accept(socket));
  }

  /** Resolves with what was bound; rejects with an Error that says what to do. */
  async listen(address: string, port: number, reusePort = false): Promise<BoundAddress> {
    const bound = await listen(this.#server, address, port, reusePort);
    this.localAddress = addressText(bound.address, bound.port);
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

  /** For the connections to come. */
  updateProxyProtocol(config: ProxyProtocolConfig | null): void {
    this.#proxyProtocol = rulesOf(config);
  }

  /** Connections that are not counted yet: their TLS handshake is under way. */
  get handshakeCount(): number {
    return this.#tls?.handshakes ?? 0;
  }

  /** No new connections; idle ones close, busy ones with their answer. Resolves when none is left. */
  async drain(): Promise<void> {
    this.draining = true;
    this.closing = true;
    const closed = closeServer(this.#server);
    // what clients have sent by now is read before: a connection with a request is not idle
    const { turns } = this.shared;
    turns.settle(() =>
      turns.settle(() => {
        this.#destroyBeginning();
        this.shedIdle();
      }),
    );
    await closed;
  }

  /** Connections without a request end now. */
  shedIdle(): void {
    for (const connection of [...this.#connections]) connection.drain();
  }

  /** Cuts what is left. */
  destroy(): void {
    this.#destroyBeginning();
    for (const connection of [...this.#connections]) connection.destroy();
  }

  /** The listener is gone for good. */
  dropStats(): void {
    this.stats.scope.drop();
    this.listenerStats.scope.drop();
  }

  #destroyBeginning(): void {
    for (const prelude of [...this.#preludes]) prelude.destroy();
    this.#tls?.destroy();
  }

  #accept(accepted: net.Socket): void {
    const stats = this.listenerStats;
    const rules = this.#proxyProtocol;
    const treatment = rules === null ? 'plain' : rules.treatmentOf(withoutMapping(accepted.remoteAddress ?? ''));
    if (treatment === 'closed') {
      stats.noFilterChainMatch.value++;
      accepted.destroy();
      return;
    }
    const open = stats.cxActive.total + stats.preCxActive.total + this.handshakeCount;
    const admission = admit(accepted, open, this.maxConnections, this.#gate, stats, treatment === 'plain');
    if (admission === null) return;
    if (this.#tls === null) this.#acceptClear(accepted, admission, treatment === 'read' ? rules : null);
    else this.#acceptTls(accepted, admission, treatment === 'read' ? rules : null, this.#tls);
  }

  /** @param rules null: there is no header. One that comes all the same is no HTTP. */
  #acceptClear(accepted: net.Socket, admission: Admission, rules: ProxyRules | null): void {
    const { readBuffer, onFault } = this.shared;
    takeOver(accepted, readBuffer, httpSockets, this.documentedOnly, onFault, (socket) => {
      socket.once('close', admission.leave);
      if (rules === null) return this.#serve(socket, '', '', null);
      return this.#begin(socket, rules, admission, (arrival) => this.#serve(socket, '', '', arrival));
    });
  }

  /** @param rules null: there is no header. One that comes all the same is no TLS. */
  #acceptTls(accepted: net.Socket, admission: Admission, rules: ProxyRules | null, terminator: TlsTerminator): void {
    accepted.once('close', admission.leave);
    if (rules === null) {
      terminator.accept(accepted, directArrival(accepted));
      return;
    }
    const stop = receive(accepted, this.shared.onFault, () =>
      this.#begin(accepted, rules, admission, (arrival, begun) => {
        stop();
        if (begun.length > 0) accepted.unshift(begun);
        terminator.accept(accepted, arrival);
        return null;
      }),
    );
  }

  /** First comes the header. */
  #begin(
    socket: net.Socket,
    proxy: ProxyRules,
    admission: Admission,
    serve: (arrival: Arrival, begun: Buffer) => ByteReceiver | null,
  ): Prelude {
    const { deadlines, readBuffer } = this.shared;
    const prelude = new Prelude(socket, {
      ...{ proxy, hello: false, timeoutMs: 0, stats: this.listenerStats, admission, readBuffer },
      setDeadline: (timeoutMs, onDeadline) => deadlines.after(timeoutMs, onDeadline),
      serve: (arrival, _, begun) => serve(arrival, begun),
      onOver: (over) => this.#preludes.delete(over),
    });
    this.#preludes.add(prelude);
    return prelude;
  }

  #terminator(config: TlsConfig): TlsTerminator {
    const { deadlines, onFault } = this.shared;
    return new TlsTerminator({
      config,
      stats: this.listenerStats,
      onFault,
      wallClock: () => this.shared.wallClock(),
      setDeadline: (timeoutMs, onDeadline) => deadlines.after(timeoutMs, onDeadline),
      onSecure: (secured, peer, arrival) => {
        const { forwardClientCert } = this.context.chain;
        const clientCert =
          peer === null || forwardClientCert === null
            ? ''
            : forwardedCertificate(peer, secured.getX509Certificate(), forwardClientCert);
        receive(secured, onFault, (socket) => this.#serve(socket, secured.alpnProtocol || '', clientCert, arrival));
      },
    });
  }

  /**
   * @param protocol what TLS has agreed on; empty: nothing, so that the first bytes tell
   * @param clientCert what endpoints are told of the client's certificate; empty: nothing
   * @param arrival null: all there is to know is the socket
   */
  #serve(socket: net.Socket, protocol: string, clientCert: string, arrival: Arrival | null): HttpConnection {
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
            (decided) => this.#open(socket, decided, clientCert, onClosed, arrival),
            onClosed,
          )
        : this.#open(socket, version, clientCert, onClosed, arrival);
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

  #open(
    socket: net.Socket,
    version: HttpVersion,
    clientCert: string,
    onClosed: () => void,
    arrival: Arrival | null,
  ): HttpConnection {
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
      ? new H2Connection(socket, this, this.#streams, clientCert, onClose, arrival)
      : new H1Connection(socket, this, clientCert, onClose, arrival);
  }

  #onClosed(connection: HttpConnection): void {
    if (!this.#connections.delete(connection)) return;
    this.stats.cxActive.value--;
    this.stats.cxDestroy.value++;
    this.listenerStats.cxActive.value--;
    this.listenerStats.cxDestroy.value++;
  }
}

function rulesOf(config: ProxyProtocolConfig | null): ProxyRules | null {
  return config === null ? null : new ProxyRules(config);
}
