/**
 * One shared buffer in which everything that goes to one side within one callback is put together, so that it leaves in
 * one write. Whoever fills it flushes it before the callback returns.
 */
import type { SocketWriter } from './socket-writer.ts';

/**
 * A read (64 KiB) with its framing, or a head of the largest allowed size with what was added to it. A peer that does
 * not read holds one such buffer.
 */
const capacity = 80 * 1024;
/** From here on giving the buffer away is cheaper than copying what it holds. */
const copyBelow = 16 * 1024;

/** Of views that are kept, bytes. */
const longestView = 4 * 1024;

export class Out {
  length = 0;
  #buffer: Buffer = Buffer.allocUnsafeSlow(capacity);
  #views: (Buffer | undefined)[] = new Array(longestView + 1);

  copy(from: Buffer, start: number, end: number): void {
    this.#reserve(end - start);
    this.length += from.copy(this.#buffer, this.length, start, end);
  }

  text(latin1: string): void {
    this.#reserve(latin1.length);
    this.length += this.#buffer.latin1Write(latin1, this.length);
  }

  /** Changes a byte of what was gathered. */
  set(at: number, byte: number): void {
    this.#buffer[at] = byte;
  }

  /** Copies what was gathered. */
  copyTo(target: Buffer, at: number): void {
    this.#buffer.copy(target, at, 0, this.length);
  }

  all(bytes: Buffer): void {
    this.copy(bytes, 0, bytes.length);
  }

  /** Writes what was gathered. False: enough until the writer's drain. */
  flush(writer: SocketWriter): boolean {
    const length = this.length;
    if (length === 0) return true;
    this.length = 0;
    const bytes = this.#view(length);
    if (length < copyBelow && writer.readsLate) return writer.write(Buffer.from(bytes)) !== 'full';
    const result = writer.write(bytes);
    // the socket still reads from this buffer: it is the socket's now
    if (result !== 'written') this.#replace(Buffer.allocUnsafeSlow(capacity));
    return result !== 'full';
  }

  #reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.length);
    this.#replace(larger);
  }

  /** What was gathered; a view is made once for a length, for many messages have the same. */
  #view(length: number): Buffer {
    if (length > longestView) return this.#buffer.subarray(0, length);
    return (this.#views[length] ??= this.#buffer.subarray(0, length));
  }

  #replace(buffer: Buffer): void {
    this.#buffer = buffer;
    this.#views = new Array(longestView + 1);
  }
}
