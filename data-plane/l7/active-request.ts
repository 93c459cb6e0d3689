/**
 * One request from its head to its log line, whichever version of HTTP either side speaks. Its phases, in their order:
 * decode (the client's codec), route, filters in, pick, connect, send, receive, filters out, finish.
 */
import type { Field } from '../../proto/http2/field.ts';
import type { Ranges } from '../codec/h1-chunked.ts';
import type { MessageHead } from '../codec/message-head.ts';
import type { Downstream } from './downstream.ts';
import { Exchange } from './exchange.ts';
import { type FilteredRequest, type Filtering, filteringOf } from './filtering.ts';
import { Forwarding } from './forwarding.ts';
import type { HttpListener } from './http-context.ts';
import { type LocalReply, localReplies, replyWith, retriedReply } from './local-reply.ts';
import { RequestDeadlines } from './request-deadlines.ts';
import type { RequestTarget } from './request-target.ts';
import type { TryEnd } from './retry-rules.ts';
import { findRoute, pickEndpoint } from './route-request.ts';
import { Tries, type TriesOwner } from './tries.ts';

/** Refilled for each request that is sent. */
const forwarding = new Forwarding();

/** Used again for the next request where the client's codec has one at a time. */
export class ActiveRequest implements TriesOwner, FilteredRequest {
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

  constructor(listener: HttpListener, downstream: Downstream) {
    this.#listener = listener;
    this.#downstream = downstream;
    this.#exchange = new Exchange(listener, downstream);
    this.#deadlines = new RequestDeadlines(
      listener.shared.deadlines,
      () => this.#onWholeDeadline(),
      () => this.#onIdleDeadline(),
    );
    this.#tries = new Tries(listener.shared, this.#exchange, this.#deadlines, this);
  }

  // ---- what the client's codec tells ----

  /** @param refused what is wrong with it, as `target` has found */
  onHead(target: RequestTarget, head: MessageHead, refused: LocalReply | null, bodyFollows: boolean): void {
    target.client.read(head, this.#listener, this.#downstream);
    this.#exchange.begin(target);
    this.answerHasNoBody = target.method === 'HEAD';
    if (refused !== null) this.#refuse(refused);
    else if (target.redirect) {
      const headers = [['location', target.path + target.query]] as const;
      this.#answer({ ...localReplies.pathRedirect, headers });
    } else this.#forward(target, head, bodyFollows);
  }

  /** There is no request to speak of: answered and logged all the same. */
  onNoHead(target: RequestTarget, reply: LocalReply): void {
    target.clear();
    target.client.read(null, this.#listener, this.#downstream);
    this.#exchange.begin(target);
    this.answerHasNoBody = false;
    this.#answer(reply);
  }

  onBody(b: Buffer, data: Ranges): void {
    this.#exchange.bytesReceived += data.bytes;
    if (this.#filtering?.takesBody(b, data) !== true) this.sendBody(b, data);
  }

  /** The end of a body. @param trailers null: none */
  onEnd(trailers: readonly Field[] | null): void {
    if (this.#filtering?.takesEnd(trailers) !== true) this.sendEnd(trailers);
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

  /** The client is gone, or was cut. */
  onGone(): void {
    this.#exchange.onClientGone();
    this.#tries.end();
    this.#deadlines.end();
    this.#endFiltering();
    this.#exchange.finish();
  }

  // ---- route, filters in, pick, connect, send ----

  #refuse(reply: LocalReply): void {
    const { stats } = this.#listener;
    if (reply === localReplies.badPath) stats.rqFailedPathNormalization.value++;
    else if (reply === localReplies.badTarget) stats.rqNonRelativePath.value++;
    this.#answer(reply);
  }

  #forward(target: RequestTarget, head: MessageHead, bodyFollows: boolean): void {
    findRoute(target, this.#listener, this.#exchange);
    if (this.#exchange.context.filters.length > 0) {
      const { shared } = this.#listener;
      this.#filtering = filteringOf(target, this.#exchange, shared, this.#downstream, this);
      if (this.#filtering !== null) {
        this.#filtering.start(target, head, bodyFollows);
        return;
      }
    }
    this.send(target, head, bodyFollows);
  }

  send(target: RequestTarget, head: MessageHead, bodyFollows: boolean): void {
    const { chain } = this.#exchange.context;
    const answer = pickEndpoint(target, this.#listener, this.#exchange);
    if (answer !== null) {
      this.#answer(answer);
      return;
    }
    const upstream = this.#tries.begin(head);
    forwarding.fill(target, this.#tries.expectedMs);
    upstream.sendHead(head, target, forwarding, bodyFollows);
    if (!bodyFollows) {
      this.#onRequestEnd();
      return;
    }
    this.#downstream.continueRequest();
    this.#deadlines.arm(this.#deadlines.whole, chain.limits.requestTimeoutMs);
    this.#touch();
  }

  sendBody(b: Buffer, data: Ranges): void {
    const { upstream } = this.#tries;
    if (upstream === null) return;
    upstream.sendData(b, data);
    this.#touch();
  }

  sendEnd(trailers: readonly Field[] | null): void {
    const { upstream } = this.#tries;
    if (upstream === null) return;
    upstream.sendEnd(trailers);
    this.#onRequestEnd();
  }

  onHeld(bodyFollows: boolean): void {
    if (bodyFollows) this.#deadlines.arm(this.#deadlines.whole, this.#exchange.context.chain.limits.requestTimeoutMs);
    this.#deadlines.arm(this.#deadlines.idle, this.#idleMs);
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
    if (this.#tries.takesAnswer(head.status)) return false;
    const exchange = this.#exchange;
    exchange.status = head.status;
    exchange.details = 'via_upstream';
    exchange.answeredMs = this.#listener.shared.now();
    this.#responding = true;
    if (this.#filtering !== null) exchange.responseChanges = this.#filtering.changesOf(head.status, head);
    this.#downstream.writeHead(head, exchange, hasBody);
    return true;
  }

  onResponseData(b: Buffer, data: Ranges): void {
    this.#exchange.bytesSent += data.bytes;
    this.#filtering?.onResponseBody(b, data);
    this.#downstream.writeData(b, data);
  }

  flushResponse(): boolean {
    this.#touch();
    return this.#downstream.flush();
  }

  onResponseEnd(trailers: readonly Field[] | null): void {
    this.#tries.upstream = null;
    this.#downstream.writeEnd(trailers);
    this.#downstream.flush();
    this.#finish();
  }

  onUpstreamFailure(reply: LocalReply, end: TryEnd): void {
    if (!this.#tries.takesEnd(end)) this.giveUp(this.#tries.isRetry ? retriedReply(reply) : reply);
  }

  // ---- finish ----

  #answer(own: LocalReply): void {
    const exchange = this.#exchange;
    const changes = exchange.responseChanges;
    const routed = changes === null ? own : replyWith(own, changes.added);
    const reply = this.#filtering === null ? routed : this.#filtering.replyOf(routed);
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
    this.#endFiltering();
    this.#exchange.finish();
    this.#responding = false;
    this.#downstream.onFinished();
  }

  #endFiltering(): void {
    if (this.#filtering === null) return;
    this.#filtering.end();
    this.#filtering = null;
  }

  // ---- time ----

  get #idleMs(): number {
    return this.#exchange.route?.config.streamIdleTimeoutMs ?? this.#exchange.context.chain.limits.streamIdleTimeoutMs;
  }

  /** Something moved: the stream's idle time starts anew, where no earlier deadline makes it pointless. */
  #touch(): void {
    const { timeoutMs } = this.#exchange.route!.config;
    const idleMs = this.#idleMs;
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

  #onIdleDeadline(): void {
    this.#listener.stats.rqIdleTimeout.value++;
    this.giveUp(this.#downstream.requestComplete ? localReplies.answerIdleTimeout : localReplies.streamIdleTimeout);
  }
}
