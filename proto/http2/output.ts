/**
 * What one connection is about to write. Small things are copied one behind the other into a block, long buffers stand
 * between as they are; all of it goes to the writer at once. Blocks go back to the process when the writer is done.
 */
import { flags, frameHeaderBytes, frameTypes, writeFrameHeader, writeUint32 } from './frames.ts';
import { limits } from './limits.ts';

/**
 * `written`: these buffers and all before them are free again; `held`: the socket still needs some; `full`: as `held`,
 * and no more should come before `drained()` is called, which says that all of them are free.
 */
export type WriteResult = 'written' | 'held' | 'full';

/** The socket as the codec sees it. */
export interface Writer {
  /** All frames of one flush, in their order. */
  write(buffers: readonly Buffer[]): WriteResult;
  /** The connection is over: send what was written, then close. */
  close(): void;
}

/** The place of the flags in the header of a frame. */
const flagsAt = 4;

const spareBlocks: Buffer[] = [];

function giveBack(block: Buffer): void {
  if (spareBlocks.length < limits.spareBlocks) spareBlocks.push(block);
}

export class Output {
  /** Bytes that wait for the flush. */
  bytes = 0;
  /** Answers and resets that the writer has not taken. */
  controlFrames = 0;
  #pieces: Buffer[] = [];
  #blocks: Buffer[] = [];
  /** The blocks that a full writer has. */
  #held: Buffer[] = [];
  #block: Buffer | undefined = undefined;
  /** The part of the block that is not among the pieces yet. */
  #start = 0;
  #at = 0;
  /** Where the flags of the last DATA frame stand. */
  #dataBlock: Buffer | undefined = undefined;
  #dataFlagsAt = 0;

  flush(writer: Writer): WriteResult {
    this.#seal();
    const pieces = this.#pieces;
    const blocks = this.#blocks;
    const block = this.#block;
    this.#pieces = [];
    this.#blocks = [];
    this.#block = undefined;
    this.bytes = 0;
    const result = writer.write(pieces);
    if (result !== 'full') this.controlFrames = 0;
    if (result === 'written') {
      for (let i = 0; i < blocks.length; i++) giveBack(blocks[i]!);
    } else if (result === 'full') {
      this.#held = blocks;
    } else if (block !== undefined && block.length - this.#at >= limits.usefulBlockBytes) {
      // TLS holds everything for a while; what stands behind it is nobody's yet
      giveBack(block.subarray(this.#at));
    }
    return result;
  }

  frameHeader(length: number, type: number, frameFlags: number, streamId: number): void {
    const block = this.#room(frameHeaderBytes);
    this.#advance(writeFrameHeader(block, this.#at, length, type, frameFlags, streamId));
  }

  /** The writer has none of our buffers any more. */
  drained(): void {
    this.controlFrames = 0;
    const held = this.#held;
    this.#held = [];
    for (let i = 0; i < held.length; i++) giveBack(held[i]!);
  }

  dataHeader(length: number, endStream: boolean, streamId: number): void {
    this.frameHeader(length, frameTypes.data, endStream ? flags.endStream : 0, streamId);
    this.#dataBlock = this.#block;
    this.#dataFlagsAt = this.#at - frameHeaderBytes + flagsAt;
  }

  /** The last DATA frame, not flushed yet, becomes the end of its stream after all. */
  endData(): void {
    this.#dataBlock![this.#dataFlagsAt]! |= flags.endStream;
  }

  /** The bytes of `source` from `start` to before `end`; a long source must not change before it is on its way. */
  payload(source: Buffer, start: number, end: number): void {
    if (source.length > limits.copiedBytes) {
      this.#seal();
      this.#pieces.push(source.subarray(start, end));
      this.bytes += end - start;
    } else {
      this.copy(source, start, end);
    }
  }

  copy(source: Buffer, start: number, end: number): void {
    while (start < end) {
      const block = this.#room(1);
      const count = source.copy(block, this.#at, start, end);
      this.#advance(this.#at + count);
      start += count;
    }
  }

  /** A header block in as many frames as it takes. */
  headers(streamId: number, block: Buffer, length: number, endStream: boolean, maxFrameBytes: number): void {
    let type: number = frameTypes.headers;
    let frameFlags: number = endStream ? flags.endStream : 0;
    let start = 0;
    do {
      const end = Math.min(length, start + maxFrameBytes);
      this.frameHeader(end - start, type, end === length ? frameFlags | flags.endHeaders : frameFlags, streamId);
      this.copy(block, start, end);
      start = end;
      type = frameTypes.continuation;
      frameFlags = 0;
    } while (start < length);
  }

  settings(values: readonly (readonly [id: number, value: number])[]): void {
    this.frameHeader(values.length * 6, frameTypes.settings, 0, 0);
    for (const [id, value] of values) {
      const block = this.#room(6);
      block[this.#at] = id >>> 8;
      block[this.#at + 1] = id;
      this.#advance(writeUint32(block, this.#at + 2, value));
    }
  }

  settingsAck(): void {
    this.controlFrames++;
    this.frameHeader(0, frameTypes.settings, flags.ack, 0);
  }

  ping(payload: Buffer, start: number, isAck: boolean): void {
    this.controlFrames++;
    this.frameHeader(8, frameTypes.ping, isAck ? flags.ack : 0, 0);
    this.copy(payload, start, start + 8);
  }

  reset(streamId: number, code: number): void {
    this.controlFrames++;
    this.frameHeader(4, frameTypes.rstStream, 0, streamId);
    this.#uint32(code);
  }

  windowUpdate(streamId: number, increment: number): void {
    this.frameHeader(4, frameTypes.windowUpdate, 0, streamId);
    this.#uint32(increment);
  }

  goAway(lastStreamId: number, code: number, debugText: string): void {
    const debug = Buffer.from(debugText);
    this.frameHeader(8 + debug.length, frameTypes.goAway, 0, 0);
    this.#uint32(lastStreamId);
    this.#uint32(code);
    this.copy(debug, 0, debug.length);
  }

  #uint32(value: number): void {
    const block = this.#room(4);
    this.#advance(writeUint32(block, this.#at, value));
  }

  #advance(to: number): void {
    this.bytes += to - this.#at;
    this.#at = to;
  }

  /** A block that has room for so many bytes at `#at`. */
  #room(bytes: number): Buffer {
    if (this.#block !== undefined && this.#at + bytes <= this.#block.length) return this.#block;
    this.#seal();
    this.#block = spareBlocks.pop() ?? Buffer.allocUnsafeSlow(limits.blockBytes);
    this.#blocks.push(this.#block);
    this.#start = this.#at = 0;
    return this.#block;
  }

  #seal(): void {
    if (this.#block === undefined || this.#at === this.#start) return;
    this.#pieces.push(this.#block.subarray(this.#start, this.#at));
    this.#start = this.#at;
  }
}
