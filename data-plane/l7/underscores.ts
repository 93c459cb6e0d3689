/** Requests with header names that have `_`, which many an endpoint takes for `-`. */

import type { Field } from '../../proto/http2/field.ts';
import type { FieldsHead } from '../codec/fields-head.ts';
import type { Head } from '../codec/h1-head.ts';
import type { MessageHead } from '../codec/message-head.ts';
import type { HttpChainConfig } from '../model/config.ts';
import type { UnderscoreStats } from '../telemetry/underscore-stats.ts';
import { http2Replies, type LocalReply, localReplies } from './local-reply.ts';

type ChainPaths = HttpChainConfig['paths'];

/** Whoever takes these for framing, before us or behind us, sees another end of the request. */
const ofFraming = ['transfer_encoding', 'content_length'];

/** Of a head that has such names. */
export function refusesUnderscores(head: MessageHead, { underscores }: ChainPaths): boolean {
  return underscores === 'reject' || ofFraming.some((name) => head.lines(name).length > 0);
}

/** Once such a head has been read: what is to be dropped is, and what became of it is counted. */
export function settleUnderscores(
  head: Head | FieldsHead,
  refused: LocalReply | null,
  { underscores }: ChainPaths,
  stats: UnderscoreStats,
): void {
  if (refused === localReplies.underscore || refused === http2Replies.underscore) stats.rejectedWithUnderscores.value++;
  else if (underscores === 'drop') stats.droppedWithUnderscores.value += head.dropUnderscored();
}

/** The trailers that pass; null: the request is refused. */
export function passingTrailers(
  fields: readonly Field[],
  { underscores }: ChainPaths,
  stats: UnderscoreStats,
): readonly Field[] | null {
  if (underscores === 'keep' || !fields.some(hasUnderscore)) return fields;
  if (underscores === 'reject') {
    stats.rejectedWithUnderscores.value++;
    return null;
  }
  const passing = fields.filter((field) => !hasUnderscore(field));
  stats.droppedWithUnderscores.value += fields.length - passing.length;
  return passing;
}

function hasUnderscore({ name }: Field): boolean {
  return name.includes('_');
}
