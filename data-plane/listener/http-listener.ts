/** A socket that speaks HTTP: accepts, bounds, hands each connection to l7, drains. */
import net from 'node:net';
import { H1Connection } from '../l7/h1-connection.ts';
import type { HttpContext, HttpListener, HttpShared } from '../l7/http-context.ts';
import { limits } from '../limits.ts';
import type { HttpStats, ListenerStats } from '../telemetry/stats.ts';
import { type BoundAddress, closeServer, formatAddress, listen } from './socket.ts';
import { takeOver } from './take-over.ts';

const httpSockets = { allowHalfOpen: false, ownBuffers: false };

export class HttpServer implements HttpListener {
  readonly shared: HttpShared;
  readonly stats: HttpStats;
  readonly listenerStats: ListenerStats;
  context: HttpContext;
  draining = false;
  localAddress = '';
  readonly #server: net.Server;
  readonly #connections = new Set<H1Connection>();
  readonly #documentedOnly: boolean;

  constructor(options: {
    shared: HttpShared;
    stats: HttpStats;
    listenerStats: ListenerStats;
    context: HttpContext;
    /** Use documented Node interfaces only. */
    documentedOnly?: boolean;
  }) {
    this.shared = options.shared;
    this.stats = options.stats;
    this.listenerStats = options.listenerStats;
    this.context = options.context;
    this.#documentedOnly = options.documentedOnly ?? false;
    this.#server = net.createServer({ noDelay: true, pauseOnConnect: true }, (socket) => this.#accept(socket));
  }

  /** Resolves with what was bound; rejects with an Error that says what to do. */
  async listen(address: string, port: number): Promise<BoundAddress> {
    const bound = await listen(this.#server, address, port);
    this.localAddress = formatAddress(bound.address, bound.port);
    return bound;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** No new connections; idle ones close now, busy ones with their answer. Resolves when none is left. */
  async drain(): Promise<void> {
    this.draining = true;
    const closed = closeServer(this.#server);
    for (const connection of [...this.#connections]) connection.drain();
    await closed;
  }

  /** Cuts what is left. */
  destroy(): void {
    for (const connection of [...this.#connections]) connection.destroy();
  }

  /** The listener is gone for good. */
  dropStats(): void {
    this.stats.scope.drop();
    this.listenerStats.scope.drop();
  }

  #accept(accepted: net.Socket): void {
    if (this.#connections.size >= limits.connectionsPerListener) {
      this.listenerStats.cxOverflow.value++;
      accepted.destroy();
      return;
    }
    takeOver(accepted, this.shared.readBuffer, httpSockets, this.#documentedOnly, this.shared.onFault, (socket) => {
      const { stats, listenerStats } = this;
      stats.cxTotal.value++;
      stats.cxActive.value++;
      stats.cxHttp1Total.value++;
      stats.cxHttp1Active.value++;
      listenerStats.cxTotal.value++;
      listenerStats.cxActive.value++;
      const connection = new H1Connection(socket, this, (closed) => this.#onClosed(closed));
      this.#connections.add(connection);
      return connection;
    });
  }

  #onClosed(connection: H1Connection): void {
    if (!this.#connections.delete(connection)) return;
    this.stats.cxActive.value--;
    this.stats.cxHttp1Active.value--;
    this.stats.cxDestroy.value++;
    this.listenerStats.cxActive.value--;
    this.listenerStats.cxDestroy.value++;
  }
}
