/** Sockets of the TCP path: lean ones where this Node allows it, `net.Socket` elsewhere. */
import net from 'node:net';
import { bindings, type TcpHandle } from './bindings.ts';
import { LeanSocket } from './lean-socket.ts';
import type { Reader, TcpSocket } from './tcp-socket.ts';

/** A connection under way, half-open, without delay for small writes; it reads from `resume` on. */
export function connectTcp(
  place: net.TcpNetConnectOpts,
  reader: Reader,
  onFault: (fault: unknown) => void,
  documentedOnly: boolean,
): TcpSocket {
  // one name with several addresses is Node's to try
  if (!documentedOnly && bindings !== null && place.lookup === undefined) {
    const socket = new LeanSocket(bindings.newHandle(), onFault);
    socket.readInto(reader);
    socket.connect(place.host!, place.port);
    return socket;
  }
  return net.connect({
    ...place,
    allowHalfOpen: true,
    noDelay: true,
    onread: {
      buffer: () => reader.nextBuffer(),
      callback: (length, b) => {
        reader.onBytes(b as Buffer, length);
        return true;
      },
    },
  });
}

interface ServerHandle {
  setNoDelay(on: boolean): number;
  onconnection?: (this: ServerHandle, status: number, handle: TcpHandle | undefined) => void;
}

/**
 * Gives connections of a listening server to `onSocket` as lean sockets, which the server does not count. They come as
 * `connection` events where this Node has no lean sockets.
 */
export function acceptLean(
  server: net.Server,
  onFault: (fault: unknown) => void,
  onSocket: (socket: LeanSocket) => void,
): void {
  const handle = (server as unknown as { _handle?: ServerHandle })._handle;
  const before = handle?.onconnection;
  if (
    bindings === null ||
    handle === undefined ||
    typeof before !== 'function' ||
    typeof handle.setNoDelay !== 'function'
  )
    return;
  // what is accepted takes it over from the socket that listens
  handle.setNoDelay(true);
  handle.onconnection = function (status, accepted) {
    if (status !== 0 || accepted === undefined || typeof accepted.useUserBuffer !== 'function') {
      before.call(this, status, accepted);
      return;
    }
    const socket = new LeanSocket(accepted, onFault);
    try {
      onSocket(socket);
    } catch (fault) {
      socket.faulted(fault);
    }
  };
}
