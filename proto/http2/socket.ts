/** A connection on a socket of node:net or node:tls: the only file of this room that does I/O. */
import type { Socket } from 'node:net';
import type { Connection } from './connection.ts';
import type { WriteResult, Writer } from './output.ts';

/** All buffers of a flush in one write. */
export function socketWriter(socket: Socket): Writer {
  return {
    write(buffers: readonly Buffer[]): WriteResult {
      if (buffers.length > 1) socket.cork();
      for (let i = 0; i < buffers.length; i++) socket.write(buffers[i]!);
      if (buffers.length > 1) socket.uncork();
      if (socket.writableNeedDrain) return 'full';
      return socket.writableLength > 0 ? 'held' : 'written';
    },
    close: () => socket.destroySoon(),
  };
}

/** What the socket reads and tells goes to the connection. Nothing it does is thrown. */
export function bindSocket<State>(socket: Socket, connection: Connection<State>): void {
  let failure = 'The socket has been closed.';
  socket.on('data', (bytes) => connection.receive(bytes));
  socket.on('drain', () => connection.drained());
  socket.on('error', (error) => {
    failure = error.message;
  });
  socket.on('end', () => connection.transportClosed('The peer has ended the connection.'));
  socket.on('close', () => connection.transportClosed(failure));
}
