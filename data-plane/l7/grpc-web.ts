/**
 * gRPC-Web (https://github.com/grpc/grpc, PROTOCOL-WEB.md): requests of browsers, which are gRPC from here on, and their
 * answers, whose trailers become the last frame of the body. As Envoy's filter does it, byte by byte.
 */
import type { Field } from '../../proto/http2/field.ts';
import { Ranges } from '../codec/h1-chunked.ts';
import type { HeaderPair, MessageHead } from '../codec/message-head.ts';
import { limits } from '../limits.ts';
import { Base64Reader } from './base64-reader.ts';
import type { AnswerWriter } from './downstream.ts';
import type { Exchange } from './exchange.ts';
import { grpcReply } from './grpc.ts';
import { GrpcText } from './grpc-text.ts';
import { KeptHead } from './held-request.ts';
import type { LocalReply } from './local-reply.ts';
import type { RequestTarget } from './request-target.ts';

const webType = /^application\/grpc-web(-text)?(?:\+([\w.-]+))?\s*(?:;|$)/i;
const grpcType = /^application\/grpc(?:-web)?(?:$|[+;])/i;
const asksForText = /(?:^|[\s,])application\/grpc-web-text(?:$|[\s,;+])/i;

/**
 * Null: it is no such request, or its route leaves it as it is. Else it asks for gRPC from here on, and `exchange` knows.
 * @param client takes the answer
 */
export function grpcWebOf(
  target: RequestTarget,
  head: MessageHead,
  exchange: Exchange,
  client: AnswerWriter,
): GrpcWeb | null {
  const { grpcWeb } = exchange.context.chain;
  if (grpcWeb === null || !(exchange.route?.config.grpcWeb ?? grpcWeb)) return null;
  // what is gRPC already is nothing to translate
  if (exchange.isGrpc || target.method !== 'POST' || target.upgrade !== null) return null;
  const type = webType.exec(head.first('content-type'));
  if (type === null) return null;
  const [, text, format = 'proto'] = type;
  exchange.isGrpc = true;
  exchange.isGrpcWeb = true;
  target.setHeader('content-type', format === 'proto' ? 'application/grpc' : `application/grpc+${format}`);
  target.setHeader('content-length', null);
  if (!/\btrailers\b/i.test(head.first('te'))) target.setHeader('te', 'trailers');
  if (head.lines('grpc-accept-encoding').length === 0) target.setHeader('grpc-accept-encoding', 'identity');
  return new GrpcWeb(exchange, client, text !== undefined, asksForText.test(head.lines('accept').join(',')), format);
}

interface Held {
  readonly head: MessageHead;
  readonly pieces: Buffer[];
  room: number;
}

/** At work on one request. */
export class GrpcWeb implements AnswerWriter {
  /** What `readBody` has made of the body. */
  bytes: Buffer;
  ranges: Ranges;
  readonly #decoded = new Ranges();
  readonly #reader: Base64Reader | null;
  readonly #exchange: Exchange;
  readonly #client: AnswerWriter;
  /** Null: answers are bytes. */
  readonly #text: GrpcText | null;
  /** Of the answer. */
  readonly #type: HeaderPair;
  /** An answer that is not gRPC's, and what has come of its body. */
  #held: Held | null = null;
  readonly #out = new Ranges();

  constructor(exchange: Exchange, client: AnswerWriter, sendsText: boolean, wantsText: boolean, format: string) {
    this.#exchange = exchange;
    this.#client = client;
    this.#reader = sendsText ? new Base64Reader() : null;
    this.#text = wantsText ? new GrpcText() : null;
    this.#type = ['content-type', `application/grpc-web${wantsText ? '-text' : ''}+${format}`];
    this.bytes = noBytes;
    this.ranges = this.#decoded;
  }

  // ---- the request ----

  /** False: it is no base64. */
  readBody(b: Buffer, data: Ranges): boolean {
    this.bytes = b;
    this.ranges = data;
    if (this.#reader === null) return true;
    const read = this.#reader.read(b, data);
    if (read === null) return false;
    this.#decoded.clear();
    if (read.length > 0) this.#decoded.add(0, read.length);
    this.bytes = read;
    this.ranges = this.#decoded;
    return true;
  }

  /** What has come of the body can't be its end. */
  get isInMiddle(): boolean {
    return this.#reader?.isInMiddle === true;
  }

  // ---- the answer ----

  /** The proxy's own answer. As in Envoy it keeps its status of HTTP, which clients look at first. */
  replyOf(reply: LocalReply): LocalReply {
    const inGrpc = grpcReply(reply);
    const others = inGrpc.headers!.filter(([name]) => name !== 'content-type');
    return { ...inGrpc, status: reply.status, headers: [this.#type, ...others] };
  }

  /** An answer that is not gRPC's becomes one without messages, once its body is here: that is what it has to say. */
  writeHead(head: MessageHead, exchange: Exchange, hasBody: boolean): void {
    if (!hasBody && head.first('grpc-status') === '') this.#writeForeign(head, '');
    else if (!hasBody || (head.status === 200 && grpcType.test(head.first('content-type')))) {
      this.#change([]);
      this.#client.writeHead(unsized(head), exchange, hasBody);
    } else this.#held = { head: new KeptHead(head, false), pieces: [], room: limits.grpcMessageBytes };
  }

  writeData(b: Buffer, data: Ranges): void {
    if (this.#held !== null) {
      this.#exchange.bytesSent -= data.bytes;
      for (let i = 0; i < data.count; i++) this.#hold(b.subarray(data.starts[i], data.ends[i]), this.#held);
    } else if (this.#text === null) this.#client.writeData(b, data);
    else {
      let text = '';
      for (let i = 0; i < data.count; i++) text += this.#text.write(b.subarray(data.starts[i], data.ends[i]));
      this.#exchange.bytesSent -= data.bytes;
      this.#write(Buffer.from(text, 'latin1'));
    }
  }

  #hold(bytes: Buffer, held: Held): void {
    const piece = bytes.subarray(0, held.room);
    held.room -= piece.length;
    if (piece.length > 0) held.pieces.push(Buffer.from(piece));
  }

  writeEnd(trailers: readonly Field[] | null): void {
    if (this.#held !== null) this.#writeForeign(this.#held.head, Buffer.concat(this.#held.pieces).toString('latin1'));
    else {
      // the end of a message that is not whole
      if (this.#text !== null) this.#write(Buffer.from(this.#text.end(), 'latin1'));
      if (trailers !== null) this.#writeTrailers(trailers);
    }
    this.#client.writeEnd(null);
  }

  #writeTrailers(trailers: readonly Field[]): void {
    const lines = Buffer.from(trailers.map(({ name, value }) => `${name}:${value}\r\n`).join(''), 'latin1');
    const frame = Buffer.alloc(5 + lines.length);
    frame[0] = trailersFlag;
    frame.writeUInt32BE(lines.length, 1);
    lines.copy(frame, 5);
    this.#write(this.#text === null ? frame : Buffer.from(frame.toString('base64'), 'latin1'));
  }

  /** The whole of it. */
  #writeForeign(head: MessageHead, body: string): void {
    const { headers, grpcStatus } = grpcReply({ status: head.status, flag: '', details: '', body, close: false });
    this.#exchange.grpcStatus = grpcStatus;
    this.#change(headers!.filter(([name]) => name !== 'content-type'));
    this.#client.writeHead(unsized(head), this.#exchange, false);
  }

  #write(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#exchange.bytesSent += bytes.length;
    this.#out.clear();
    this.#out.add(0, bytes.length);
    this.#client.writeData(bytes, this.#out);
  }

  /** In place of what the endpoint and the route say of these. */
  #change(headers: readonly HeaderPair[]): void {
    const own = [this.#type, ...headers];
    const names = new Set(own.map(([name]) => name));
    const before = this.#exchange.responseChanges;
    this.#exchange.responseChanges = {
      added: [...(before?.added ?? []).filter(([name]) => !names.has(name)), ...own],
      drops: before === null ? names : new Set([...before.drops, ...names]),
    };
  }
}

const noBytes = Buffer.alloc(0);
/** Of a frame that is no message. */
const trailersFlag = 0x80;

/** A body that is longer for its last frame. */
function unsized(head: MessageHead): MessageHead {
  return head.contentLength < 0 ? head : new KeptHead(head, false);
}
