/** The streams of one connection: which are open, how they end, and what a frame for any other one means. */

import type { Credit } from './credit.ts';
import { ConnectionError, errorCodes } from './errors.ts';
import type { Floods } from './floods.ts';
import { maxWindowBytes } from './frames.ts';
import { PastStreams } from './past-streams.ts';
import { protocolError } from './receiver.ts';
import type { Sender } from './sender.ts';
import { type Handlers, type ResetCause, type StreamOwner, StreamRecord } from './stream.ts';

export class Streams<State> {
  readonly isServer: boolean;
  readonly handlers: Handlers<State>;
  readonly open = new Map<number, StreamRecord<State>>();
  /** The highest stream that the peer has begun, and the next one of ours. */
  lastPeerId = 0;
  nextId: number;
  /** Streams of the peer above it are not answered any more. */
  lastTaken = maxWindowBytes;
  readonly #past = new PastStreams();
  readonly #sender: Sender<State>;
  readonly #credit: Credit<State>;
  readonly #floods: Floods;
  readonly #onNoneLeft: () => void;

  /** @param onNoneLeft after the last open stream has ended */
  constructor(
    isServer: boolean,
    handlers: Handlers<State>,
    sender: Sender<State>,
    credit: Credit<State>,
    floods: Floods,
    onNoneLeft: () => void,
  ) {
    this.isServer = isServer;
    this.handlers = handlers;
    this.nextId = isServer ? 2 : 1;
    this.#sender = sender;
    this.#credit = credit;
    this.#floods = floods;
    this.#onNoneLeft = onNoneLeft;
  }

  begin(owner: StreamOwner<State>, streamId: number, autoConsume: boolean): StreamRecord<State> {
    const sendWindow = this.#sender.peer.initialWindowBytes;
    const stream = new StreamRecord(owner, streamId, sendWindow, this.#credit.streamWindow, autoConsume);
    this.open.set(streamId, stream);
    this.#floods.streamOpened();
    return stream;
  }

  endIfBoth(stream: StreamRecord<State>): void {
    if (stream.isOver || !stream.isEndSent || !stream.isEndReceived) return;
    this.#forget(stream, false);
    this.handlers.ended(stream);
    this.#tellIfNone();
  }

  /** The user wants no more of it. */
  reset(stream: StreamRecord<State>, code: number): void {
    this.#cut(stream, code);
    this.#tellIfNone();
  }

  /** The peer has reset it. */
  resetByPeer(stream: StreamRecord<State>, code: number): void {
    this.#sender.drop(stream);
    this.#forget(stream, false);
    this.#settle(stream);
    this.handlers.reset(stream, code, 'peer', 'The peer has reset the stream.');
    this.#tellIfNone();
  }

  /** The peer has broken the rules of this stream, and the others may go on. */
  violation(stream: StreamRecord<State>, code: number, message: string): void {
    this.#cut(stream, code);
    this.handlers.reset(stream, code, 'violation', message);
    this.#tellIfNone();
    // the last, since it may end the connection, and nobody would hear of this stream then
    this.#floods.reset();
  }

  /** A stream that its user has not heard of. */
  refuse(stream: StreamRecord<State>, code: number): void {
    this.#cut(stream, code);
    if (this.isServer) this.#floods.reset();
  }

  /** All that are open, because the connection is over. */
  cutAll(code: number, cause: ResetCause, message: string): void {
    for (const stream of this.open.values()) {
      stream.isOver = true;
      this.#sender.drop(stream);
      this.open.delete(stream.id);
      this.handlers.reset(stream, code, cause, message);
    }
  }

  /** Nobody has begun it yet. */
  isIdle(streamId: number): boolean {
    const isOurs = (streamId % 2 === 0) === this.isServer;
    if (isOurs) return streamId >= this.nextId;
    return streamId > this.lastPeerId && this.lastTaken === maxWindowBytes;
  }

  /**
   * HEADERS or DATA for a stream that is not open: late frames of one that we have cut are ignored.
   * @throws ConnectionError if the peer must have known better
   */
  stray(streamId: number, isHeaders: boolean): void {
    if (this.isIdle(streamId)) throw protocolError(`A frame came for stream ${streamId}, which nobody has begun`);
    this.#floods.idleFrame();
    if (streamId > this.lastTaken) return;
    const past = this.#past.get(streamId);
    if (past === 'cut') return;
    if (!isHeaders) {
      this.#sender.output.reset(streamId, errorCodes.STREAM_CLOSED);
      this.#sender.mark();
    } else if (past === 'over') {
      throw new ConnectionError(errorCodes.STREAM_CLOSED, `Headers came for stream ${streamId}, which has ended.`);
    } else {
      throw protocolError(`Headers came for stream ${streamId}, and higher ones have been begun before`);
    }
  }

  #cut(stream: StreamRecord<State>, code: number): void {
    this.#sender.drop(stream);
    this.#forget(stream, !stream.isEndReceived);
    this.#settle(stream);
    this.#sender.output.reset(stream.id, code);
    this.#sender.mark();
  }

  #forget(stream: StreamRecord<State>, wasCut: boolean): void {
    stream.isOver = true;
    this.open.delete(stream.id);
    this.#past.add(stream.id, wasCut);
  }

  /** Nobody will consume what it has received. */
  #settle(stream: StreamRecord<State>): void {
    this.#credit.consumed(stream, stream.unconsumedBytes);
  }

  #tellIfNone(): void {
    if (this.open.size === 0) this.#onNoneLeft();
  }
}
