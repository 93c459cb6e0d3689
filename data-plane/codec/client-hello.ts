/**
 * What a TLS client says first, in the clear: whom it asks for, and what it wants to speak (RFC 8446 section 4.1.2, RFC
 * 6066, RFC 7301). It may come in any number of segments and of records. Nothing is decrypted, and nothing is answered.
 */
import { limits } from '../limits.ts';

export type HelloVerdict =
  | { readonly type: 'more' }
  /** It begins like no record of TLS. */
  | { readonly type: 'not-tls' }
  /** TLS in which no two readers need see the same, or more of it than anybody needs. */
  | { readonly type: 'refused'; readonly reason: HelloFault }
  | { readonly type: 'hello'; readonly hello: ClientHello };

export interface ClientHello {
  /** Lower-case, otherwise as it was sent; empty: none. Its bytes are visible ASCII, which need not be a host's name. */
  readonly serverName: string;
  /** In the client's order. */
  readonly alpn: readonly string[];
}

export type HelloFault = 'too large' | 'no client hello' | 'malformed' | 'older than TLS 1.0' | 'bad server name';

const handshakeRecord = 22;
const clientHelloType = 1;
const recordHeaderBytes = 5;
const messageHeaderBytes = 4;
const tls10 = 0x0301;
const hostName = 0;
/** RFC 6066 section 3; 255 is what a name of DNS may have. */
const serverNameBytes = 255;
const serverNameExtension = 0;
const alpnExtension = 16;

const more: HelloVerdict = { type: 'more' };
const notTls: HelloVerdict = { type: 'not-tls' };

/** Reads one client's hello. */
export class ClientHelloReader {
  /** Where the next record begins. */
  #at = 0;
  /** Where the parts of the message stand that have come: begin and end of each. */
  readonly #parts: number[] = [];
  /** Of all parts. */
  #have = 0;
  /** The message's length with its header; 0: not known yet. */
  #needed = 0;

  /** @param all what the client has sent so far, from its first byte on: what was given before, and more */
  read(all: Buffer): HelloVerdict {
    for (;;) {
      const begin = this.#at;
      const left = all.length - begin;
      if ((left > 0 && all[begin] !== handshakeRecord) || (left > 1 && all[begin + 1] !== tls10 >> 8)) {
        return begin === 0 ? notTls : refused('malformed');
      }
      if (left < recordHeaderBytes) return more;
      const bytes = all.readUInt16BE(begin + 3);
      if (bytes === 0) return refused('malformed');
      const end = begin + recordHeaderBytes + bytes;
      if (end > limits.clientHelloBytes) return refused('too large');
      if (all.length < end) return more;
      this.#at = end;
      const verdict = this.#add(all, begin + recordHeaderBytes, end);
      if (verdict !== more) return verdict;
    }
  }

  #add(all: Buffer, begin: number, end: number): HelloVerdict {
    this.#parts.push(begin, end);
    this.#have += end - begin;
    if (this.#have < messageHeaderBytes) return more;
    if (this.#needed === 0) {
      const start = this.#message(all);
      if (start[0] !== clientHelloType) return refused('no client hello');
      this.#needed = messageHeaderBytes + start.readUIntBE(1, 3);
      if (this.#needed > limits.clientHelloBytes) return refused('too large');
    }
    if (this.#have < this.#needed) return more;
    // nothing may follow before it is answered
    return this.#have > this.#needed ? refused('malformed') : parse(this.#message(all));
  }

  #message(all: Buffer): Buffer {
    const parts = this.#parts;
    if (parts.length === 2) return all.subarray(parts[0], parts[1]);
    const pieces: Buffer[] = [];
    for (let i = 0; i < parts.length; i += 2) pieces.push(all.subarray(parts[i], parts[i + 1]));
    return Buffer.concat(pieces);
  }
}

function refused(reason: HelloFault): HelloVerdict {
  return { type: 'refused', reason };
}

/** A stretch of bytes that is read from its begin. What is not there is read as nothing, and makes it broken. */
class Span {
  broken = false;
  readonly #b: Buffer;
  #at: number;
  readonly #end: number;

  constructor(b: Buffer, at: number, end: number) {
    this.#b = b;
    this.#at = at;
    this.#end = end;
  }

  get isEmpty(): boolean {
    return this.#at === this.#end;
  }

  number(bytes: 1 | 2): number {
    const at = this.#take(bytes);
    return this.broken ? 0 : this.#b.readUIntBE(at, bytes);
  }

  skip(bytes: number): void {
    this.#take(bytes);
  }

  /** With its length, of so many bytes, in front. */
  vector(lengthBytes: 1 | 2): Span {
    const bytes = this.number(lengthBytes);
    const at = this.#take(bytes);
    return this.broken ? new Span(this.#b, 0, 0) : new Span(this.#b, at, at + bytes);
  }

  /** All that is left. */
  text(): string {
    return this.#b.latin1Slice(this.#at, this.#end);
  }

  get length(): number {
    return this.#end - this.#at;
  }

  #take(bytes: number): number {
    const at = this.#at;
    if (this.broken || this.#end - at < bytes) this.broken = true;
    else this.#at += bytes;
    return at;
  }
}

function parse(message: Buffer): HelloVerdict {
  const body = new Span(message, messageHeaderBytes, message.length);
  const version = body.number(2);
  // random
  body.skip(32);
  const session = body.vector(1);
  const ciphers = body.vector(2);
  const compressions = body.vector(1);
  if (body.broken || session.length > 32 || compressions.isEmpty) return refused('malformed');
  if (ciphers.isEmpty || ciphers.length % 2 > 0) return refused('malformed');
  if (version < tls10) return refused('older than TLS 1.0');
  // TLS 1.2 and before: there need not be any
  if (body.isEmpty) return { type: 'hello', hello: { serverName: '', alpn: [] } };
  const extensions = body.vector(2);
  return body.broken || !body.isEmpty ? refused('malformed') : parseExtensions(extensions);
}

function parseExtensions(extensions: Span): HelloVerdict {
  let serverName: string | null = null;
  let alpn: string[] | null = null;
  while (!extensions.isEmpty) {
    const type = extensions.number(2);
    const data = extensions.vector(2);
    if (extensions.broken) return refused('malformed');
    if (type === serverNameExtension) {
      if (serverName !== null) return refused('malformed');
      serverName = parseServerName(data);
      if (serverName === null) return refused('bad server name');
    } else if (type === alpnExtension) {
      if (alpn !== null) return refused('malformed');
      alpn = parseAlpn(data);
      if (alpn === null) return refused('malformed');
    }
  }
  return { type: 'hello', hello: { serverName: serverName ?? '', alpn: alpn ?? [] } };
}

/** Null: not exactly one name of a host. */
function parseServerName(data: Span): string | null {
  const list = data.vector(2);
  const type = list.number(1);
  const name = list.vector(2);
  if (data.broken || !data.isEmpty || list.broken || !list.isEmpty) return null;
  if (type !== hostName || name.length > serverNameBytes) return null;
  const text = name.text();
  return /^[!-~]+$/.test(text) ? text.toLowerCase() : null;
}

/** Null: no list of protocols. */
function parseAlpn(data: Span): string[] | null {
  const list = data.vector(2);
  if (data.broken || !data.isEmpty || list.isEmpty) return null;
  const protocols: string[] = [];
  while (!list.isEmpty) {
    const protocol = list.vector(1);
    if (list.broken || protocol.isEmpty) return null;
    protocols.push(protocol.text());
  }
  return protocols;
}
