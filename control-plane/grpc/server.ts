/** A gRPC server on our own HTTP/2: connections in, calls to their methods. */
import type { Socket } from 'node:net';
import { GrpcConnection } from './connection.ts';
import type { GrpcLimits } from './limits.ts';
import type { Methods } from './method.ts';

/** Handed in so that tests own time. */
export interface Timers {
  /** Milliseconds on a clock that never goes back. */
  now(): number;
  /** Calls `run` once after that time; returns the function that calls it off. */
  after(ms: number, run: () => void): () => void;
}

export interface GrpcServerOptions {
  readonly methods: Methods;
  readonly limits: GrpcLimits;
  readonly timers: Timers;
  /** A method threw, which is a fault of this program: its call is over. */
  readonly onFault: (fault: unknown, path: string) => void;
}

export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #connections = new Map<string, GrpcConnection>();
  #draining = false;

  constructor(options: GrpcServerOptions) {
    this.#options = options;
  }

  /** Serves a connection whose client speaks HTTP/2 from its first byte. */
  serve(socket: Socket): void {
    const connection = new GrpcConnection(socket, this.#options, () => {
      if (this.#connections.get(connection.peer) === connection) this.#connections.delete(connection.peer);
    });
    this.#connections.set(connection.peer, connection);
    if (this.#draining) connection.goAway();
  }

  /**
   * Tells the client to open its next calls elsewhere; the connection closes when its calls are over. False for a
   * client that is not connected. `peer`: address and port of its end.
   */
  goAway(peer: string): boolean {
    const connection = this.#connections.get(peer);
    connection?.goAway();
    return connection !== undefined;
  }

  /** Cuts the connection. */
  cut(peer: string): void {
    this.#connections.get(peer)?.cut();
  }

  /** As `goAway` to everybody, also to those who come yet. */
  drain(): void {
    this.#draining = true;
    for (const connection of this.#connections.values()) connection.goAway();
  }
}
