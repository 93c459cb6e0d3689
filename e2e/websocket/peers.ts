/** Both ends of a conversation, `ws` each: they say what is written, and note all that they hear. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { randomOf } from '../chaos/random.ts';
import type { Conversation, Frame } from './conversation.ts';
import { ClientStream, ServerStream } from './extended-connect.ts';

/** What an end has heard in the whole of a conversation. */
export interface Heard {
  /** Messages and control frames, in order, with a digest of each; then how it ended. */
  readonly events: readonly string[];
  /** Bytes behind the handshake, as they came from the socket, and their digest. */
  readonly bytes: number;
  readonly digest: string;
  readonly extensions: string;
  readonly protocol: string;
}

const mostBytes = 64 * 1024 * 1024;

export class Peer {
  readonly socket: WebSocket;
  readonly closed: Promise<void>;
  readonly #raw: Duplex;
  readonly #events: string[] = [];
  readonly #digest = createHash('sha256');
  #bytes = 0;
  #waiting: { readonly count: number; readonly resolve: () => void } | null = null;

  /** @param socket open, in the very turn in which it was opened */
  constructor(socket: WebSocket) {
    this.socket = socket;
    this.#raw = (socket as unknown as { _socket: Duplex })._socket;
    // before `ws`, which takes the masks off in place
    this.#raw.prependListener('data', (chunk: Buffer) => {
      this.#bytes += chunk.length;
      this.#digest.update(chunk);
    });
    socket.on('message', (data: Buffer, binary) => this.#heard(binary ? 'binary' : 'text', data));
    socket.on('ping', (data) => this.#heard('ping', data));
    socket.on('pong', (data) => this.#heard('pong', data));
    socket.on('error', (error) => this.#events.push(`error ${error.message}`));
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        this.#events.push(`closed ${code} ${reason.toString()}`);
        resolve();
      });
    });
  }

  get heard(): Heard {
    const { extensions, protocol } = this.socket;
    return { events: this.#events, bytes: this.#bytes, digest: this.#digest.digest('hex'), extensions, protocol };
  }

  /** How many events `frames` are at the other end. */
  static eventsOf(frames: readonly Frame[]): number {
    return frames.filter((frame) => frame.type !== 'part' || frame.last).length;
  }

  get eventCount(): number {
    return this.#events.length;
  }

  /** Resolves with the end of the connection too. */
  async hears(count: number): Promise<void> {
    if (this.#events.length >= count) return;
    await Promise.race([this.closed, new Promise<void>((resolve) => (this.#waiting = { count, resolve }))]);
  }

  /** @param compress false: it is with the socket when this returns */
  say(frames: readonly Frame[], compress = true): void {
    for (const frame of frames) {
      if (frame.type === 'part') this.socket.send(frame.data, { binary: frame.binary, fin: frame.last, compress });
      else if (frame.type === 'ping') this.socket.ping(frame.data);
      else this.socket.pong(frame.data);
    }
  }

  /** Its direction ends behind what was said, without a close frame. */
  half(): void {
    this.#raw.end();
  }

  #heard(what: string, data: Buffer): void {
    const digest = createHash('sha256').update(data).digest('base64');
    this.#events.push(`${what} ${data.length} ${digest}`);
    const waiting = this.#waiting;
    if (waiting === null || this.#events.length < waiting.count) return;
    this.#waiting = null;
    waiting.resolve();
  }
}

export interface Server {
  /** Of HTTP/1.1, and of HTTP/2 in the clear. */
  readonly ports: { readonly 'HTTP/1.1': number; readonly 'HTTP/2': number };
  /** The server's end of a conversation, once its client has connected to `/INDEX`. */
  accept(conversation: Conversation): Promise<Peer>;
  stop(): Promise<void>;
}

export async function startServer(): Promise<Server> {
  const expected = new Map<string, { readonly server: WebSocketServer; readonly resolve: (peer: Peer) => void }>();
  const http1 = http.createServer((_request, response) => response.writeHead(404).end());
  const accept = (request: http.IncomingMessage, socket: Duplex, head: Buffer): void => {
    const path = request.url ?? '';
    const one = expected.get(path);
    expected.delete(path);
    if (one === undefined) socket.destroy();
    else one.server.handleUpgrade(request, socket, head, (peer) => one.resolve(new Peer(peer)));
  };
  http1.on('upgrade', accept);
  const sessions = new Set<http2.ServerHttp2Session>();
  const overHttp2 = http2.createServer({ settings: { enableConnectProtocol: true }, maxSessionMemory: 1_000 });
  overHttp2.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
  });
  overHttp2.on('stream', (stream, fields) => {
    const { ':protocol': protocol, ':path': url = '', ...headers } = fields;
    // what `ws` asks for, and HTTP/2 does not have
    const upgrade = {
      upgrade: String(protocol),
      connection: 'upgrade',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    };
    const request = { method: 'GET', url, headers: { ...headers, ...upgrade } };
    accept(request as unknown as http.IncomingMessage, new ServerStream(stream), Buffer.alloc(0));
  });
  const portOf = async (server: net.Server): Promise<number> => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as net.AddressInfo).port;
  };
  return {
    ports: { 'HTTP/1.1': await portOf(http1), 'HTTP/2': await portOf(overHttp2) },
    accept: ({ index, deflate }) =>
      new Promise((resolve) => {
        const server = new WebSocketServer({
          ...{ noServer: true, autoPong: false, maxPayload: mostBytes },
          handleProtocols: (protocols) => [...protocols].at(-1) ?? false,
          perMessageDeflate: deflate === null ? false : { ...deflate, threshold: 100 },
        });
        expected.set(`/${index}`, { server, resolve });
      }),
    stop: async () => {
      http1.close();
      http1.closeAllConnections();
      overHttp2.close();
      for (const session of sessions) session.destroy();
      await Promise.all([once(http1, 'close'), once(overHttp2, 'close')]);
    },
  };
}

/** The client's end, by HTTP/1.1. */
export function connect(port: number, conversation: Conversation): Promise<Peer> {
  return connectOver(() => net.connect({ port, host: '127.0.0.1', noDelay: true }), conversation);
}

/** The same by HTTP/2. */
export function connectBy(session: http2.ClientHttp2Session, conversation: Conversation): Promise<Peer> {
  return connectOver(() => new ClientStream(session), conversation);
}

function connectOver(createConnection: () => Duplex, conversation: Conversation): Promise<Peer> {
  const socket = new WebSocket(`ws://127.0.0.1/${conversation.index}`, [...conversation.protocols], {
    createConnection: createConnection as () => net.Socket,
    ...clientOptions(conversation),
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('open', () => {
      socket.off('error', reject);
      resolve(new Peer(socket));
    });
  });
}

/** What the client is, whichever way it connects. Its masks are the same each time, so its bytes are, too. */
function clientOptions({ deflate, maskSeed }: Conversation) {
  const random = randomOf(maskSeed + 1);
  const { windowBits, ...takeover } = deflate ?? { windowBits: 15 };
  return {
    autoPong: false,
    maxPayload: mostBytes,
    perMessageDeflate:
      deflate === null
        ? false
        : { ...takeover, clientMaxWindowBits: windowBits, serverMaxWindowBits: windowBits, threshold: 100 },
    generateMask: (mask: Buffer) => {
      for (let i = 0; i < 4; i++) mask[i] = Math.floor(random() * 256);
    },
  };
}
