/** Listening sockets: bound with a clear error, closed with a promise. */
import type net from 'node:net';
import { addressText } from '../model/arrival.ts';

export interface BoundAddress {
  readonly address: string;
  readonly port: number;
}

/** A socket that could not be bound; the message says what to do. */
export class ListenError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'ListenError';
    this.code = code;
  }
}

const backlog = 4096;

/** @param reusePort others of this user may listen at the same place: the kernel deals out the connections */
export function listen(server: net.Server, address: string, port: number, reusePort: boolean): Promise<BoundAddress> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      reject(new ListenError(error.code ?? 'EUNKNOWN', explain(error, address, port)));
    };
    server.once('error', onError);
    server.listen({ host: address, port, backlog, reusePort }, () => {
      server.off('error', onError);
      // accept errors (no descriptors left) must not end the process; libuv tries again by itself
      server.on('error', () => {});
      const bound = server.address() as net.AddressInfo;
      resolve({ address: bound.address, port: bound.port });
    });
  });
}

export function closeServer(server: net.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

export function explain(error: NodeJS.ErrnoException, address: string, port: number): string {
  const at = addressText(address, port);
  switch (error.code) {
    case 'EADDRINUSE':
      return `${at} is in use by another process: stop it, or bind this listener elsewhere with --bind LISTENER=ADDR:PORT`;
    case 'EACCES':
      return `${at} may not be bound by this user: take a port above 1023, or give the process CAP_NET_BIND_SERVICE`;
    case 'EADDRNOTAVAIL':
      return `${address} is not an address of this machine: correct the listener's address, or use --bind LISTENER=ADDR:PORT`;
    default:
      return `${at} can't be bound: ${error.message}`;
  }
}
