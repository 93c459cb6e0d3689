/** A server that sends back what it gets: the body with its trailers, or without a body a few words. */
import net from 'node:net';
import tls from 'node:tls';
import { Connection, type ConnectionOptions } from '../connection.ts';
import { type Field, field, sharedField } from '../field.ts';
import { bindSocket, socketWriter } from '../socket.ts';
import type { Handlers } from '../stream.ts';

const ok = sharedField(':status', '200');
const text = sharedField('content-type', 'text/plain');
const words = Buffer.from('Nothing came, so nothing goes back.\n');

export interface Echo {
  readonly fields: readonly Field[];
}

export const echo: Handlers<Echo> = {
  headers(stream, fields, endStream) {
    stream.state = { fields };
    const back = fields.filter((one) => one.name.startsWith('x-'));
    const length = endStream ? [field('content-length', String(words.length))] : [];
    stream.headers([ok, text, ...length, ...back], false);
    if (endStream) stream.data(words, true);
  },
  data(stream, chunk, endStream) {
    const bytes = chunk.length;
    stream.data(Buffer.from(chunk), endStream, () => stream.consumed(bytes));
  },
  trailers(stream, fields) {
    stream.trailers(fields);
  },
  ended(stream) {
    stream.state = undefined;
  },
  reset(stream) {
    stream.state = undefined;
  },
  goAway() {},
  closed() {},
};

export interface EchoServer {
  readonly port: number;
  readonly connections: ReadonlySet<Connection<Echo>>;
  close(): Promise<void>;
}

/** @param identity certificate and key, PEM: over TLS */
export async function startEchoServer(
  options: Partial<ConnectionOptions<Echo>> = {},
  identity?: { readonly cert: Buffer; readonly key: Buffer },
): Promise<EchoServer> {
  const connections = new Set<Connection<Echo>>();
  const sockets = new Set<net.Socket>();
  const accept = (socket: net.Socket): void => {
    sockets.add(socket);
    const connection = new Connection<Echo>({
      role: 'server',
      writer: socketWriter(socket),
      handlers: {
        ...echo,
        closed: () => connections.delete(connection),
      },
      autoConsume: false,
      ...options,
    });
    connections.add(connection);
    socket.on('close', () => sockets.delete(socket));
    bindSocket(socket, connection);
  };
  const server =
    identity === undefined
      ? net.createServer({ noDelay: true }, accept)
      : tls.createServer({ ...identity, noDelay: true, ALPNProtocols: ['h2'] }, accept);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  return {
    port: address.port,
    connections,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
