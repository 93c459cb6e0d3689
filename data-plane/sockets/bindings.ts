/**
 * Node's own TCP handles. They are not documented, so everything that is used of them is checked here, once; where it is
 * not as expected, there are none, and `net.Socket` does the same for more CPU (docs/decisions/2026-11-22-lean-sockets.md).
 */

/** One end of a connection. */
export interface EndName {
  address?: string;
  port?: number;
}

/** A libuv stream; functions return 0 or a negative error number. */
export interface TcpHandle {
  /** Whose it is: what `this` leads to in callbacks. */
  owner?: unknown;
  onread: ((this: TcpHandle) => void) | undefined;
  /** Reads go there from now on. */
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  /** `req` is needed only if `bindings.wasAsync()` says so afterwards. */
  writeBuffer(req: Request, chunk: Uint8Array): number;
  shutdown(req: Request): number;
  connect(req: Request, address: string, port: number): number;
  connect6(req: Request, address: string, port: number): number;
  setNoDelay(on: boolean): number;
  getpeername(into: EndName): number;
  getsockname(into: EndName): number;
  close(onClosed: (this: TcpHandle) => void): void;
  reset(onClosed: (this: TcpHandle) => void): number;
}

/** Something under way. */
export interface Request {
  owner?: unknown;
  /** Kept from the garbage collector until it is over. */
  chunk?: Uint8Array | undefined;
  onTaken?: (() => void) | undefined;
  oncomplete?: (this: Request, status: number) => void;
}

export interface Bindings {
  newHandle(): TcpHandle;
  newConnect(): Request;
  newWrite(): Request;
  newShutdown(): Request;
  /** Bytes of the read that `onread` is called for, or a negative error number. */
  readResult(): number;
  /** The last write has not been taken whole, and its request goes on. */
  wasAsync(): boolean;
}

type Constructor<T> = new (type?: number) => T;

/** Null where this Node has other ones. */
export const bindings: Bindings | null = load();

function load(): Bindings | null {
  try {
    const { binding } = process as unknown as { binding: (name: string) => Record<string, unknown> };
    const tcp = binding('tcp_wrap');
    const stream = binding('stream_wrap');
    const Tcp = tcp['TCP'] as Constructor<TcpHandle>;
    const Connect = tcp['TCPConnectWrap'] as Constructor<Request>;
    const Write = stream['WriteWrap'] as Constructor<Request>;
    const Shutdown = stream['ShutdownWrap'] as Constructor<Request>;
    const state = stream['streamBaseState'] as Int32Array;
    const { SOCKET } = tcp['constants'] as { SOCKET: number };
    const [read, wasAsync] = [stream['kReadBytesOrError'], stream['kLastWriteWasAsync']] as number[];
    const numbers = [SOCKET, read, wasAsync, state.length];
    const functions = ['useUserBuffer', 'readStart', 'readStop', 'writeBuffer', 'shutdown', 'connect', 'connect6'];
    functions.push('setNoDelay', 'getpeername', 'getsockname', 'close', 'reset');
    const handle = Tcp.prototype as unknown as Record<string, unknown>;
    if (numbers.some((one) => typeof one !== 'number')) return null;
    if ([Tcp, Connect, Write, Shutdown].some((one) => typeof one !== 'function')) return null;
    if (functions.some((name) => typeof handle[name] !== 'function')) return null;
    return {
      newHandle: () => new Tcp(SOCKET),
      newConnect: () => new Connect(),
      newWrite: () => new Write(),
      newShutdown: () => new Shutdown(),
      readResult: () => state[read!]!,
      wasAsync: () => state[wasAsync!] !== 0,
    };
  } catch {
    return null;
  }
}
