/** The receiving half of a connection: every frame is judged by itself here, and then given to the connection. */
import { ConnectionError, errorCodes } from './errors.ts';
import type { FieldRecord } from './field.ts';
import type { Floods } from './floods.ts';
import { FrameReader } from './frame-reader.ts';
import { flags, frameTypes, readUint31, readUint32 } from './frames.ts';
import { HpackDecoder, type ListLimits } from './hpack-decoder.ts';
import { limits } from './limits.ts';

/** What becomes of a frame on a stream that is right by itself. Each may throw a ConnectionError. */
export interface StreamFrames {
  /** @param fields undefined: more than the limits allow */
  onHeaders(streamId: number, fields: FieldRecord[] | undefined, endStream: boolean, dependsOnItself: boolean): void;
  /** @param frameBytes with padding: what the windows count */
  onData(streamId: number, chunk: Buffer, frameBytes: number, endStream: boolean): void;
  onPriority(streamId: number, problem: { readonly code: number; readonly message: string } | undefined): void;
  onReset(streamId: number, code: number): void;
  /** @param streamId 0: the connection */
  onWindowUpdate(streamId: number, increment: number): void;
}

/** The same for frames on the connection. */
export interface ConnectionFrames {
  onSettings(bytes: Buffer, start: number, end: number): void;
  onSettingsAck(): void;
  onPing(bytes: Buffer, start: number, isAck: boolean): void;
  onGoAway(lastStreamId: number, code: number, debugText: string): void;
  /** No more is read. */
  readonly isClosed: boolean;
}

export class Receiver {
  readonly decoder: HpackDecoder;
  readonly #streams: StreamFrames;
  readonly #connection: ConnectionFrames;
  readonly #floods: Floods;
  readonly #reader: FrameReader;
  readonly #blockLimit: number;
  /** The stream whose header block is not at its end; 0: none. */
  #blockOf = 0;
  #block: Buffer[] = [];
  #blockBytes = 0;
  #blockEndsStream = false;
  #blockDependsOnItself = false;

  constructor(
    streams: StreamFrames,
    connection: ConnectionFrames,
    floods: Floods,
    isServer: boolean,
    maxFrameBytes: number,
    listLimits: ListLimits,
  ) {
    this.#streams = streams;
    this.#connection = connection;
    this.#floods = floods;
    this.decoder = new HpackDecoder(listLimits);
    this.#blockLimit = Math.max(limits.headerBlockBytes, listLimits.maxHeaderListBytes);
    this.#reader = new FrameReader(isServer, maxFrameBytes, (bytes, start, end, type, frameFlags, streamId) => {
      this.#onFrame(bytes, start, end, type, frameFlags, streamId);
      return !connection.isClosed;
    });
  }

  /** A header block has begun, and is not here to its end. */
  get isInHeaders(): boolean {
    return this.#blockOf !== 0 || this.#reader.isInHeaders;
  }

  /** @throws ConnectionError what the connection has to end with */
  receive(bytes: Buffer): void {
    this.#reader.read(bytes);
  }

  #onFrame(bytes: Buffer, start: number, end: number, type: number, frameFlags: number, streamId: number): void {
    if (this.#blockOf !== 0 && (type !== frameTypes.continuation || streamId !== this.#blockOf)) {
      throw protocolError('A header block is interrupted by another frame');
    }
    switch (type) {
      case frameTypes.data:
        this.#data(bytes, start, end, frameFlags, streamId);
        return;
      case frameTypes.headers:
        this.#headers(bytes, start, end, frameFlags, streamId);
        return;
      case frameTypes.continuation:
        this.#continuation(bytes, start, end, frameFlags, streamId);
        return;
      case frameTypes.priority:
        this.#priority(bytes, start, end, streamId);
        return;
      case frameTypes.rstStream:
        needStream(streamId, 'RST_STREAM');
        needLength(end - start, 4, 'RST_STREAM');
        this.#streams.onReset(streamId, readUint32(bytes, start));
        return;
      case frameTypes.settings:
        this.#settings(bytes, start, end, frameFlags, streamId);
        return;
      case frameTypes.pushPromise:
        throw protocolError('PUSH_PROMISE came, and pushes are switched off');
      case frameTypes.ping:
        needConnection(streamId, 'PING');
        needLength(end - start, 8, 'PING');
        this.#floods.idleFrame();
        this.#connection.onPing(bytes, start, (frameFlags & flags.ack) !== 0);
        return;
      case frameTypes.goAway:
        needConnection(streamId, 'GOAWAY');
        if (end - start < 8) throw sizeError('GOAWAY', end - start);
        this.#floods.idleFrame();
        this.#connection.onGoAway(
          readUint31(bytes, start),
          readUint32(bytes, start + 4),
          bytes.latin1Slice(start + 8, end),
        );
        return;
      case frameTypes.windowUpdate:
        needLength(end - start, 4, 'WINDOW_UPDATE');
        this.#floods.windowUpdate();
        this.#streams.onWindowUpdate(streamId, readUint31(bytes, start));
        return;
      default:
        this.#floods.idleFrame();
    }
  }

  #data(bytes: Buffer, start: number, end: number, frameFlags: number, streamId: number): void {
    needStream(streamId, 'DATA');
    const frameBytes = end - start;
    if (frameFlags & flags.padded) {
      const padding = paddingOf(bytes, start, end);
      start++;
      end -= padding;
    }
    const endStream = (frameFlags & flags.endStream) !== 0;
    this.#floods.message(start === end && !endStream);
    this.#streams.onData(streamId, bytes.subarray(start, end), frameBytes, endStream);
  }

  #headers(bytes: Buffer, start: number, end: number, frameFlags: number, streamId: number): void {
    needStream(streamId, 'HEADERS');
    if (frameFlags & flags.padded) {
      const padding = paddingOf(bytes, start, end);
      start++;
      end -= padding;
    }
    let dependsOnItself = false;
    if (frameFlags & flags.priority) {
      if (end - start < 5) throw sizeError('HEADERS with a priority', end - start);
      dependsOnItself = readUint31(bytes, start) === streamId;
      start += 5;
    }
    const endStream = (frameFlags & flags.endStream) !== 0;
    const endHeaders = (frameFlags & flags.endHeaders) !== 0;
    this.#floods.message(start === end && !endStream);
    if (endHeaders) {
      const fields = this.decoder.decode(bytes, start, end);
      this.#streams.onHeaders(streamId, fields, endStream, dependsOnItself);
      return;
    }
    this.#blockOf = streamId;
    this.#blockEndsStream = endStream;
    this.#blockDependsOnItself = dependsOnItself;
    this.#blockBytes = end - start;
    this.#block = [Buffer.from(bytes.subarray(start, end))];
  }

  #continuation(bytes: Buffer, start: number, end: number, frameFlags: number, streamId: number): void {
    if (this.#blockOf === 0) throw protocolError('CONTINUATION without a header block to continue');
    const endHeaders = (frameFlags & flags.endHeaders) !== 0;
    this.#floods.message(start === end && !endHeaders);
    this.#blockBytes += end - start;
    if (this.#blockBytes > this.#blockLimit || this.#block.length > limits.continuationFrames) {
      throw new ConnectionError(
        errorCodes.ENHANCE_YOUR_CALM,
        `A header block has more than ${this.#blockLimit} bytes or ${limits.continuationFrames} CONTINUATION frames.`,
        'headers',
      );
    }
    this.#block.push(Buffer.from(bytes.subarray(start, end)));
    if (!endHeaders) return;
    const block = Buffer.concat(this.#block, this.#blockBytes);
    this.#block = [];
    this.#blockOf = 0;
    const fields = this.decoder.decode(block, 0, block.length);
    this.#streams.onHeaders(streamId, fields, this.#blockEndsStream, this.#blockDependsOnItself);
  }

  #priority(bytes: Buffer, start: number, end: number, streamId: number): void {
    needStream(streamId, 'PRIORITY');
    this.#floods.priority();
    const length = end - start;
    if (length !== 5) {
      const message = `A PRIORITY frame has ${length} bytes instead of 5.`;
      this.#streams.onPriority(streamId, { code: errorCodes.FRAME_SIZE_ERROR, message });
    } else if (readUint31(bytes, start) === streamId) {
      this.#streams.onPriority(streamId, { code: errorCodes.PROTOCOL_ERROR, message: 'A stream depends on itself.' });
    } else {
      this.#streams.onPriority(streamId, undefined);
    }
  }

  #settings(bytes: Buffer, start: number, end: number, frameFlags: number, streamId: number): void {
    needConnection(streamId, 'SETTINGS');
    this.#floods.idleFrame();
    if (frameFlags & flags.ack) {
      needLength(end - start, 0, 'SETTINGS with ACK');
      this.#connection.onSettingsAck();
      return;
    }
    if ((end - start) % 6 !== 0) throw sizeError('SETTINGS', end - start);
    this.#connection.onSettings(bytes, start, end);
  }
}

function paddingOf(bytes: Buffer, start: number, end: number): number {
  const padding = start < end ? bytes[start]! : 0;
  if (padding < end - start) return padding;
  throw protocolError('A frame has more padding than bytes');
}

function needStream(streamId: number, what: string): void {
  if (streamId === 0) throw protocolError(`${what} came on the connection, not on a stream`);
}

function needConnection(streamId: number, what: string): void {
  if (streamId !== 0) throw protocolError(`${what} came on a stream`);
}

function needLength(length: number, expected: number, what: string): void {
  if (length !== expected) throw sizeError(what, length);
}

function sizeError(what: string, length: number): ConnectionError {
  return new ConnectionError(errorCodes.FRAME_SIZE_ERROR, `${what} may not have ${length} bytes.`);
}

export function protocolError(what: string): ConnectionError {
  return new ConnectionError(errorCodes.PROTOCOL_ERROR, `${what}.`);
}
