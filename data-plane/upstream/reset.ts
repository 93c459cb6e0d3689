import type { TcpSocket } from '../sockets/tcp-socket.ts';

/**
 * Cuts a connection so that the other side sees a reset, never a clean end. While a FIN is on its way to the kernel, Node's
 * own `resetAndDestroy` fails with EINVAL and loses the descriptor (libuv forbids a reset during a shutdown); everything
 * written is out by then, so closing cuts nothing that was sent.
 */
export function reset(socket: TcpSocket): void {
  if (socket.destroyed) return;
  const finUnderWay = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
  if (finUnderWay || socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}
