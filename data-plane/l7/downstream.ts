/** The client's side of a request as the request sees it, whichever version of HTTP the client speaks. */
import type { Field } from '../../proto/http2/field.ts';
import type { Ranges } from '../codec/h1-chunked.ts';
import type { MessageHead } from '../codec/message-head.ts';
import type { Arrival } from '../model/arrival.ts';
import type { ToldClient } from '../upstream/told-client.ts';
import type { Exchange } from './exchange.ts';
import type { LocalReply } from './local-reply.ts';
import type { UpgradeAsk } from './upgrade.ts';

/** What takes an answer as it comes. */
export type AnswerWriter = Pick<Downstream, 'writeHead' | 'writeData' | 'writeEnd'>;

export interface Downstream {
  /** For logs. */
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2';
  /** `ip:port` of the client. */
  readonly address: string;
  readonly ip: string;
  /** `ip:port` of what it has connected to. */
  readonly localAddress: string;
  /** How the connection came; null: all there is to know is its socket. */
  readonly arrival: Arrival | null;
  /** What of it stands in PROXY headers to endpoints; made when it is asked for. */
  readonly told: ToldClient;
  /** What endpoints are told of the client's certificate (x-forwarded-client-cert); empty: nothing. */
  readonly clientCert: string;
  /** The request has been read to its end. */
  readonly requestComplete: boolean;
  /** The request's body is wanted. */
  continueRequest(): void;
  /** No more of the body for now. */
  pauseRequest(): void;
  resumeRequest(): void;
  /** What is written of the answer waits for `flush`. `head` is valid during the call only. */
  writeHead(head: MessageHead, exchange: Exchange, hasBody: boolean): void;
  /** The request asks for a tunnel: its end is the tunnel's, and what follows its head belongs to no other request. */
  expectTunnel(): void;
  /** In place of `writeHead`: the tunnel is open. Returns the status that the client was told. */
  openTunnel(head: MessageHead, exchange: Exchange, ask: UpgradeAsk): number;
  writeData(b: Buffer, data: Ranges): void;
  /** Of the answer, or of a tunnel's one direction. @param trailers null: none */
  writeEnd(trailers: readonly Field[] | null): void;
  /** False: enough until the request's `resumeResponse`. */
  flush(): boolean;
  /** The proxy's own answer, all of it, sent at once. */
  writeReply(reply: LocalReply, headOnly: boolean): void;
  /** An answer that has begun will not be whole, and the client is to see that. */
  cut(): void;
  /** The request is answered, counted and logged. */
  onFinished(): void;
}
