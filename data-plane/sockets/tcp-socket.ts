/** What the TCP path asks of a socket: `net.Socket` has it all, `LeanSocket` has nothing else. */
import type { EventEmitter } from 'node:events';

/** Emits `connect`, `end`, `drain`, `error` and `close`, as `net.Socket` does. */
export interface TcpSocket extends EventEmitter {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly connecting: boolean;
  readonly destroyed: boolean;
  readonly writableEnded: boolean;
  readonly writableFinished: boolean;
  /** Bytes that the kernel has not taken yet. */
  readonly writableLength: number;
  /** There are so many of them that `drain` should be waited for. */
  readonly writableNeedDrain: boolean;
  /** `onTaken` is called some time after the kernel has taken what it did not take at once. */
  write(chunk: Uint8Array, onTaken?: () => void): boolean;
  end(): unknown;
  pause(): unknown;
  resume(): unknown;
  /** Whatever is not sent yet is lost. */
  destroy(): unknown;
  /** The same with a reset instead of an end. */
  resetAndDestroy(): unknown;
}

/** Where a socket reads into, and who takes what was read; both are asked for each read. */
export interface Reader {
  nextBuffer(): Buffer;
  /** The first `length` bytes of `b`. */
  onBytes(b: Buffer, length: number): void;
}
