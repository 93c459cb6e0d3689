/** Reads what a request asks for out of its head, refusing what two readers could read differently. */
import type { FieldsHead } from '../codec/fields-head.ts';
import type { Head } from '../codec/h1-head.ts';
import { pathByte, pathSlow, queryByte } from '../codec/h1-tables.ts';
import { forEachToken } from '../codec/h1-values.ts';
import { known } from '../codec/known-headers.ts';
import type { HeaderPair, MessageHead } from '../codec/message-head.ts';
import type { HeaderChanges } from '../route/header-changes.ts';
import type { RequestView } from '../route/request-view.ts';
import { canonicalHost } from './authority.ts';
import { http2Replies, type LocalReply, localReplies } from './local-reply.ts';
import { needsNormalizing, normalizePath, type PathOptions } from './path.ts';

const refusedMethods = new Set(['CONNECT', 'TRACE']);
/** Methods that are forwarded: the registered ones, without CONNECT and TRACE. */
const forwardedMethods = new Set(
  (
    'ACL BIND CHECKOUT COPY DELETE GET HEAD LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE M-SEARCH MSEARCH NOTIFY ' +
    'OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT REBIND REPORT SEARCH SOURCE SUBSCRIBE UNBIND UNLINK UNLOCK ' +
    'UNSUBSCRIBE'
  ).split(' '),
);

/** Whether a request may begin with this word, forwarded or refused. */
export function isKnownMethod(word: string): boolean {
  return forwardedMethods.has(word) || refusedMethods.has(word);
}

/** `Connection` may not name these: dropping them would change the framing, the route or the client's identity. */
const neverNominated = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
]);

const noHeaders: readonly HeaderPair[] = [];

/** Canonical hosts by the authority they came from; bounded, since clients choose the keys. */
const hosts = new Map<string, string>();
const maxHosts = 4096;

/** The facts of the request at hand. One object, refilled for each head; valid until the next one. */
export class RequestTarget implements RequestView {
  protocol: 'HTTP/1.1' | 'HTTP/2' = 'HTTP/1.1';
  method = '';
  /** As sent. */
  target = '';
  path = '';
  /** `?` and what follows, or empty. */
  query = '';
  host = '';
  authority = '';
  random = 0;
  clientIp = '';
  /** The request line can't be copied as it is. */
  rewritten = false;
  /** The authority came from the target, or from the route: Host is written anew. */
  authorityFromTarget = false;
  /** Headers that the route adds. */
  added: readonly HeaderPair[] = noHeaders;
  /** The client is sent to `path` instead. */
  redirect = false;
  /** Lower-case names that `Connection` nominates for dropping, or that the route takes away. */
  nominated: ReadonlySet<string> | null = null;
  #head: MessageHead | null = null;

  /** Null: fine, the fields are filled. Otherwise what to answer; `method` and `target` are filled for the log. */
  read(head: Head, options: PathOptions): LocalReply | null {
    this.#begin(head, 'HTTP/1.1', readMethod(head));
    this.target = head.bytes.latin1Slice(head.targetStart, head.targetEnd);
    this.authority = head.host < 0 ? '' : head.value(head.host);
    if (head.minor === 0) return localReplies.upgradeRequired;
    if (!forwardedMethods.has(this.method)) return this.#unknownMethod(localReplies.notImplemented);
    if (head.host < 0) return localReplies.missingHost;
    if (head.underscore) return localReplies.underscore;
    return (
      this.#readTarget(head) ??
      this.#readHost() ??
      this.#readPath(head.pathNeedsCare, options) ??
      this.#readConnection(head)
    );
  }

  /** The same of a request that came in HTTP/2, and whose fields may stand in a request (RFC 9113 section 8.3.1). */
  readFields(head: FieldsHead, requestLineBytes: number, options: PathOptions): LocalReply | null {
    this.#begin(head, 'HTTP/2', head.method);
    // in HTTP/1.1 the request line and Host are written anew
    this.rewritten = true;
    this.authorityFromTarget = true;
    this.target = head.path;
    this.authority = head.authority ?? head.first('host');
    if (!forwardedMethods.has(this.method)) return this.#unknownMethod(http2Replies.notImplemented);
    if (this.target.length + this.method.length + 1 > requestLineBytes) return http2Replies.uriTooLong;
    if (head.authority === null && head.hosts === 0) return localReplies.missingHost;
    if (head.hosts > 1 || (head.hosts === 1 && head.first('host') !== this.authority)) return localReplies.badHost;
    if (head.scheme !== 'http' && head.scheme !== 'https') return http2Replies.badScheme;
    if (head.underscore) return http2Replies.underscore;
    if (head.hasExpect && head.first('expect').toLowerCase() !== '100-continue') return localReplies.expectationFailed;
    const seen = readPathBytes(this.target);
    if (seen.kinds < 0) return localReplies.badPath;
    this.path = this.target.slice(0, seen.queryStart);
    this.query = this.target.slice(seen.queryStart);
    return this.#readHost() ?? this.#readPath((seen.kinds & pathSlow) !== 0, options);
  }

  /** What may be said of a request that HTTP/2 does not allow, for the log. */
  readMalformed(head: FieldsHead): void {
    this.#begin(head, 'HTTP/2', head.method);
    this.target = head.path;
    this.authority = head.authority ?? head.first('host');
  }

  #begin(head: MessageHead, protocol: RequestView['protocol'], method: string): void {
    this.#head = head;
    this.protocol = protocol;
    this.method = method;
    this.rewritten = false;
    this.authorityFromTarget = false;
    this.added = noHeaders;
    this.redirect = false;
    this.nominated = null;
  }

  #unknownMethod(notImplemented: LocalReply): LocalReply {
    return refusedMethods.has(this.method) ? localReplies.methodNotAllowed : notImplemented;
  }

  /** For a request of which nothing is known. */
  clear(): void {
    this.method = '';
    this.target = '';
    this.authority = '';
    this.#head = null;
  }

  changeHeaders({ added, drops }: HeaderChanges): void {
    if (added.length > 0) this.added = this.added.length === 0 ? added : [...this.added, ...added];
    if (drops.size > 0) this.nominated = this.nominated === null ? drops : new Set([...this.nominated, ...drops]);
  }

  /** From here on the request asks for `path`; its query stays. As in Envoy the old one is told also if it is the same. */
  rewritePath(path: string): void {
    this.added = [...this.added, ['x-envoy-original-path', this.path + this.query]];
    this.path = path;
    this.rewritten = true;
  }

  /** From here on the request asks `authority`. */
  rewriteAuthority(authority: string, forward: boolean): void {
    const original: HeaderPair = ['x-envoy-original-host', this.authority];
    this.added = forward ? [...this.added, ['x-forwarded-host', this.authority], original] : [...this.added, original];
    this.authority = authority;
    this.authorityFromTarget = true;
    this.rewritten = true;
  }

  /** Where the client is sent if `redirect`. */
  location(scheme: 'http' | 'https'): string {
    return `${scheme}://${this.authority}${this.path}${this.query}`;
  }

  headerLines(name: string): readonly string[] {
    return this.#head!.lines(name);
  }

  /** Value of the first line, or empty: for logs. */
  firstHeader(name: string): string {
    return this.#head === null ? '' : this.#head.first(name);
  }

  /** Splits the target into path and query; takes the authority out of an absolute-form one. */
  #readTarget(head: Head): LocalReply | null {
    if (head.bytes[head.targetStart] === 47) {
      this.path = this.target.slice(0, head.queryStart - head.targetStart);
      this.query = this.target.slice(head.queryStart - head.targetStart);
      return null;
    }
    if (this.target === '*' && this.method === 'OPTIONS') {
      this.path = '*';
      this.query = '';
      return null;
    }
    const absolute = /^(https?):\/\/([^/?]+)(\/[^?]*)?(\?.*)?$/i.exec(this.target);
    if (absolute === null) return localReplies.badTarget;
    if (absolute[1]!.toLowerCase() === 'https') return localReplies.httpsOnPlain;
    if (canonicalHost(absolute[2]!) !== canonicalHost(this.authority)) return localReplies.badHost;
    this.authority = absolute[2]!;
    this.authorityFromTarget = true;
    this.rewritten = true;
    this.path = absolute[3] ?? '/';
    this.query = absolute[4] ?? '';
    return null;
  }

  #readHost(): LocalReply | null {
    const cached = hosts.get(this.authority);
    if (cached !== undefined) {
      this.host = cached;
      return null;
    }
    const host = canonicalHost(this.authority);
    if (host === undefined) return localReplies.badHost;
    if (hosts.size >= maxHosts) hosts.clear();
    hosts.set(this.authority, host);
    this.host = host;
    return null;
  }

  #readPath(needsCare: boolean, options: PathOptions): LocalReply | null {
    if (!needsNormalizing(this.path, needsCare, options)) return null;
    const normalized = normalizePath(this.path, options);
    if (!normalized.ok) return localReplies.badPath;
    this.redirect = normalized.redirect;
    if (normalized.path !== this.path) {
      this.path = normalized.path;
      this.rewritten = true;
    }
    return null;
  }

  #readConnection(head: Head): LocalReply | null {
    if (head.upgrade >= 0 && /(^|[,\s])websocket([,\s/]|$)/i.test(head.value(head.upgrade))) {
      return this.firstHeader('sec-websocket-version') === '13'
        ? localReplies.upgradeFailed
        : localReplies.webSocketVersion;
    }
    if (head.expect >= 0 && head.value(head.expect).toLowerCase() !== '100-continue') {
      return localReplies.expectationFailed;
    }
    if (!head.namesOthers) return null;
    const nominated = new Set<string>();
    for (let i = 0; i < head.count; i++) {
      if (head.kind[i] !== known.connection) continue;
      forEachToken(head.bytes, head.valueStart[i]!, head.valueEnd[i]!, (start, end) => {
        nominated.add(head.bytes.latin1Slice(start, end).toLowerCase());
      });
    }
    for (const name of nominated) if (neverNominated.has(name)) return localReplies.badConnectionHeader;
    this.nominated = nominated;
    return null;
  }
}

/** One object, refilled. `kinds`: which kinds of bytes the path holds (`pathByte`); -1: one that no target may hold. */
const pathBytes = { kinds: 0, queryStart: 0 };

function readPathBytes(target: string): typeof pathBytes {
  let kinds = 0;
  let i = 0;
  for (; i < target.length; i++) {
    const kind = pathByte[target.charCodeAt(i)]!;
    if (kind === 0) break;
    kinds |= kind;
  }
  pathBytes.queryStart = i;
  if (i < target.length && target.charCodeAt(i++) !== 63) kinds = -1;
  for (; i < target.length; i++) if (queryByte[target.charCodeAt(i)] !== 1) kinds = -1;
  pathBytes.kinds = kinds;
  return pathBytes;
}

function readMethod(head: Head): string {
  const b = head.bytes;
  const start = head.methodStart;
  const length = head.methodEnd - start;
  if (length === 3 && b[start] === 71 && b[start + 1] === 69 && b[start + 2] === 84) return 'GET';
  return b.latin1Slice(start, head.methodEnd);
}
