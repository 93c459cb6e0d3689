/** The HTTP/2 sessions of one server, which grpc-js keeps to itself; Node tells of them with every stream that opens. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Http2Session, ServerHttp2Stream } from 'node:http2';

const channel = 'http2.server.stream.created';

export class Sessions {
  readonly #port: number;
  /** By the client's address and port. */
  readonly #byPeer = new Map<string, Http2Session>();

  /** `port`: the one that the server is bound to. */
  constructor(port: number) {
    this.#port = port;
    subscribe(channel, this.#onStream);
  }

  /** `peer` as gRPC calls it; undefined once it is gone. */
  get(peer: string): Http2Session | undefined {
    return this.#byPeer.get(peer);
  }

  /** Learns of no more. */
  close(): void {
    unsubscribe(channel, this.#onStream);
  }

  readonly #onStream = (message: unknown): void => {
    const { session } = (message as { readonly stream: ServerHttp2Stream }).stream;
    if (session === undefined || session.socket.localPort !== this.#port) return;
    const peer = `${session.socket.remoteAddress}:${session.socket.remotePort}`;
    if (this.#byPeer.get(peer) === session) return;
    this.#byPeer.set(peer, session);
    session.once('close', () => {
      if (this.#byPeer.get(peer) === session) this.#byPeer.delete(peer);
    });
  };
}
