/** One HTTP/2 connection to an endpoint, shared by requests: its socket, its codec, its place among the host's. */
import type net from 'node:net';
import { Connection } from '../../proto/http2/connection.ts';
import { errorCodes } from '../../proto/http2/errors.ts';
import type { Field, FieldLike } from '../../proto/http2/field.ts';
import type { WriteResult, Writer } from '../../proto/http2/output.ts';
import { socketWriter } from '../../proto/http2/socket.ts';
import type { Closed, Handlers, ResetCause, Stream } from '../../proto/http2/stream.ts';
import { limits } from '../limits.ts';
import type { Cluster } from '../upstream/cluster.ts';
import { Deadline } from '../upstream/deadlines.ts';
import type { Host, SharedConnection } from '../upstream/host.ts';
import type { ToldClient } from '../upstream/told-client.ts';
import type { H2Request } from './h2-request.ts';
import type { HttpShared } from './http-context.ts';
import { connectUpstream } from './upstream-socket.ts';

export class H2Upstream implements SharedConnection, Handlers<H2Request>, Writer {
  isConnected = false;
  /** It could not be made in time. */
  timedOut = false;
  /** Of its socket; undefined: that had none. */
  errorCode: string | undefined;
  readonly shared: HttpShared;
  readonly client: ToldClient | null;
  readonly #cluster: Cluster;
  readonly #host: Host;
  readonly #socket: net.Socket;
  readonly #writer: Writer;
  readonly #http2: Connection<H2Request>;
  readonly #openedMs: number;
  /** Requests so far, and those that wait until it is connected. */
  #requests = 0;
  #waiting = 0;
  /** Takes no more requests. */
  #retired = false;
  readonly #connectDeadline: Deadline;
  readonly #idleDeadline: Deadline;
  #cancelDelayedClose: (() => void) | null = null;
  /** Was told of something in this callback, and is not flushed yet. */
  #told: H2Request | null = null;
  /** The endpoint has said what it allows. */
  #isSettled = false;
  /** Requests that depend on that. */
  readonly #unsettled: Set<H2Request> = new Set();

  /** @param client as {@link SharedConnection} has it */
  constructor(cluster: Cluster, host: Host, shared: HttpShared, client: ToldClient | null) {
    this.#cluster = cluster;
    this.client = client;
    this.#host = host;
    this.shared = shared;
    this.#openedMs = shared.now();
    const { stats, config } = cluster;
    host.opened(stats);
    stats.cxHttp2Total.value++;
    const socket = connectUpstream(cluster, host, shared, client, (b, bytes) => this.#onRead(b, bytes));
    this.#socket = socket;
    this.#writer = socketWriter(socket);
    this.#http2 = new Connection<H2Request>({
      role: 'client',
      writer: this,
      handlers: this,
      settings: { initialWindowBytes: config.http2.streamWindowBytes },
      connectionWindowBytes: config.http2.connectionWindowBytes,
      maxHeaders: limits.responseHeaders,
      autoConsume: false,
      now: shared.now,
    });
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      this.errorCode = code;
    });
    socket.on('drain', () => this.#http2.drained());
    socket.on('end', () => this.#onEnd());
    socket.on('close', () => this.#onClose());
    socket.once('connect', () => this.#onConnect());
    this.#connectDeadline = new Deadline(() => {
      this.timedOut = true;
      socket.destroy();
    });
    if (config.connectTimeoutMs > 0) shared.deadlines.queue(config.connectTimeoutMs).arm(this.#connectDeadline);
    this.#idleDeadline = new Deadline(() => {
      stats.cxIdleTimeout.value++;
      this.drain();
    });
    host.addShared(this);
  }

  get stats(): Cluster['stats'] {
    return this.#cluster.stats;
  }

  get hasRoom(): boolean {
    if (!this.#http2.canRequest) return false;
    const { maxStreams } = this.#cluster.config.http2;
    const allowed = this.#http2.isAcknowledged ? maxStreams : Math.min(maxStreams, this.#host.streamsAllowed);
    return this.#http2.openStreams < allowed;
  }

  get isIdle(): boolean {
    return this.isConnected && this.#http2.openStreams === 0;
  }

  /** Its endpoint may have ended it unseen. */
  get isReused(): boolean {
    return this.#requests > 0;
  }

  /** Tells `request` what the endpoint offers (`onSettled`), in no case before this has returned. */
  whenSettled(request: H2Request): void {
    this.#unsettled.add(request);
    if (this.#isSettled) queueMicrotask(() => this.#tellSettled());
  }

  /** For an endpoint that does not take the last bytes of a tunnel; 0: it is waited for. */
  get lingerMs(): number {
    return this.#cluster.config.keepAlive.idleTimeoutMs;
  }

  /** @throws TypeError for fields that may not be sent, which no codec of ours lets in */
  request(fields: readonly FieldLike[], endStream: boolean, request: H2Request): Stream<H2Request> | undefined {
    const stream = this.#http2.request(fields, endStream, request);
    if (stream === undefined) return undefined;
    this.#idleDeadline.disarm();
    const { stats } = this;
    if (!this.isConnected) {
      this.#waiting++;
      stats.rqPendingTotal.value++;
      stats.rqPendingActive.value++;
    }
    const { maxRequests } = this.#cluster.config.keepAlive;
    if (++this.#requests === maxRequests) {
      stats.cxMaxRequests.value++;
      this.drain();
    }
    return stream;
  }

  /** A request that had no stream yet was given up. */
  onForgotten(request: H2Request): void {
    this.#unsettled.delete(request);
    this.#rest();
  }

  /** A request on it was given up by this side. */
  onCut(request: H2Request): void {
    if (this.#told === request) this.#told = null;
    if (!this.isConnected) {
      this.#waiting--;
      this.stats.rqPendingActive.value--;
      this.stats.rqCancelled.value++;
    }
    this.#rest();
  }

  drain(): void {
    if (!this.#retired) {
      this.#retired = true;
      this.#host.dropShared(this);
    }
    // not while requests are under way: some servers take a client's goodbye for the end of these
    if (this.#http2.openStreams === 0) this.#http2.drain();
  }

  // ---- what the codec tells ----

  headers(stream: Stream<H2Request>, fields: readonly Field[], endStream: boolean): void {
    const request = stream.state!;
    this.#turnTo(request);
    try {
      request.onHeaders(fields, endStream);
    } catch (fault) {
      this.#onFault(request, fault);
    }
  }

  data(stream: Stream<H2Request>, chunk: Buffer, endStream: boolean): void {
    const request = stream.state!;
    this.#turnTo(request);
    try {
      request.onData(chunk, endStream);
    } catch (fault) {
      this.#onFault(request, fault);
    }
  }

  trailers(stream: Stream<H2Request>, fields: readonly Field[]): void {
    const request = stream.state!;
    this.#turnTo(request);
    try {
      request.onTrailers(fields);
    } catch (fault) {
      this.#onFault(request, fault);
    }
  }

  ended(): void {
    this.#rest();
  }

  reset(stream: Stream<H2Request>, code: number, cause: ResetCause): void {
    const request = stream.state!;
    // what came before it goes out before it
    this.#turnTo(null);
    this.#learn();
    this.#end(request, code, cause);
    this.#rest();
  }

  settings(): void {
    this.#isSettled = true;
    this.#host.wake();
    this.#tellSettled();
  }

  #tellSettled(): void {
    for (const request of this.#unsettled) {
      this.#unsettled.delete(request);
      try {
        request.onSettled(this.#http2.peerSettings.enableConnectProtocol);
      } catch (fault) {
        this.#onFault(request, fault);
      }
    }
  }

  goAway(): void {
    if (!this.#retired) this.stats.cxCloseNotify.value++;
    this.drain();
  }

  closed({ by }: Closed): void {
    if (by === 'error') this.stats.cxProtocolError.value++;
    this.#retired = true;
    this.#host.dropShared(this);
  }

  // ---- the socket ----

  write(buffers: readonly Buffer[]): WriteResult {
    let bytes = 0;
    for (let i = 0; i < buffers.length; i++) bytes += buffers[i]!.length;
    this.stats.cxTxBytesTotal.value += bytes;
    return this.#writer.write(buffers);
  }

  /** An endpoint that does not take the last bytes is not waited for. */
  close(): void {
    const socket = this.#socket;
    this.#idleDeadline.disarm();
    if (socket.destroyed) return;
    if (!socket.readableEnded) this.stats.cxDestroyLocal.value++;
    this.#cancelDelayedClose = this.shared.deadlines.after(limits.delayedCloseMs, () => socket.destroy());
    this.#writer.close();
  }

  #onConnect(): void {
    this.#connectDeadline.disarm();
    this.isConnected = true;
    const { stats } = this;
    stats.rqPendingActive.value -= this.#waiting;
    this.#waiting = 0;
    stats.cxConnectMs.record(this.shared.now() - this.#openedMs);
  }

  #onRead(b: Buffer, bytes: number): boolean {
    this.shared.turns.countRead();
    this.stats.cxRxBytesTotal.value += bytes;
    this.#http2.receive(b.subarray(0, bytes));
    this.#turnTo(null);
    this.#learn();
    return true;
  }

  #onEnd(): void {
    this.stats.cxDestroyRemote.value++;
    this.#onGone();
  }

  #onClose(): void {
    const { stats } = this;
    this.#connectDeadline.disarm();
    this.#cancelDelayedClose?.();
    this.#onGone();
    this.#host.closed(stats, this.shared.now() - this.#openedMs);
    if (this.isConnected) return;
    stats.rqPendingActive.value -= this.#waiting;
    // nobody waits any more: the clients gave up, which is no fault of the endpoint
    if (this.#waiting > 0) stats.cxConnectFail.value++;
    if (this.timedOut) stats.cxConnectTimeout.value++;
  }

  #onGone(): void {
    if (this.isConnected && this.#http2.openStreams > 0) this.stats.cxDestroyWithActiveRq.value++;
    this.#http2.transportClosed('The connection has been closed.');
    for (const request of this.#unsettled) {
      this.#unsettled.delete(request);
      this.#end(request, errorCodes.CANCEL, 'connection');
    }
  }

  #end(request: H2Request, code: number, cause: ResetCause): void {
    try {
      request.onReset(code, cause);
    } catch (fault) {
      this.#onFault(request, fault);
    }
  }

  // ---- between requests ----

  /** All sinks share one buffer, so the one that was told before flushes it first. */
  #turnTo(request: H2Request | null): void {
    const told = this.#told;
    if (told === request) return;
    this.#told = request;
    if (told === null) return;
    try {
      told.flushResponse();
    } catch (fault) {
      this.#onFault(told, fault);
    }
  }

  /** A bug in what one request does is not to end the others. */
  #onFault(request: H2Request, fault: unknown): void {
    if (this.#told === request) this.#told = null;
    this.shared.onFault(fault);
    request.destroy();
  }

  #learn(): void {
    if (!this.#http2.isAcknowledged) return;
    this.#host.streamsAllowed = Math.max(1, this.#http2.peerSettings.maxConcurrentStreams);
  }

  /** A request is over: whoever has none left waits for the next one, or closes. */
  #rest(): void {
    this.#host.wake();
    if (this.#http2.openStreams > 0 || this.#http2.isClosed) return;
    const { idleTimeoutMs } = this.#cluster.config.keepAlive;
    if (this.#retired || this.#host.removed) this.drain();
    else if (idleTimeoutMs > 0) this.shared.deadlines.queue(idleTimeoutMs).arm(this.#idleDeadline);
  }
}
