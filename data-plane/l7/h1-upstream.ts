/** One HTTP/1.1 connection to an endpoint: sends one request at a time, reads its answer, waits in the pool between. */
import type net from 'node:net';
import { Ranges } from '../codec/h1-chunked.ts';
import { Head, parsed, parseResponseHead } from '../codec/h1-head.ts';
import { HeadBuffer } from '../codec/head-buffer.ts';
import type { MessageHead } from '../codec/message-head.ts';
import { SocketWriter } from '../codec/socket-writer.ts';
import { limits } from '../limits.ts';
import type { Cluster } from '../upstream/cluster.ts';
import { Deadline } from '../upstream/deadlines.ts';
import { type Host, PooledConnection } from '../upstream/host.ts';
import { reset } from '../upstream/reset.ts';
import type { ToldClient } from '../upstream/told-client.ts';
import { AnswerBody } from './answer-body.ts';
import { lastChunk, writeChunk, writeData } from './answer-writer.ts';
import type { Forwarding } from './forwarding.ts';
import { writeRequestHead } from './head-writer.ts';
import type { HttpShared } from './http-context.ts';
import { localReplies } from './local-reply.ts';
import type { Replay } from './replay.ts';
import type { RequestTarget } from './request-target.ts';
import { opensTunnel } from './upgrade.ts';
import type { ResponseSink, UpstreamRequest } from './upstream-request.ts';
import { connectFailureOf, connectUpstream } from './upstream-socket.ts';

/** `tunnelEnd`: the endpoint has ended its direction of the tunnel. */
const reading = { idle: 0, head: 1, body: 2, closed: 3, tunnel: 4, tunnelEnd: 5 } as const;

const head = new Head();
const ranges = new Ranges();

export class H1Upstream extends PooledConnection implements UpstreamRequest {
  readonly #socket: net.Socket;
  readonly #writer: SocketWriter;
  readonly host: Host;
  readonly #cluster: Cluster;
  readonly #shared: HttpShared;
  readonly #openedMs: number;
  #sink: ResponseSink | null = null;
  #replay: Replay | null = null;
  /** What is sent of the request's body goes in chunks. */
  isChunked = false;
  #state: number = reading.idle;
  readonly #body = new AnswerBody();
  #keep = false;
  #informational = 0;
  #pieces: HeadBuffer | null = null;
  #connectDeadline: Deadline | null = null;
  #connected = false;
  #timedOut = false;
  /** Of the socket; undefined: it had none. */
  #errorCode: string | undefined;
  /** The turn in which it was taken from the pool for the request at hand; -1: it is new. */
  #taken = -1;
  /** The endpoint ended it before the request at hand was written. */
  #stale = false;

  /** @param client as {@link PooledConnection} has it */
  constructor(cluster: Cluster, host: Host, shared: HttpShared, client: ToldClient | null) {
    super(client);
    this.#cluster = cluster;
    this.host = host;
    this.#shared = shared;
    this.#openedMs = shared.now();
    const { stats } = cluster;
    host.opened(stats);
    stats.cxHttp1Total.value++;
    stats.rqPendingTotal.value++;
    stats.rqPendingActive.value++;
    const socket = connectUpstream(cluster, host, shared, client, (b, bytes) => this.#onRead(b, bytes));
    this.#socket = socket;
    this.#writer = new SocketWriter(socket, false, () => this.#sink?.onUpstreamDrain());
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      this.#errorCode = code;
      if (shared.turns.isStill(this.#taken)) this.#stale = true;
    });
    socket.on('end', () => this.#onEnd());
    socket.on('close', () => this.#onClose());
    socket.once('connect', () => {
      this.#connectDeadline?.disarm();
      this.#connected = true;
      stats.rqPendingActive.value--;
      stats.cxConnectMs.record(shared.now() - this.#openedMs);
    });
    if (cluster.config.connectTimeoutMs > 0) {
      this.#connectDeadline = new Deadline(() => {
        this.#timedOut = true;
        socket.destroy();
      });
      shared.deadlines.queue(cluster.config.connectTimeoutMs).arm(this.#connectDeadline);
    }
  }

  get isConnected(): boolean {
    return this.#connected;
  }

  get mayGoUnseen(): boolean {
    return this.requests > 0;
  }

  begin(sink: ResponseSink, replay: Replay): void {
    this.#sink = sink;
    this.#replay = replay;
    this.#state = reading.head;
    this.#informational = 0;
    if (this.requests > 0) this.#taken = this.#shared.turns.mark();
    this.requests++;
  }

  sendHead(head: MessageHead, target: RequestTarget, forwarding: Forwarding, bodyFollows: boolean): void {
    this.isChunked = bodyFollows && head.contentLength < 0;
    writeRequestHead(this.#shared.toUpstream, head, target, forwarding, bodyFollows);
  }

  sendData(b: Buffer, data: Ranges): void {
    if (this.isChunked) writeChunk(this.#shared.toUpstream, b, data);
    else writeData(this.#shared.toUpstream, b, data);
  }

  /** Trailers are dropped, as Envoy does by default. */
  sendEnd(): void {
    if (this.isChunked) this.#shared.toUpstream.text(lastChunk);
    if (this.#state < reading.tunnel) return;
    this.flush();
    this.#writer.end();
    if (this.#state === reading.tunnelEnd) this.#leaveTunnel();
  }

  resend(replay: Replay, expectedMs: number): void {
    replay.writeTo(this.#shared.toUpstream, expectedMs);
    this.#write();
  }

  flush(): boolean {
    const { toUpstream } = this.#shared;
    if (toUpstream.length === 0) return true;
    this.#replay!.add(toUpstream);
    return this.#write();
  }

  #write(): boolean {
    const { toUpstream } = this.#shared;
    this.#cluster.stats.cxTxBytesTotal.value += toUpstream.length;
    return toUpstream.flush(this.#writer);
  }

  /** What is under way can't be finished, so the socket can't be used again. */
  abort(): void {
    this.#shared.toUpstream.length = 0;
    if (!this.#connected) this.#cluster.stats.rqCancelled.value++;
    this.#sink = null;
    this.close();
  }

  override close(): void {
    this.host.dropIdle(this);
    this.#cluster.stats.cxDestroyLocal.value++;
    if (this.#state >= reading.tunnel) reset(this.#socket);
    else this.#socket.destroy();
  }

  /** Both directions have ended: what is still to be written has its time, then the socket closes by itself. */
  #leaveTunnel(): void {
    const { idleTimeoutMs } = this.#cluster.config.keepAlive;
    this.#sink = null;
    if (idleTimeoutMs > 0) this.#shared.deadlines.queue(idleTimeoutMs).arm(this.idleDeadline);
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  #onRead(b: Buffer, bytes: number): boolean {
    const sink = this.#sink;
    try {
      this.#onBytes(b, bytes);
    } catch (fault) {
      this.#shared.onFault(fault);
      this.close();
      sink?.destroy();
    }
    return true;
  }

  #onBytes(b: Buffer, bytes: number): void {
    const { turns } = this.#shared;
    turns.countRead();
    this.#cluster.stats.cxRxBytesTotal.value += bytes;
    const sink = this.#sink;
    if (sink === null || this.#state === reading.idle) {
      // nothing was asked: whatever this is, it must never become somebody's answer
      this.close();
      return;
    }
    if (turns.isStill(this.#taken) && this.#state === reading.head) {
      // sent before the request was, so it answers something else, or nothing
      this.#refuse(sink);
      return;
    }
    const left = this.#state === reading.head ? this.#readHead(sink, b, bytes) : this.#readBody(sink, b, 0, bytes);
    if (left === failed) return;
    if (this.#state !== reading.idle) {
      if (!sink.flushResponse()) this.#socket.pause();
      return;
    }
    if (left > 0) this.#keep = false;
    this.#finish(sink);
  }

  /** Returns how many bytes lie behind the message (0 while it goes on), or `failed`. */
  #readHead(sink: ResponseSink, read: Buffer, bytes: number): number {
    let b = read;
    let end = bytes;
    const pieces = this.#pieces;
    if (pieces !== null) {
      const news = pieces.append(read, 0, bytes);
      if (!news && pieces.length < limits.responseHeaderBytes) return 0;
      b = pieces.bytes;
      end = pieces.length;
    }
    let start = 0;
    for (;;) {
      const result = parseResponseHead(head, b, start, end, limits.responseHeaders);
      if (result === parsed.more) {
        if (end - start > limits.responseHeaderBytes) return this.#refuse(sink);
        const rest = new HeadBuffer();
        rest.append(b, start, end);
        this.#pieces = rest;
        return 0;
      }
      if (result !== parsed.ok || head.end - start > limits.responseHeaderBytes) return this.#refuse(sink);
      if (sink.upgrade !== null && opensTunnel(sink.upgrade, head)) return this.#openTunnel(sink, b, end);
      if (head.status >= 200) break;
      // 101 was not asked for, or not so; other informational answers end here
      if (head.status === 101 || ++this.#informational > limits.informationalResponses) return this.#refuse(sink);
      start = head.end;
    }
    this.#pieces = null;
    const bodyStart = head.end;
    this.#body.begin(head, sink.answerHasNoBody);
    const hasBody = !this.#body.done;
    const mayKeep = (head.minor === 1 || head.keepAlive) && !head.close && !this.#body.untilClose;
    if (!mayKeep) this.#cluster.stats.cxCloseNotify.value++;
    // who was asked for another protocol may believe to speak it
    this.#keep = mayKeep && sink.upgrade === null;
    this.#state = hasBody ? reading.body : reading.idle;
    if (!sink.onResponseHead(head, hasBody)) {
      this.#state = reading.closed;
      this.#sink = null;
      this.close();
      return failed;
    }
    return hasBody ? this.#readBody(sink, b, bodyStart, end) : end - bodyStart;
  }

  /** What lies behind the head is the tunnel's. */
  #openTunnel(sink: ResponseSink, b: Buffer, end: number): number {
    const start = head.end;
    this.#pieces = null;
    this.#state = reading.tunnel;
    this.#socket.allowHalfOpen = true;
    sink.onTunnel(head);
    return this.#readBody(sink, b, start, end);
  }

  #readBody(sink: ResponseSink, b: Buffer, start: number, end: number): number {
    if (start === end) return 0;
    ranges.clear();
    let behind = end;
    if (this.#state === reading.tunnel) ranges.add(start, end);
    else {
      behind = this.#body.read(b, start, end, ranges);
      if (behind < 0) return this.#refuse(sink);
      if (this.#body.done) this.#state = reading.idle;
    }
    if (ranges.bytes > 0) sink.onResponseData(b, ranges);
    return end - behind;
  }

  /** The answer is whole: the asker hears of it, the socket goes to the pool or away. */
  #finish(sink: ResponseSink): void {
    this.#sink = null;
    const { keepAlive } = this.#cluster.config;
    const spent = keepAlive.maxRequests > 0 && this.requests >= keepAlive.maxRequests;
    if (spent) this.#cluster.stats.cxMaxRequests.value++;
    if (this.#keep && !spent && sink.requestComplete) {
      this.host.putIdle(this, keepAlive.idleTimeoutMs, this.#shared.deadlines);
    } else this.close();
    sink.onResponseEnd(null);
  }

  #refuse(sink: ResponseSink): typeof failed {
    this.#cluster.stats.cxProtocolError.value++;
    this.#sink = null;
    this.#state = reading.closed;
    this.close();
    sink.onUpstreamFailure(localReplies.upstreamProtocolError, 'reset');
    return failed;
  }

  #onEnd(): void {
    const sink = this.#sink;
    if (this.#shared.turns.isStill(this.#taken)) this.#stale = true;
    if (sink !== null && this.#state === reading.body && this.#body.untilClose) {
      this.#state = reading.closed;
      this.#finish(sink);
    } else if (sink !== null && this.#state === reading.tunnel) {
      this.#state = reading.tunnelEnd;
      if (this.#writer.isEnding) this.#leaveTunnel();
      sink.onResponseEnd(null);
    } else if (sink === null) {
      this.#cluster.stats.cxDestroyRemote.value++;
      this.host.dropIdle(this);
      this.#socket.destroy();
    }
  }

  #onClose(): void {
    const { stats } = this.#cluster;
    this.#connectDeadline?.disarm();
    this.host.dropIdle(this);
    this.host.closed(stats, this.#shared.now() - this.#openedMs);
    if (!this.#connected) {
      stats.rqPendingActive.value--;
      // nobody waits any more: the client gave up, which is no fault of the endpoint
      if (this.#sink !== null) stats.cxConnectFail.value++;
      if (this.#timedOut) stats.cxConnectTimeout.value++;
    }
    const sink = this.#sink;
    if (sink === null) return;
    this.#sink = null;
    if (this.#connected) {
      stats.cxDestroyWithActiveRq.value++;
      stats.rqRxReset.value++;
      sink.onUpstreamFailure(localReplies.upstreamTermination, this.#stale ? 'unprocessed' : 'reset');
    } else {
      stats.rqPendingFailureEject.value++;
      sink.onUpstreamFailure(connectFailureOf(this.#timedOut, this.#errorCode), 'no-connection');
    }
  }
}

const failed = -1;
