/** Conversations over WebSocket, made from a seed: what each end says, in which pieces, and how it ends. Pure. */
import { randomOf } from '../chaos/random.ts';

export type Side = 'client' | 'server';

/** What leaves an end as one frame. */
export type Frame =
  | { readonly type: 'ping' | 'pong'; readonly data: Buffer }
  /** `last`: the message ends with it. */
  | { readonly type: 'part'; readonly data: Buffer; readonly binary: boolean; readonly last: boolean };

/** What both ends say at the same time. */
export type Turn = Readonly<Record<Side, readonly Frame[]>>;

export interface Ending {
  readonly by: Side | 'both';
  /** `close`: with a close frame. `half`: its socket's direction alone ends, without one. `cut`: its socket is closed. */
  readonly how: 'close' | 'half' | 'cut';
  /** Null: none is said. */
  readonly code: number | null;
  readonly reason: string;
  /** What the other end says while this one ends; nothing before a cut. */
  readonly parting: readonly Frame[];
}

export interface Conversation {
  readonly index: number;
  /** Permessage-deflate, with its settings; null: not offered. */
  readonly deflate: {
    readonly clientNoContextTakeover: boolean;
    readonly serverNoContextTakeover: boolean;
    readonly windowBits: number;
  } | null;
  readonly protocols: readonly string[];
  readonly maskSeed: number;
  readonly turns: readonly Turn[];
  readonly ending: Ending;
}

/** Of so many conversations, one has a message of 16 MB. */
const largeEvery = 20;
const largeBytes = 16 * 1024 * 1024;
const closeCodes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4000, 4999, null];

export function conversationOf(seed: number, index: number): Conversation {
  const random = randomOf(seed * 1009 + index + 1);
  const below = (limit: number): number => Math.floor(random() * limit);
  const chance = (share: number): boolean => random() < share;

  const bytes = (size: number): Buffer => {
    const data = Buffer.alloc(size);
    // some of it packs well and some does not
    const noise = Buffer.from(Array.from({ length: Math.min(size, 1021) }, () => below(chance(0.5) ? 256 : 4)));
    for (let at = 0; at < size; at += noise.length) noise.copy(data, at);
    return data;
  };
  const text = (size: number): Buffer => Buffer.from('grüß dich, ∑ 👋 '.repeat(Math.ceil(size / 20)));
  const control = (): Frame => ({ type: chance(0.5) ? 'ping' : 'pong', data: bytes(below(126)) });

  const message = (size: number): Frame[] => {
    const binary = chance(0.5);
    const data = binary ? bytes(size) : text(size);
    const parts = chance(0.4) ? 1 + below(6) : 1;
    const cuts = [0, ...Array.from({ length: parts - 1 }, () => below(data.length + 1)).sort((a, b) => a - b)];
    return cuts.flatMap((start, part): Frame[] => {
      const last = part === parts - 1;
      const piece: Frame = {
        type: 'part',
        data: data.subarray(start, last ? undefined : cuts[part + 1]),
        binary,
        last,
      };
      return !last && chance(0.4) ? [piece, control()] : [piece];
    });
  };
  const size = (): number => below(10 ** (1 + below(5)));
  const talk = (): Frame[] =>
    Array.from({ length: below(4) }, () => (chance(0.2) ? [control()] : message(size()))).flat();

  const turns: Turn[] = Array.from({ length: 1 + below(5) }, () => ({ client: talk(), server: talk() }));
  if (index % largeEvery === largeEvery / 2) {
    const large = message(largeBytes);
    turns.push(chance(0.5) ? { client: large, server: talk() } : { client: talk(), server: large });
  }
  const how = chance(0.6) ? 'close' : chance(0.6) ? 'half' : 'cut';
  const by = how === 'close' && chance(0.2) ? 'both' : chance(0.5) ? 'client' : 'server';
  const code = closeCodes[below(closeCodes.length)]!;
  return {
    index,
    deflate: chance(0.6)
      ? { clientNoContextTakeover: chance(0.3), serverNoContextTakeover: chance(0.3), windowBits: 9 + below(7) }
      : null,
    protocols: chance(0.3) ? ['chat.v2', 'chat.v1'] : [],
    maskSeed: below(2 ** 31),
    turns,
    ending: {
      by,
      how,
      code,
      reason: code !== null && chance(0.5) ? 'c’est tout' : '',
      parting: how === 'cut' || by === 'both' ? [] : [...talk(), ...(how === 'half' ? message(500_000) : [])],
    },
  };
}
