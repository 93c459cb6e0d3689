/** What the peer's frames mean to streams: messages begin, go on and end, each as RFC 9113 section 8 wants it. */
import type { Credit } from './credit.ts';
import { ConnectionError, errorCodes } from './errors.ts';
import type { FieldRecord } from './field.ts';
import type { Floods } from './floods.ts';
import { checkRequest, checkResponse, checkTrailers } from './messages.ts';
import { protocolError, type StreamFrames } from './receiver.ts';
import type { Sender } from './sender.ts';
import type { Settings } from './settings.ts';
import type { StreamOwner, StreamRecord } from './stream.ts';
import type { Streams } from './streams.ts';

/** The parts of a connection that this one works with. */
export interface InboundParts<State> {
  readonly streams: Streams<State>;
  readonly credit: Credit<State>;
  readonly sender: Sender<State>;
  readonly floods: Floods;
  readonly settings: Settings;
  readonly owner: StreamOwner<State>;
  readonly autoConsume: boolean;
}

export class Inbound<State> implements StreamFrames {
  readonly #parts: InboundParts<State>;
  readonly #streams: Streams<State>;

  constructor(parts: InboundParts<State>) {
    this.#parts = parts;
    this.#streams = parts.streams;
  }

  onHeaders(streamId: number, fields: FieldRecord[] | undefined, endStream: boolean, dependsOnItself: boolean): void {
    const stream = this.#streams.open.get(streamId);
    if (stream === undefined) {
      const isNew = this.#streams.isServer && streamId % 2 === 1 && streamId > this.#streams.lastPeerId;
      if (isNew && streamId <= this.#streams.lastTaken) this.#begin(streamId, fields, endStream, dependsOnItself);
      else this.#streams.stray(streamId, true);
    } else if (stream.isEndReceived) {
      this.#streams.violation(stream, errorCodes.STREAM_CLOSED, 'Headers came after the end of the stream.');
    } else if (fields === undefined) {
      this.#streams.violation(stream, errorCodes.ENHANCE_YOUR_CALM, 'The list of headers is too large.');
    } else if (dependsOnItself) {
      this.#malformed(stream, 'the stream depends on itself');
    } else if (stream.isHeadReceived) {
      this.#trailers(stream, fields, endStream);
    } else {
      this.#response(stream, fields, endStream);
    }
  }

  onData(streamId: number, chunk: Buffer, frameBytes: number, endStream: boolean): void {
    const { credit } = this.#parts;
    credit.received(frameBytes);
    const stream = this.#streams.open.get(streamId);
    if (stream === undefined) {
      credit.unused(frameBytes);
      this.#streams.stray(streamId, false);
      return;
    }
    stream.unconsumedBytes += frameBytes;
    stream.receiveWindow -= frameBytes;
    if (stream.isEndReceived) {
      this.#streams.violation(stream, errorCodes.STREAM_CLOSED, 'Data came after the end of the stream.');
      return;
    }
    if (stream.receiveWindow < 0) {
      this.#streams.violation(stream, errorCodes.FLOW_CONTROL_ERROR, "The stream's window is overrun.");
      return;
    }
    if (!stream.isHeadReceived) {
      this.#malformed(stream, 'data came before the response');
      return;
    }
    if (stream.contentLeft !== undefined) stream.contentLeft -= chunk.length;
    if (!this.#lengthIsRight(stream, endStream)) return;
    if (frameBytes > chunk.length) credit.consumed(stream, frameBytes - chunk.length);
    stream.isEndReceived = endStream;
    if (chunk.length > 0 || endStream) this.#streams.handlers.data(stream, chunk, endStream);
    if (stream.autoConsume) credit.consumed(stream, chunk.length);
    this.#streams.endIfBoth(stream);
  }

  onPriority(streamId: number, problem: { readonly code: number; readonly message: string } | undefined): void {
    if (problem === undefined) return;
    const stream = this.#streams.open.get(streamId);
    if (stream === undefined) throw new ConnectionError(problem.code, problem.message);
    this.#streams.violation(stream, problem.code, problem.message);
  }

  onReset(streamId: number, code: number): void {
    const stream = this.#streams.open.get(streamId);
    if (stream === undefined) {
      this.#late(streamId, 'RST_STREAM');
      return;
    }
    this.#streams.resetByPeer(stream, code);
    // a server resets no more streams than it was asked for
    if (this.#streams.isServer) this.#parts.floods.reset();
  }

  onWindowUpdate(streamId: number, increment: number): void {
    const stream = streamId === 0 ? undefined : this.#streams.open.get(streamId);
    if (streamId !== 0 && stream === undefined) {
      this.#late(streamId, 'WINDOW_UPDATE');
      return;
    }
    const isRight = increment > 0 && this.#parts.sender.widen(stream, increment);
    if (isRight) return;
    const code = increment === 0 ? errorCodes.PROTOCOL_ERROR : errorCodes.FLOW_CONTROL_ERROR;
    const message = increment === 0 ? 'WINDOW_UPDATE of nothing.' : 'WINDOW_UPDATE beyond 2^31-1 bytes.';
    if (stream === undefined) throw new ConnectionError(code, message);
    this.#streams.violation(stream, code, message);
  }

  #begin(streamId: number, fields: FieldRecord[] | undefined, endStream: boolean, dependsOnItself: boolean): void {
    const { settings, owner, autoConsume } = this.#parts;
    const isTooMany = this.#streams.open.size >= settings.maxConcurrentStreams;
    this.#streams.lastPeerId = streamId;
    const stream = this.#streams.begin(owner, streamId, autoConsume);
    stream.isHeadReceived = true;
    stream.isEndReceived = endStream;
    if (isTooMany) {
      this.#streams.refuse(stream, errorCodes.REFUSED_STREAM);
      return;
    }
    if (fields === undefined) {
      const { handlers } = this.#streams;
      if (handlers.tooLarge === undefined) this.#streams.refuse(stream, errorCodes.ENHANCE_YOUR_CALM);
      else handlers.tooLarge(stream, endStream);
      return;
    }
    const head = checkRequest(fields, settings.enableConnectProtocol);
    stream.contentLeft = head.contentBytes;
    const isShort = endStream && head.contentBytes !== undefined && head.contentBytes > 0;
    if (head.problem !== undefined || isShort || dependsOnItself) {
      const problem = dependsOnItself ? 'the stream depends on itself' : 'less data came than content-length says';
      this.#streams.refuse(stream, errorCodes.PROTOCOL_ERROR);
      this.#streams.handlers.malformed?.(fields, head.problem ?? problem);
      return;
    }
    this.#streams.handlers.headers(stream, fields, endStream);
  }

  #response(stream: StreamRecord<State>, fields: FieldRecord[], endStream: boolean): void {
    const head = checkResponse(fields);
    if (head.problem !== undefined) {
      this.#malformed(stream, head.problem);
      return;
    }
    if (head.status >= 200) {
      stream.isHeadReceived = true;
      const isEmpty = stream.isHead || head.status === 204 || head.status === 304;
      stream.contentLeft = isEmpty ? 0 : head.contentBytes;
    } else if (endStream) {
      this.#malformed(stream, 'an informational response ends the stream');
      return;
    }
    if (!this.#lengthIsRight(stream, endStream)) return;
    stream.isEndReceived = endStream;
    this.#streams.handlers.headers(stream, fields, endStream);
    this.#streams.endIfBoth(stream);
  }

  #trailers(stream: StreamRecord<State>, fields: FieldRecord[], endStream: boolean): void {
    const problem = endStream ? checkTrailers(fields) : 'trailers do not end the stream';
    if (problem !== undefined) {
      this.#malformed(stream, problem);
      return;
    }
    if (!this.#lengthIsRight(stream, true)) return;
    stream.isEndReceived = true;
    this.#streams.handlers.trailers(stream, fields);
    this.#streams.endIfBoth(stream);
  }

  /** Content-length says what comes, to the byte. A stream for which it is wrong is cut. */
  #lengthIsRight(stream: StreamRecord<State>, endStream: boolean): boolean {
    const left = stream.contentLeft;
    if (left === undefined || left === 0 || (left > 0 && !endStream)) return true;
    this.#malformed(stream, `${left > 0 ? 'less' : 'more'} data came than content-length says`);
    return false;
  }

  #malformed(stream: StreamRecord<State>, problem: string): void {
    this.#streams.violation(stream, errorCodes.PROTOCOL_ERROR, `Malformed message: ${problem}.`);
  }

  /** For a stream that has ended, or that a goodbye has left out. */
  #late(streamId: number, what: string): void {
    if (this.#streams.isIdle(streamId))
      throw protocolError(`${what} came for stream ${streamId}, which nobody has begun`);
    this.#parts.floods.idleFrame();
  }
}
