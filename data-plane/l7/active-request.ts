/**
 * One request from its head to its log line, whichever version of HTTP either side speaks. Its phases, in their order:
 * decode (the client's codec), route, filters in, pick, connect, send, receive, filters out, finish.
 */
import type { Field } from '../../proto/http2/field.ts';
import type { Ranges } from '../codec/h1-chunked.ts';
import type { MessageHead } from '../codec/message-head.ts';
import type { AnswerWriter, Downstream } from './downstream.ts';
import { type ClientEnd, clientEnds, Exchange } from './exchange.ts';
import { type FilteredRequest, type Filtering, filteringOf } from './filtering.ts';
import { Forwarding } from './forwarding.ts';
import { grpcReply, isGrpcRequest, streamMs } from './grpc.ts';
import { type GrpcWeb, grpcWebOf } from './grpc-web.ts';
import type { HttpListener } from './http-context.ts';
import { type LocalReply, localReplies, replyWith, retriedReply } from './local-reply.ts';
import { type DeadlinesOwner, RequestDeadlines } from './request-deadlines.ts';
import type { RequestTarget } from './request-target.ts';
import type { TryEnd } from './retry-rules.ts';
import { counted, findRoute, pickEndpoint } from './route-request.ts';
import { Tries, type TriesOwner } from './tries.ts';
import { Tunnel } from './tunnel.ts';
import { type UpgradeAsk, withKey } from './upgrade.ts';

/** Refilled for each request that is sent. */
const forwarding = new Forwarding();

/** Used again for the next request where the client's codec has one at a time. */
export class ActiveRequest implements TriesOwner, FilteredRequest, DeadlinesOwner {
  answerHasNoBody = false;
  readonly #listener: HttpListener;
  readonly #downstream: Downstream;
  readonly #exchange: Exchange;
  readonly #deadlines: RequestDeadlines;
  readonly #tries: Tries;
  /** Null: no filter has anything to do with this request. */
  #filtering: Filtering | null = null;
  /** The head of the answer was written. */
  #responding = false;
  #tunnel: Tunnel | null = null;
  /** Null: the client speaks as the endpoint does. */
  #web: GrpcWeb | null = null;
  /** What the answer goes through on its way to the client: the request's translation, or nothing. */
  #answerTo: AnswerWriter;

  constructor(listener: HttpListener, downstream: Downstream) {
    this.#listener = listener;
    this.#downstream = downstream;
    this.#answerTo = downstream;
    this.#exchange = new Exchange(listener, downstream);
    this.#deadlines = new RequestDeadlines(listener.shared.deadlines, this);
    this.#tries = new Tries(listener.shared, this.#exchange, this.#deadlines, this);
  }

  get running(): boolean {
    return this.#exchange.running;
  }

  // ---- what the client's codec tells ----

  /** @param refused what is wrong with it, as `target` has found */
  onHead(target: RequestTarget, head: MessageHead, refused: LocalReply | null, bodyFollows: boolean): void {
    target.client.read(head, this.#listener, this.#downstream);
    this.#exchange.begin(target);
    this.#exchange.isGrpc = isGrpcRequest(target.method, head);
    this.answerHasNoBody = target.method === 'HEAD';
    if (refused !== null) this.#answer(counted(refused, this.#listener.stats));
    else this.#forward(target, head, bodyFollows);
  }

  /** There is no request to speak of: answered and logged all the same. */
  onNoHead(target: RequestTarget, reply: LocalReply): void {
    target.clear();
    target.client.read(null, this.#listener, this.#downstream);
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
    if (this.#tunnel !== null && !this.#tunnel.open) {
      // an answer that opens no tunnel would leave these bytes to be read as something else
      this.#tunnel.hold(b, data);
      this.#downstream.pauseRequest();
    } else if (this.#web === null) this.#passBody(b, data);
    else if (this.#web.readBody(b, data)) this.#passBody(this.#web.bytes, this.#web.ranges);
    else this.giveUp(localReplies.badBase64);
  }

  #passBody(b: Buffer, data: Ranges): void {
    if (this.#filtering?.takesBody(b, data) !== true) this.sendBody(b, data);
  }

  /** The end of a body, or of what the client sends through a tunnel. @param trailers null: none */
  onEnd(trailers: readonly Field[] | null): void {
    const tunnel = this.#tunnel;
    if (tunnel !== null && !tunnel.open) tunnel.endedEarly = true;
    else if (this.#web?.isInMiddle) this.giveUp(localReplies.badBase64);
    else if (this.#filtering?.takesEnd(trailers) !== true) this.sendEnd(trailers);
    // how long it is held back now is a matter of its idle time
    else this.#deadlines.whole.disarm();
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
    this.#end();
  }

  // ---- route, filters in, pick, connect, send ----

  #forward(target: RequestTarget, head: MessageHead, bodyFollows: boolean): void {
    const refused = findRoute(target, this.#listener, this.#exchange);
    if (target.upgrade !== null) this.#downstream.expectTunnel();
    this.#web = grpcWebOf(target, head, this.#exchange, this.#downstream);
    this.#answerTo = this.#web ?? this.#downstream;
    if (refused !== null) {
      this.#answer(refused);
      return;
    }
    if (target.upgrade !== null) {
      target.upgrade = withKey(target.upgrade, this.#listener.shared.newRequestId);
      this.#tunnel = new Tunnel(target.upgrade, this.#downstream.requestComplete);
    }
    const follows = bodyFollows && this.#tunnel === null;
    if (this.#exchange.context.filters.length > 0) {
      this.#filtering = filteringOf(target, this.#exchange, this.#listener.shared, this.#downstream, this);
      if (this.#filtering !== null) {
        this.#filtering.start(target, head, follows);
        return;
      }
    }
    this.send(target, head, follows);
  }

  send(target: RequestTarget, head: MessageHead, bodyFollows: boolean): void {
    const answer = pickEndpoint(target, this.#listener, this.#exchange);
    if (answer !== null) {
      this.#answer(answer);
      return;
    }
    const { isGrpc, route } = this.#exchange;
    if (!this.#deadlines.armStream(streamMs(route!.config.maxStream, head, isGrpc, target))) return;
    const upstream = this.#tries.begin(head);
    forwarding.fill(target, this.#tries.expectedMs);
    upstream.sendHead(head, target, forwarding, bodyFollows);
    if (!bodyFollows) {
      this.#onRequestEnd();
      return;
    }
    this.#downstream.continueRequest();
    // what a gRPC client sends is a stream that may go on for as long as something moves
    if (!isGrpc || this.#web !== null) this.#deadlines.arm(this.#deadlines.whole, this.#exchange.requestTimeoutMs);
    this.#touch();
  }

  sendBody(b: Buffer, data: Ranges): void {
    if (this.#tries.upstream === null) return;
    this.#tries.upstream.sendData(b, data);
    this.#touch();
  }

  sendEnd(trailers: readonly Field[] | null): void {
    const { upstream } = this.#tries;
    if (upstream === null) return;
    upstream.sendEnd(trailers);
    if (this.#tunnel === null) this.#onRequestEnd();
    else if (this.#tunnel.responseEnded) this.#onBothEnded();
    else this.#touch();
  }

  onHeld(bodyFollows: boolean): void {
    if (bodyFollows) this.#deadlines.arm(this.#deadlines.whole, this.#exchange.requestTimeoutMs);
    this.#deadlines.arm(this.#deadlines.idle, this.#exchange.idleMs);
  }

  /** From here on the route's timeout runs. */
  #onRequestEnd(): void {
    this.#deadlines.arm(this.#deadlines.whole, this.#exchange.route!.config.timeoutMs);
    this.#tries.onRequestEnd();
    this.#touch();
  }

  // ---- receive ----

  /** Of a request for a tunnel all that goes out before the answer is its head. */
  get requestComplete(): boolean {
    return this.#tunnel === null ? this.#downstream.requestComplete : !this.#tunnel.open;
  }

  get upgrade(): UpgradeAsk | null {
    return this.#tunnel?.ask ?? null;
  }

  onUpstreamDrain(): void {
    if (this.#tunnel === null || this.#tunnel.open) this.#downstream.resumeRequest();
  }

  onResponseHead(head: MessageHead, hasBody: boolean): boolean {
    this.#exchange.onAnswer(head);
    if (this.#tries.takesAnswer(head)) return false;
    if (head.status < 300 && this.#downstream.protocol === 'HTTP/2' && this.#tunnel !== null) {
      // to this client a 200 would say that the tunnel is open
      this.#tries.upstream = null;
      this.#answer(localReplies.upstreamProtocolError);
      return false;
    }
    this.#exchange.answeredBy(head, this.#filtering);
    this.#responding = true;
    this.#answerTo.writeHead(head, this.#exchange, hasBody);
    return true;
  }

  /** The route's time was that of the answer; from here on only silence ends it. */
  onTunnel(head: MessageHead): void {
    const tunnel = this.#tunnel!;
    this.#exchange.onAnswer(head);
    this.#tries.takesAnswer(head);
    this.#deadlines.whole.disarm();
    this.#responding = true;
    this.#exchange.answeredBy(head, this.#filtering);
    this.#exchange.status = this.#downstream.openTunnel(head, this.#exchange, tunnel.ask);
    tunnel.begin(this.#listener.stats, (b, data) => this.#passBody(b, data));
    if (tunnel.endedEarly) this.onEnd(null);
    if (this.#tries.upstream!.flush()) this.#downstream.resumeRequest();
  }

  onResponseData(b: Buffer, data: Ranges): void {
    this.#exchange.bytesSent += data.bytes;
    this.#filtering?.onResponseBody(b, data);
    this.#answerTo.writeData(b, data);
  }

  flushResponse(): boolean {
    this.#touch();
    return this.#downstream.flush();
  }

  onResponseEnd(trailers: readonly Field[] | null): void {
    if (trailers !== null) this.#exchange.noteTrailers(trailers);
    this.#answerTo.writeEnd(trailers);
    this.#downstream.flush();
    if (this.#tunnel?.open && !this.#downstream.requestComplete) {
      this.#tunnel.responseEnded = true;
      return;
    }
    this.#onBothEnded();
  }

  #onBothEnded(): void {
    this.#tries.upstream = null;
    this.#finish();
  }

  onUpstreamFailure(reply: LocalReply, end: TryEnd): void {
    if (!this.#tries.takesEnd(end, reply)) this.giveUp(this.#tries.isRetry ? retriedReply(reply) : reply);
  }

  // ---- finish ----

  #answer(own: LocalReply): void {
    const routed = replyWith(own, this.#exchange.responseChanges);
    const said = this.#filtering === null ? routed : this.#filtering.replyOf(routed);
    const reply = this.#web?.replyOf(said) ?? (this.#exchange.isGrpc ? grpcReply(said) : said);
    this.#exchange.answeredItself(reply, this.answerHasNoBody);
    this.#downstream.writeReply(reply, this.answerHasNoBody);
    this.#finish();
  }

  /** The request can't be served any more: an answer if none has begun, else a visible cut. */
  giveUp(reply: LocalReply): void {
    this.#tries.abort();
    if (!this.#exchange.running) return;
    if (!this.#responding) {
      this.#answer(reply);
      return;
    }
    this.#exchange.cutShort(reply);
    this.#downstream.cut();
  }

  destroy(): void {
    this.#downstream.cut();
  }

  #finish(): void {
    this.#end();
    this.#downstream.onFinished();
  }

  #end(): void {
    this.#deadlines.end();
    this.#tries.end();
    this.#tunnel?.end(this.#listener.stats);
    this.#tunnel = null;
    this.#filtering?.end();
    this.#filtering = null;
    this.#web = null;
    this.#exchange.finish();
    this.#responding = false;
  }

  // ---- time ----

  /** Something moved: the stream's idle time starts anew, where no earlier deadline makes it pointless. */
  #touch(): void {
    const { idleMs } = this.#exchange;
    const { timeoutMs } = this.#exchange.route!.config;
    if (timeoutMs > 0 && timeoutMs <= idleMs && this.#tunnel === null && this.#downstream.requestComplete) return;
    this.#deadlines.arm(this.#deadlines.idle, idleMs);
  }

  onWholeDeadline(): void {
    if (!this.requestComplete) {
      this.#listener.stats.rqTimeout.value++;
      this.giveUp(localReplies.requestTimeout);
      return;
    }
    this.#exchange.cluster!.stats.rqTimeout.value++;
    this.#exchange.onTimeout(this.#tries.isConnected);
    this.giveUp(localReplies.upstreamTimeout);
  }

  onStreamDeadline(): void {
    this.#listener.stats.rqMaxDurationReached.value++;
    this.giveUp(localReplies.maxStreamDuration);
  }

  onIdleDeadline(): void {
    this.#listener.stats.rqIdleTimeout.value++;
    this.giveUp(this.requestComplete ? localReplies.answerIdleTimeout : localReplies.streamIdleTimeout);
  }
}
