/** One request and its response. The object is light; what belongs to its user stands in `state`. */
import type { Flood } from './errors.ts';
import type { Field, FieldLike } from './field.ts';

/**
 * Called once all bytes of one `data` have been given to the socket, for the last of them after `ended`; never if the
 * stream is cut before. After `dataCopied` only if some of its bytes had to wait.
 */
export type OnTaken<State> = (stream: Stream<State>) => void;

export interface Stream<State = unknown> {
  readonly id: number;
  /** The user's own. */
  state: State | undefined;
  /** Received bytes are given back to the peer's window at once; otherwise with `consumed`. */
  autoConsume: boolean;
  /** Bytes of data that wait for a window or the socket. */
  readonly queuedBytes: number;
  /** Ended on both sides, or cut: whatever is sent now is dropped. */
  readonly isOver: boolean;
  /** Our side has said that nothing more comes. */
  readonly isEndSent: boolean;
  /** The peer has said that nothing more comes. */
  readonly isEndReceived: boolean;

  /** A server's response, or an informational one (1xx) before it. */
  headers(fields: readonly FieldLike[], endStream: boolean): void;
  /** Long buffers are not copied: they may not change until they are on the wire. */
  data(buffers: Buffer | readonly Buffer[], endStream: boolean, onTaken?: OnTaken<State>): void;
  /** The bytes from `start` to before `end`, copied once: they may change after the call. */
  dataCopied(source: Buffer, start: number, end: number, onTaken?: OnTaken<State>): void;
  /** Ends our side, after all data. */
  end(): void;
  /** Ends our side, after all data. */
  trailers(fields: readonly FieldLike[]): void;
  /** Cuts the stream. The handlers are not told. */
  reset(code: number): void;
  /** So many received bytes need no more room here. */
  consumed(bytes: number): void;
}

/** What one call of `data` has queued. */
export interface Queued<State> {
  readonly buffers: readonly Buffer[];
  readonly onTaken: OnTaken<State> | undefined;
  /** The buffer that is next, and the bytes of it that are out. */
  index: number;
  offset: number;
}

/** What a stream asks of its connection. */
export interface StreamOwner<State> {
  sendHeaders(stream: StreamRecord<State>, fields: readonly FieldLike[], endStream: boolean): void;
  sendData(
    stream: StreamRecord<State>,
    buffers: readonly Buffer[],
    endStream: boolean,
    onTaken: OnTaken<State> | undefined,
  ): void;
  sendDataCopied(
    stream: StreamRecord<State>,
    source: Buffer,
    start: number,
    end: number,
    onTaken: OnTaken<State> | undefined,
  ): void;
  sendEnd(stream: StreamRecord<State>): void;
  sendTrailers(stream: StreamRecord<State>, fields: readonly FieldLike[]): void;
  resetStream(stream: StreamRecord<State>, code: number): void;
  consumedBy(stream: StreamRecord<State>, bytes: number): void;
}

export class StreamRecord<State> implements Stream<State> {
  readonly id: number;
  state: State | undefined = undefined;
  autoConsume: boolean;
  isOver = false;
  readonly owner: StreamOwner<State>;

  queuedBytes = 0;
  readonly queue: Queued<State>[] = [];
  queuedTrailers: readonly FieldLike[] | undefined = undefined;
  sendWindow: number;
  /** Nothing more may be queued. */
  isEndQueued = false;
  isEndSent = false;
  /** Stands in the line of streams that can send. */
  isReady = false;

  isEndReceived = false;
  /** The final head of the message has come. */
  isHeadReceived = false;
  receiveWindow: number;
  /** Received, and not consumed by the user yet. */
  unconsumedBytes = 0;
  /** Consumed, and not told to the peer yet. */
  creditBytes = 0;
  /** That content-length still promises; undefined: no promise. */
  contentLeft: number | undefined = undefined;
  /** The answer to HEAD has no content, whatever its content-length says. */
  isHead = false;

  constructor(owner: StreamOwner<State>, id: number, sendWindow: number, receiveWindow: number, autoConsume: boolean) {
    this.owner = owner;
    this.id = id;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
    this.autoConsume = autoConsume;
  }

  headers(fields: readonly FieldLike[], endStream: boolean): void {
    if (!this.isOver) this.owner.sendHeaders(this, fields, endStream);
  }

  data(buffers: Buffer | readonly Buffer[], endStream: boolean, onTaken?: OnTaken<State>): void {
    if (this.isOver) return;
    this.owner.sendData(this, Buffer.isBuffer(buffers) ? [buffers] : buffers, endStream, onTaken);
  }

  dataCopied(source: Buffer, start: number, end: number, onTaken?: OnTaken<State>): void {
    if (!this.isOver) this.owner.sendDataCopied(this, source, start, end, onTaken);
  }

  end(): void {
    if (!this.isOver) this.owner.sendEnd(this);
  }

  trailers(fields: readonly FieldLike[]): void {
    if (!this.isOver) this.owner.sendTrailers(this, fields);
  }

  reset(code: number): void {
    if (!this.isOver) this.owner.resetStream(this, code);
  }

  consumed(bytes: number): void {
    this.owner.consumedBy(this, bytes);
  }
}

/** `peer`: it said so; `violation`: the peer broke the stream's rules; `connection`: the connection is over. */
export type ResetCause = 'peer' | 'violation' | 'connection';

export interface Closed {
  /** `error`: the peer broke the connection's rules; `drained`: all streams ended after a goodbye; `transport`: cut. */
  readonly by: 'error' | 'drained' | 'transport' | 'destroyed';
  readonly code: number;
  readonly message: string;
  /** What the peer did too much of. */
  readonly flood?: Flood | undefined;
}

/**
 * What a connection tells its user. For every stream that began, `ended` or `reset` comes once, unless the user reset
 * it; after that nothing more is told of it. A chunk is a view of the bytes that were received: whoever keeps it
 * longer than the call, while the buffer that was read into is used again, has to copy it.
 */
export interface Handlers<State> {
  /** A request, or (client) a response; informational responses come before the final one. */
  headers(stream: Stream<State>, fields: readonly Field[], endStream: boolean): void;
  data(stream: Stream<State>, chunk: Buffer, endStream: boolean): void;
  /**
   * A request with more headers than the limits allow, in place of `headers`: it wants an answer, or `reset`. Without
   * this handler it is reset.
   */
  tooLarge?(stream: Stream<State>, endStream: boolean): void;
  /** A request that may not be one, for which the message says why, has been reset. */
  malformed?(fields: readonly Field[], message: string): void;
  /** The peer's side has ended with these. */
  trailers(stream: Stream<State>, fields: readonly Field[]): void;
  /** Both sides have ended as they should. */
  ended(stream: Stream<State>): void;
  reset(stream: Stream<State>, code: number, cause: ResetCause, message: string): void;
  /** The peer has said what it allows: its first settings, and each later change. */
  settings?(): void;
  /** The peer takes no streams beyond the last one named. */
  goAway(lastStreamId: number, code: number, debugText: string): void;
  /** The last that is told. The writer has been closed. */
  closed(reason: Closed): void;
}
