/** A health check in HTTP/1.1. */
import type net from 'node:net';
import { ChunkedDecoder, Ranges } from '../codec/h1-chunked.ts';
import { Head, parsed, parseResponseHead } from '../codec/h1-head.ts';
import { limits } from '../limits.ts';
import type { HttpProbeConfig } from '../model/config.ts';
import type { Exchange } from './exchange.ts';
import { type AnswerJudge, http1Question } from './http-judge.ts';
import { networkFailure, type Outcome } from './outcome.ts';

/** Heads are read within one call, and data is used up within one. */
const head = new Head();
const ranges = new Ranges();

const chunkedLimits = {
  extensionBytes: limits.chunkExtensionBytes,
  trailerBytes: limits.trailerBytes,
  trailers: limits.trailers,
};
const headEnd = '\r\n\r\n';
const noField = (): undefined => undefined;
const noHttp = networkFailure('the answer is no HTTP/1.1');

export class Http1Exchange implements Exchange {
  readonly #check: HttpProbeConfig;
  readonly #judge: AnswerJudge;
  readonly #socket: net.Socket;
  /** Of a head that has begun. */
  #kept: Buffer = Buffer.alloc(0);
  /** Of informational answers. */
  #pastBytes = 0;
  #body: Body | null = null;

  constructor(check: HttpProbeConfig, judge: AnswerJudge, socket: net.Socket) {
    this.#check = check;
    this.#judge = judge;
    this.#socket = socket;
  }

  ask(): null {
    this.#socket.write(http1Question(this.#check), 'latin1');
    return null;
  }

  read(chunk: Buffer): Outcome | null {
    if (this.#body !== null) return this.#readBody(this.#body, chunk);
    const keptBytes = this.#kept.length;
    let bytes = keptBytes === 0 ? chunk : Buffer.concat([this.#kept, chunk]);
    // a head that comes in many pieces is not read anew with each of them
    if (bytes.indexOf(headEnd, Math.max(0, keptBytes - 3)) < 0) return this.#keep(bytes);
    for (;;) {
      const result = parseResponseHead(head, bytes, 0, bytes.length, limits.responseHeaders);
      if (result === parsed.more) return this.#keep(bytes);
      const headBytes = result === parsed.ok ? head.end : bytes.length;
      if (this.#pastBytes + headBytes > limits.responseHeaderBytes) return noHttp;
      if (result !== parsed.ok || head.status === 101 || head.status > 599) return noHttp;
      bytes = bytes.subarray(head.end);
      if (head.status >= 200) break;
      this.#pastBytes += headBytes;
    }
    const outcome = this.#judge.head(head.status, fieldOfHead);
    if (outcome !== null) return outcome;
    this.#body = bodyOf(this.#check.method);
    return this.#readBody(this.#body, bytes);
  }

  /** The head goes on. */
  #keep(bytes: Buffer): Outcome | null {
    if (this.#pastBytes + bytes.length > limits.responseHeaderBytes) return noHttp;
    this.#kept = Buffer.from(bytes);
    return null;
  }

  ended(): Outcome {
    // a body without a length ends with its connection
    if (this.#body?.type === 'open') return this.#judge.end(noField);
    return networkFailure('the connection ended before the answer');
  }

  close(): void {
    this.#socket.end();
  }

  #readBody(body: Body, bytes: Buffer): Outcome | null {
    if (body.type === 'open') return this.#judge.data(bytes);
    if (body.type === 'sized') {
      const outcome = this.#judge.data(bytes.subarray(0, body.left));
      body.left = Math.max(0, body.left - bytes.length);
      return outcome ?? (body.left === 0 ? this.#judge.end(noField) : null);
    }
    ranges.clear();
    if (body.decoder.feed(bytes, 0, bytes.length, ranges, chunkedLimits) < 0) return noHttp;
    for (let i = 0; i < ranges.count; i++) {
      const outcome = this.#judge.data(bytes.subarray(ranges.starts[i]!, ranges.ends[i]!));
      if (outcome !== null) return outcome;
    }
    return body.decoder.done ? this.#judge.end(noField) : null;
  }
}

type Body =
  | { readonly type: 'open' }
  | { readonly type: 'sized'; left: number }
  | { readonly type: 'chunked'; readonly decoder: ChunkedDecoder };

function fieldOfHead(name: string): string | undefined {
  const at = head.find(name);
  return at < 0 ? undefined : head.value(at);
}

function bodyOf(method: string): Body {
  if (method === 'HEAD' || head.status === 204 || head.status === 304) return { type: 'sized', left: 0 };
  if (head.chunked) return { type: 'chunked', decoder: new ChunkedDecoder() };
  return head.contentLength < 0 ? { type: 'open' } : { type: 'sized', left: head.contentLength };
}
