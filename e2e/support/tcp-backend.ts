/** A server of bare connections. */
import { once } from 'node:events';
import net from 'node:net';
import type { Cleanup } from './fairlead.ts';

/** Errors of a connection are its end, and all of them end with the test. Returns its port of 127.0.0.1. */
export async function startTcpBackend(cleanup: Cleanup, onSocket: (socket: net.Socket) => void): Promise<number> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as net.AddressInfo).port;
}
