/** A try that waits for a connection, because there are as many as there may be; from then on it is what carries it. */
import type { Field } from '../../proto/http2/field.ts';
import type { Ranges } from '../codec/h1-chunked.ts';
import type { MessageHead } from '../codec/message-head.ts';
import { limits } from '../limits.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Host, Waiting } from '../upstream/host.ts';
import { lastChunk, writeChunk, writeData } from './answer-writer.ts';
import type { Forwarding } from './forwarding.ts';
import { requestFields, writeRequestHead } from './head-writer.ts';
import type { HttpShared } from './http-context.ts';
import { Replay } from './replay.ts';
import type { RequestTarget } from './request-target.ts';
import type { ResponseSink, UpstreamRequest } from './upstream-request.ts';

/** A connection of its own, or a place on one; null: there is none yet. */
export type Connect = () => (UpstreamRequest & { isChunked?: boolean }) | null;

export class WaitingRequest implements UpstreamRequest, Waiting {
  readonly mayGoUnseen = true;
  readonly #cluster: Cluster;
  readonly #host: Host;
  readonly #shared: HttpShared;
  readonly #isHttp2: boolean;
  readonly #connect: Connect;
  /** What was sent so far. */
  readonly #held = new Replay(Number.POSITIVE_INFINITY);
  #heldBytes = 0;
  #chunked = false;
  #expectedMs = 0;
  #sink: ResponseSink | null = null;
  #replay: Replay | null = null;
  /** Null: it still waits. */
  #inner: UpstreamRequest | null = null;

  constructor(cluster: Cluster, host: Host, shared: HttpShared, isHttp2: boolean, connect: Connect) {
    this.#cluster = cluster;
    this.#host = host;
    this.#shared = shared;
    this.#isHttp2 = isHttp2;
    this.#connect = connect;
  }

  get isConnected(): boolean {
    return this.#inner?.isConnected === true;
  }

  begin(sink: ResponseSink, replay: Replay): void {
    this.#sink = sink;
    this.#replay = replay;
    this.#held.begin(true);
    const { stats } = this.#cluster;
    stats.rqPendingTotal.value++;
    stats.rqPendingActive.value++;
    stats.rqWaiting.value++;
    this.#host.wait(this);
  }

  /** @returns false: there is still no connection for it */
  goOn(): boolean {
    const inner = this.#connect();
    if (inner === null) return false;
    this.#leave();
    const sink = this.#sink!;
    try {
      this.#inner = inner;
      inner.begin(sink, this.#replay!);
      if (!this.#isHttp2) inner.isChunked = this.#chunked;
      inner.resend(this.#held, this.#expectedMs);
      this.#held.drop();
      if (!sink.requestComplete) sink.onUpstreamDrain();
    } catch (fault) {
      this.#shared.onFault(fault);
      inner.abort();
      sink.destroy();
    }
    return true;
  }

  sendHead(head: MessageHead, target: RequestTarget, forwarding: Forwarding, bodyFollows: boolean): void {
    this.#expectedMs = forwarding.expectedMs;
    if (this.#isHttp2) {
      const fields = requestFields(head, target, forwarding);
      const ends = !bodyFollows && target.upgrade === null;
      for (const kept of [this.#held, this.#replay!]) {
        kept.keepFields(fields);
        if (ends) kept.keepEnd(null);
      }
      return;
    }
    this.#chunked = bodyFollows && head.contentLength < 0;
    writeRequestHead(this.#shared.toUpstream, head, target, forwarding, bodyFollows);
  }

  sendData(b: Buffer, data: Ranges): void {
    if (this.#inner !== null) this.#inner.sendData(b, data);
    else if (this.#isHttp2) {
      this.#heldBytes += data.bytes;
      for (const kept of [this.#held, this.#replay!]) kept.keepData(b, data);
    } else if (this.#chunked) writeChunk(this.#shared.toUpstream, b, data);
    else writeData(this.#shared.toUpstream, b, data);
  }

  sendEnd(trailers: readonly Field[] | null): void {
    if (this.#inner !== null) this.#inner.sendEnd(trailers);
    else if (this.#isHttp2) for (const kept of [this.#held, this.#replay!]) kept.keepEnd(trailers);
    else if (this.#chunked) this.#shared.toUpstream.text(lastChunk);
  }

  resend(replay: Replay, expectedMs: number): void {
    this.#expectedMs = expectedMs;
    if (this.#isHttp2) {
      const { data, trailers, isEnded } = replay;
      this.#held.keepFields(replay.fieldsWith(expectedMs));
      this.#held.data = data.slice();
      if (isEnded) this.#held.keepEnd(trailers);
      return;
    }
    const { toUpstream } = this.#shared;
    replay.writeTo(toUpstream, expectedMs);
    this.#held.add(toUpstream);
    toUpstream.length = 0;
  }

  flush(): boolean {
    if (this.#inner !== null) return this.#inner.flush();
    const { toUpstream } = this.#shared;
    if (!this.#isHttp2 && toUpstream.length > 0) {
      this.#heldBytes += toUpstream.length;
      this.#replay!.add(toUpstream);
      this.#held.add(toUpstream);
      toUpstream.length = 0;
    }
    return this.#heldBytes < limits.streamBufferBytes;
  }

  abort(): void {
    if (this.#inner !== null) {
      this.#inner.abort();
      return;
    }
    if (!this.#isHttp2) this.#shared.toUpstream.length = 0;
    this.#cluster.stats.rqCancelled.value++;
    this.#leave();
  }

  resumeReading(): void {
    this.#inner?.resumeReading();
  }

  #leave(): void {
    const { stats } = this.#cluster;
    stats.rqPendingActive.value--;
    stats.rqWaiting.value--;
    this.#host.waitNoMore(this);
  }
}
