/** What a server sends to a client that has asked with GET, POST and HEAD, most of it right. */
import type { Random } from '../../../proto/http2/testing/wire.ts';
import { pick } from '../random.ts';
import { blockOf, type Pair, plainPairs } from './blocks.ts';
import type { RawFrame } from './frames.ts';
import {
  anyOpen,
  type Client,
  data,
  inFrames,
  type Kind,
  oddPairs,
  ping,
  rare,
  reset,
  settings,
  trailers,
  windowUpdate,
  wrong,
} from './grammar.ts';
import { asked } from './own.ts';

const maxFrames = 14;
const statuses = ['200', '200', '404', '204', '304', '999'];
const oddStatuses = ['100', '101', '099', '20', '2000', '1000', '', 'x', '600'];

export function randomAnswers(random: Random): RawFrame[] {
  const waiting = asked.map((_, i) => 2 * i + 1);
  const begun: Client = { nextId: 2 * asked.length + 1, open: [] };
  const frames: RawFrame[] = [];
  for (let count = 1 + random(maxFrames); count > 0; count--) {
    const canBegin = waiting.length > 0 && random(2) === 0;
    const kind = canBegin ? head(waiting) : pick(random, begun.open.length > 0 ? all : withoutStream);
    const next = kind(random, begun);
    frames.push(...(random(25) === 0 ? next.map((one) => (random(2) === 0 ? one : wrong(random, one))) : next));
  }
  return frames;
}

/** Informational, or the one of the answer; its stream is open after that. */
function head(waiting: number[]): Kind {
  return (random, begun) => {
    const at = random(waiting.length);
    const streamId = random(40) === 0 ? anyOpen(random, begun) : waiting[at]!;
    if (random(6) === 0) {
      const informational: Pair[] = [[':status', pick(random, ['100', '103', '102', '199'])], ...plainPairs(random, 1)];
      return inFrames(random, streamId, blockOf(random, informational), random(20) === 0);
    }
    waiting.splice(at, 1);
    const isEnd = random(3) === 0;
    if (!isEnd) begun.open.push(streamId);
    const pairs: Pair[] = [
      [':status', pick(random, random(10) === 0 ? oddStatuses : statuses)],
      ...plainPairs(random, 3),
    ];
    if (random(6) === 0) pairs.splice(random(pairs.length + 1), 0, pick(random, oddPairs));
    return inFrames(random, streamId, blockOf(random, pairs), isEnd);
  };
}

const all: readonly Kind[] = [data, data, data, data, trailers, reset, windowUpdate, ping, settings, rare];
const withoutStream: readonly Kind[] = [ping, settings, windowUpdate];
