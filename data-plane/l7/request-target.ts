/** Reads what a request asks for out of its head, refusing what two readers could read differently. */
import type { FieldsHead } from '../codec/fields-head.ts';
import type { Head } from '../codec/h1-head.ts';
import { pathSlow } from '../codec/h1-tables.ts';
import { forEachToken } from '../codec/h1-values.ts';
import { kindOf, known } from '../codec/known-headers.ts';
import type { HeaderPair, MessageHead } from '../codec/message-head.ts';
import type { HttpChainConfig } from '../model/config.ts';
import type { HashView } from '../route/hash-policies.ts';
import type { HeaderChanges } from '../route/header-changes.ts';
import type { RequestView } from '../route/request-view.ts';
import { canonicalHost, isSameAuthority } from './authority.ts';
import { ClientIdentity } from './client-identity.ts';
import { http2Replies, type LocalReply, localReplies } from './local-reply.ts';
import { forwardedMethods, readMethod } from './methods.ts';
import { needsNormalizing, normalizePath, type PathOptions, readPathBytes } from './path.ts';
import { requestDrops } from './request-drops.ts';
import { refusesUnderscores } from './underscores.ts';
import { connectAsk, readExtendedConnect, readUpgrade, type UpgradeAsk } from './upgrade.ts';

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
const none: readonly string[] = [];
const forwardedHost: ReadonlySet<string> = new Set(['x-forwarded-host']);

type ChainPaths = HttpChainConfig['paths'];

/** Canonical hosts by the authority they came from; bounded, since clients choose the keys. */
const hosts = new Map<string, string>();
const maxHosts = 4096;

/** The facts of the request at hand. One object, refilled for each head; valid until the next one. */
export class RequestTarget implements RequestView, HashView {
  protocol: RequestView['protocol'] = 'HTTP/1.1';
  method = '';
  /** As sent. */
  target = '';
  path = '';
  /** `?` and what follows, or empty. */
  query = '';
  host = '';
  authority = '';
  random = 0;
  readonly client = new ClientIdentity();
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
  /** The tunnel that is asked for; null: none, or none that the route allows. */
  upgrade: UpgradeAsk | null = null;
  #head: MessageHead | null = null;
  /** What filters have made of headers; null: taken away. */
  #filtered: Map<string, string | null> | null = null;

  /** Null: fine, the fields are filled. Otherwise what to answer; `method` and `target` are filled for the log. */
  read(head: Head, options: ChainPaths, scheme: 'http' | 'https'): LocalReply | null {
    this.#begin(head, head.minor === 0 ? 'HTTP/1.0' : 'HTTP/1.1', readMethod(head));
    this.target = head.bytes.latin1Slice(head.targetStart, head.targetEnd);
    this.authority = head.host < 0 ? '' : head.value(head.host);
    if (head.minor === 0) {
      if (options.http10 === null) return localReplies.upgradeRequired;
      // what goes on is HTTP/1.1
      this.rewritten = true;
    }
    const connects = this.method === 'CONNECT';
    if (!connects && !forwardedMethods.has(this.method)) return this.#unknownMethod(localReplies.notImplemented);
    if (head.host < 0 && !this.#hasDefaultHost(head, options)) return localReplies.missingHost;
    if (head.underscore && refusesUnderscores(head, options)) return localReplies.underscore;
    if (connects) {
      const bodied = head.contentLength > 0 || head.chunked;
      return this.#readConnect(this.target, bodied) ?? this.#readHost() ?? this.#readConnection(head);
    }
    return (
      this.#readTarget(head, scheme) ??
      this.#readHost() ??
      this.#readPath(head.pathNeedsCare, options) ??
      this.#readConnection(head)
    );
  }

  /** The same of a request that came in HTTP/2, and whose fields may stand in a request (RFC 9113 section 8.3.1). */
  readFields(head: FieldsHead, requestLineBytes: number, options: ChainPaths): LocalReply | null {
    this.#begin(head, 'HTTP/2', head.method);
    // in HTTP/1.1 the request line and Host are written anew
    this.rewritten = true;
    this.authorityFromTarget = true;
    this.target = head.path;
    this.authority = head.authority ?? head.first('host');
    const connects = this.method === 'CONNECT';
    if (connects && head.protocol !== '') {
      const asked = readExtendedConnect(head);
      if ('status' in asked) return asked;
      this.upgrade = asked;
      // what HTTP/1.1 asks for with an upgrade; here as there it is matched by its path
      this.method = 'GET';
    } else if (!connects && !forwardedMethods.has(this.method)) return this.#unknownMethod(http2Replies.notImplemented);
    if (this.target.length + this.method.length + 1 > requestLineBytes) return http2Replies.uriTooLong;
    if (head.authority === null && head.hosts === 0) return localReplies.missingHost;
    if (head.hosts > 1 || (head.hosts === 1 && head.first('host') !== this.authority)) return localReplies.badHost;
    if (head.underscore && refusesUnderscores(head, options)) return http2Replies.underscore;
    if (this.method === 'CONNECT') return this.#readConnect(this.authority, head.contentLength > 0) ?? this.#readHost();
    if (head.scheme !== 'http' && head.scheme !== 'https') return http2Replies.badScheme;
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
    this.upgrade = null;
    this.#filtered = null;
  }

  #unknownMethod(notImplemented: LocalReply): LocalReply {
    return this.method === 'TRACE' ? localReplies.methodNotAllowed : notImplemented;
  }

  get clientIp(): string {
    return this.client.ip;
  }

  /** For a request of which nothing is known. */
  clear(): void {
    this.method = '';
    this.target = '';
    this.authority = '';
    this.upgrade = null;
    this.#head = null;
  }

  changeHeaders({ added, drops }: HeaderChanges): void {
    if (added.length > 0) this.added = this.added.length === 0 ? added : [...this.added, ...added];
    if (drops.size > 0) this.nominated = this.nominated === null ? drops : new Set([...this.nominated, ...drops]);
  }

  /** A filter's word on a header; null: it is taken away. */
  setHeader(name: string, value: string | null): void {
    this.#filtered ??= new Map();
    this.#filtered.set(name, value);
    const others = this.added.filter(([other]) => other !== name);
    this.added = value === null ? others : [...others, [name, value]];
    this.nominated = new Set([...(this.nominated ?? []), name]);
  }

  /** A copy that stays, over a head that does, too. */
  kept(head: MessageHead): RequestTarget {
    const client = Object.assign(new ClientIdentity(), this.client);
    // the line that came is not kept: it is written anew
    const copy = Object.assign(new RequestTarget(), this, { client, rewritten: true });
    copy.#head = head;
    copy.#filtered = this.#filtered;
    return copy;
  }

  /** From here on the request asks for `path`; its query stays. As in Envoy the old one is told also if it is the same. */
  rewritePath(path: string): void {
    this.added = [...this.added, ['x-envoy-original-path', this.path + this.query]];
    this.path = path;
    this.rewritten = true;
  }

  /** From here on the request asks `authority`. */
  rewriteAuthority(authority: string, forward: boolean): void {
    if (forward) this.#forwardHost();
    this.added = [...this.added, ['x-envoy-original-host', this.authority]];
    this.authority = authority;
    this.authorityFromTarget = true;
    this.rewritten = true;
  }

  /** Behind what proxies in front have said of it, unless that is the last that they said. */
  #forwardHost(): void {
    const before = this.headerLines('x-forwarded-host').join(',');
    if (before === this.authority || before.endsWith(`,${this.authority}`)) return;
    const value = before === '' ? this.authority : `${before},${this.authority}`;
    this.changeHeaders({ added: [['x-forwarded-host', value]], drops: forwardedHost });
  }

  /** As the endpoint sees them before the route's changes: without what does not pass, with what the proxy says itself. */
  headerLines(name: string): readonly string[] {
    const filtered = this.#filtered?.get(name);
    if (filtered !== undefined) return filtered === null ? none : [filtered];
    const { client } = this;
    const kind = kindOf(name);
    if (requestDrops(client.trust, false)[kind] === 0) return this.#head === null ? none : this.#head.lines(name);
    if (kind === known.xForwardedFor) return client.forwardedFor === '' ? none : [client.forwardedFor];
    if (kind === known.xForwardedProto) return [client.forwardedProto];
    if (kind === known.xRequestId) return [client.requestId];
    if (kind === known.xForwardedClientCert) return client.clientCert === '' ? none : [client.clientCert];
    return name === 'x-envoy-external-address' ? [client.ip] : none;
  }

  sentLines(name: string): readonly string[] {
    if (name === ':path') return [this.path + this.query];
    if (name === ':authority' || name === 'host') return [this.authority];
    if (name === ':method') return [this.method];
    if (name === ':scheme') return [this.client.scheme];
    const passed = this.nominated?.has(name) ? none : this.headerLines(name);
    if (this.added.length === 0) return passed;
    const added = this.added.filter(([other]) => other === name);
    return added.length === 0 ? passed : [...passed, ...added.map(([, value]) => value)];
  }

  /** Value of the first line, or empty: for logs. */
  firstHeader(name: string): string {
    return this.#head === null ? '' : this.#head.first(name);
  }

  /** Splits the target into path and query; takes the authority out of an absolute-form one. */
  #readTarget(head: Head, scheme: 'http' | 'https'): LocalReply | null {
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
    const asked = absolute[1]!.toLowerCase() as 'http' | 'https';
    if (asked === 'https' && scheme === 'http') return localReplies.httpsOnPlain;
    if (!isSameAuthority(absolute[2]!, this.authority, asked)) return localReplies.badHost;
    this.authority = absolute[2]!;
    this.authorityFromTarget = true;
    this.rewritten = true;
    this.query = absolute[4] ?? '';
    // RFC 9112 section 3.2.4: OPTIONS of a whole server
    this.path = absolute[3] ?? (this.method === 'OPTIONS' && this.query === '' ? '*' : '/');
    return null;
  }

  /** @param authority a host and a port, which Host repeats; there is no path, and no body */
  #readConnect(authority: string, bodied: boolean): LocalReply | null {
    const said = this.authority.toLowerCase();
    const host = canonicalHost(authority);
    if (host === undefined || !/:[0-9]+$/.test(authority)) return localReplies.badTarget;
    if (said !== host && said !== authority.toLowerCase()) return localReplies.badHost;
    if (bodied) return localReplies.badUpgrade;
    this.upgrade = connectAsk;
    this.target = '';
    this.path = '';
    this.query = '';
    this.authority = authority;
    this.authorityFromTarget = true;
    this.rewritten = true;
    return null;
  }

  /** What HTTP/1.0 asks for without saying so; CONNECT always says so. */
  #hasDefaultHost(head: Head, { http10 }: ChainPaths): boolean {
    if (head.minor === 1 || !http10?.host || this.method === 'CONNECT') return false;
    this.authority = http10.host;
    this.authorityFromTarget = true;
    return true;
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
    // HTTP/1.0 knows no upgrades (RFC 9110 section 7.8)
    if (head.upgrade >= 0 && head.minor === 1 && this.upgrade === null) {
      const asked = readUpgrade(head, this.method);
      if (asked !== null && 'status' in asked) return asked;
      this.upgrade = asked;
    }
    if (head.expect >= 0 && head.minor === 1 && head.value(head.expect).toLowerCase() !== '100-continue') {
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
