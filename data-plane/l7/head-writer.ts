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

/** What never passes of an answer. */
export const ofEveryAnswer: readonly number[] = [
  ...[known.connection, known.keepAlive, known.proxyConnection, known.upgrade],
  ...[known.transferEncoding, known.trailer],
];
const answerDrops = dropsOf(ofEveryAnswer);
const answerDropsWithServer = dropsOf([...ofEveryAnswer, known.server]);

/** Methods whose requests without a body carry no length. */
const bodyless = new Set(['GET', 'HEAD', 'DELETE']);

/** @param ownServer the proxy says `server` itself */
export function responseDrops(ownServer: boolean): Drops {
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
    out.text(`${target.method} ${target.path}${target.query} HTTP/1.1\r\n`);
    if (authorityFromTarget) out.text(`host: ${target.authority}\r\n`);
  }
  head.writeLines(out, !rewritten, requestDrops(target.client.trust, authorityFromTarget), target.nominated);
  const added = linesOf(target.added) + forwarding.lines;
  if (head.contentLength >= 0) out.text(`${added}\r\n`);
  else if (bodyFollows) out.text(`${added}transfer-encoding: chunked\r\n\r\n`);
  else out.text(bodyless.has(target.method) ? `${added}\r\n` : `${added}content-length: 0\r\n\r\n`);
}

const trailersWanted = sharedField('te', 'trailers');

/** The same as the fields of an HTTP/2 request. */
export function requestFields(head: MessageHead, target: RequestTarget, forwarding: Forwarding): readonly FieldLike[] {
  const path = target.rewritten ? target.path + target.query : target.target;
  const fields: FieldLike[] = [
    sharedField(':method', target.method),
    forwarding.schemeField,
    sharedField(':authority', target.authority),
    head.pathField(path),
  ];
  head.addFields(fields, requestDrops(target.client.trust, true), target.nominated);
  if (/\btrailers\b/i.test(head.first('te'))) fields.push(trailersWanted);
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
