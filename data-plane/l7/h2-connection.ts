/** One HTTP/2 connection from a client: bytes to the codec, what it tells to the streams' requests, frames back. */
import type net from 'node:net';
import { Connection } from '../../proto/http2/connection.ts';
import { errorCodes } from '../../proto/http2/errors.ts';
import type { Field } from '../../proto/http2/field.ts';
import type { WriteResult, Writer } from '../../proto/http2/output.ts';
import type { Closed, Handlers, ResetCause, Stream } from '../../proto/http2/stream.ts';
import { FieldsHead } from '../codec/fields-head.ts';
import { limits } from '../limits.ts';
import { type Arrival, directArrival } from '../model/arrival.ts';
import { Deadline } from '../upstream/deadlines.ts';
import { ToldClient } from '../upstream/told-client.ts';
import { ipOf, localAddressOf, remoteOf } from './client-identity.ts';
import { type ClientEnd, clientEnds } from './exchange.ts';
import type { H2Client, H2Stream, H2StreamPool } from './h2-stream.ts';
import type { HttpListener } from './http-context.ts';
import { http2Replies } from './local-reply.ts';
import { RequestTarget } from './request-target.ts';
import { settleUnderscores } from './underscores.ts';

/** Refilled for each head. */
const head = new FieldsHead();
const target = new RequestTarget();

export class H2Connection implements Handlers<H2Stream>, Writer, H2Client {
  readonly address: string;
  readonly ip: string;
  readonly arrival: Arrival | null;
  readonly clientCert: string;
  readonly openedMs: number;
  readonly #socket: net.Socket;
  readonly #listener: HttpListener;
  readonly #pool: H2StreamPool;
  readonly #onClosed: () => void;
  readonly #codec: Connection<H2Stream>;
  /** Whose request stands in the shared output buffer; null: nobody's. */
  #filling: H2Stream | null = null;
  #told: ToldClient | null = null;
  /** Streams whose requests have not been told as over. */
  #active = 0;
  /** Without a stream, or closing. */
  readonly #deadline: Deadline;
  readonly #settingsDeadline: Deadline;
  /** A head that has begun, and is not here to its end. */
  readonly #headDeadline: Deadline;
  #inHead = false;
  /** `late`: with the first stream, so that a connection to a node that drains is good for something. */
  #goodbye: 'none' | 'late' | 'said';
  /** What the end of the connection is to the requests that it ends. */
  #end: ClientEnd = clientEnds.connectionError;

  /** @param clientCert as {@link H2Client} has it, and `arrival` */
  constructor(
    socket: net.Socket,
    listener: HttpListener,
    pool: H2StreamPool,
    clientCert: string,
    onClosed: () => void,
    arrival: Arrival | null = null,
  ) {
    this.#socket = socket;
    this.#listener = listener;
    this.#pool = pool;
    this.#onClosed = onClosed;
    this.clientCert = clientCert;
    this.arrival = arrival;
    this.ip = ipOf(socket, arrival);
    this.address = remoteOf(this.ip, socket, arrival);
    this.openedMs = listener.shared.now();
    const { http2, limits: bounds } = listener.context.chain;
    this.#codec = new Connection<H2Stream>({
      role: 'server',
      writer: this,
      handlers: this,
      settings: {
        maxConcurrentStreams: http2.maxConcurrentStreams,
        initialWindowBytes: http2.streamWindowBytes,
        maxHeaderListBytes: bounds.headerBytes,
        enableConnectProtocol: http2.extendedConnect,
      },
      connectionWindowBytes: http2.connectionWindowBytes,
      // the listener's own limit is told by an answer
      maxHeaders: Number.POSITIVE_INFINITY,
      autoConsume: false,
      now: listener.shared.now,
    });
    this.#deadline = new Deadline(() => this.#onDeadline());
    this.#settingsDeadline = new Deadline(() => this.#onSettingsDeadline());
    this.#headDeadline = new Deadline(() => this.#onHeadDeadline());
    listener.shared.deadlines.queue(limits.settingsTimeoutMs).arm(this.#settingsDeadline);
    socket.on('error', () => {});
    socket.on('end', () => this.#onClientEnd());
    socket.on('close', () => this.#onClose());
    socket.on('drain', () => this.#codec.drained());
    this.#arm(listener.context.chain.limits.idleTimeoutMs);
    this.#goodbye = listener.draining ? 'late' : 'none';
  }

  get told(): ToldClient {
    return (this.#told ??= new ToldClient(this.arrival ?? directArrival(this.#socket)));
  }

  get localAddress(): string {
    return localAddressOf(this.#socket, this.arrival);
  }

  get queuedBytes(): number {
    return this.#codec.queuedBytes;
  }

  /** Every byte that the client sends; `b` is valid during the call only. */
  onBytes(b: Buffer, bytes: number): void {
    this.#listener.stats.cxRxBytesTotal.value += bytes;
    this.#listener.shared.turns.countRead();
    this.#codec.receive(bytes === b.length ? b : b.subarray(0, bytes));
    this.#flushFilling();
    if (this.#codec.isInHeaders !== this.#inHead) this.#watchHead();
  }

  announce(): void {
    if (this.#goodbye === 'none') this.drain();
  }

  /** A goodbye; the streams under way finish. */
  drain(): void {
    if (this.#codec.isClosed || this.#goodbye === 'said') return;
    this.#goodbye = 'said';
    this.#listener.stats.cxDrainClose.value++;
    this.#listener.shared.http2Stats.goawaySent.value++;
    this.#codec.drain();
  }

  /** Told by a goodbye that names the last stream. */
  destroy(): void {
    if (this.#codec.isClosed) {
      this.#socket.destroy();
      return;
    }
    this.#end = clientEnds.cut;
    this.#codec.destroy(errorCodes.NO_ERROR, '');
    this.#socket.destroySoon();
  }

  // ---- what the codec tells ----

  headers(stream: Stream<H2Stream>, fields: readonly Field[], endStream: boolean): void {
    const { context, shared } = this.#listener;
    const { chain, requestLimits } = context;
    if (this.#inHead) {
      // the time for a head begins anew with each
      this.#inHead = false;
      this.#headDeadline.disarm();
    }
    const one = this.#next();
    head.fill(fields);
    one.begin(this, stream, head.hasExpect);
    if (head.count > chain.limits.headers) {
      shared.http2Stats.headerOverflow.value++;
      one.request.onNoHead(target, http2Replies.headersTooLarge);
      return;
    }
    const refused = target.readFields(head, requestLimits.requestLineBytes, chain.paths);
    if (head.underscore) settleUnderscores(head, refused, chain.paths, shared.http2Stats);
    this.#filling = one;
    one.request.onHead(target, head, refused, !endStream);
  }

  tooLarge(stream: Stream<H2Stream>): void {
    this.#listener.shared.http2Stats.headerOverflow.value++;
    const one = this.#next();
    one.begin(this, stream, false);
    one.request.onNoHead(target, http2Replies.headersTooLarge);
  }

  malformed(fields: readonly Field[]): void {
    const { http2Stats } = this.#listener.shared;
    http2Stats.rxMessagingError.value++;
    http2Stats.txReset.value++;
    head.fill(fields);
    target.readMalformed(head);
    this.#pool.take().refuse(this, target);
  }

  data(stream: Stream<H2Stream>, chunk: Buffer, endStream: boolean): void {
    const one = stream.state!;
    this.#fill(one);
    one.onData(chunk, endStream);
  }

  trailers(stream: Stream<H2Stream>, fields: readonly Field[]): void {
    this.#listener.shared.http2Stats.trailers.value++;
    const one = stream.state!;
    this.#fill(one);
    one.onTrailers(fields);
  }

  ended(stream: Stream<H2Stream>): void {
    stream.state!.onEnded();
  }

  reset(stream: Stream<H2Stream>, _code: number, cause: ResetCause): void {
    const one = stream.state!;
    // what stands in the output buffer of its own request is thrown away with it
    if (this.#filling === one) this.#filling = null;
    else this.#flushFilling();
    const { http2Stats } = this.#listener.shared;
    if (cause === 'connection') one.onReset(this.#end);
    else if (cause === 'peer') {
      http2Stats.rxReset.value++;
      one.onReset(clientEnds.reset);
    } else {
      http2Stats.rxMessagingError.value++;
      http2Stats.txReset.value++;
      one.onReset(clientEnds.malformed);
    }
  }

  goAway(): void {}

  closed({ by, flood }: Closed): void {
    const { stats, shared } = this.#listener;
    if (by === 'error' || by === 'destroyed') shared.http2Stats.goawaySent.value++;
    if (by === 'error') stats.cxProtocolError.value++;
    if (flood === 'resets') stats.rqTooManyPrematureResets.value++;
    else if (flood !== undefined) shared.http2Stats.flood[flood].value++;
  }

  onStreamOver(): void {
    this.#active--;
    this.#listener.shared.http2Stats.streamsActive.value--;
    if (this.#codec.openStreams === 0 && !this.#codec.isClosed)
      this.#arm(this.#listener.context.chain.limits.idleTimeoutMs);
  }

  #next(): H2Stream {
    this.#flushFilling();
    if (this.#goodbye === 'late') this.#onFirstStream();
    this.#active++;
    this.#listener.shared.http2Stats.streamsActive.value++;
    this.#deadline.disarm();
    return this.#pool.take();
  }

  /** In a drain that may have been taken back. */
  #onFirstStream(): void {
    this.#goodbye = 'none';
    if (this.#listener.draining) this.drain();
  }

  /** From here on what is written to the shared output buffer is this request's. */
  #fill(one: H2Stream): void {
    if (this.#filling === one) return;
    this.#flushFilling();
    this.#filling = one;
  }

  #flushFilling(): void {
    const one = this.#filling;
    if (one === null) return;
    this.#filling = null;
    one.flushRequest();
  }

  // ---- what the codec writes ----

  write(buffers: readonly Buffer[]): WriteResult {
    const socket = this.#socket;
    let bytes = 0;
    if (buffers.length > 1) socket.cork();
    for (let i = 0; i < buffers.length; i++) {
      bytes += buffers[i]!.length;
      socket.write(buffers[i]!);
    }
    if (buffers.length > 1) socket.uncork();
    this.#listener.stats.cxTxBytesTotal.value += bytes;
    if (socket.writableNeedDrain) return 'full';
    return socket.writableLength > 0 ? 'held' : 'written';
  }

  /** What still comes is thrown away for a moment, so that the goodbye is not lost to a reset. */
  close(): void {
    this.#settingsDeadline.disarm();
    this.#headDeadline.disarm();
    this.#socket.end();
    this.#arm(limits.delayedCloseMs);
  }

  // ---- time, and the end ----

  #arm(timeoutMs: number): void {
    if (timeoutMs > 0) this.#listener.shared.deadlines.queue(timeoutMs).arm(this.#deadline);
    else this.#deadline.disarm();
  }

  #onDeadline(): void {
    if (this.#codec.isClosed) {
      this.#socket.destroy();
      return;
    }
    this.#listener.stats.cxIdleTimeout.value++;
    this.#codec.destroy(errorCodes.NO_ERROR, '');
  }

  #watchHead(): void {
    const { headersTimeoutMs } = this.#listener.context.chain.limits;
    this.#inHead = this.#codec.isInHeaders;
    if (this.#inHead && headersTimeoutMs > 0) {
      this.#listener.shared.deadlines.queue(headersTimeoutMs).arm(this.#headDeadline);
    } else this.#headDeadline.disarm();
  }

  /** Nothing else can come before the head's end, so that all the connection stands still. */
  #onHeadDeadline(): void {
    this.#listener.stats.rqHeaderTimeout.value++;
    this.#codec.destroy(errorCodes.ENHANCE_YOUR_CALM, 'The headers did not come in time.');
  }

  #onSettingsDeadline(): void {
    if (!this.#codec.isAcknowledged)
      this.#codec.destroy(errorCodes.SETTINGS_TIMEOUT, 'SETTINGS were not acknowledged.');
  }

  #onClientEnd(): void {
    this.#listener.stats.cxDestroyRemote.value++;
    this.#socket.destroy();
  }

  #onClose(): void {
    const { stats, shared } = this.#listener;
    if (this.#codec.openStreams > 0) stats.cxDestroyActiveRq.value++;
    this.#end = clientEnds.disconnect;
    this.#codec.transportClosed('The socket has been closed.');
    this.#told?.leave();
    this.#deadline.disarm();
    // a bug may have lost one
    shared.http2Stats.streamsActive.value -= this.#active;
    stats.cxLengthMs.record(shared.now() - this.openedMs);
    this.#onClosed();
  }
}
