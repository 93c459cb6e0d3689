/** Answers as they leave in HTTP/2: the upstream's head with the proxy's fields, and answers of the proxy's own. */
import { type Field, type FieldLike, field, sharedField } from '../../proto/http2/field.ts';
import { type Drops, dropsOf, known } from '../codec/known-headers.ts';
import type { HeaderPair, MessageHead } from '../codec/message-head.ts';
import type { HeaderChanges } from '../route/header-changes.ts';
import { httpDate } from './date.ts';
import type { Exchange } from './exchange.ts';
import { ofEveryAnswer, tunnelAnswerDrops, tunnelNamed } from './head-writer.ts';
import type { HttpListener } from './http-context.ts';
import type { LocalReply } from './local-reply.ts';

const ofEveryFields = [...ofEveryAnswer, known.te];
const drops = dropsOf(ofEveryFields);
const dropsWithServer = dropsOf([...ofEveryFields, known.server]);
/** A 204 may not say a length (RFC 9110 section 8.6), and clients refuse one that does. */
const noContentDrops = dropsOf([...ofEveryFields, known.contentLength]);
const noContentDropsWithServer = dropsOf([...ofEveryFields, known.contentLength, known.server]);

const none: readonly HeaderPair[] = [];
const plainText = sharedField('content-type', 'text/plain');
const serviceTime = 'x-envoy-upstream-service-time';

const statusFields: Field[] = [];
for (let status = 100; status < 1000; status++) statusFields[status] = sharedField(':status', `${status}`);

/** Above, the time that an upstream took is hardly ever the same twice. */
const sharedServiceTimes = 16;
const serviceTimeFields: Field[] = [];
for (let ms = 0; ms < sharedServiceTimes; ms++) serviceTimeFields[ms] = sharedField(serviceTime, `${ms}`);

let date = sharedField('date', httpDate(0));
let server = sharedField('server', '');

/** Answers `expect: 100-continue`, which goes no further. */
export const continueFields: readonly Field[] = [statusFields[100]!];

/** Refilled for each answer; valid until the next one. */
const fields: FieldLike[] = [];

/** The upstream's `server` passes where the listener has no name of its own. */
export function upstreamFields(
  { shared, context }: HttpListener,
  head: MessageHead,
  { answeredMs, startMs, responseChanges }: Exchange,
): readonly FieldLike[] {
  const { serverName } = context.chain;
  fields.length = 0;
  fields.push(statusFields[head.status]!);
  head.addFields(fields, passing(head.status, serverName !== ''), responseChanges?.drops ?? null);
  if (responseChanges !== null) fields.push(...responseChanges.added);
  if (serverName !== '') fields.push(serverField(serverName));
  const ms = Math.round(answeredMs - startMs);
  fields.push(serviceTimeFields[ms] ?? field(serviceTime, `${ms}`));
  if (!head.hasDate) fields.push(dateField(shared.wallClock()));
  return fields;
}

/** The answer that opens a tunnel. @param own the proxy has asked with a key of its own, whose answer is not the client's */
export function tunnelFields(
  { shared, context }: HttpListener,
  head: MessageHead,
  status: number,
  changes: HeaderChanges | null,
  own: boolean,
): readonly FieldLike[] {
  const { serverName } = context.chain;
  fields.length = 0;
  fields.push(statusFields[status]!);
  head.addFields(fields, tunnelAnswerDrops(serverName !== ''), tunnelNamed(changes, own));
  if (changes !== null) fields.push(...changes.added);
  if (serverName !== '') fields.push(serverField(serverName));
  if (!head.hasDate) fields.push(dateField(shared.wallClock()));
  return fields;
}

export function replyFields(reply: LocalReply, serverName: string, epochMs: number): readonly FieldLike[] {
  const headers = reply.headers ?? none;
  fields.length = 0;
  fields.push(statusFields[reply.status]!);
  // these end with their head, and a 204 may not say a length
  const hasLength = reply.status !== 204 && reply.status !== 304 && reply.headOnly !== true;
  if (hasLength) fields.push(['content-length', `${reply.body.length}`]);
  if (reply.body !== '' && !headers.some(([name]) => name === 'content-type')) fields.push(plainText);
  fields.push(...headers, dateField(epochMs));
  if (serverName !== '') fields.push(serverField(serverName));
  return fields;
}

function passing(status: number, ownServer: boolean): Drops {
  if (status === 204) return ownServer ? noContentDropsWithServer : noContentDrops;
  return ownServer ? dropsWithServer : drops;
}

function dateField(epochMs: number): Field {
  const value = httpDate(epochMs);
  if (date.value !== value) date = sharedField('date', value);
  return date;
}

function serverField(name: string): Field {
  if (server.value !== name) server = sharedField('server', name);
  return server;
}
