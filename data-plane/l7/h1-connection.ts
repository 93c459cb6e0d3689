/**
 * One HTTP/1.1 connection from a client, and the request that is under way on it. The phases of a request in their
 * order: decode, route, pick, connect, send, receive, finish. Requests that are pipelined wait for the one before.
 */
import type net from 'node:net';
import type { Ranges } from '../codec/h1-chunked.ts';
import type { Head } from '../codec/h1-head.ts';
import { H1RequestReader, type RequestEvents, type RequestFault } from '../codec/h1-request-reader.ts';
import { limits } from '../limits.ts';
import { continueLine, lastChunk, writeChunk, writeData, writeLocalReply, writeUpstreamHead } from './answer-writer.ts';
import { ConnectionDeadlines } from './connection-deadlines.ts';
import { Exchange } from './exchange.ts';
import { H1Upstream } from './h1-upstream.ts';
import { addedRequestLines, writeRequestHead } from './head-writer.ts';
import type { HttpListener } from './http-context.ts';
import { faultReplies, type LocalReply, localReplies } from './local-reply.ts';
import { RequestTarget } from './request-target.ts';
import type { TryEnd } from './retry-rules.ts';
import { routeRequest } from './route-request.ts';
import { Tries, type TriesOwner } from './tries.ts';

/** Refilled for each head. */
const target = new RequestTarget();

export class H1Connection implements RequestEvents, TriesOwner {
  readonly #socket: net.Socket;
  readonly #listener: HttpListener;
  readonly #onClosed: (connection: H1Connection) => void;
  readonly #ip: string;
  readonly #address: string;
  readonly #openedMs: number;
  readonly #encrypted: boolean;
  readonly #reader: H1RequestReader;
  readonly #exchange: Exchange;
  #requestChunked = false;
  /** The head of the answer was written. */
  #responding = false;
  #responseChunked = false;
  #closeAfter = false;
  answerHasNoBody = false;

  readonly #deadlines: ConnectionDeadlines;
  readonly #tries: Tries;

  constructor(socket: net.Socket, listener: HttpListener, onClosed: (connection: H1Connection) => void) {
    this.#socket = socket;
    this.#listener = listener;
    this.#onClosed = onClosed;
    this.#ip = socket.remoteAddress ?? '';
    this.#address = `${this.#ip}:${socket.remotePort ?? 0}`;
    this.#openedMs = listener.shared.now();
    this.#encrypted = listener.scheme === 'https';
    this.#reader = new H1RequestReader(this, listener.context.requestLimits);
    this.#exchange = new Exchange(listener);
    this.#deadlines = new ConnectionDeadlines(
      listener.shared.deadlines,
      () => this.#onPhaseDeadline(),
      () => this.#onRouteDeadline(),
      () => this.#onStreamIdleDeadline(),
    );
    this.#tries = new Tries(listener.shared, this.#exchange, this.#deadlines, this);
    socket.on('error', () => {});
    socket.on('end', () => this.#onClientEnd());
    socket.on('close', () => this.#onClose());
    socket.on('drain', () => this.#tries.upstream?.resumeReading());
    this.#deadlines.arm(this.#deadlines.phase, listener.context.chain.limits.idleTimeoutMs);
  }

  /** Every byte that the client sends; `b` is valid during the call only. */
  onBytes(b: Buffer, bytes: number): void {
    this.#listener.stats.cxRxBytesTotal.value += bytes;
    this.#listener.shared.turns.countRead();
    this.#reader.read(b, 0, bytes);
    this.#flushRequest();
    if (this.#reader.hasPending) this.#socket.pause();
  }

  /** Closes at once where nothing is under way, else with the answer. */
  drain(): void {
    if (!this.#reader.idle) return;
    this.#listener.stats.cxDrainClose.value++;
    this.#close();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  // ---- decode ----

  onHeadBegun(): void {
    this.#deadlines.arm(this.#deadlines.phase, this.#listener.context.chain.limits.headersTimeoutMs);
  }

  onFault(fault: RequestFault): void {
    this.#listener.stats.cxProtocolError.value++;
    if (fault === 'malformed-body') this.giveUp(faultReplies[fault]);
    else this.#refuse(faultReplies[fault]);
  }

  /** There is no request to speak of: answered and logged all the same. */
  #refuse(reply: LocalReply): void {
    target.clear();
    this.#exchange.begin(target);
    this.answerHasNoBody = false;
    this.#answer(reply);
  }

  onHead(head: Head, b: Buffer, bodyFollows: boolean): void {
    const { chain } = this.#listener.context;
    const refused = target.read(head, b, chain.paths, this.#listener.scheme);
    target.clientIp = this.#ip;
    this.#exchange.begin(target);
    this.answerHasNoBody = target.method === 'HEAD';
    this.#closeAfter = head.close || this.#listener.draining;
    this.#deadlines.phase.disarm();
    if (refused !== null) this.#refuseTarget(refused);
    else if (target.redirect) this.#answer(localReplies.pathRedirect, target.redirectLine(this.#listener.scheme));
    else this.#forward(head, b, bodyFollows);
  }

  #refuseTarget(reply: LocalReply): void {
    const { stats } = this.#listener;
    if (reply === localReplies.badPath) stats.rqFailedPathNormalization.value++;
    else if (reply === localReplies.badTarget) stats.rqNonRelativePath.value++;
    this.#answer(reply);
  }

  // ---- route, pick, connect, send ----

  #forward(head: Head, b: Buffer, bodyFollows: boolean): void {
    const upstream = routeRequest(target, this.#listener, this.#exchange);
    if (!(upstream instanceof H1Upstream)) {
      this.#answer(upstream);
      return;
    }
    this.#requestChunked = head.chunked;
    this.#tries.begin(upstream, head);
    const { useRemoteAddress, limits: chainLimits } = this.#listener.context.chain;
    const { requestId } = this.#exchange;
    const added = addedRequestLines(target, head, this.#ip, requestId, this.#tries.expectedMs, this.#listener);
    writeRequestHead(this.#listener.shared.toUpstream, head, b, target, added, useRemoteAddress);
    if (!bodyFollows) this.onRequestEnd();
    else {
      if (head.expect >= 0) this.#socket.write(continueLine);
      this.#deadlines.arm(this.#deadlines.phase, chainLimits.requestTimeoutMs);
      this.#touch();
    }
  }

  onBody(b: Buffer, data: Ranges): void {
    this.#exchange.bytesReceived += data.bytes;
    if (this.#tries.upstream === null) return;
    const out = this.#listener.shared.toUpstream;
    if (this.#requestChunked) writeChunk(out, b, data);
    else writeData(out, b, data);
    this.#touch();
  }

  /** From here on the route's timeout runs. */
  onRequestEnd(): void {
    if (this.#tries.upstream === null) return;
    if (this.#requestChunked) this.#listener.shared.toUpstream.text(lastChunk);
    this.#deadlines.phase.disarm();
    this.#deadlines.arm(this.#deadlines.route, this.#exchange.route!.config.timeoutMs);
    this.#tries.onRequestEnd();
    this.#touch();
  }

  /** Sends what this read gathered; a slow upstream stops the client. */
  #flushRequest(): void {
    const out = this.#listener.shared.toUpstream;
    if (out.length === 0) return;
    this.#tries.keep();
    this.#exchange.cluster!.stats.cxTxBytesTotal.value += out.length;
    if (!out.flush(this.#tries.upstream!.socket) && !this.#reader.complete) this.#socket.pause();
  }

  onUpstreamDrain(): void {
    if (!this.#reader.hasPending) this.#socket.resume();
  }

  // ---- receive ----

  get requestSent(): boolean {
    return this.#reader.complete;
  }

  onResponseHead(head: Head, b: Buffer, hasBody: boolean): boolean {
    if (this.#tries.takesAnswer(head.status)) return false;
    const { shared, draining } = this.#listener;
    const exchange = this.#exchange;
    exchange.status = head.status;
    exchange.details = 'via_upstream';
    exchange.answeredMs = shared.now();
    this.#responding = true;
    this.#responseChunked = hasBody && head.contentLength < 0;
    // an answer before the request's end leaves the connection in the middle of a body
    if (draining || !this.#reader.complete) this.#closeAfter = true;
    const framing = { chunked: this.#responseChunked, close: this.#closeAfter };
    writeUpstreamHead(this.#listener, head, b, exchange, framing);
    return true;
  }

  onResponseData(b: Buffer, data: Ranges): void {
    const out = this.#listener.shared.toClient;
    this.#exchange.bytesSent += data.bytes;
    if (this.#responseChunked) writeChunk(out, b, data);
    else writeData(out, b, data);
  }

  flushResponse(): boolean {
    const out = this.#listener.shared.toClient;
    this.#listener.stats.cxTxBytesTotal.value += out.length;
    this.#touch();
    return out.flush(this.#socket, this.#encrypted);
  }

  onResponseEnd(): void {
    this.#tries.upstream = null;
    if (this.#responseChunked) this.#listener.shared.toClient.text(lastChunk);
    this.flushResponse();
    this.#finish(this.#closeAfter);
  }

  onUpstreamFailure(reply: LocalReply, end: TryEnd): void {
    if (!this.#tries.takesEnd(end)) this.giveUp(reply);
  }

  // ---- finish ----

  /** The proxy's own answer, all of it. */
  #answer(reply: LocalReply, lines = reply.lines ?? ''): void {
    const { shared, context, stats, draining } = this.#listener;
    const exchange = this.#exchange;
    exchange.status = reply.status;
    exchange.flags = reply.flag;
    exchange.details = reply.details;
    if (!this.answerHasNoBody) exchange.bytesSent += reply.body.length;
    // an unread body would be taken for the next request
    const close = reply.close || this.#closeAfter || draining || !this.#reader.complete;
    const out = shared.toClient;
    writeLocalReply(out, reply, context.chain.serverName, shared.wallClock(), close, this.answerHasNoBody, lines);
    stats.cxTxBytesTotal.value += out.length;
    out.flush(this.#socket, this.#encrypted);
    this.#finish(close);
  }

  /** The request can't be served any more: an answer if none has begun, else a visible cut. */
  giveUp(reply: LocalReply): void {
    const { stats } = this.#listener;
    const exchange = this.#exchange;
    this.#tries.abort();
    if (!exchange.running) return;
    if (!this.#responding) {
      this.#answer(reply);
      return;
    }
    exchange.flags = reply.flag;
    exchange.details = reply.details;
    stats.rqTxReset.value++;
    this.#socket.destroy();
  }

  #finish(close: boolean): void {
    this.#deadlines.endRequest();
    this.#tries.end();
    this.#exchange.finish(this.#address, this.#ip);
    this.#responding = false;
    if (close) {
      this.#close();
      return;
    }
    const { context } = this.#listener;
    this.#deadlines.arm(this.#deadlines.phase, context.chain.limits.idleTimeoutMs);
    const pending = this.#reader.hasPending;
    this.#reader.nextRequest(context.requestLimits);
    if (!pending) return;
    this.#flushRequest();
    if (!this.#reader.hasPending) this.#socket.resume();
  }

  /** What still comes is thrown away for a moment, so that the answer is not lost to a reset. */
  #close(): void {
    this.#reader.close();
    this.#socket.resume();
    this.#socket.end();
    this.#deadlines.arm(this.#deadlines.phase, limits.delayedCloseMs);
  }

  // ---- time, and the end ----

  /** Something moved: the stream's idle time starts anew, where no earlier deadline makes it pointless. */
  #touch(): void {
    const { timeoutMs, streamIdleTimeoutMs } = this.#exchange.route!.config;
    const idleMs = streamIdleTimeoutMs ?? this.#exchange.context.chain.limits.streamIdleTimeoutMs;
    if (this.#reader.complete && timeoutMs > 0 && timeoutMs <= idleMs) return;
    this.#deadlines.arm(this.#deadlines.streamIdle, idleMs);
  }

  #onPhaseDeadline(): void {
    const { stats } = this.#listener;
    if (this.#reader.closed) this.#socket.destroy();
    else if (this.#reader.idle) {
      stats.cxIdleTimeout.value++;
      this.#close();
    } else if (this.#reader.inHead) {
      stats.rqHeaderTimeout.value++;
      this.#reader.close();
      this.#refuse(localReplies.headerTimeout);
    } else {
      stats.rqTimeout.value++;
      this.giveUp(localReplies.requestTimeout);
    }
  }

  #onRouteDeadline(): void {
    this.#exchange.cluster!.stats.rqTimeout.value++;
    this.giveUp(localReplies.upstreamTimeout);
  }

  #onStreamIdleDeadline(): void {
    this.#listener.stats.rqIdleTimeout.value++;
    this.giveUp(this.#reader.complete ? localReplies.answerIdleTimeout : localReplies.streamIdleTimeout);
  }

  /** The client sent its FIN: as in Envoy it wants no answer any more. */
  #onClientEnd(): void {
    this.#listener.stats.cxDestroyRemote.value++;
    this.#socket.destroy();
  }

  #onClose(): void {
    const { stats, shared } = this.#listener;
    const exchange = this.#exchange;
    exchange.onConnectionClosed();
    this.#tries.end();
    this.#deadlines.endAll();
    exchange.finish(this.#address, this.#ip);
    this.#reader.close();
    stats.cxLengthMs.record(shared.now() - this.#openedMs);
    this.#onClosed(this);
  }
}
