/** Heads as they leave in HTTP/1.1: the lines that pass, then what the route and the proxy add. */
import { type FieldLike, sharedField } from '../../proto/http2/field.ts';
import { type Drops, dropsOf, known } from '../codec/known-headers.ts';
import type { HeaderPair, MessageHead } from '../codec/message-head.ts';
import type { Out } from '../codec/out.ts';
import { statusLine } from '../codec/status-text.ts';
import type { HeaderChanges } from '../route/header-changes.ts';
import type { Forwarding } from './forwarding.ts';
import { requestDrops } from './request-drops.ts';
import type { RequestTarget } from './request-target.ts';
import { connectAsk, type UpgradeAsk } from './upgrade.ts';

/** What never passes of an answer. */
export const ofEveryAnswer: readonly number[] = [
  ...[known.connection, known.keepAlive, known.proxyConnection, known.upgrade],
  ...[known.transferEncoding, known.trailer],
];
const answerDrops = dropsOf(ofEveryAnswer);
const answerDropsWithServer = dropsOf([...ofEveryAnswer, known.server]);

/** Of an answer that opens a tunnel, which has no body. */
const tunnelDrops = dropsOf([...ofEveryAnswer, known.contentLength]);
const tunnelDropsWithServer = dropsOf([...ofEveryAnswer, known.contentLength, known.server]);

/** Methods whose requests without a body carry no length. */
const bodyless = new Set(['GET', 'HEAD', 'DELETE', 'CONNECT']);

/** @param ownServer the proxy says `server` itself */
function responseDrops(ownServer: boolean): Drops {
  return ownServer ? answerDropsWithServer : answerDrops;
}

export function linesOf(headers: readonly HeaderPair[]): string {
  let lines = '';
  for (let i = 0; i < headers.length; i++) lines += `${headers[i]![0]}: ${headers[i]![1]}\r\n`;
  return lines;
}

/** The whole head of a request. */
export function writeRequestHead(
  out: Out,
  head: MessageHead,
  target: RequestTarget,
  forwarding: Forwarding,
  bodyFollows: boolean,
): void {
  const { rewritten, authorityFromTarget } = target;
  if (rewritten) {
    const asked = target.method === 'CONNECT' ? target.authority : target.path + target.query;
    out.text(`${target.method} ${asked} HTTP/1.1\r\n`);
    if (authorityFromTarget) out.text(`host: ${target.authority}\r\n`);
  }
  head.writeLines(out, !rewritten, requestDrops(target.client.trust, authorityFromTarget), target.nominated);
  const upgrade = target.upgrade === null ? '' : upgradeLines(target.upgrade) + keyLine(target.upgrade);
  if (target.added.length > 0) out.text(linesOf(target.added));
  out.all(forwarding.lines);
  out.text(`${forwarding.rest}${upgrade}${framingLine(head, target, bodyFollows)}\r\n`);
}

function framingLine({ contentLength }: MessageHead, { method }: RequestTarget, bodyFollows: boolean): string {
  if (contentLength >= 0) return '';
  if (bodyFollows) return 'transfer-encoding: chunked\r\n';
  return bodyless.has(method) ? '' : 'content-length: 0\r\n';
}

/** What a tunnel is asked for with, and opened: nothing for CONNECT. */
function upgradeLines({ protocol }: UpgradeAsk): string {
  return protocol === '' ? '' : `connection: upgrade\r\nupgrade: ${protocol}\r\n`;
}

/** Lines of an answer that the proxy says itself to a WebSocket. */
const ofWebSocket: ReadonlySet<string> = new Set(['sec-websocket-accept']);

/** Names of the lines that do not pass in an answer that opens a tunnel. @param own the proxy has said the WebSocket's */
export function tunnelNamed(changes: HeaderChanges | null, own: boolean): ReadonlySet<string> | null {
  if (!own) return changes?.drops ?? null;
  return changes === null || changes.drops.size === 0 ? ofWebSocket : new Set([...ofWebSocket, ...changes.drops]);
}

/** What never passes in an answer that opens a tunnel. */
export function tunnelAnswerDrops(ownServer: boolean): Drops {
  return ownServer ? tunnelDropsWithServer : tunnelDrops;
}

function keyLine({ key }: UpgradeAsk): string {
  return key === '' ? '' : `sec-websocket-key: ${key}\r\n`;
}

const trailersWanted = sharedField('te', 'trailers');
/** Made once each: of methods there are few, and of authorities the one before is often the next one. */
const methodFields = new Map<string, FieldLike>();
let lastAuthority = sharedField(':authority', 'none');

function methodField(method: string): FieldLike {
  let field = methodFields.get(method);
  if (field === undefined) methodFields.set(method, (field = sharedField(':method', method)));
  return field;
}

function authorityField(authority: string): FieldLike {
  if (lastAuthority.value !== authority) lastAuthority = sharedField(':authority', authority);
  return lastAuthority;
}

const connectMethod = sharedField(':method', 'CONNECT');

/** The same as the fields of an HTTP/2 request. */
export function requestFields(head: MessageHead, target: RequestTarget, forwarding: Forwarding): readonly FieldLike[] {
  const path = target.rewritten ? target.path + target.query : target.target;
  const authority = authorityField(target.authority);
  const fields: FieldLike[] =
    target.upgrade === null
      ? [methodField(target.method), forwarding.schemeField, authority, head.pathField(path)]
      : target.upgrade === connectAsk
        ? [connectMethod, authority]
        : [
            ...[connectMethod, sharedField(':protocol', target.upgrade.protocol), forwarding.schemeField],
            ...[authority, head.pathField(path)],
          ];
  head.addFields(fields, requestDrops(target.client.trust, true), target.nominated);
  // nobody needs a key in HTTP/2 (RFC 8441 section 5), but an Envoy there hands it on to HTTP/1.1, and makes none itself
  if (target.upgrade !== null && target.upgrade.key !== '') fields.push(['sec-websocket-key', target.upgrade.key]);
  if (head.has(known.te) && /\btrailers\b/i.test(head.first('te'))) fields.push(trailersWanted);
  for (let i = 0; i < target.added.length; i++) fields.push(target.added[i]!);
  forwarding.addFields(fields);
  return fields;
}

/** Status line, what passes, what the route adds, then `end`, which ends the head. */
export function writeResponseHead(
  out: Out,
  head: MessageHead,
  ownServer: boolean,
  changes: HeaderChanges | null,
  end: Buffer,
): void {
  out.all(statusLine(head.status));
  head.writeLines(out, false, responseDrops(ownServer), changes?.drops ?? null);
  if (changes !== null) out.text(linesOf(changes.added));
  out.all(end);
}

/** The same for the answer that opens a tunnel. */
export function writeTunnelHead(
  out: Out,
  head: MessageHead,
  status: number,
  ask: UpgradeAsk,
  ownServer: boolean,
  changes: HeaderChanges | null,
  more: string,
): void {
  const accept = ask.accept === '' ? '' : `sec-websocket-accept: ${ask.accept}\r\n`;
  const added = accept + upgradeLines(ask) + more;
  out.all(statusLine(status));
  head.writeLines(out, false, tunnelAnswerDrops(ownServer), tunnelNamed(changes, accept !== ''));
  out.text(changes === null ? added : linesOf(changes.added) + added);
}
