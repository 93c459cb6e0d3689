/** A request of an HTTP/2 client, between the stream that it came on and its phases. One object serves many streams. */
import { errorCodes } from '../../proto/http2/errors.ts';
import type { Field } from '../../proto/http2/field.ts';
import type { Stream } from '../../proto/http2/stream.ts';
import { Ranges } from '../codec/h1-chunked.ts';
import type { MessageHead } from '../codec/message-head.ts';
import { limits } from '../limits.ts';
import type { Arrival } from '../model/arrival.ts';
import { Deadline } from '../upstream/deadlines.ts';
import type { ToldClient } from '../upstream/told-client.ts';
import { ActiveRequest } from './active-request.ts';
import { continueFields, replyFields, tunnelFields, upstreamFields } from './answer-fields.ts';
import type { Downstream } from './downstream.ts';
import { type ClientEnd, clientEnds, type Exchange } from './exchange.ts';
import type { HttpListener } from './http-context.ts';
import { http2Replies, type LocalReply } from './local-reply.ts';
import type { RequestTarget } from './request-target.ts';
import { passingTrailers } from './underscores.ts';
import { connectAsk, type UpgradeAsk } from './upgrade.ts';

/** The connection as its streams see it. */
export interface H2Client {
  readonly address: string;
  readonly ip: string;
  readonly localAddress: string;
  readonly arrival: Arrival | null;
  readonly told: ToldClient;
  readonly clientCert: string;
  /** Bytes of all its answers that wait. */
  readonly queuedBytes: number;
  /** One of its streams is over, and its request is. */
  onStreamOver(): void;
}

const ranges = new Ranges();

const onTaken = (stream: Stream<H2Stream>): void => stream.state?.onTaken();

export class H2Stream implements Downstream {
  readonly protocol = 'HTTP/2';
  readonly request: ActiveRequest;
  readonly #listener: HttpListener;
  readonly #pool: H2StreamPool;
  #client: H2Client | null = null;
  #stream: Stream<H2Stream> | null = null;
  #expectsContinue = false;
  /** The request is answered or given up, so that what still comes of it is thrown away. */
  #finished = true;
  /** Bytes of the request that the client has not been given room for again. */
  #owed = 0;
  #requestPaused = false;
  #responsePaused = false;
  #tunnel = false;
  /** Until the client takes more of an answer that is all here. */
  #flushDeadline: Deadline | null = null;

  constructor(listener: HttpListener, pool: H2StreamPool) {
    this.#listener = listener;
    this.#pool = pool;
    this.request = new ActiveRequest(listener, this);
  }

  get address(): string {
    return this.#client!.address;
  }

  get ip(): string {
    return this.#client!.ip;
  }

  get localAddress(): string {
    return this.#client!.localAddress;
  }

  get arrival(): Arrival | null {
    return this.#client!.arrival;
  }

  get told(): ToldClient {
    return this.#client!.told;
  }

  get clientCert(): string {
    return this.#client!.clientCert;
  }

  get requestComplete(): boolean {
    return this.#stream!.isEndReceived;
  }

  // ---- what the codec tells ----

  begin(client: H2Client, stream: Stream<H2Stream>, expectsContinue: boolean): void {
    stream.state = this;
    this.#client = client;
    this.#stream = stream;
    this.#expectsContinue = expectsContinue;
    this.#finished = false;
    this.#owed = 0;
    this.#requestPaused = false;
    this.#responsePaused = false;
    this.#tunnel = false;
  }

  /** A request that has no stream any more. */
  refuse(client: H2Client, target: RequestTarget): void {
    this.#client = client;
    this.request.onMalformed(target);
    this.#client = null;
    this.#pool.give(this);
  }

  onData(chunk: Buffer, endStream: boolean): void {
    this.#owed += chunk.length;
    if (this.#finished) {
      this.#consume();
      return;
    }
    if (chunk.length > 0) {
      ranges.clear();
      ranges.add(0, chunk.length);
      this.request.onBody(chunk, ranges);
    }
    if (endStream) this.request.onEnd(null);
  }

  onTrailers(fields: readonly Field[]): void {
    if (this.#finished) return;
    let bytes = 0;
    for (let i = 0; i < fields.length; i++) bytes += fields[i]!.name.length + fields[i]!.value.length;
    if (fields.length > limits.trailers || bytes > limits.trailerBytes)
      this.request.giveUp(http2Replies.headersTooLarge);
    else {
      const { context, shared } = this.#listener;
      const passing = passingTrailers(fields, context.chain.paths, shared.http2Stats);
      if (passing === null) this.request.giveUp(http2Replies.underscore);
      else this.request.onEnd(passing);
    }
  }

  /** Sends what has come of the request; the client gets room for more of it if that has found room. */
  flushRequest(): void {
    if (this.#stream === null) return;
    if (!this.#finished) this.request.flushRequest();
    if (!this.#requestPaused) this.#consume();
  }

  onTaken(): void {
    const stream = this.#stream!;
    if (this.#finished) {
      if (stream.isEndSent) this.#refuseRest(stream);
      else this.#armFlush();
    } else if (this.#responsePaused && stream.queuedBytes * 2 < limits.streamBufferBytes) {
      this.#responsePaused = false;
      this.request.resumeResponse();
    }
  }

  /** Both sides have ended. */
  onEnded(): void {
    if (this.#finished) this.#release();
  }

  /** The stream is no more. */
  onReset(end: ClientEnd): void {
    this.#finished = true;
    this.request.onGone(end);
    this.#release();
  }

  // ---- the request ----

  continueRequest(): void {
    if (this.#expectsContinue) this.#stream!.headers(continueFields, false);
  }

  pauseRequest(): void {
    this.#requestPaused = true;
  }

  resumeRequest(): void {
    this.#requestPaused = false;
    this.#consume();
  }

  #consume(): void {
    if (this.#owed > 0) this.#stream!.consumed(this.#owed);
    this.#owed = 0;
  }

  // ---- the answer ----

  writeHead(head: MessageHead, exchange: Exchange, hasBody: boolean): void {
    this.#stream!.headers(upstreamFields(this.#listener, head, exchange), !hasBody);
  }

  /** The stream is the request's alone as it is. */
  expectTunnel(): void {}

  /** There is no 101 here (RFC 8441 section 4). */
  openTunnel(head: MessageHead, { responseChanges }: Exchange, ask: UpgradeAsk): number {
    const status = ask === connectAsk ? head.status : 200;
    this.#tunnel = true;
    this.#stream!.headers(tunnelFields(this.#listener, head, status, responseChanges, ask.key !== ''), false);
    return status;
  }

  writeData(b: Buffer, data: Ranges): void {
    for (let i = 0; i < data.count; i++) this.#stream!.dataCopied(b, data.starts[i]!, data.ends[i]!, onTaken);
  }

  writeEnd(trailers: readonly Field[] | null): void {
    const stream = this.#stream!;
    if (stream.isEndSent) return;
    if (trailers === null) stream.end();
    else stream.trailers(trailers);
  }

  /** The codec writes at the end of the turn. */
  flush(): boolean {
    const { queuedBytes } = this.#stream!;
    if (queuedBytes === 0) return true;
    const isFull = queuedBytes >= limits.streamBufferBytes || this.#client!.queuedBytes >= limits.connectionBufferBytes;
    this.#responsePaused = isFull;
    return !isFull;
  }

  writeReply(reply: LocalReply, headOnly: boolean): void {
    const { shared, context } = this.#listener;
    const stream = this.#stream!;
    const fields = replyFields(reply, context.chain.serverName, shared.wallClock());
    const hasBody = !headOnly && reply.body !== '';
    stream.headers(fields, !hasBody);
    if (hasBody) stream.data(Buffer.from(reply.body, 'latin1'), true, onTaken);
  }

  cut(): void {
    const stream = this.#stream;
    if (stream === null) return;
    this.#reset(stream, this.#tunnel ? errorCodes.CONNECT_ERROR : errorCodes.INTERNAL_ERROR);
    this.onReset(clientEnds.disconnect);
  }

  onFinished(): void {
    this.#finished = true;
    const stream = this.#stream!;
    if (stream.isOver) this.#release();
    else if (stream.isEndSent) this.#refuseRest(stream);
    else this.#armFlush();
  }

  /** The answer came before the request's end (RFC 9113 section 8.1). */
  #refuseRest(stream: Stream<H2Stream>): void {
    this.#reset(stream, errorCodes.NO_ERROR);
    this.#release();
  }

  #reset(stream: Stream<H2Stream>, code: number): void {
    if (stream.isOver) return;
    this.#listener.shared.http2Stats.txReset.value++;
    stream.reset(code);
  }

  #armFlush(): void {
    const { streamIdleTimeoutMs } = this.#listener.context.chain.limits;
    if (streamIdleTimeoutMs === 0) return;
    this.#flushDeadline ??= new Deadline(() => {
      this.#listener.shared.http2Stats.txFlushTimeout.value++;
      this.cut();
    });
    this.#listener.shared.deadlines.queue(streamIdleTimeoutMs).arm(this.#flushDeadline);
  }

  #release(): void {
    const client = this.#client!;
    this.#stream!.state = undefined;
    this.#stream = null;
    this.#client = null;
    this.#flushDeadline?.disarm();
    this.#pool.give(this);
    client.onStreamOver();
  }
}

/** Of one listener. */
export class H2StreamPool {
  readonly #listener: HttpListener;
  readonly #spare: H2Stream[] = [];

  constructor(listener: HttpListener) {
    this.#listener = listener;
  }

  take(): H2Stream {
    return this.#spare.pop() ?? new H2Stream(this.#listener, this);
  }

  give(stream: H2Stream): void {
    if (this.#spare.length < limits.spareStreams) this.#spare.push(stream);
  }
}
