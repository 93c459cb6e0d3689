/** A datagram socket and its UDP proxy: binds, bounds the sessions, drains. */

import { UdpProxy, type UdpShared } from '../l4/udp-proxy.ts';
import type { UdpSession } from '../l4/udp-session.ts';
import type { UdpChainConfig } from '../model/config.ts';
import { udpSockets } from '../sockets/udp-handle.ts';
import { UdpError, type UdpSocket, type UdpSockets } from '../sockets/udp-socket.ts';
import type { LogEntry } from '../telemetry/log-entry.ts';
import type { ListenerStats } from '../telemetry/stats.ts';
import type { UdpStats } from '../telemetry/udp-stats.ts';
import { admitSession, type ConnectionGate } from './connection-gate.ts';
import { type BoundAddress, explain, ListenError } from './socket.ts';

type Logs = readonly { write(entry: LogEntry): void }[];

export class UdpServer {
  /** Sessions at once. */
  maxConnections: number;
  readonly #proxy: UdpProxy;
  readonly #stats: UdpStats;
  readonly #listenerStats: ListenerStats;
  readonly #sockets: UdpSockets;
  #socket: UdpSocket | null = null;

  constructor(options: {
    shared: UdpShared;
    stats: UdpStats;
    listenerStats: ListenerStats;
    chain: UdpChainConfig;
    logs: Logs;
    maxConnections: number;
    gate: ConnectionGate;
    /** As {@link udpSockets} if not said. */
    sockets?: UdpSockets;
  }) {
    const { shared, stats, listenerStats, chain, logs, gate } = options;
    this.maxConnections = options.maxConnections;
    this.#stats = stats;
    this.#listenerStats = listenerStats;
    this.#sockets = options.sockets ?? udpSockets;
    this.#proxy = new UdpProxy({
      ...{ shared, stats, chain, logs, sockets: this.#sockets },
      admit: () => {
        if (!admitSession(listenerStats.cxActive.total, this.maxConnections, gate, listenerStats)) return false;
        listenerStats.cxTotal.value++;
        listenerStats.cxActive.value++;
        return true;
      },
      leave: () => {
        gate.leave(null);
        listenerStats.cxActive.value--;
        listenerStats.cxDestroy.value++;
      },
    });
  }

  /** Resolves with what was bound; rejects with an Error that says what to do. */
  async listen(address: string, port: number, reusePort = false): Promise<BoundAddress> {
    try {
      this.#socket = this.#sockets.bind(address, port, reusePort, this.#proxy);
    } catch (error) {
      throw asListenError(error, address, port);
    }
    this.#proxy.attach(this.#socket);
    return this.#socket.local;
  }

  /** `ip:port` where clients believe it to be; null: where it is. Of the sessions to come. */
  set virtualAddress(virtualAddress: string | null) {
    this.#proxy.virtualAddress = virtualAddress;
  }

  get connectionCount(): number {
    return this.#proxy.sessions.size;
  }

  /** Sessions, those that are there. */
  get connections(): Iterable<UdpSession> {
    return this.#proxy.sessions.values();
  }

  /** Datagrams that have come so far. */
  get arrivals(): number {
    return this.#stats.sessRxDatagrams.value;
  }

  /** For the sessions to come; those that are there stay where they are. */
  update(chain: UdpChainConfig, logs: Logs): void {
    this.#proxy.update(chain, logs);
  }

  /** No new sessions; resolves when the last one has been idle for long enough. Until then the port is taken. */
  async drain(): Promise<void> {
    await this.#proxy.drain();
    this.#socket?.close();
  }

  /** Ends what is left. */
  destroy(): void {
    this.#proxy.close();
    this.#socket?.close();
  }

  /** The listener is gone for good. */
  dropStats(): void {
    this.#stats.scope.drop();
    this.#listenerStats.scope.drop();
  }
}

/** What is said of a socket that could not be bound. */
export function asListenError(error: unknown, address: string, port: number): unknown {
  return error instanceof UdpError ? new ListenError(error.code, explain(error, address, port)) : error;
}
