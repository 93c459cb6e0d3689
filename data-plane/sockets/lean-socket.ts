/**
 * A TCP socket on Node's own handle, with nothing between it and the bytes: no stream, no queue, no copy. It reads into
 * the buffer that its reader names, from `resume` on, and half-closes like `net.Socket` with `allowHalfOpen`.
 */
import { EventEmitter } from 'node:events';
import { getSystemErrorName } from 'node:util';
import { bindings, type EndName, type Request, type TcpHandle } from './bindings.ts';
import type { Reader, TcpSocket } from './tcp-socket.ts';

/** Pending bytes from which on a writer should wait, as `net.Socket` has it. */
const highWaterBytes = 64 * 1024;
/** libuv's UV_EOF. */
const endOfFile = -4095;
/** libuv's UV_ENOTCONN. */
const notConnected = -107;
/** A shutdown that was over at once. */
const doneAtOnce = 1;

const unknown: EndName = {};

/** Requests of writes that the kernel took whole were not used: the next write takes the same one. */
let spareWrite: Request | null = null;

export class LeanSocket extends EventEmitter implements TcpSocket {
  connecting = false;
  destroyed = false;
  writableEnded = false;
  writableFinished = false;
  writableLength = 0;
  writableNeedDrain = false;
  readonly #handle: TcpHandle;
  readonly #onFault: (fault: unknown) => void;
  #reader: Reader | null = null;
  /** Where the handle reads into. */
  #buffer: Buffer | null = null;
  #reading = false;
  #readEnded = false;
  #remote: EndName | null = null;
  #local: EndName | null = null;

  /** @param onFault told what a reader or a listener of events throws: that connection is cut */
  constructor(handle: TcpHandle, onFault: (fault: unknown) => void) {
    super();
    this.#handle = handle;
    this.#onFault = onFault;
    handle.owner = this;
    handle.onread = onRead;
  }

  /** To be called before `resume`. */
  readInto(reader: Reader): void {
    this.#reader = reader;
  }

  /** `connect` or `error` follows, never at once. */
  connect(address: string, port: number): void {
    this.connecting = true;
    const req = bindings!.newConnect();
    req.owner = this;
    req.oncomplete = onConnect;
    const handle = this.#handle;
    handle.setNoDelay(true);
    const status = address.includes(':') ? handle.connect6(req, address, port) : handle.connect(req, address, port);
    if (status !== 0) this.#failSoon(status);
  }

  get remoteAddress(): string | undefined {
    return this.#remoteName().address;
  }

  get remotePort(): number | undefined {
    return this.#remoteName().port;
  }

  get localAddress(): string | undefined {
    return this.#localName().address;
  }

  get localPort(): number | undefined {
    return this.#localName().port;
  }

  write(chunk: Uint8Array, onTaken?: () => void): boolean {
    if (this.destroyed || this.writableEnded) return false;
    const req = spareWrite ?? bindings!.newWrite();
    spareWrite = null;
    const status = this.#handle.writeBuffer(req, chunk);
    if (status !== 0) {
      this.#failSoon(status);
      return false;
    }
    if (!bindings!.wasAsync()) {
      spareWrite = req;
      return true;
    }
    req.owner = this;
    req.chunk = chunk;
    req.onTaken = onTaken;
    req.oncomplete = onWritten;
    this.writableLength += chunk.length;
    this.writableNeedDrain ||= this.writableLength >= highWaterBytes;
    return !this.writableNeedDrain;
  }

  end(): void {
    if (this.destroyed || this.writableEnded) return;
    this.writableEnded = true;
    // the other side has ended, and all is sent: closing says the same with one call less
    if (this.#readEnded && this.writableLength === 0) {
      this.destroy();
      return;
    }
    const req = bindings!.newShutdown();
    req.owner = this;
    req.oncomplete = onShutdown;
    const status = this.#handle.shutdown(req);
    if (status === doneAtOnce || status === notConnected) queueMicrotask(() => this.#finished());
    else if (status !== 0) this.#failSoon(status);
  }

  pause(): void {
    if (!this.#reading || this.destroyed) return;
    this.#reading = false;
    this.#handle.readStop();
  }

  resume(): void {
    if (this.#reading || this.#readEnded || this.destroyed) return;
    this.#reading = true;
    this.#nextBuffer();
    const status = this.#handle.readStart();
    if (status !== 0) this.#failSoon(status);
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#handle.close(onClosed);
  }

  resetAndDestroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    if (this.#handle.reset(onClosed) !== 0) this.#handle.close(onClosed);
  }

  /** @internal */
  read(length: number): void {
    if (this.destroyed) return;
    if (length > 0) {
      this.#reader!.onBytes(this.#buffer!, length);
      if (this.#reading) this.#nextBuffer();
    } else if (length === endOfFile) {
      this.#readEnded = true;
      this.#reading = false;
      this.#handle.readStop();
      this.emit('end');
      if (this.writableFinished) this.destroy();
    } else if (length < 0) this.#fail(length);
  }

  /** @internal What threw would end the process: nobody else has called. */
  faulted(fault: unknown): void {
    this.#onFault(fault);
    this.destroy();
  }

  /** @internal */
  connected(status: number): void {
    if (this.destroyed) return;
    this.connecting = false;
    if (status !== 0) this.#fail(status);
    else this.emit('connect');
  }

  /** @internal */
  written({ chunk, onTaken }: Request, status: number): void {
    this.writableLength -= chunk!.length;
    if (this.destroyed) return;
    if (status !== 0) {
      this.#fail(status);
      return;
    }
    onTaken?.();
    if (this.writableNeedDrain && this.writableLength === 0) {
      this.writableNeedDrain = false;
      this.emit('drain');
    }
  }

  /** @internal */
  shutDown(status: number): void {
    if (this.destroyed) return;
    if (status !== 0 && status !== notConnected) this.#fail(status);
    else this.#finished();
  }

  #finished(): void {
    this.writableFinished = true;
    if (this.#readEnded) this.destroy();
  }

  #nextBuffer(): void {
    const buffer = this.#reader!.nextBuffer();
    if (buffer === this.#buffer) return;
    this.#buffer = buffer;
    this.#handle.useUserBuffer(buffer);
  }

  #remoteName(): EndName {
    if (this.#remote !== null) return this.#remote;
    const name: EndName = {};
    if (this.destroyed || this.#handle.getpeername(name) !== 0) return unknown;
    this.#remote = name;
    return name;
  }

  #localName(): EndName {
    if (this.#local !== null) return this.#local;
    const name: EndName = {};
    if (this.destroyed || this.#handle.getsockname(name) !== 0) return unknown;
    this.#local = name;
    return name;
  }

  /** Whoever called goes on first. */
  #failSoon(status: number): void {
    queueMicrotask(() => {
      if (this.destroyed) return;
      try {
        this.#fail(status);
      } catch (fault) {
        this.faulted(fault);
      }
    });
  }

  #fail(status: number): void {
    const code = getSystemErrorName(status);
    this.destroy();
    this.emit('error', Object.assign(new Error(code), { code }));
  }
}

/** What a handle calls: whatever throws in it would end the process. */
function guarded<This extends { owner?: unknown }>(
  call: (socket: LeanSocket, from: This, status: number) => void,
): (this: This, status?: number) => void {
  return function (status = 0) {
    const socket = this.owner as LeanSocket;
    try {
      call(socket, this, status);
    } catch (fault) {
      socket.faulted(fault);
    }
  };
}

const onRead = guarded<TcpHandle>((socket) => socket.read(bindings!.readResult()));
const onConnect = guarded<Request>((socket, _, status) => socket.connected(status));
const onWritten = guarded<Request>((socket, req, status) => socket.written(req, status));
const onShutdown = guarded<Request>((socket, _, status) => socket.shutDown(status));
const onClosed = guarded<TcpHandle>((socket) => socket.emit('close'));
