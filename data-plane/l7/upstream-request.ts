/** What carries one try of a request to an endpoint, and who is told of its answer, whichever version either speaks. */
import type { Field } from '../../proto/http2/field.ts';
import type { Ranges } from '../codec/h1-chunked.ts';
import type { MessageHead } from '../codec/message-head.ts';
import type { Forwarding } from './forwarding.ts';
import type { LocalReply } from './local-reply.ts';
import type { Replay } from './replay.ts';
import type { RequestTarget } from './request-target.ts';
import type { TryEnd } from './retry-rules.ts';
import type { UpgradeAsk } from './upgrade.ts';

/** Who asked: told of the answer as it comes, all within one callback of the endpoint's socket. */
export interface ResponseSink {
  /** True if the answer to the request at hand has no body whatever its head says (HEAD). */
  readonly answerHasNoBody: boolean;
  /** Nothing more of the request comes before its answer. */
  readonly requestComplete: boolean;
  /** The tunnel that the request asks for; null: none. */
  readonly upgrade: UpgradeAsk | null;
  /** `head` is valid during the call only. False: this answer is not wanted, the try ends. */
  onResponseHead(head: MessageHead, hasBody: boolean): boolean;
  /**
   * Instead: the tunnel that was asked for is open. From here on the ends of request and response are those of its two
   * directions, and each may go on without the other.
   */
  onTunnel(head: MessageHead): void;
  onResponseData(b: Buffer, data: Ranges): void;
  /** @param trailers null: none */
  onResponseEnd(trailers: readonly Field[] | null): void;
  /** What came so far can leave. False: pause until `resumeReading`. */
  flushResponse(): boolean;
  /** No answer will come, or no more of it. */
  onUpstreamFailure(reply: LocalReply, end: TryEnd): void;
  /** Something is wrong with this proxy: cut. */
  destroy(): void;
  /** More of the request may be sent again. */
  onUpstreamDrain(): void;
}

export interface UpstreamRequest {
  /** The endpoint has taken the connection. */
  readonly isConnected: boolean;
  /** The try can end without the endpoint having looked at it: its connection has ended unseen, or its stream is refused. */
  readonly mayGoUnseen: boolean;
  /** @param replay keeps what is sent, as long as it wants to */
  begin(sink: ResponseSink, replay: Replay): void;
  /** What is sent waits for `flush`. */
  sendHead(head: MessageHead, target: RequestTarget, forwarding: Forwarding, bodyFollows: boolean): void;
  sendData(b: Buffer, data: Ranges): void;
  /** Of a request whose body follows, or of a tunnel's one direction. @param trailers null: none */
  sendEnd(trailers: readonly Field[] | null): void;
  /** In place of all that: what `replay` has kept; HTTP/2 goes on from there. @param expectedMs what the endpoint is told of the time it has */
  resend(replay: Replay, expectedMs: number): void;
  /** False: enough until the sink's `onUpstreamDrain`. */
  flush(): boolean;
  /** The asker is gone or has had enough: the endpoint of an open tunnel sees a reset. */
  abort(): void;
  resumeReading(): void;
}
