/** One direction of a TCP connection: bytes from one socket to the other, as fast as the slower of the two. */
import type { TcpSocket } from '../sockets/tcp-socket.ts';
import { copyForWrite, giveBulkBuffer, takeBulkBuffer, wasWritten } from './buffers.ts';

/** Reads of this size, this many in a row, show a bulk flow; a read under a quarter of it shows its end. */
const bulkReadBytes = 64 * 1024;
const bulkReads = 2;

export class Direction {
  /** Bytes passed on. */
  bytes = 0;
  readonly #source: TcpSocket;
  readonly #target: TcpSocket;
  readonly #shared: Buffer;
  readonly #onMoved: (bytes: number) => void;
  readonly #onPause: (paused: boolean) => void;
  #paused = false;
  /** The buffer of a bulk flow; `null`: reads go into the shared one. */
  #bulk: Buffer | null = null;
  #fullReads = 0;

  /**
   * @param shared buffer that all connections read into unless they are bulk flows
   * @param onMoved some bytes were taken from the source, or the target took what was pending (0)
   */
  constructor(
    source: TcpSocket,
    target: TcpSocket,
    shared: Buffer,
    onMoved: (bytes: number) => void,
    onPause: (paused: boolean) => void,
  ) {
    this.#source = source;
    this.#target = target;
    this.#shared = shared;
    this.#onMoved = onMoved;
    this.#onPause = onPause;
    target.on('drain', this.#onTaken);
  }

  /** Where the source's next read shall go; asked after each read where the source's socket can do so. */
  nextBuffer(): Buffer {
    if (this.#bulk === null && this.#fullReads >= bulkReads) this.#bulk = takeBulkBuffer();
    return this.#bulk ?? this.#shared;
  }

  /** Passes on the first `length` bytes of `b`, which is valid during the call only unless it came from `nextBuffer`. */
  write(b: Buffer, length: number): void {
    const target = this.#target;
    this.bytes += length;
    this.#fullReads = length >= bulkReadBytes ? this.#fullReads + 1 : 0;
    this.#onMoved(length);
    if (target.destroyed) return;
    if (b === this.#bulk) {
      // What the kernel does not take at once is sent from this buffer, so nothing may be read into it until then.
      target.write(b.subarray(0, length), this.#onTaken);
      if (target.writableLength > 0) this.#pause();
      else if (length < bulkReadBytes / 4) {
        this.#bulk = null;
        giveBulkBuffer(b);
      }
    } else {
      const copy = copyForWrite(b, length);
      target.write(copy);
      wasWritten(copy, target.writableLength > 0);
      if (target.writableNeedDrain) this.#pause();
    }
  }

  /** The target's first bytes: a header that is not the source's, and what the source has sent so far, in one write. */
  begin(header: Buffer, early: Buffer | null): void {
    const target = this.#target;
    if (target.destroyed) return;
    if (early === null) {
      target.write(header);
      return;
    }
    this.bytes += early.length;
    this.#onMoved(early.length);
    target.write(Buffer.concat([header, early]));
    if (target.writableNeedDrain) this.#pause();
  }

  /** The source ended: so does the target, behind what is pending. */
  end(): void {
    if (!this.#target.destroyed) this.#target.end();
  }

  /** Both sockets are closed. */
  close(): void {
    if (this.#bulk !== null && !this.#paused) giveBulkBuffer(this.#bulk);
    this.#bulk = null;
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#source.pause();
    this.#onPause(true);
  }

  readonly #onTaken = (): void => {
    if (!this.#paused || this.#target.writableLength > 0) return;
    this.#paused = false;
    this.#onMoved(0);
    this.#onPause(false);
    this.#source.resume();
  };
}
