/**
 * Random messages between this codec and node:http2, in both roles, over a wire that cuts the bytes at random. SEED and
 * ROUNDS in the environment try others, and more of them.
 */
import http2 from 'node:http2';
import { describe, expect, test } from 'vitest';
import { Connection } from './connection.ts';
import { errorCodes } from './errors.ts';
import { type Field, field, sharedField } from './field.ts';
import type { Stream } from './stream.ts';
import { type Echo, echo } from './testing/echo-server.ts';
import { type Random, seededRandom, Wire } from './testing/wire.ts';

const first = Number(process.env['SEED'] ?? 1_000);
const seeds = Array.from({ length: Number(process.env['ROUNDS'] ?? 10) }, (_, round) => first + round);

interface Exchange {
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: readonly Buffer[];
  readonly trailers: readonly (readonly [name: string, value: string])[];
  /** Who cuts it, while it is under way. */
  readonly cutBy: 'nobody' | 'client' | 'server';
}

/** What a client has seen of it. */
interface Seen {
  fields: [string, string][];
  chunks: Buffer[];
  trailers: [string, string][];
  code: number | undefined;
}

const cutCode = errorCodes.INTERNAL_ERROR;
const names = ['x-a', 'x-tenant', 'x-request-id', 'x-long-name-that-is-not-in-any-table', 'x-b3', 'x-q'];
const alphabet = ' !"#%&()*+,-./0123456789:;<=>?@ABCXYZ[]^_`abcxyz{|}~\\\'$';

function randomFields(random: Random): [string, string][] {
  const chosen = names.filter(() => random(2) === 0);
  return chosen.map((name) => {
    const length = [3, 20, 300, 3_000][random(4)]!;
    const text = Array.from({ length: random(length) }, () => alphabet[random(alphabet.length)]).join('');
    return [name, random(2) === 0 ? `value ${random(5)}` : text.trim()];
  });
}

function randomExchange(random: Random): Exchange {
  // node:http2 may never close a stream that an empty chunk was written to
  const body = Array.from({ length: random(4) }, () =>
    Buffer.alloc(1 + random([2, 100, 20_000, 150_000][random(4)]!), random(256)),
  );
  return {
    fields: randomFields(random),
    body,
    trailers: body.length > 0 && random(3) === 0 ? [...randomFields(random), ['x-end', '1']] : [],
    cutBy: random(8) === 0 ? 'client' : random(8) === 0 ? 'server' : 'nobody',
  };
}

function randomSettings(random: Random): {
  initialWindowBytes: number;
  maxFrameBytes: number;
  headerTableBytes: number;
} {
  return {
    initialWindowBytes: [300, 5_000, 65_535, 1_000_000][random(4)]!,
    maxFrameBytes: [16_384, 20_000, 1_000_000][random(3)]!,
    headerTableBytes: [0, 100, 4_096, 65_536][random(4)]!,
  };
}

function nodeSettings(random: Random): http2.Settings {
  const { initialWindowBytes, maxFrameBytes, headerTableBytes } = randomSettings(random);
  return { initialWindowSize: initialWindowBytes, maxFrameSize: maxFrameBytes, headerTableSize: headerTableBytes };
}

function ownFields(headers: http2.IncomingHttpHeaders): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]) => (name.startsWith('x-') ? [[name, String(value)]] : []));
}

function expectEcho(seen: Seen, exchange: Exchange, what: string): void {
  if (exchange.cutBy === 'nobody') {
    expect(seen.code, what).toBe(0);
    expect(seen.fields, what).toEqual(exchange.fields);
    expect(seen.trailers, what).toEqual(exchange.trailers);
    const expected = exchange.body.length === 0 ? words : Buffer.concat(exchange.body);
    expect(Buffer.concat(seen.chunks).equals(expected), what).toBe(true);
  } else if (exchange.cutBy === 'server') {
    expect(seen.code, what).toBe(cutCode);
  }
}

const words = Buffer.from('Nothing came, so nothing goes back.\n');

function nodeAsks(session: http2.ClientHttp2Session, exchange: Exchange): Promise<Seen> {
  const { fields, body, trailers, cutBy } = exchange;
  const seen: Seen = { fields: [], chunks: [], trailers: [], code: undefined };
  const headers = { ':method': 'POST', 'cut-by': cutBy, ...Object.fromEntries(fields) };
  const stream = session.request(headers, { endStream: body.length === 0, waitForTrailers: trailers.length > 0 });
  return new Promise((resolve) => {
    stream.on('response', (received) => {
      seen.fields = ownFields(received);
      if (cutBy === 'client') stream.close(cutCode);
    });
    stream.on('trailers', (received) => {
      seen.trailers = ownFields(received);
    });
    stream.on('data', (chunk: Buffer) => seen.chunks.push(chunk));
    stream.on('wantTrailers', () => stream.sendTrailers(Object.fromEntries(trailers)));
    stream.on('error', () => {});
    stream.on('close', () => resolve({ ...seen, code: stream.rstCode }));
    for (const chunk of body) stream.write(chunk);
    if (body.length > 0) stream.end();
  });
}

async function ourServerAnswers(random: Random): Promise<void> {
  const wire = new Wire(random);
  const problems: string[] = [];
  const server = new Connection<Echo>({
    role: 'server',
    writer: wire,
    handlers: {
      ...echo,
      headers(stream, fields, endStream) {
        if (fields.some(({ name, value }) => name === 'cut-by' && value === 'server')) stream.reset(cutCode);
        else echo.headers(stream, fields, endStream);
      },
      reset: (_, code, cause) => {
        if (code !== cutCode || cause !== 'peer') problems.push(`reset ${code} by ${cause}`);
      },
      closed: ({ by, message }) => {
        if (by === 'error') problems.push(message);
      },
    },
    settings: randomSettings(random),
    connectionWindowBytes: [65_535, 1_000_000][random(2)]!,
    autoConsume: false,
  });
  wire.connection = server;
  const session = http2.connect('http://fuzz.example', {
    createConnection: () => wire.socket,
    settings: nodeSettings(random),
  });
  session.on('error', (error) => problems.push(error.message));
  const exchanges = Array.from({ length: 1 + random(12) }, () => randomExchange(random));
  const all = await Promise.all(exchanges.map((one) => nodeAsks(session, one)));
  all.forEach((seen, i) => {
    expectEcho(seen, exchanges[i]!, `stream ${2 * i + 1}`);
  });
  await new Promise<void>((resolve) => session.ping(() => resolve()));
  expect(problems).toEqual([]);
  expect([server.openStreams, server.queuedBytes]).toEqual([0, 0]);
  session.destroy();
}

function nodeEchoes(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders, flags: number): void {
  stream.on('error', () => {});
  if (headers['cut-by'] === 'server') {
    stream.close(cutCode);
    return;
  }
  const back = Object.fromEntries(ownFields(headers));
  const hasBody = (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) === 0;
  let trailers: http2.IncomingHttpHeaders = {};
  stream.on('trailers', (received) => {
    trailers = received;
  });
  stream.respond({ ':status': 200, ...back }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  if (hasBody) stream.pipe(stream);
  else stream.end(words);
}

interface Asked {
  readonly seen: Seen;
  readonly cutBy: Exchange['cutBy'];
  readonly done: (seen: Seen) => void;
}

function weAsk(client: Connection<Asked>, { fields, body, trailers, cutBy }: Exchange, random: Random): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const state = { seen: { fields: [], chunks: [], trailers: [], code: undefined }, cutBy, done: resolve };
    const pseudo = [
      [':method', 'POST'],
      [':scheme', 'http'],
      [':path', '/'],
      [':authority', 'fuzz.example'],
      ['cut-by', cutBy],
    ] as const;
    const all = [...pseudo, ...fields].map(([name, value]) => (random(2) === 0 ? field : sharedField)(name, value));
    const stream = client.request(all, body.length === 0, state);
    if (stream === undefined) return reject(new Error('No stream could be begun.'));
    body.forEach((chunk, i) => {
      stream.data(chunk, trailers.length === 0 && i === body.length - 1);
    });
    if (trailers.length > 0) stream.trailers(trailers);
  });
}

async function ourClientAsks(random: Random): Promise<void> {
  const wire = new Wire(random);
  const problems: string[] = [];
  const finish = (stream: Stream<Asked>, code: number): void => {
    if (stream.state !== undefined) stream.state.seen.code = code;
    stream.state?.done(stream.state.seen);
  };
  const client = new Connection<Asked>({
    role: 'client',
    writer: wire,
    handlers: {
      headers(stream, fields) {
        stream.state?.seen.fields.push(...pairs(fields));
        if (stream.state?.cutBy !== 'client') return;
        stream.reset(cutCode);
        finish(stream, cutCode);
      },
      data(stream, chunk) {
        stream.state?.seen.chunks.push(Buffer.from(chunk));
        stream.consumed(chunk.length);
      },
      trailers: (stream, fields) => stream.state?.seen.trailers.push(...pairs(fields)),
      ended: (stream) => finish(stream, 0),
      reset: (stream, code) => finish(stream, code),
      goAway: () => {},
      closed: ({ by, message }) => {
        if (by === 'error') problems.push(message);
      },
    },
    settings: randomSettings(random),
    autoConsume: random(2) === 0,
  });
  wire.connection = client;
  const server = http2.createServer({ settings: nodeSettings(random) });
  server.on('stream', nodeEchoes);
  server.on('sessionError', (error) => problems.push(error.message));
  server.emit('connection', wire.socket);
  const exchanges = Array.from({ length: 1 + random(12) }, () => randomExchange(random));
  const all = await Promise.all(exchanges.map((one) => weAsk(client, one, random)));
  all.forEach((seen, i) => {
    expectEcho(seen, exchanges[i]!, `stream ${2 * i + 1}`);
  });
  await new Promise<void>((resolve) => client.ping(resolve));
  expect(problems).toEqual([]);
  expect([client.openStreams, client.queuedBytes]).toEqual([0, 0]);
  client.destroy(errorCodes.NO_ERROR, '');
}

function pairs(fields: readonly Field[]): [string, string][] {
  return fields.filter(({ name }) => name.startsWith('x-')).map(({ name, value }) => [name, value]);
}

describe.each(seeds)('SEED=%i', (seed) => {
  test('node:http2 as the client gets from our server what it sent', () => ourServerAnswers(seededRandom(seed)));

  test('our client gets from node:http2 as the server what it sent', () => ourClientAsks(seededRandom(seed)));
});
