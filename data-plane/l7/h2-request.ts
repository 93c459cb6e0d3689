/** One try of a request on a stream of an HTTP/2 connection. */
import { errorCodes } from '../../proto/http2/errors.ts';
import type { Field, FieldLike } from '../../proto/http2/field.ts';
import type { ResetCause, Stream } from '../../proto/http2/stream.ts';
import { FieldsHead } from '../codec/fields-head.ts';
import { Ranges } from '../codec/h1-chunked.ts';
import type { MessageHead } from '../codec/message-head.ts';
import { limits } from '../limits.ts';
import type { Forwarding } from './forwarding.ts';
import type { H2Upstream } from './h2-upstream.ts';
import { requestFields } from './head-writer.ts';
import { type LocalReply, localReplies } from './local-reply.ts';
import type { Replay } from './replay.ts';
import type { RequestTarget } from './request-target.ts';
import type { TryEnd } from './retry-rules.ts';
import { connectAsk } from './upgrade.ts';
import type { ResponseSink, UpstreamRequest } from './upstream-request.ts';
import { connectFailureOf } from './upstream-socket.ts';

/** Refilled for each answer. */
const head = new FieldsHead();
const ranges = new Ranges();

export class H2Request implements UpstreamRequest {
  /** A stream can be refused on any connection. */
  readonly mayGoUnseen = true;
  readonly #connection: H2Upstream;
  #stream: Stream<H2Request> | undefined = undefined;
  /** Null: nobody asks any more. */
  #sink: ResponseSink | null = null;
  #replay: Replay | null = null;
  /** The turn in which it began on a connection that was there before; -1: on a new one. */
  #taken = -1;
  #sentEnd = false;
  /** The client is stopped until most of what is queued is out. */
  #full = false;
  #informational = 0;
  #answered = false;
  /** Received bytes that the endpoint has not been given new room for. */
  #heldBytes = 0;
  /** Of a request that waits for what the endpoint offers. */
  #waitingFields: readonly FieldLike[] | null = null;
  /** A tunnel is open: neither end of its stream is the other. */
  #tunnel = false;
  /** The endpoint's direction of it has ended. */
  #tunnelEnded = false;

  constructor(connection: H2Upstream) {
    this.#connection = connection;
  }

  get isConnected(): boolean {
    return this.#connection.isConnected;
  }

  begin(sink: ResponseSink, replay: Replay): void {
    this.#sink = sink;
    this.#replay = replay;
    if (this.#connection.isReused) this.#taken = this.#connection.shared.turns.mark();
  }

  sendHead(head: MessageHead, target: RequestTarget, forwarding: Forwarding, bodyFollows: boolean): void {
    const fields = requestFields(head, target, forwarding);
    this.#replay!.keepFields(fields);
    // a tunnel's end is still to come
    const ends = !bodyFollows && target.upgrade === null;
    if (ends) this.#replay!.keepEnd(null);
    this.#begin(fields, ends);
  }

  sendData(b: Buffer, data: Ranges): void {
    this.#replay!.keepData(b, data);
    for (let i = 0; i < data.count; i++) this.#stream!.dataCopied(b, data.starts[i]!, data.ends[i]!, onTaken);
  }

  sendEnd(trailers: readonly Field[] | null): void {
    this.#replay!.keepEnd(trailers);
    this.#sentEnd = true;
    if (trailers === null) this.#stream!.end();
    else this.#stream!.trailers(trailers);
    if (this.#tunnelEnded) this.#leaveTunnel();
  }

  resend(replay: Replay, expectedMs: number): void {
    const { data, trailers, isEnded } = replay;
    const endsWithData = isEnded && trailers === null;
    this.#begin(replay.fieldsWith(expectedMs), data.length === 0 && endsWithData);
    // a list of its own: more may come, which the replay keeps beside
    if (data.length > 0) this.#stream!.data(data.slice(), endsWithData);
    if (trailers !== null) this.#stream!.trailers(trailers);
    this.#sentEnd = isEnded;
  }

  flush(): boolean {
    if (this.#stream === undefined) return true;
    // a client that was stopped may send on as far as its window goes: it is stopped until `onTaken` tells it otherwise
    this.#full ||= !this.#sentEnd && this.#stream.queuedBytes >= limits.streamBufferBytes;
    return !this.#full;
  }

  abort(): void {
    this.#sink = null;
    if (this.#waitingFields !== null) this.#connection.onForgotten(this);
    else if (this.#stream?.isOver === false) {
      this.#cut(this.#stream, this.#tunnel ? errorCodes.CONNECT_ERROR : errorCodes.CANCEL);
    }
  }

  resumeReading(): void {
    if (this.#heldBytes === 0) return;
    this.#stream!.consumed(this.#heldBytes);
    this.#heldBytes = 0;
  }

  // ---- what the connection tells ----

  /** @param offersTunnels it takes an extended CONNECT */
  onSettled(offersTunnels: boolean): void {
    const sink = this.#sink!;
    const fields = this.#waitingFields!;
    this.#waitingFields = null;
    if (offersTunnels && this.#connection.hasRoom) {
      this.#open(fields, false);
      return;
    }
    this.#sink = null;
    if (offersTunnels) sink.onUpstreamFailure(localReplies.upstreamRefusedStream, 'unprocessed');
    else sink.onUpstreamFailure(localReplies.upstreamOffersNoTunnel, 'reset');
  }

  onHeaders(fields: readonly Field[], endStream: boolean): void {
    const sink = this.#sink;
    if (sink === null) return;
    head.fill(fields);
    if (head.status < 200) {
      if (++this.#informational > limits.informationalResponses) this.#refuse(sink);
      return;
    }
    this.#answered = true;
    if (sink.upgrade !== null && head.status < 300) {
      this.#tunnel = true;
      sink.onTunnel(head);
      if (endStream) this.#finish(sink, null);
      return;
    }
    const hasBody = !endStream && !sink.answerHasNoBody && head.status !== 204 && head.status !== 304;
    if (!sink.onResponseHead(head, hasBody)) this.abort();
    else if (endStream) this.#finish(sink, null);
  }

  onData(chunk: Buffer, endStream: boolean): void {
    const sink = this.#sink;
    if (sink === null) {
      this.#stream!.consumed(chunk.length);
      return;
    }
    this.#heldBytes += chunk.length;
    if (chunk.length > 0) {
      ranges.clear();
      ranges.add(0, chunk.length);
      sink.onResponseData(chunk, ranges);
    }
    if (endStream) this.#finish(sink, null);
  }

  onTrailers(fields: readonly Field[]): void {
    if (this.#sink !== null) this.#finish(this.#sink, fields);
  }

  /** Once for each callback in which something was told. */
  flushResponse(): void {
    const sink = this.#sink;
    if (sink === null || !this.#answered) return;
    if (sink.flushResponse()) this.resumeReading();
  }

  onReset(code: number, cause: ResetCause): void {
    const sink = this.#sink;
    if (sink === null) return;
    // it has said all and wants no more: what still comes is thrown away
    if (this.#tunnelEnded && cause === 'peer' && code === errorCodes.NO_ERROR) return;
    this.#sink = null;
    const { isConnected, timedOut, errorCode, stats, shared } = this.#connection;
    if (!isConnected) {
      stats.rqPendingFailureEject.value++;
      sink.onUpstreamFailure(connectFailureOf(timedOut, errorCode), 'no-connection');
      return;
    }
    stats.rqRxReset.value++;
    sink.onUpstreamFailure(replyTo(code, cause), this.#endOf(code, cause, shared.turns.isStill(this.#taken)));
  }

  /** Something is wrong with this proxy. */
  destroy(): void {
    const sink = this.#sink;
    this.abort();
    sink?.destroy();
  }

  /** Some of what was queued is on its way. */
  onTaken(): void {
    if (!this.#full || this.#stream!.queuedBytes * 2 >= limits.streamBufferBytes) return;
    this.#full = false;
    this.#sink?.onUpstreamDrain();
  }

  // ---- the two halves of the stream ----

  /** Another protocol may not be asked for before the endpoint has said that it may be (RFC 8441 section 3). */
  #begin(fields: readonly FieldLike[], endStream: boolean): void {
    const { upgrade } = this.#sink!;
    if (upgrade === null || upgrade === connectAsk) this.#open(fields, endStream);
    else {
      this.#waitingFields = fields;
      this.#connection.whenSettled(this);
    }
  }

  #open(fields: readonly FieldLike[], endStream: boolean): void {
    this.#sentEnd = endStream;
    this.#stream = this.#connection.request(fields, endStream, this);
    if (this.#stream === undefined) throw new Error('A connection without room was taken for a request.');
  }

  #cut(stream: Stream<H2Request>, code: number): void {
    stream.reset(code);
    this.#connection.onCut(this);
  }

  /** The answer is whole. An endpoint that has said all before it heard all wants no more of the request. */
  #finish(sink: ResponseSink, trailers: readonly Field[] | null): void {
    if (this.#tunnel) {
      this.#tunnelEnded = true;
      this.resumeReading();
      if (this.#sentEnd) this.#leaveTunnel();
      sink.onResponseEnd(trailers);
      return;
    }
    this.#sink = null;
    const stream = this.#stream!;
    this.resumeReading();
    if (!stream.isEndSent) this.#cut(stream, errorCodes.NO_ERROR);
    sink.onResponseEnd(trailers);
  }

  /** Both directions have ended: what is still queued has its time. */
  #leaveTunnel(): void {
    const { lingerMs, shared } = this.#connection;
    const stream = this.#stream!;
    this.#sink = null;
    if (lingerMs === 0 || stream.isOver) return;
    shared.deadlines.after(lingerMs, () => {
      if (!stream.isOver) this.#cut(stream, errorCodes.CANCEL);
    });
  }

  #refuse(sink: ResponseSink): void {
    this.#sink = null;
    this.#cut(this.#stream!, errorCodes.PROTOCOL_ERROR);
    sink.onUpstreamFailure(localReplies.upstreamProtocolError, 'reset');
  }

  /** @param unsent nothing of the request can have left when the connection ended */
  #endOf(code: number, cause: ResetCause, unsent: boolean): TryEnd {
    // any other code: it was ended by this side, for what the endpoint said; that may have read on, and acted
    if (cause === 'connection') return unsent && code === errorCodes.CANCEL ? 'unprocessed' : 'reset';
    return code === errorCodes.REFUSED_STREAM && !this.#answered ? 'unprocessed' : 'reset';
  }
}

function onTaken(stream: Stream<H2Request>): void {
  stream.state?.onTaken();
}

/** As Envoy says it. */
function replyTo(code: number, cause: ResetCause): LocalReply {
  if (cause === 'violation') return localReplies.upstreamProtocolError;
  // the codec's code for a socket that has closed; any other is its word on what the endpoint has sent
  if (cause === 'connection') {
    return code === errorCodes.CANCEL ? localReplies.upstreamTermination : localReplies.upstreamProtocolError;
  }
  return code === errorCodes.REFUSED_STREAM ? localReplies.upstreamRefusedStream : localReplies.upstreamRemoteReset;
}
