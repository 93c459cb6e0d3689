/** Answers as they leave: the upstream's head with the proxy's lines, chunks, and answers of the proxy's own. */
import type { Ranges } from '../codec/h1-chunked.ts';
import type { HeaderPair, MessageHead } from '../codec/message-head.ts';
import type { Out } from '../codec/out.ts';
import { statusLine } from '../codec/status-text.ts';
import type { HeaderChanges } from '../route/header-changes.ts';
import type { BodyFraming } from './answer-lines.ts';
import { httpDate } from './date.ts';
import type { Exchange } from './exchange.ts';
import { linesOf, writeResponseHead, writeTunnelHead } from './head-writer.ts';
import type { HttpListener } from './http-context.ts';
import type { LocalReply } from './local-reply.ts';
import type { UpgradeAsk } from './upgrade.ts';

export interface AnswerFraming {
  readonly body: BodyFraming;
  readonly close: boolean;
}

/** The upstream's `server` passes where the listener has no name of its own. */
export function writeUpstreamHead(
  { shared }: HttpListener,
  head: MessageHead,
  { answeredMs, startMs, responseChanges, context }: Exchange,
  framing: AnswerFraming,
): void {
  const epochMs = head.hasDate ? -1 : shared.wallClock();
  const serviceMs = Math.round(answeredMs - startMs);
  writeResponseHead(
    shared.toClient,
    head,
    context.chain.serverName !== '',
    responseChanges,
    context.answerLines.end(serviceMs, epochMs, framing.body, framing.close),
  );
}

/** The answer that opens a tunnel. @param status what the client is told */
export function writeTunnelAnswer(
  { shared, context }: HttpListener,
  head: MessageHead,
  status: number,
  ask: UpgradeAsk,
  changes: HeaderChanges | null,
): void {
  const { serverName } = context.chain;
  const server = serverName === '' ? '' : `server: ${serverName}\r\n`;
  const date = head.hasDate ? '' : `date: ${httpDate(shared.wallClock())}\r\n`;
  writeTunnelHead(shared.toClient, head, status, ask, serverName !== '', changes, `${server}${date}\r\n`);
}

export function writeLocalReply(
  out: Out,
  reply: LocalReply,
  serverName: string,
  epochMs: number,
  close: boolean,
  headOnly: boolean,
): void {
  const headers = reply.headers ?? none;
  const typed = headers.some(([name]) => name === 'content-type');
  const type = reply.body === '' || typed ? '' : 'content-type: text/plain\r\n';
  const server = serverName === '' ? '' : `server: ${serverName}\r\n`;
  const connection = close ? 'connection: close\r\n' : '';
  // these end with their head, and a 204 may not say a length (RFC 9110 8.6)
  const length = reply.status === 204 || reply.status === 304 ? '' : `content-length: ${reply.body.length}\r\n`;
  out.all(statusLine(reply.status));
  out.text(
    `${length}${type}${linesOf(headers)}date: ${httpDate(epochMs)}\r\n${server}${connection}\r\n${headOnly ? '' : reply.body}`,
  );
}

const none: readonly HeaderPair[] = [];

/** All data of one read as one chunk. */
export function writeChunk(out: Out, b: Buffer, data: Ranges): void {
  out.text(`${data.bytes.toString(16)}\r\n`);
  for (let i = 0; i < data.count; i++) out.copy(b, data.starts[i]!, data.ends[i]!);
  out.text('\r\n');
}

export function writeData(out: Out, b: Buffer, data: Ranges): void {
  for (let i = 0; i < data.count; i++) out.copy(b, data.starts[i]!, data.ends[i]!);
}

/** Ends a chunked message; trailers are dropped, as Envoy does by default. */
export const lastChunk = '0\r\n\r\n';

/** Answers `expect: 100-continue`, which goes no further. */
export const continueLine: Buffer = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
