/**
 * One request from its head to its log line, whichever version of HTTP either side speaks. Its phases, in their order:
 * decode (the client's codec), route, pick, connect, send, receive, finish.
 */
import { type Field, fieldValue } from '../../proto/http2/field.ts';
import type { Ranges } from '../codec/h1-chunked.ts';
import type { MessageHead } from '../codec/message-head.ts';
import type { Downstream } from './downstream.ts';
import { type ClientEnd, clientEnds, Exchange } from './exchange.ts';
import { Forwarding } from './forwarding.ts';
import { grpcReply, isGrpcRequest, readGrpcStatus, roundedMs, streamMs } from './grpc.ts';
import type { HttpListener } from './http-context.ts';
import { type LocalReply, localReplies } from './local-reply.ts';
import { RequestDeadlines } from './request-deadlines.ts';
import type { RequestTarget } from './request-target.ts';
import type { TryEnd } from './retry-rules.ts';
import { routeRequest } from './route-request.ts';
import { Tries, type TriesOwner } from './tries.ts';

/** Refilled for each request that is sent. */
const forwarding = new Forwarding();

/** Used again for the next request where the client's codec has one at a time. */
export class ActiveRequest implements TriesOwner {
  answerHasNoBody = false;
  readonly #listener: HttpListener;
  readonly #downstream: Downstream;
  readonly #exchange: Exchange;
  readonly #deadlines: RequestDeadlines;
  readonly #tries: Tries;
  /** The head of the answer was written. */
  #responding = false;

  constructor(listener: HttpListener, downstream: Downstream) {
    this.#listener = listener;
    this.#downstream = downstream;
    this.#exchange = new Exchange(listener, downstream);
    this.#deadlines = new RequestDeadlines(
      listener.shared.deadlines,
      () => this.#onWholeDeadline(),
      () => this.#onIdleDeadline(),
      () => this.#onStreamDeadline(),
    );
    this.#tries = new Tries(listener.shared, this.#exchange, this.#deadlines, this);
  }

  get running(): boolean {
    return this.#exchange.running;
  }

  // ---- what the client's codec tells ----

  /** @param refused what is wrong with it, as `target` has found */
  onHead(target: RequestTarget, head: MessageHead, refused: LocalReply | null, bodyFollows: boolean): void {
    this.#exchange.begin(target);
    this.#exchange.isGrpc = isGrpcRequest(target.method, head);
    this.answerHasNoBody = target.method === 'HEAD';
    if (refused !== null) this.#refuse(refused);
    else if (target.redirect) {
      const headers = [['location', target.location(this.#listener.scheme)]] as const;
      this.#answer({ ...localReplies.pathRedirect, headers });
    } else this.#forward(target, head, bodyFollows);
  }

  /** There is no request to speak of: answered and logged all the same. */
  onNoHead(target: RequestTarget, reply: LocalReply): void {
    target.clear();
    this.#exchange.begin(target);
    this.answerHasNoBody = false;
    this.#answer(reply);
  }

  /** One that its codec has refused: counted and logged, and over. */
  onMalformed(target: RequestTarget): void {
    this.#exchange.begin(target);
    this.onGone(clientEnds.malformed);
  }

  onBody(b: Buffer, data: Ranges): void {
    this.#exchange.bytesReceived += data.bytes;
    const { upstream } = this.#tries;
    if (upstream === null) return;
    upstream.sendData(b, data);
    this.#touch();
  }

  /** The end of a body. @param trailers null: none */
  onEnd(trailers: readonly Field[] | null): void {
    const { upstream } = this.#tries;
    if (upstream === null) return;
    upstream.sendEnd(trailers);
    this.#onRequestEnd();
  }

  /** Sends what was told; a slow upstream stops the client. */
  flushRequest(): void {
    const { upstream } = this.#tries;
    if (upstream !== null && !upstream.flush() && !this.#downstream.requestComplete) this.#downstream.pauseRequest();
  }

  /** The client takes more of the answer again. */
  resumeResponse(): void {
    this.#tries.upstream?.resumeReading();
  }

  /** The client is gone, or was cut. Nothing if the request is over. */
  onGone(end: ClientEnd): void {
    this.#exchange.onClientGone(end);
    this.#tries.end();
    this.#deadlines.end();
    this.#exchange.finish();
    this.#responding = false;
  }

  // ---- route, pick, connect, send ----

  #refuse(reply: LocalReply): void {
    const { stats } = this.#listener;
    if (reply === localReplies.badPath) stats.rqFailedPathNormalization.value++;
    else if (reply === localReplies.badTarget) stats.rqNonRelativePath.value++;
    this.#answer(reply);
  }

  #forward(target: RequestTarget, head: MessageHead, bodyFollows: boolean): void {
    const { chain } = this.#listener.context;
    const answer = routeRequest(target, this.#listener, this.#exchange);
    if (answer !== null) {
      this.#answer(answer);
      return;
    }
    const { maxStream } = this.#exchange.route!.config;
    if (maxStream !== null && !this.#armStream(streamMs(maxStream, head, this.#exchange.isGrpc, target))) return;
    const upstream = this.#tries.begin(head);
    forwarding.fill(target, this.#listener, this.#exchange.requestId, this.#tries.expectedMs);
    upstream.sendHead(head, target, forwarding, chain.useRemoteAddress, bodyFollows);
    if (!bodyFollows) {
      this.#onRequestEnd();
      return;
    }
    this.#downstream.continueRequest();
    // what a gRPC client sends is a stream that may go on for as long as something moves
    if (!this.#exchange.isGrpc) this.#deadlines.arm(this.#deadlines.whole, chain.limits.requestTimeoutMs);
    this.#touch();
  }

  /** False: its time is over, which is answered. */
  #armStream(ms: number): boolean {
    if (ms > 0) this.#deadlines.armStream(roundedMs(ms));
    else if (ms === 0) this.#onStreamDeadline();
    return ms !== 0;
  }

  /** From here on the route's timeout runs. */
  #onRequestEnd(): void {
    this.#deadlines.arm(this.#deadlines.whole, this.#exchange.route!.config.timeoutMs);
    this.#tries.onRequestEnd();
    this.#touch();
  }

  // ---- receive ----

  get requestComplete(): boolean {
    return this.#downstream.requestComplete;
  }

  onUpstreamDrain(): void {
    this.#downstream.resumeRequest();
  }

  onResponseHead(head: MessageHead, hasBody: boolean): boolean {
    if (this.#tries.takesAnswer(head)) return false;
    const exchange = this.#exchange;
    if (exchange.isGrpc) exchange.grpcStatus = readGrpcStatus(head.first('grpc-status'));
    exchange.status = head.status;
    exchange.details = 'via_upstream';
    exchange.answeredMs = this.#listener.shared.now();
    this.#responding = true;
    this.#downstream.writeHead(head, exchange, hasBody);
    return true;
  }

  onResponseData(b: Buffer, data: Ranges): void {
    this.#exchange.bytesSent += data.bytes;
    this.#downstream.writeData(b, data);
  }

  flushResponse(): boolean {
    this.#touch();
    return this.#downstream.flush();
  }

  onResponseEnd(trailers: readonly Field[] | null): void {
    this.#tries.upstream = null;
    const exchange = this.#exchange;
    if (exchange.isGrpc && trailers !== null) {
      exchange.grpcStatus = readGrpcStatus(fieldValue(trailers, 'grpc-status') ?? '');
    }
    this.#downstream.writeEnd(trailers);
    this.#downstream.flush();
    this.#finish();
  }

  onUpstreamFailure(reply: LocalReply, end: TryEnd): void {
    if (!this.#tries.takesEnd(end)) this.giveUp(reply);
  }

  // ---- finish ----

  #answer(said: LocalReply): void {
    const exchange = this.#exchange;
    const reply = exchange.isGrpc ? grpcReply(said) : said;
    if (reply.grpcStatus !== undefined && exchange.isGrpc) exchange.grpcStatus = reply.grpcStatus;
    exchange.status = reply.status;
    exchange.flags = reply.flag;
    exchange.details = reply.details;
    if (!this.answerHasNoBody) exchange.bytesSent += reply.body.length;
    this.#downstream.writeReply(reply, this.answerHasNoBody);
    this.#finish();
  }

  /** The request can't be served any more: an answer if none has begun, else a visible cut. */
  giveUp(reply: LocalReply): void {
    const exchange = this.#exchange;
    this.#tries.abort();
    if (!exchange.running) return;
    if (!this.#responding) {
      this.#answer(reply);
      return;
    }
    exchange.flags = reply.flag;
    exchange.details = reply.details;
    this.#listener.stats.rqTxReset.value++;
    this.#downstream.cut();
  }

  destroy(): void {
    this.#downstream.cut();
  }

  #finish(): void {
    this.#deadlines.end();
    this.#tries.end();
    this.#exchange.finish();
    this.#responding = false;
    this.#downstream.onFinished();
  }

  // ---- time ----

  /** Something moved: the stream's idle time starts anew, where no earlier deadline makes it pointless. */
  #touch(): void {
    const { timeoutMs, streamIdleTimeoutMs } = this.#exchange.route!.config;
    const idleMs = streamIdleTimeoutMs ?? this.#exchange.context.chain.limits.streamIdleTimeoutMs;
    if (timeoutMs > 0 && timeoutMs <= idleMs && this.#downstream.requestComplete) return;
    this.#deadlines.arm(this.#deadlines.idle, idleMs);
  }

  #onWholeDeadline(): void {
    if (!this.#downstream.requestComplete) {
      this.#listener.stats.rqTimeout.value++;
      this.giveUp(localReplies.requestTimeout);
      return;
    }
    this.#exchange.cluster!.stats.rqTimeout.value++;
    this.giveUp(localReplies.upstreamTimeout);
  }

  #onStreamDeadline(): void {
    this.#listener.stats.rqMaxDurationReached.value++;
    this.giveUp(localReplies.maxStreamDuration);
  }

  #onIdleDeadline(): void {
    this.#listener.stats.rqIdleTimeout.value++;
    this.giveUp(this.#downstream.requestComplete ? localReplies.answerIdleTimeout : localReplies.streamIdleTimeout);
  }
}
