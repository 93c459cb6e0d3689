/** The sending half of a connection: windows, the line of streams that have something to send, and the flush. */

import type { FieldLike } from './field.ts';
import type { Floods } from './floods.ts';
import type { FlushTurn } from './flush-turn.ts';
import { defaultWindowBytes, maxWindowBytes } from './frames.ts';
import { encoded, HpackEncoder } from './hpack-encoder.ts';
import { limits } from './limits.ts';
import { Output, type Writer } from './output.ts';
import { initialSettings, type Settings } from './settings.ts';
import type { OnTaken, StreamRecord } from './stream.ts';

export class Sender<State> {
  readonly output = new Output();
  readonly #writer: Writer;
  readonly #turn: FlushTurn;
  readonly #floods: Floods;
  readonly #encoder = new HpackEncoder();
  readonly #onEndSent: (stream: StreamRecord<State>) => void;
  peer: Settings = initialSettings;
  window = defaultWindowBytes;
  /** Of all streams together. */
  queuedBytes = 0;
  /** The writer takes nothing before `drained`. */
  isFull = false;
  isClosed = false;
  /** Stands in the turn's list. */
  isMarked = false;
  #ready: StreamRecord<State>[] = [];
  /** Streams and callbacks whose bytes go out with the next flush. */
  #taken: [StreamRecord<State>, OnTaken<State>][] = [];
  /** Whose data is the last in the output. */
  #lastData: StreamRecord<State> | undefined = undefined;

  constructor(writer: Writer, turn: FlushTurn, floods: Floods, onEndSent: (stream: StreamRecord<State>) => void) {
    this.#writer = writer;
    this.#turn = turn;
    this.#floods = floods;
    this.#onEndSent = onEndSent;
  }

  headers(stream: StreamRecord<State>, fields: readonly FieldLike[], endStream: boolean): void {
    const length = this.#encoder.encode(fields);
    this.output.headers(stream.id, encoded, length, endStream, this.peer.maxFrameBytes);
    this.mark();
    if (endStream) this.#end(stream);
  }

  data(
    stream: StreamRecord<State>,
    buffers: readonly Buffer[],
    endStream: boolean,
    onTaken: OnTaken<State> | undefined,
  ): void {
    let bytes = 0;
    for (let i = 0; i < buffers.length; i++) bytes += buffers[i]!.length;
    if (endStream) stream.isEndQueued = true;
    const isNext = stream.queue.length === 0 && this.#ready.length === 0 && !this.isFull;
    const fits = bytes <= this.peer.maxFrameBytes && bytes <= stream.sendWindow && bytes <= this.window;
    if (bytes === 0 ? isNext : isNext && fits && this.output.bytes < limits.turnBytes) {
      if (bytes > 0 || endStream) this.#dataFrame(stream, bytes, endStream);
      for (let i = 0; i < buffers.length; i++) this.output.payload(buffers[i]!, 0, buffers[i]!.length);
      if (onTaken !== undefined) this.#taken.push([stream, onTaken]);
      if (endStream) this.#end(stream);
    } else {
      stream.queue.push({ buffers, onTaken, index: 0, offset: 0 });
      stream.queuedBytes += bytes;
      this.queuedBytes += bytes;
      this.#makeReady(stream);
    }
    this.mark();
  }

  dataCopied(
    stream: StreamRecord<State>,
    source: Buffer,
    start: number,
    end: number,
    onTaken: OnTaken<State> | undefined,
  ): void {
    let at = start;
    if (stream.queue.length === 0 && this.#ready.length === 0) {
      // the output's blocks are used again, what waits in a queue is copied for it
      const most = this.isFull ? limits.fullTurnBytes : limits.turnBytes;
      while (at < end && this.output.bytes < most) {
        const bytes = Math.min(end - at, this.peer.maxFrameBytes, stream.sendWindow, this.window);
        if (bytes <= 0) break;
        this.#dataFrame(stream, bytes, false);
        this.output.copy(source, at, at + bytes);
        at += bytes;
      }
    }
    if (at < end) {
      const rest = Buffer.from(source.subarray(at, end));
      stream.queue.push({ buffers: [rest], onTaken, index: 0, offset: 0 });
      stream.queuedBytes += rest.length;
      this.queuedBytes += rest.length;
      this.#makeReady(stream);
    }
    this.mark();
  }

  end(stream: StreamRecord<State>): void {
    stream.isEndQueued = true;
    if (stream.queue.length > 0) return;
    if (this.#lastData === stream) this.output.endData();
    else this.#dataFrame(stream, 0, true);
    this.mark();
    this.#end(stream);
  }

  trailers(stream: StreamRecord<State>, fields: readonly FieldLike[]): void {
    stream.isEndQueued = true;
    if (stream.queue.length === 0) {
      this.headers(stream, fields, true);
      return;
    }
    stream.queuedTrailers = fields;
  }

  /** What the stream has queued is dropped. */
  drop(stream: StreamRecord<State>): void {
    this.queuedBytes -= stream.queuedBytes;
    stream.queuedBytes = 0;
    stream.queue.length = 0;
    stream.queuedTrailers = undefined;
  }

  /** @returns false if the window would become too large */
  widen(stream: StreamRecord<State> | undefined, increment: number): boolean {
    if (stream === undefined) {
      this.window += increment;
      if (this.#ready.length > 0) this.mark();
      return this.window <= maxWindowBytes;
    }
    stream.sendWindow += increment;
    if (stream.queue.length > 0 && stream.sendWindow > 0) {
      this.#makeReady(stream);
      this.mark();
    }
    return stream.sendWindow <= maxWindowBytes;
  }

  limitTable(bytes: number): void {
    this.#encoder.limitTable(bytes);
  }

  /** Something waits for the flush at the end of this turn. */
  mark(): void {
    if (this.isMarked || this.isClosed) return;
    this.isMarked = true;
    this.#turn.add(this);
  }

  drained(): void {
    this.isFull = false;
    this.output.drained();
    this.mark();
  }

  flush(): void {
    this.isMarked = false;
    if (this.isFull || this.isClosed) return;
    this.#frameQueued();
    this.#lastData = undefined;
    if (this.output.bytes > 0 && this.output.flush(this.#writer) === 'full') this.isFull = true;
    this.#tellTaken();
    // the rest has its turn after the other connections
    if (this.#ready.length > 0 && this.window > 0 && !this.isFull) this.mark();
  }

  /** Nothing more is sent. @param flush what stands in the output still goes out, whether the writer is full or not */
  close(flush: boolean): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (flush) {
      if (this.output.bytes > 0) this.output.flush(this.#writer);
      this.#tellTaken();
    }
    this.#ready = [];
    this.#taken = [];
    this.#writer.close();
  }

  #tellTaken(): void {
    if (this.#taken.length === 0) return;
    const taken = this.#taken;
    this.#taken = [];
    for (let i = 0; i < taken.length; i++) {
      const [stream, onTaken] = taken[i]!;
      onTaken(stream);
    }
  }

  #makeReady(stream: StreamRecord<State>): void {
    if (stream.isReady || (stream.sendWindow <= 0 && stream.queuedBytes > 0)) return;
    stream.isReady = true;
    this.#ready.push(stream);
  }

  /** One frame of each stream that can send, again and again, until a window or the turn is used up. */
  #frameQueued(): void {
    while (this.#ready.length > 0) {
      const line = this.#ready;
      this.#ready = [];
      for (let i = 0; i < line.length; i++) {
        const stream = line[i]!;
        if (stream.isOver) continue;
        if (stream.queuedBytes > 0 && (this.window <= 0 || this.output.bytes >= limits.turnBytes)) {
          // in this order they go on next time
          for (; i < line.length; i++) if (!line[i]!.isOver) this.#ready.push(line[i]!);
          return;
        }
        stream.isReady = false;
        this.#frameOne(stream);
        if (stream.queue.length > 0) this.#makeReady(stream);
      }
    }
  }

  #frameOne(stream: StreamRecord<State>): void {
    const most = Math.min(this.peer.maxFrameBytes, stream.sendWindow, this.window);
    const bytes = Math.min(stream.queuedBytes, Math.max(most, 0));
    if (bytes === 0 && stream.queuedBytes > 0) return;
    const isLast = bytes === stream.queuedBytes;
    const endStream = isLast && stream.isEndQueued && stream.queuedTrailers === undefined;
    if (bytes > 0 || endStream) this.#dataFrame(stream, bytes, endStream);
    stream.queuedBytes -= bytes;
    this.queuedBytes -= bytes;
    this.#moveQueued(stream, bytes);
    if (!isLast) return;
    if (endStream) this.#end(stream);
    else if (stream.queuedTrailers !== undefined) this.headers(stream, stream.queuedTrailers, true);
  }

  #dataFrame(stream: StreamRecord<State>, bytes: number, endStream: boolean): void {
    this.output.dataHeader(bytes, endStream, stream.id);
    this.#lastData = stream;
    stream.sendWindow -= bytes;
    this.window -= bytes;
    this.#floods.dataSent();
  }

  /** So many bytes from the stream's queue to the output, and whatever is done with them off the queue. */
  #moveQueued(stream: StreamRecord<State>, bytes: number): void {
    let done = 0;
    for (; done < stream.queue.length; done++) {
      const entry = stream.queue[done]!;
      while (entry.index < entry.buffers.length) {
        const buffer = entry.buffers[entry.index]!;
        const count = Math.min(bytes, buffer.length - entry.offset);
        if (count > 0) this.output.payload(buffer, entry.offset, entry.offset + count);
        entry.offset += count;
        bytes -= count;
        if (entry.offset < buffer.length) break;
        entry.index++;
        entry.offset = 0;
      }
      if (entry.index < entry.buffers.length) break;
      if (entry.onTaken !== undefined) this.#taken.push([stream, entry.onTaken]);
    }
    if (done > 0) stream.queue.splice(0, done);
  }

  #end(stream: StreamRecord<State>): void {
    stream.isEndQueued = true;
    stream.isEndSent = true;
    this.#onEndSent(stream);
  }
}
