/** Clients and endpoints that misbehave, on plain sockets. */
import { once } from 'node:events';
import net from 'node:net';
import type { Cleanup } from '../support/fairlead.ts';

export interface Endpoint {
  readonly port: number;
  readonly sockets: Set<net.Socket>;
  /** What is done with each connection. */
  behave: (socket: net.Socket) => void;
}

export const echo = (socket: net.Socket): void =>
  void socket.on('data', (chunk) => socket.write(chunk)).on('end', () => socket.end());

export async function startEndpoint(cleanup: Cleanup, host = '127.0.0.1'): Promise<Endpoint> {
  const sockets = new Set<net.Socket>();
  const endpoint = { port: 0, sockets, behave: echo };
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    endpoint.behave(socket);
  });
  server.listen({ port: 0, host, backlog: 4_096 });
  await once(server, 'listening');
  endpoint.port = (server.address() as net.AddressInfo).port;
  cleanup.add(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return endpoint;
}

/** Connected; errors are its end. */
export async function connect(port: number, from = '127.0.0.1'): Promise<net.Socket> {
  const socket = net.connect({ port, host: '127.0.0.1', localAddress: from, allowHalfOpen: true, noDelay: true });
  await once(socket, 'connect');
  socket.on('error', () => {});
  return socket;
}

/** `text` there and back. */
export async function says(socket: net.Socket, text: string): Promise<boolean> {
  let heard = '';
  return new Promise((resolve) => {
    const onData = (chunk: Buffer): void => {
      heard += chunk.toString('latin1');
      if (heard.length >= text.length) done(heard === text);
    };
    const onEnd = (): void => done(false);
    const done = (well: boolean): void => {
      socket.off('data', onData);
      socket.off('close', onEnd);
      socket.off('end', onEnd);
      resolve(well);
    };
    socket.on('data', onData);
    socket.on('close', onEnd);
    socket.on('end', onEnd);
    socket.write(text, 'latin1');
  });
}

/** However it ends. */
export function closeOf(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}
