/**
 * An HTTP/2 connection (RFC 9113) as a machine without I/O: bytes come in by `receive`, events go out to the handlers,
 * and frames to the writer, once in a turn of the event loop. It knows the wire and no policy: no timers, no routing.
 */
import { Credit } from './credit.ts';
import { ConnectionError, errorCodes, type Flood } from './errors.ts';
import { type FieldLike, recordOf } from './field.ts';
import { Floods } from './floods.ts';
import { type FlushTurn, loopTurn } from './flush-turn.ts';
import { defaultWindowBytes, maxWindowBytes, preface } from './frames.ts';
import { Inbound } from './inbound.ts';
import { checkRequest } from './messages.ts';
import type { Writer } from './output.ts';
import { type ConnectionFrames, Receiver } from './receiver.ts';
import { Sender } from './sender.ts';
import { applySettings, initialSettings, type Settings, settingsValues } from './settings.ts';
import type { Closed, Handlers, OnTaken, Stream, StreamOwner, StreamRecord } from './stream.ts';
import { Streams } from './streams.ts';

export interface ConnectionOptions<State> {
  readonly role: 'server' | 'client';
  readonly writer: Writer;
  readonly handlers: Handlers<State>;
  /** What the peer is allowed: RFC 9113's defaults where nothing is said, but 100 streams, and 60 KiB of headers. */
  readonly settings?: Partial<Settings>;
  /** Fields in one list of headers; 100 if not said. */
  readonly maxHeaders?: number;
  /** Bytes that the peer may have under way to us on all streams together; 64 KiB at least. */
  readonly connectionWindowBytes?: number;
  /** New streams give received bytes back to their window at once; `false`: when `consumed` is called. */
  readonly autoConsume?: boolean;
  readonly turn?: FlushTurn;
  /** Milliseconds that never go back, for the rates in limits.ts. */
  readonly now?: () => number;
}

const defaults = { maxConcurrentStreams: 100, maxHeaderListBytes: 60 * 1024 };

export class Connection<State = unknown> implements ConnectionFrames, StreamOwner<State> {
  isClosed = false;
  readonly #handlers: Handlers<State>;
  readonly #settings: Settings;
  readonly #autoConsume: boolean;
  readonly #floods: Floods;
  readonly #sender: Sender<State>;
  readonly #credit: Credit<State>;
  readonly #streams: Streams<State>;
  readonly #receiver: Receiver;
  #isAcknowledged = false;
  /** The first goodbye has been said; and the last. */
  #isDraining = false;
  #isLeaving = false;
  #isPeerLeaving = false;
  /** Sent and not answered, by their payload. */
  readonly #pings = new Map<number, () => void>();
  #pingCount = 0;

  constructor(options: ConnectionOptions<State>) {
    const isServer = options.role === 'server';
    const settings = { ...initialSettings, ...defaults, ...options.settings };
    this.#handlers = options.handlers;
    this.#settings = settings;
    this.#autoConsume = options.autoConsume ?? true;
    this.#floods = new Floods(options.now ?? (() => performance.now()));
    this.#sender = new Sender(options.writer, options.turn ?? loopTurn, this.#floods, (stream) =>
      this.#streams.endIfBoth(stream),
    );
    const { output } = this.#sender;
    if (!isServer) output.copy(preface, 0, preface.length);
    output.settings(settingsValues(settings, isServer));
    this.#credit = new Credit(this.#sender, options.connectionWindowBytes ?? defaultWindowBytes);
    this.#sender.mark();
    this.#streams = new Streams(isServer, options.handlers, this.#sender, this.#credit, this.#floods, () =>
      this.#closeIfLeaving(),
    );
    const inbound = new Inbound({
      streams: this.#streams,
      credit: this.#credit,
      sender: this.#sender,
      floods: this.#floods,
      settings,
      owner: this,
      autoConsume: this.#autoConsume,
    });
    const listLimits = { maxHeaderListBytes: settings.maxHeaderListBytes, maxHeaders: options.maxHeaders ?? 100 };
    this.#receiver = new Receiver(inbound, this, this.#floods, isServer, settings.maxFrameBytes, listLimits);
  }

  get openStreams(): number {
    return this.#streams.open.size;
  }

  /** Bytes of all streams that wait for a window or the socket. */
  get queuedBytes(): number {
    return this.#sender.queuedBytes;
  }

  /** What the peer allows us. */
  get peerSettings(): Settings {
    return this.#sender.peer;
  }

  /** A header block of the peer's has begun, and is not here to its end. */
  get isInHeaders(): boolean {
    return this.#receiver.isInHeaders;
  }

  /** The peer has acknowledged our settings. */
  get isAcknowledged(): boolean {
    return this.#isAcknowledged;
  }

  /** `request` would begin one. Never true for a server. */
  get canRequest(): boolean {
    if (this.#streams.isServer || this.isClosed || this.#isLeaving || this.#isPeerLeaving) return false;
    return this.openStreams < this.#sender.peer.maxConcurrentStreams && this.#streams.nextId < maxWindowBytes;
  }

  /** What came from the socket, cut anywhere. What a handler throws ends the connection and comes out of it. */
  receive(bytes: Buffer): void {
    if (this.isClosed) return;
    try {
      this.#receiver.receive(bytes);
      const { output, isFull } = this.#sender;
      this.#floods.queued(output.controlFrames, isFull ? output.bytes : 0);
    } catch (error) {
      if (error instanceof ConnectionError) {
        this.#close('error', error.code, error.message, error.flood);
      } else {
        // the rest of the bytes is lost
        this.#close('destroyed', errorCodes.INTERNAL_ERROR, 'A handler has thrown.');
        throw error;
      }
    }
  }

  /** The writer was full, and takes more. */
  drained(): void {
    this.#sender.drained();
  }

  /** What waits goes out now, not at the end of the turn. */
  flushNow(): void {
    this.#sender.flush();
  }

  /** The socket is gone, whoever closed it. */
  transportClosed(message: string): void {
    this.#close('transport', errorCodes.CANCEL, message);
  }

  /**
   * Begins a request; undefined: not on this connection (`canRequest`).
   * @throws TypeError if these fields may not be sent
   */
  request(fields: readonly FieldLike[], endStream: boolean, state?: State): Stream<State> | undefined {
    if (!this.canRequest) return undefined;
    const records = fields.map(recordOf);
    const head = checkRequest(records, this.peerSettings.enableConnectProtocol);
    if (head.problem !== undefined) throw new TypeError(`The request may not be sent: ${head.problem}.`);
    const stream = this.#streams.begin(this, this.#streams.nextId, this.#autoConsume);
    this.#streams.nextId += 2;
    stream.state = state;
    stream.isHead = head.method === 'HEAD';
    this.#sender.headers(stream, records, endStream);
    return stream;
  }

  /** The callback comes with the peer's answer, or never. */
  ping(onAnswer: () => void): void {
    if (this.isClosed) return;
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(++this.#pingCount);
    this.#pings.set(this.#pingCount, onAnswer);
    this.#sender.output.ping(payload, 0, false);
    this.#sender.mark();
  }

  /**
   * No new streams, and the end when those under way have ended. A server says so twice, the second time when the
   * peer has heard the first, so that no request is lost on the way. Whoever does not wait for that calls `goAway`.
   */
  drain(): void {
    if (this.isClosed || this.#isDraining) return;
    this.#isDraining = true;
    if (!this.#streams.isServer) {
      this.goAway(this.#streams.lastPeerId, errorCodes.NO_ERROR, '');
      return;
    }
    this.#sender.output.goAway(maxWindowBytes, errorCodes.NO_ERROR, '');
    this.ping(() => this.goAway(this.#streams.lastPeerId, errorCodes.NO_ERROR, ''));
  }

  /** The peer's streams above this one are not answered, and the connection ends when none is left. */
  goAway(lastStreamId: number, code: number, debugText: string): void {
    if (this.isClosed) return;
    this.#isDraining = true;
    this.#isLeaving = true;
    this.#streams.lastTaken = Math.min(lastStreamId, this.#streams.lastTaken);
    this.#sender.output.goAway(this.#streams.lastTaken, code, debugText);
    this.#sender.mark();
    this.#closeIfLeaving();
  }

  /** The end at once, with a GOAWAY. Open streams are told as reset. */
  destroy(code: number, debugText: string): void {
    this.#close('destroyed', code, debugText);
  }

  sendHeaders(stream: StreamRecord<State>, fields: readonly FieldLike[], endStream: boolean): void {
    this.#needOpenEnd(stream, 'headers');
    this.#sender.headers(stream, fields, endStream);
  }

  sendData(
    stream: StreamRecord<State>,
    buffers: readonly Buffer[],
    endStream: boolean,
    onTaken: OnTaken<State> | undefined,
  ): void {
    this.#needOpenEnd(stream, 'data');
    this.#sender.data(stream, buffers, endStream, onTaken);
  }

  sendDataCopied(
    stream: StreamRecord<State>,
    source: Buffer,
    start: number,
    end: number,
    onTaken: OnTaken<State> | undefined,
  ): void {
    this.#needOpenEnd(stream, 'data');
    this.#sender.dataCopied(stream, source, start, end, onTaken);
  }

  sendEnd(stream: StreamRecord<State>): void {
    this.#needOpenEnd(stream, 'another end');
    this.#sender.end(stream);
  }

  sendTrailers(stream: StreamRecord<State>, fields: readonly FieldLike[]): void {
    this.#needOpenEnd(stream, 'trailers');
    this.#sender.trailers(stream, fields);
  }

  resetStream(stream: StreamRecord<State>, code: number): void {
    this.#streams.reset(stream, code);
  }

  consumedBy(stream: StreamRecord<State>, bytes: number): void {
    if (!this.isClosed) this.#credit.consumed(stream, bytes);
  }

  onSettings(bytes: Buffer, start: number, end: number): void {
    const before = this.#sender.peer;
    const after = applySettings(before, bytes, start, end, !this.#streams.isServer);
    this.#sender.peer = after;
    this.#sender.limitTable(after.headerTableBytes);
    const more = after.initialWindowBytes - before.initialWindowBytes;
    for (const stream of this.#streams.open.values()) {
      if (this.#sender.widen(stream, more)) continue;
      throw new ConnectionError(errorCodes.FLOW_CONTROL_ERROR, 'SETTINGS make a window larger than 2^31-1 bytes.');
    }
    this.#sender.output.settingsAck();
    this.#sender.mark();
    this.#handlers.settings?.();
  }

  onSettingsAck(): void {
    if (this.#isAcknowledged) return;
    this.#isAcknowledged = true;
    this.#receiver.decoder.allowTable(this.#settings.headerTableBytes);
    this.#credit.changeStreamWindow(this.#settings.initialWindowBytes, this.#streams.open.values());
  }

  onPing(bytes: Buffer, start: number, isAck: boolean): void {
    if (!isAck) {
      this.#sender.output.ping(bytes, start, true);
      this.#sender.mark();
      return;
    }
    const number = bytes.readUInt32BE(start);
    const onAnswer = this.#pings.get(number);
    this.#pings.delete(number);
    onAnswer?.();
  }

  onGoAway(lastStreamId: number, code: number, debugText: string): void {
    this.#isPeerLeaving = true;
    this.#handlers.goAway(lastStreamId, code, debugText);
    if (this.#streams.isServer) return;
    // they were not looked at, and may be sent again elsewhere
    for (const stream of this.#streams.open.values()) {
      if (stream.id > lastStreamId) this.#streams.resetByPeer(stream, errorCodes.REFUSED_STREAM);
    }
    if (this.openStreams === 0) this.#close('drained', code, debugText);
  }

  #needOpenEnd(stream: StreamRecord<State>, what: string): void {
    if (stream.isEndQueued) throw new Error(`Stream ${stream.id} has been ended by us; ${what} cannot follow.`);
  }

  #closeIfLeaving(): void {
    const isLeaving = this.#isLeaving || (this.#isPeerLeaving && !this.#streams.isServer);
    if (isLeaving && this.openStreams === 0) this.#close('drained', errorCodes.NO_ERROR, '');
  }

  #close(by: Closed['by'], code: number, message: string, flood?: Flood): void {
    if (this.isClosed) return;
    this.isClosed = true;
    if (by === 'error' || by === 'destroyed') this.#sender.output.goAway(this.#streams.lastPeerId, code, message);
    this.#sender.close(by !== 'transport');
    this.#streams.cutAll(code, 'connection', message);
    this.#pings.clear();
    this.#handlers.closed({ by, code, message, flood });
  }
}
