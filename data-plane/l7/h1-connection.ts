/** One HTTP/1.1 connection from a client: one request at a time, those that are pipelined wait for the one before. */
import type net from 'node:net';
import type { Ranges } from '../codec/h1-chunked.ts';
import type { Head } from '../codec/h1-head.ts';
import { H1RequestReader, type RequestEvents, type RequestFault } from '../codec/h1-request-reader.ts';
import type { MessageHead } from '../codec/message-head.ts';
import { SocketWriter } from '../codec/socket-writer.ts';
import { limits } from '../limits.ts';
import { type Arrival, directArrival } from '../model/arrival.ts';
import { Deadline } from '../upstream/deadlines.ts';
import { reset } from '../upstream/reset.ts';
import { ToldClient } from '../upstream/told-client.ts';
import { ActiveRequest } from './active-request.ts';
import {
  type AnswerFraming,
  continueLine,
  lastChunk,
  writeChunk,
  writeData,
  writeLocalReply,
  writeTunnelAnswer,
  writeUpstreamHead,
} from './answer-writer.ts';
import { ipOf, localAddressOf, remoteOf } from './client-identity.ts';
import type { Downstream } from './downstream.ts';
import { type ClientEnd, clientEnds, type Exchange } from './exchange.ts';
import type { HttpListener } from './http-context.ts';
import { keptAlive, sayHttp10, sayKeepAlive } from './http10.ts';
import { faultReplies, type LocalReply, localReplies } from './local-reply.ts';
import { RequestTarget } from './request-target.ts';
import { settleUnderscores } from './underscores.ts';
import { connectAsk, type UpgradeAsk } from './upgrade.ts';

/** Refilled for each head. */
const target = new RequestTarget();

export class H1Connection implements RequestEvents, Downstream {
  /** Of the request at hand. */
  protocol: 'HTTP/1.0' | 'HTTP/1.1' = 'HTTP/1.1';
  readonly address: string;
  readonly ip: string;
  readonly arrival: Arrival | null;
  readonly clientCert: string;
  readonly openedMs: number;
  readonly #socket: net.Socket;
  readonly #listener: HttpListener;
  readonly #onClosed: () => void;
  readonly #writer: SocketWriter;
  readonly #reader: H1RequestReader;
  readonly #request: ActiveRequest;
  /** Without a request, in the middle of a head, or closing. */
  readonly #deadline: Deadline;
  #told: ToldClient | null = null;
  #closeAfter = false;
  #expectsContinue = false;
  #responseChunked = false;
  /** The request at hand is answered in HTTP/1.0. */
  #http10 = false;
  /** The end of the answer is that of the connection, and nothing else says it. */
  #endsByClosing = false;
  /** A tunnel is open: each of its directions ends with the socket's. */
  #tunnel = false;
  /** What the end of the connection is to a request that is under way. */
  #end: ClientEnd = clientEnds.disconnect;

  /** @param clientCert as {@link Downstream} has it, and `arrival` */
  constructor(
    socket: net.Socket,
    listener: HttpListener,
    clientCert: string,
    onClosed: () => void,
    arrival: Arrival | null = null,
  ) {
    this.#socket = socket;
    this.#listener = listener;
    this.#onClosed = onClosed;
    this.clientCert = clientCert;
    this.arrival = arrival;
    this.ip = ipOf(socket, arrival);
    this.address = remoteOf(this.ip, socket, arrival);
    this.openedMs = listener.shared.now();
    const encrypted = listener.scheme === 'https';
    this.#writer = new SocketWriter(socket, encrypted, () => this.#request.resumeResponse(), listener.documentedOnly);
    this.#reader = new H1RequestReader(this, listener.context.requestLimits);
    this.#request = new ActiveRequest(listener, this);
    this.#deadline = new Deadline(() => this.#onDeadline());
    socket.on('error', () => {});
    socket.on('end', () => this.#onClientEnd());
    socket.on('close', () => this.#onClose());
    this.#arm(listener.context.chain.limits.idleTimeoutMs);
  }

  get told(): ToldClient {
    return (this.#told ??= new ToldClient(this.arrival ?? directArrival(this.#socket)));
  }

  get localAddress(): string {
    return localAddressOf(this.#socket, this.arrival);
  }

  /** Every byte that the client sends; `b` is valid during the call only. */
  onBytes(b: Buffer, bytes: number): void {
    this.#listener.stats.cxRxBytesTotal.value += bytes;
    this.#listener.shared.turns.countRead();
    this.#reader.read(b, 0, bytes);
    this.#request.flushRequest();
    if (this.#reader.hasPending) this.#socket.pause();
  }

  /** Nothing is said but with an answer. */
  announce(): void {}

  /** Closes at once where nothing is under way, else with the answer. */
  drain(): void {
    if (!this.#reader.idle) return;
    this.#listener.stats.cxDrainClose.value++;
    this.#close();
  }

  destroy(): void {
    this.#end = clientEnds.cut;
    this.cut();
  }

  // ---- the request ----

  onHeadBegun(): void {
    this.#arm(this.#listener.context.chain.limits.headersTimeoutMs);
  }

  onHead(head: Head, bodyFollows: boolean): void {
    const { context, scheme, shared } = this.#listener;
    const { paths } = context.chain;
    const refused = target.read(head, paths, scheme);
    if (head.underscore) settleUnderscores(head, refused, paths, shared.http1Stats);
    const isOld = head.minor === 0;
    this.protocol = isOld ? 'HTTP/1.0' : 'HTTP/1.1';
    this.#http10 = isOld && paths.http10 !== null;
    this.#closeAfter = head.close || (isOld && !head.keepAlive);
    // HTTP/1.0 knows no interim answers (RFC 9110 section 10.1.1)
    this.#expectsContinue = head.expect >= 0 && !isOld;
    this.#deadline.disarm();
    this.#request.onHead(target, head, refused, bodyFollows);
  }

  onBody(b: Buffer, data: Ranges): void {
    this.#request.onBody(b, data);
  }

  /** Trailers have been dropped, as Envoy does by default. */
  onRequestEnd(): void {
    this.#request.onEnd(null);
  }

  onFault(fault: RequestFault): void {
    this.#listener.stats.cxProtocolError.value++;
    if (fault === 'malformed-body') this.#request.giveUp(faultReplies[fault]);
    else this.#onNoHead(faultReplies[fault]);
  }

  #onNoHead(reply: LocalReply): void {
    this.protocol = 'HTTP/1.1';
    this.#http10 = false;
    this.#request.onNoHead(target, reply);
  }

  get requestComplete(): boolean {
    return this.#reader.complete;
  }

  continueRequest(): void {
    if (!this.#expectsContinue) return;
    this.#expectsContinue = false;
    this.#socket.write(continueLine);
  }

  pauseRequest(): void {
    this.#socket.pause();
  }

  resumeRequest(): void {
    if (!this.#reader.hasPending) this.#socket.resume();
  }

  // ---- the answer ----

  writeHead(head: MessageHead, exchange: Exchange, hasBody: boolean): void {
    const body = framingOf(head, exchange, hasBody);
    if (this.#isLast) this.#closeAfter = true;
    if (this.#http10) {
      this.#writeHead10(head, exchange, body);
      return;
    }
    this.#responseChunked = body === 'chunked';
    writeUpstreamHead(this.#listener, head, exchange, { body, close: this.#closeAfter });
  }

  /** As in Envoy the connection goes on only behind an answer that says its length. */
  #writeHead10(head: MessageHead, exchange: Exchange, body: AnswerFraming['body']): void {
    const out = this.#listener.shared.toClient;
    const from = out.length;
    this.#endsByClosing = body === 'chunked';
    this.#responseChunked = false;
    if (head.contentLength < 0 && body !== 'empty') this.#closeAfter = true;
    const framing: AnswerFraming = { body: body === 'chunked' ? 'as-said' : body, close: this.#closeAfter };
    writeUpstreamHead(this.#listener, head, exchange, framing);
    sayHttp10(out, from);
    if (!this.#closeAfter) sayKeepAlive(out);
  }

  /**
   * No request is served after this one: the rest of an unread body would be taken for one, and while the listener drains
   * the last one is the last that has come.
   */
  get #isLast(): boolean {
    return !this.#reader.complete || (this.#listener.draining && !this.#reader.hasPending);
  }

  expectTunnel(): void {
    this.#reader.beginTunnel();
  }

  openTunnel(head: MessageHead, { responseChanges }: Exchange, ask: UpgradeAsk): number {
    const status = ask === connectAsk ? head.status : 101;
    this.#tunnel = true;
    this.#closeAfter = true;
    this.#responseChunked = false;
    this.#socket.allowHalfOpen = true;
    const out = this.#listener.shared.toClient;
    const from = out.length;
    writeTunnelAnswer(this.#listener, head, status, ask, responseChanges);
    if (this.#http10) sayHttp10(out, from);
    return status;
  }

  writeData(b: Buffer, data: Ranges): void {
    const out = this.#listener.shared.toClient;
    if (this.#responseChunked) writeChunk(out, b, data);
    else writeData(out, b, data);
  }

  /** Trailers are dropped, as Envoy does by default. */
  writeEnd(): void {
    if (this.#responseChunked) this.#listener.shared.toClient.text(lastChunk);
    if (!this.#tunnel) return;
    this.flush();
    this.#writer.end();
  }

  flush(): boolean {
    const { shared, stats } = this.#listener;
    stats.cxTxBytesTotal.value += shared.toClient.length;
    return shared.toClient.flush(this.#writer);
  }

  writeReply(reply: LocalReply, headOnly: boolean): void {
    const { shared, context } = this.#listener;
    if (reply.close || this.#isLast) this.#closeAfter = true;
    const { serverName } = context.chain;
    const from = shared.toClient.length;
    const said = this.#http10 && !this.#closeAfter ? keptAlive(reply) : reply;
    writeLocalReply(shared.toClient, said, serverName, shared.wallClock(), this.#closeAfter, headOnly);
    if (this.#http10) sayHttp10(shared.toClient, from);
    this.flush();
  }

  cut(): void {
    // what it was told in this callback is not the next one's
    this.#listener.shared.toClient.length = 0;
    // where nothing else tells a cut from an end, a reset does
    if ((this.#tunnel || this.#endsByClosing) && this.#listener.scheme === 'http') reset(this.#socket);
    else this.#socket.destroy();
  }

  onFinished(): void {
    const { context, draining, closing } = this.#listener;
    const pending = this.#reader.hasPending;
    if (this.#closeAfter || (closing && !pending)) {
      this.#close();
      return;
    }
    this.#arm(context.chain.limits.idleTimeoutMs);
    this.#reader.nextRequest(context.requestLimits);
    if (pending) this.#request.flushRequest();
    // who goes on pipelining would never be told of a drain
    const waits = this.#reader.hasPending || (draining && this.#reader.complete);
    if (!waits && this.#socket.isPaused()) this.#socket.resume();
  }

  // ---- time, and the end ----

  #arm(timeoutMs: number): void {
    if (timeoutMs > 0) this.#listener.shared.deadlines.queue(timeoutMs).arm(this.#deadline);
    else this.#deadline.disarm();
  }

  #onDeadline(): void {
    const { stats } = this.#listener;
    if (this.#reader.closed) this.#socket.destroy();
    else if (this.#reader.idle) {
      stats.cxIdleTimeout.value++;
      this.#close();
    } else {
      stats.rqHeaderTimeout.value++;
      this.#reader.close();
      this.#onNoHead(localReplies.headerTimeout);
    }
  }

  /** What still comes is thrown away for a moment, so that the answer is not lost to a reset. */
  #close(): void {
    this.#reader.close();
    this.#socket.resume();
    this.#writer.end();
    // of a tunnel whose directions have both ended nothing comes, and what is still to be written is not to be lost
    this.#arm(this.#tunnel ? this.#listener.context.chain.limits.streamIdleTimeoutMs : limits.delayedCloseMs);
  }

  /** The client sent its FIN: but for a tunnel it wants no answer any more, as in Envoy. */
  #onClientEnd(): void {
    if (this.#tunnel) {
      this.#reader.endTunnel();
      this.#request.onEnd(null);
      return;
    }
    this.#listener.stats.cxDestroyRemote.value++;
    this.#socket.destroy();
  }

  #onClose(): void {
    const { stats, shared } = this.#listener;
    if (this.#request.running) stats.cxDestroyActiveRq.value++;
    this.#request.onGone(this.#end);
    this.#told?.leave();
    this.#deadline.disarm();
    this.#reader.close();
    stats.cxLengthMs.record(shared.now() - this.openedMs);
    this.#onClosed();
  }
}

/** What HTTP/2 says by ending a stream takes a line here. */
function framingOf(head: MessageHead, { method }: Exchange, hasBody: boolean): AnswerFraming['body'] {
  if (head.contentLength >= 0) return 'as-said';
  if (hasBody) return 'chunked';
  return method === 'HEAD' || head.status === 204 || head.status === 304 ? 'as-said' : 'empty';
}
