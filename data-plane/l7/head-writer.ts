/** Heads as they leave: kept header lines are copied as ranges, the rest is dropped, then what the proxy adds. */
import { type Head, known } from '../codec/h1-head.ts';
import type { Out } from '../codec/out.ts';
import { statusLine } from '../codec/status-text.ts';
import type { HeaderChanges } from '../route/header-changes.ts';
import type { HttpListener } from './http-context.ts';
import type { RequestTarget } from './request-target.ts';

const requestDrops = new Uint8Array(32);
for (const kind of [
  known.connection,
  known.keepAlive,
  known.proxyConnection,
  known.te,
  known.trailer,
  known.upgrade,
  known.http2Settings,
  known.expect,
  known.transferEncoding,
  known.proxy,
  known.xForwardedFor,
  known.xForwardedProto,
  known.xForwardedHost,
  known.xForwardedClientCert,
  known.xRequestId,
  known.xEnvoy,
]) {
  requestDrops[kind] = 1;
}

/** Behind another proxy, whose word on the client passes as it is. */
const innerRequestDrops = requestDrops.slice();
innerRequestDrops[known.xForwardedFor] = 0;

const responseDrops = new Uint8Array(32);
for (const kind of [
  known.connection,
  known.keepAlive,
  known.proxyConnection,
  known.upgrade,
  known.transferEncoding,
  known.trailer,
]) {
  responseDrops[kind] = 1;
}
const responseDropsWithServer = responseDrops.slice();
responseDropsWithServer[known.server] = 1;

/** Methods whose requests without a body carry no length. */
const bodyless = new Set(['GET', 'HEAD', 'DELETE']);

/**
 * Header lines that the proxy adds to a request: who asked, how, and how long there is to answer.
 * @param expectedMs 0: for ever
 */
export function addedRequestLines(
  target: RequestTarget,
  head: Head,
  clientIp: string,
  requestId: string,
  expectedMs: number,
  { scheme, context }: Pick<HttpListener, 'scheme' | 'context'>,
): string {
  const before = head.xForwardedFor < 0 ? '' : `${target.headerLines('x-forwarded-for').join(',')},`;
  // at an edge the peer is appended (Envoy's use_remote_address)
  const forwarded = context.chain.useRemoteAddress ? `x-forwarded-for: ${before}${clientIp}\r\n` : '';
  const expected = expectedMs > 0 ? `x-envoy-expected-rq-timeout-ms: ${expectedMs}\r\n` : '';
  return `${forwarded}x-forwarded-proto: ${scheme}\r\nx-request-id: ${requestId}\r\n${expected}`;
}

/**
 * Request line, kept headers, then what the route adds, `ownLines` (whole lines) and the framing; ends the head.
 */
export function writeRequestHead(
  out: Out,
  head: Head,
  b: Buffer,
  target: RequestTarget,
  ownLines: string,
  edge: boolean,
): void {
  const added = target.routeLines + ownLines;
  let run = head.methodStart;
  if (target.rewritten) {
    out.text(`${target.method} ${target.path}${target.query} HTTP/1.1\r\n`);
    run = head.nameStart[0]!;
    if (target.authorityFromTarget) out.text(`host: ${target.authority}\r\n`);
  }
  copyHeaders(out, head, b, run, edge ? requestDrops : innerRequestDrops, target.nominated, target.authorityFromTarget);
  if (head.chunked) out.text(`${added}transfer-encoding: chunked\r\n\r\n`);
  else if (head.contentLength < 0 && !bodyless.has(target.method)) out.text(`${added}content-length: 0\r\n\r\n`);
  else out.text(`${added}\r\n`);
}

/** Status line, kept headers, what the route adds, then `added` (whole lines); ends the head. */
export function writeResponseHead(
  out: Out,
  head: Head,
  b: Buffer,
  ownServer: boolean,
  changes: HeaderChanges | null,
  added: string,
): void {
  out.all(statusLine(head.status));
  copyHeaders(
    out,
    head,
    b,
    head.nameStart[0]!,
    ownServer ? responseDropsWithServer : responseDrops,
    changes?.drops ?? null,
  );
  out.text(changes === null ? added : changes.lines + added);
}

function copyHeaders(
  out: Out,
  head: Head,
  b: Buffer,
  from: number,
  drops: Uint8Array,
  nominated: ReadonlySet<string> | null,
  hostDropped = false,
): void {
  let run = from;
  for (let i = 0; i < head.count; i++) {
    const kind = head.kind[i]!;
    const dropped =
      drops[kind] === 1 ||
      (hostDropped && kind === known.host) ||
      nominated?.has(b.latin1Slice(head.nameStart[i]!, head.nameEnd[i]!)) === true;
    if (!dropped && head.odd[i] === 0) continue;
    const start = head.nameStart[i]!;
    if (run < start) out.copy(b, run, start);
    run = head.nameStart[i + 1]!;
    if (dropped) continue;
    out.copy(b, start, head.nameEnd[i]!);
    out.text(': ');
    out.copy(b, head.valueStart[i]!, head.valueEnd[i]!);
    out.text('\r\n');
  }
  const last = head.nameStart[head.count]!;
  if (run < last) out.copy(b, run, last);
}
