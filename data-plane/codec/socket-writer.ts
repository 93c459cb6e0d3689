/**
 * Writes to a socket. `socket.write` goes through the machinery of streams, which costs about as much as what the proxy
 * does itself with a small answer; the socket's handle takes the bytes at once. That is not documented, so whatever is
 * missing, or asked for with `documentedOnly`, goes by `socket.write` (performance.md: who spends it).
 */
import type net from 'node:net';
import { getSystemErrorName } from 'node:util';

interface WriteRequest {
  /** Keeps the bytes until the system has taken them. */
  buffer: Buffer | null;
  oncomplete: ((status: number) => void) | null;
}
interface Handle {
  /** 0, or the negated number of an error. */
  writeBuffer?(request: WriteRequest, bytes: Buffer): number;
}
interface StreamInternals {
  readonly WriteWrap: new () => WriteRequest;
  readonly streamBaseState: Int32Array;
  readonly kLastWriteWasAsync: number;
}

const internals = streamInternals();

export class SocketWriter {
  readonly #socket: net.Socket;
  readonly #onDrain: () => void;
  readonly #encrypted: boolean;
  readonly #internals: StreamInternals | null;
  /** Is used again and again until a write of its own has to wait. */
  #request: WriteRequest | null = null;
  /** Writes that the system has not taken whole. */
  #waiting = 0;
  #ending = false;

  /**
   * @param encrypted the socket is a TLS one
   * @param onDrain more may be written, after a `full`
   */
  constructor(socket: net.Socket, encrypted: boolean, onDrain: () => void, documentedOnly = false) {
    this.#socket = socket;
    this.#encrypted = encrypted;
    this.#onDrain = onDrain;
    this.#internals = documentedOnly || encrypted ? null : internals;
    socket.on('drain', onDrain);
  }

  /** Bytes are read after `write` has returned, so that a few of them are better copied. */
  get readsLate(): boolean {
    return this.#encrypted || this.#socket.connecting || this.#waiting > 0 || this.#socket.writableLength > 0;
  }

  /** `written`: the buffer is free again; `held`: it is the socket's; `full`: as `held`, and no more before `onDrain`. */
  write(bytes: Buffer): 'written' | 'held' | 'full' {
    const socket = this.#socket;
    const handle = this.#internals === null ? null : handleOf(socket);
    if (handle === null || this.readsLate) {
      const more = socket.write(bytes);
      if (!more) return 'full';
      return socket.writableLength > 0 ? 'held' : 'written';
    }
    return this.#writeAtOnce(handle, bytes, this.#internals!);
  }

  /** `end` was called. */
  get isEnding(): boolean {
    return this.#ending;
  }

  /**
   * Ends the socket once all that was written is out: the system takes no reset between the one and the other, and
   * whoever is cut then would see an end.
   */
  end(): void {
    this.#ending = true;
    if (this.#waiting === 0) this.#socket.end();
  }

  #writeAtOnce(
    handle: Required<Handle>,
    bytes: Buffer,
    { WriteWrap, streamBaseState, kLastWriteWasAsync }: StreamInternals,
  ): 'written' | 'full' {
    const request = (this.#request ??= new WriteWrap());
    const status = handle.writeBuffer(request, bytes);
    if (status !== 0) {
      this.#fail(status);
      return 'written';
    }
    if (streamBaseState[kLastWriteWasAsync] === 0) return 'written';
    this.#request = null;
    this.#waiting++;
    request.buffer = bytes;
    request.oncomplete = (result) => {
      this.#waiting--;
      request.buffer = null;
      if (result < 0) this.#fail(result);
      else if (this.#waiting === 0 && this.#ending) this.#socket.end();
      // otherwise the stream's own drain is still to come
      else if (this.#waiting === 0 && !this.#socket.writableNeedDrain) this.#onDrain();
    };
    return 'full';
  }

  #fail(status: number): void {
    if (this.#socket.destroyed) return;
    const code = getSystemErrorName(status);
    this.#socket.destroy(Object.assign(new Error(`write ${code}`), { code, syscall: 'write' }));
  }
}

function handleOf(socket: net.Socket): Required<Handle> | null {
  const { _handle: handle } = socket as unknown as { readonly _handle: Handle | null };
  return handle === null || handle === undefined || handle.writeBuffer === undefined
    ? null
    : (handle as Required<Handle>);
}

/** Null: this Node has none, or does not say. */
function streamInternals(): StreamInternals | null {
  try {
    const { binding } = process as unknown as { readonly binding: (name: string) => Partial<StreamInternals> };
    const { WriteWrap, streamBaseState, kLastWriteWasAsync } = binding.call(process, 'stream_wrap');
    const known = typeof WriteWrap === 'function' && streamBaseState instanceof Int32Array;
    return known && typeof kLastWriteWasAsync === 'number' ? { WriteWrap, streamBaseState, kLastWriteWasAsync } : null;
  } catch {
    return null;
  }
}
