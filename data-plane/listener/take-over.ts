/**
 * Reads from an accepted socket into one shared buffer. `net.Server` gives no way to say so, so the accepted handle is
 * wrapped anew, which is not documented; where that fails, the socket's own `data` events do the same for more CPU
 * (performance.md: 6 % of a request, twice the bytes of a bulk upload).
 */
import net from 'node:net';

/** Gets every read; `b` is valid during the call only. */
export interface ByteReceiver {
  onBytes(b: Buffer, bytes: number): void;
  /** Where the next read shall go, asked after each; absent: always the shared buffer. */
  readonly nextReadBuffer?: () => Buffer;
}

interface Handle {
  useUserBuffer?: unknown;
}
interface Internals {
  _handle: Handle | null;
  _server?: net.Server | null;
  server?: net.Server | null;
}

/**
 * @param accepted from a server with `pauseOnConnect`; not to be used afterwards
 * @param options `ownBuffers`: the receiver says where each read goes (`nextReadBuffer`)
 * @param onFault told what `bind` or the receiver throws; that connection is cut, so that one bug does not end everybody's traffic
 * @param bind called with the socket to use, before its first byte; returns who gets the bytes
 */
export function takeOver(
  accepted: net.Socket,
  buffer: Buffer,
  { allowHalfOpen, ownBuffers }: { allowHalfOpen: boolean; ownBuffers: boolean },
  documentedOnly: boolean,
  onFault: (fault: unknown) => void,
  bind: (socket: net.Socket) => ByteReceiver,
): void {
  const internals = accepted as unknown as Internals;
  const handle = internals._handle;
  if (documentedOnly || handle === null || handle === undefined || typeof handle.useUserBuffer !== 'function') {
    receive(accepted, onFault, bind);
    return;
  }
  internals._handle = null;
  let receiver: ByteReceiver | null = null;
  const nextBuffer = (): Buffer => receiver?.nextReadBuffer?.() ?? buffer;
  const options = {
    handle,
    allowHalfOpen,
    onread: {
      buffer: ownBuffers ? nextBuffer : buffer,
      callback: (bytes: number, b: Uint8Array): boolean => {
        if (receiver !== null) deliver(socket, receiver, b as Buffer, bytes, onFault);
        return true;
      },
    },
  };
  const socket = new net.Socket(options as unknown as net.SocketConstructorOpts);
  // so that the server still counts it, and its close() waits for it
  const own = socket as unknown as Internals;
  own._server = internals._server ?? null;
  own.server = internals.server ?? null;
  internals._server = null;
  receiver = boundTo(socket, onFault, bind);
  socket.resume();
}

/** The same by the socket's own events, for any socket. Returns what ends it: the socket is paused then. */
export function receive(
  socket: net.Socket,
  onFault: (fault: unknown) => void,
  bind: (socket: net.Socket) => ByteReceiver,
): () => void {
  const receiver = boundTo(socket, onFault, bind);
  const onData = (chunk: Buffer): void => deliver(socket, receiver, chunk, chunk.length, onFault);
  socket.on('data', onData);
  socket.resume();
  return () => socket.off('data', onData).pause();
}

function boundTo(
  socket: net.Socket,
  onFault: (fault: unknown) => void,
  bind: (socket: net.Socket) => ByteReceiver,
): ByteReceiver {
  try {
    return bind(socket);
  } catch (fault) {
    onFault(fault);
    socket.destroy();
    return nobody;
  }
}

const nobody: ByteReceiver = { onBytes: () => {} };

function deliver(
  socket: net.Socket,
  receiver: ByteReceiver,
  b: Buffer,
  bytes: number,
  onFault: (fault: unknown) => void,
): void {
  try {
    receiver.onBytes(b, bytes);
  } catch (fault) {
    onFault(fault);
    socket.destroy();
  }
}
