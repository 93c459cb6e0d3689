/** Frames to a server, most of them right, as one client might send them. */
import { flags, frameTypes as types } from '../../../proto/http2/frames.ts';
import { uint32 } from '../../../proto/http2/testing/raw-peer.ts';
import type { Random } from '../../../proto/http2/testing/wire.ts';
import { pick } from '../random.ts';
import { blockOf, damaged, dynamicReference, type Pair, plainPairs, requestOf } from './blocks.ts';
import type { RawFrame } from './frames.ts';

const maxFrames = 14;
/** What makes a message malformed, or may. */
export const oddPairs: readonly Pair[] = [
  ['Upper', 'x'],
  ['connection', 'close'],
  ['transfer-encoding', 'chunked'],
  ['keep-alive', 'x'],
  ['proxy-connection', 'x'],
  ['upgrade', 'h2c'],
  ['te', 'trailers'],
  ['te', 'gzip'],
  ['content-length', '3'],
  ['content-length', '0'],
  ['content-length', 'x'],
  ['content-length', '03'],
  ['content-length', '+3'],
  ['host', 'a.example'],
  ['host', 'b.example'],
  [':path', '/x'],
  [':path', ''],
  [':status', '200'],
  [':protocol', 'websocket'],
  [':unknown', 'x'],
  ['', 'x'],
  ['a b', 'x'],
  ['x-a', ' x'],
  ['x-a', 'x\t'],
  ['x-a', 'a\r\nb'],
  ['x-a', 'a\0b'],
];

/** Pseudo-headers that are odd, or wrong, or both. */
const oddPseudo: readonly Pair[] = [
  ...['GET /x HTTP/1.1', 'get', '', 'G\xe9T', 'M-SEARCH', 'CONNECT'].map((value) => [':method', value] as const),
  ...['https', 'ftp', '', 'a b', 'h\xe9', '1x'].map((value) => [':scheme', value] as const),
  ...['x', '*', '/a b', '/\xe9', '/#x', '/"<>', '/\x7f', '//', '/?', '/%'].map((value) => [':path', value] as const),
  ...['', 'a b', 'a:80', 'a/b', 'u@a', '[::1]:1', 'a\xe9', 'a,b'].map((value) => [':authority', value] as const),
];

/** What stands open to the side that sends. */
export interface Client {
  /** The next stream that nobody has begun. */
  nextId: number;
  readonly open: number[];
}

/** The fields of a request, most of them right. */
export function randomRequest(random: Random, method: string): Pair[] {
  let pairs: Pair[] = requestOf(random, method, plainPairs(random, 3));
  if (random(6) === 0) {
    pairs.splice(random(2) === 0 ? pairs.length : random(pairs.length + 1), 0, pick(random, oddPairs));
  }
  if (random(6) === 0) {
    const odd = pick(random, oddPseudo);
    pairs = pairs.map((pair) => (pair[0] === odd[0] ? odd : pair));
  }
  return random(25) === 0 ? pairs.filter(() => random(5) > 0) : pairs;
}

export function randomFrames(random: Random): RawFrame[] {
  const client: Client = { nextId: 1, open: [] };
  const frames: RawFrame[] = [];
  for (let count = 1 + random(maxFrames); count > 0; count--) {
    const kind = client.open.length > 0 || random(60) === 0 ? pick(random, kinds) : pick(random, withoutStream);
    const next = kind(random, client);
    frames.push(...(random(25) === 0 ? next.map((one) => (random(2) === 0 ? one : wrong(random, one))) : next));
  }
  return frames;
}

/** A frame or a few that belong together. */
export type Kind = (random: Random, client: Client) => RawFrame[];

const request: Kind = (random, client) => {
  const hasBody = random(2) === 0;
  const streamId = client.nextId;
  client.nextId += 2 * (1 + random(random(6) === 0 ? 3 : 1));
  if (hasBody) client.open.push(streamId);
  const pairs = randomRequest(random, hasBody ? 'POST' : 'GET');
  const block = Buffer.concat([blockOf(random, pairs), ...(random(60) === 0 ? [dynamicReference(random)] : [])]);
  return inFrames(random, streamId, block, !hasBody);
};

export const trailers: Kind = (random, client) => {
  const streamId = ended(random, client);
  const pairs = [...plainPairs(random, 2), ...(random(6) === 0 ? [pick(random, oddPairs)] : [])];
  return inFrames(random, streamId, blockOf(random, pairs), random(8) > 0);
};

export const data: Kind = (random, client) => {
  const isEnd = random(3) === 0;
  const streamId = isEnd ? ended(random, client) : anyOpen(random, client);
  const chunk = Buffer.alloc(pick(random, [0, 1, 3, 3, 100, random(20) === 0 ? 16_000 : 2_000]), 0x61 + random(26));
  return [padded(random, { type: types.data, flags: isEnd ? flags.endStream : 0, streamId, payload: chunk })];
};

export const reset: Kind = (random, client) => [
  { type: types.rstStream, flags: 0, streamId: ended(random, client), payload: uint32(pick(random, [0, 2, 8, 5, 99])) },
];

export const windowUpdate: Kind = (random, client) => [
  {
    type: types.windowUpdate,
    flags: 0,
    streamId: client.open.length === 0 || random(3) === 0 ? 0 : anyOpen(random, client),
    payload: uint32(pick(random, [1, 100, 65_535, 1, 100, 0, 2 ** 31 - 1, 2 ** 31 + 5])),
  },
];

export const ping: Kind = (random) => [
  { type: types.ping, flags: random(20) === 0 ? 1 : 0, streamId: 0, payload: Buffer.alloc(8, random(256)) },
];

export const settings: Kind = (random) => {
  const pairs = Array.from({ length: random(3) }, () => {
    const [id, value] = pick(random, [
      [1, 0],
      [1, 4096],
      [2, 0],
      [2, 1],
      [2, 2],
      [3, 1],
      [4, 0],
      [4, 65_535],
      [4, 2 ** 31],
      [5, 16_384],
      [5, 16_383],
      [5, 2 ** 24],
      [6, 100],
      [8, 1],
      [8, 2],
      [99, 1],
    ] as const);
    const bytes = Buffer.alloc(6);
    bytes.writeUInt16BE(id);
    bytes.writeUInt32BE(value, 2);
    return bytes;
  });
  return [{ type: types.settings, flags: 0, streamId: 0, payload: Buffer.concat(pairs) }];
};

export const rare: Kind = (random, client) => {
  const streamId = pick(random, [anyOpen(random, client), 0, client.nextId, 2]);
  const payload = Buffer.alloc(random(12), random(256));
  switch (random(6)) {
    case 0:
      return [
        { type: types.priority, flags: 0, streamId, payload: Buffer.concat([uint32(random(4)), Buffer.from([9])]) },
      ];
    case 1:
      return [{ type: types.goAway, flags: 0, streamId: 0, payload: Buffer.concat([uint32(0, random(3)), payload]) }];
    case 2:
      return [{ type: types.pushPromise, flags: flags.endHeaders, streamId, payload: uint32(2) }];
    case 3:
      return [{ type: types.continuation, flags: flags.endHeaders, streamId, payload }];
    case 4:
      return [{ type: types.settings, flags: flags.ack, streamId: 0, payload: Buffer.alloc(0) }];
    default:
      return [{ type: 20 + random(236), flags: random(256), streamId, payload }];
  }
};

const kinds: readonly Kind[] = [
  ...[request, request, request, request, request, data, data, data, data, trailers],
  ...[trailers, reset, windowUpdate, ping, settings, rare],
];

/** What may come while no stream is open. */
const withoutStream: readonly Kind[] = [
  request,
  request,
  request,
  request,
  request,
  request,
  ping,
  settings,
  windowUpdate,
];

export function anyOpen(random: Random, { open, nextId }: Client): number {
  // one that is over, has been left out, or has not begun
  if (open.length === 0 || random(80) === 0) return Math.max(1, nextId - 2 * random(4));
  return pick(random, open);
}

export function ended(random: Random, client: Client): number {
  const streamId = anyOpen(random, client);
  if (client.open.includes(streamId)) client.open.splice(client.open.indexOf(streamId), 1);
  return streamId;
}

function padded(random: Random, one: RawFrame): RawFrame {
  if (random(6) > 0) return one;
  const padding = random(4);
  const payload = Buffer.concat([Buffer.from([padding]), one.payload, Buffer.alloc(padding)]);
  return { ...one, flags: one.flags | flags.padded, payload };
}

export function inFrames(random: Random, streamId: number, block: Buffer, isEnd: boolean): RawFrame[] {
  const endStream = isEnd ? flags.endStream : 0;
  const pieces = [block];
  for (let cuts = random(6) === 0 ? random(3) : 0; cuts > 0; cuts--) {
    const last = pieces.pop()!;
    const at = random(last.length + 1);
    pieces.push(last.subarray(0, at), last.subarray(at));
  }
  const first = { type: types.headers, flags: endStream, streamId, payload: pieces[0]! };
  const weighted =
    random(8) === 0
      ? {
          ...first,
          flags: first.flags | flags.priority,
          payload: Buffer.concat([
            uint32(pick(random, [0, 1, 3, 0, 1, 3, 99, streamId])),
            Buffer.from([1]),
            first.payload,
          ]),
        }
      : first;
  const frames = [
    padded(random, weighted),
    ...pieces.slice(1).map((payload) => ({ type: types.continuation, flags: 0, streamId, payload })),
  ];
  const last = frames.pop()!;
  return [...frames, { ...last, flags: last.flags | flags.endHeaders }];
}

/** The frame with one thing about it wrong. */
export function wrong(random: Random, one: RawFrame): RawFrame {
  switch (random(7)) {
    case 0:
      return { ...one, flags: one.flags ^ (1 << random(8)) };
    case 1:
      return { ...one, streamId: pick(random, [0, 1, 2, 3, one.streamId + 1, one.streamId + 2, 2 ** 31 - 1]) };
    case 2:
      return { ...one, payload: one.payload.subarray(0, random(one.payload.length + 1)) };
    case 3:
      return { ...one, payload: Buffer.concat([one.payload, Buffer.alloc(1 + random(3))]) };
    case 4:
      return { ...one, type: random(11) };
    case 5:
      return { ...one, length: pick(random, [one.payload.length + 1, 16_385, 0, Math.max(0, one.payload.length - 1)]) };
    default:
      return { ...one, payload: damaged(random, one.payload) };
  }
}
