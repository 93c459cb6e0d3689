/** Lists of fields under fuzz: written by our encoder and read by nghttp2, and written by nghttp2 and read by us. */
import http2 from 'node:http2';
import { type Field, field, sharedField } from '../../../proto/http2/field.ts';
import { frameTypes as types } from '../../../proto/http2/frames.ts';
import { HpackDecoder } from '../../../proto/http2/hpack-decoder.ts';
import { encoded, HpackEncoder } from '../../../proto/http2/hpack-encoder.ts';
import { uint32 } from '../../../proto/http2/testing/raw-peer.ts';
import type { Random } from '../../../proto/http2/testing/wire.ts';
import { type RawFrame, settingsAck, settingsFrame, toBytes } from '../http2/frames.ts';
import { FedDuplex, inStep, NodeServer, settled } from '../http2/oracle.ts';
import { inWords } from '../http2/own.ts';
import { withoutRuns } from '../minimise.ts';
import { pick } from '../random.ts';
import type { Subject, Verdict } from '../subject.ts';

/** How a field is handed to the encoder: for many messages, for one, or to be kept out of every table. */
type How = 'shared' | 'once' | 'secret';
type Item = readonly [how: How, name: string, value: string];
/** The fields of one message, or what the reader allows the table from now on, bytes. */
export type ListStep = readonly Item[] | number;

const pseudo: readonly Item[] = [
  ['shared', ':method', 'GET'],
  ['shared', ':scheme', 'http'],
  ['once', ':path', '/'],
  ['shared', ':authority', 'a.example'],
];
const names = [
  'x-a',
  'x-b',
  'x-c',
  'cookie',
  'authorization',
  'user-agent',
  'x-long-name-that-is-in-no-table',
  'accept',
];
const startTableBytes = 4096;

/** Lists of fields without their pseudo-headers, which are those of a GET; a name stands in a list once. */
export const lists: Subject<readonly ListStep[]> = {
  name: 'hpack lists',
  folder: 'proto/http2/corpus/lists',
  generate(random, corpus) {
    const own = corpus.length > 0 && random(6) === 0 ? pick(random, corpus) : [];
    return [...own, ...Array.from({ length: 1 + random(12) }, () => randomStep(random))];
  },
  async judge(inputs) {
    const [read, written] = [await readByNode(inputs), await writtenByNode(inputs)];
    return inputs.map((_, i): Verdict => {
      const problem = read[i] ?? written[i];
      return { problem, counted: problem === undefined ? 'both agree' : 'problem', own: 'accepts' };
    });
  },
  *neighbours(input) {
    for (let at = 0; at <= input.length; at++) {
      for (const bytes of [0, 60, 150, startTableBytes]) yield [...input.slice(0, at), bytes, ...input.slice(at)];
    }
  },
  *simpler(input) {
    yield* withoutRuns(input);
    for (const [at, step] of input.entries()) {
      if (typeof step === 'number') continue;
      for (const less of withoutRuns(step)) yield [...input.slice(0, at), less, ...input.slice(at + 1)];
    }
  },
  parser(input) {
    const [encoder, decoder] = [new HpackEncoder(), new HpackDecoder(wide)];
    for (const step of input ?? []) {
      if (typeof step === 'number') {
        encoder.limitTable(step);
        decoder.allowTable(step);
      } else {
        const block = encode(encoder, step);
        decoder.decode(block, 0, block.length);
      }
    }
    return [encoder, decoder];
  },
  bytes: (input) => JSON.stringify(input).length,
  read: (entry) => entry['steps'] as ListStep[],
  write: (input) => ({ steps: input }),
};

const wide = { maxHeaderListBytes: 1e9, maxHeaders: 1e9 };
const options = {
  settings: { headerTableSize: startTableBytes, maxConcurrentStreams: 1_000, maxHeaderListSize: 2 ** 31 - 1 },
  maxHeaderListPairs: 100_000,
};

function randomStep(random: Random): ListStep {
  if (random(8) === 0) return pick(random, [0, 40, 100, 300, startTableBytes, 65_536]);
  const length = random(6);
  return names.filter(() => random(8) < length).map((name) => [randomHow(random), name, randomValue(random)]);
}

function randomHow(random: Random): How {
  return pick(random, ['shared', 'shared', 'once', 'secret']);
}

function randomValue(random: Random): string {
  if (random(3) > 0) return pick(random, ['a', 'value 1', 'value 2', 'gzip, deflate', 'v'.repeat(120), '0123456789']);
  const length = random(pick(random, [4, 30, 300]));
  const bytes = Array.from({ length }, () => (random(6) === 0 ? 128 + random(128) : 32 + random(95)));
  return Buffer.from(bytes).toString('latin1').trim();
}

function fieldOf([how, name, value]: Item): Field {
  if (how === 'shared') return sharedField(name, value);
  return how === 'once' ? field(name, value) : { name, value, neverIndexed: true, mark: -1 };
}

function encode(encoder: HpackEncoder, items: readonly Item[]): Buffer {
  const length = encoder.encode([...pseudo, ...items].map(fieldOf));
  return Buffer.from(encoded.subarray(0, length));
}

/** The field names that have to be kept out of tables, one by one. */
function secretsOf(items: readonly Item[]): string {
  const secrets = items.filter(([how]) => how === 'secret');
  return secrets.map(([, name]) => name).join();
}

/** What is wrong with what nghttp2 reads from our encoder, by list. */
async function readByNode(inputs: readonly (readonly ListStep[])[]): Promise<(string | undefined)[]> {
  const problems: (string | undefined)[] = inputs.map(() => undefined);
  const secretsRead = inputs.map(() => '');
  const servers = inputs.map((_, i) => {
    return new NodeServer(options, (headers) => {
      secretsRead[i] = String(Reflect.get(headers, http2.sensitiveHeaders));
    });
  });
  const encoders = inputs.map(() => new HpackEncoder());
  const streamIds = inputs.map(() => 1);
  await settled();
  for (const server of servers) server.duplex.frames();
  await inStep(
    inputs,
    (step, i) => {
      if (typeof step === 'number') {
        servers[i]!.allowTable(step);
        encoders[i]!.limitTable(step);
        return;
      }
      const payload = encode(encoders[i]!, step);
      servers[i]!.feed(toBytes({ type: types.headers, flags: 5, streamId: streamIds[i]!, payload }));
      streamIds[i]! += 2;
    },
    (step, i) => {
      const { told, goAway } = servers[i]!.seen;
      if (typeof step === 'number' || problems[i] !== undefined) return;
      const meant = inWords([...pseudo, ...step].map(fieldOf));
      const words = told[0]?.replace(/^headers \d+ /, '') ?? `nothing, GOAWAY ${goAway}`;
      if (words !== meant) problems[i] = `ours: ${JSON.stringify(meant)} is ${JSON.stringify(words)} for nghttp2`;
      const secrets = secretsOf(step);
      const isKept = secrets.split(',').every((name) => name === '' || secretsRead[i]!.split(',').includes(name));
      if (!isKept) problems[i] ??= `secrets: of "${secrets}" nghttp2 reads "${secretsRead[i]}"`;
    },
  );
  for (const server of servers) server.close();
  await settled();
  return problems;
}

/** What is wrong with what we read from nghttp2's encoder, by list. */
async function writtenByNode(inputs: readonly (readonly ListStep[])[]): Promise<(string | undefined)[]> {
  const problems: (string | undefined)[] = inputs.map(() => undefined);
  const clients = inputs.map(() => new NodeClient());
  const decoders = inputs.map(() => new HpackDecoder(wide));
  await settled();
  for (const client of clients) client.begin();
  await settled();
  for (const client of clients) client.duplex.frames();
  await inStep(
    inputs,
    (step, i) => {
      if (typeof step === 'number') clients[i]!.allowTable(step);
      else clients[i]!.request(step);
    },
    (step, i) => {
      const frames = clients[i]!.duplex.frames();
      if (typeof step === 'number') {
        decoders[i]!.allowTable(step);
        return;
      }
      const block = Buffer.concat(frames.filter(isBlock).map(({ payload }) => payload));
      problems[i] ??= problemOf(decoders[i]!, block, step);
    },
  );
  for (const client of clients) client.close();
  await settled();
  return problems;
}

function isBlock({ type }: RawFrame): boolean {
  return type === types.headers || type === types.continuation;
}

function problemOf(decoder: HpackDecoder, block: Buffer, step: readonly Item[]): string | undefined {
  try {
    const fields = decoder.decode(block, 0, block.length) ?? [];
    const plain = fields.filter(({ name }) => !name.startsWith(':'));
    const meant = inWords(step.map(fieldOf));
    if (inWords(plain) !== meant || fields.length !== plain.length + pseudo.length) {
      return `nghttp2: ${JSON.stringify(meant)} is ${JSON.stringify(inWords(fields))} for us`;
    }
    const lost = step.filter(([how], i) => how === 'secret' && plain[i]?.neverIndexed !== true);
    return lost.length === 0 ? undefined : `secrets: "${secretsOf(lost)}" may be indexed for us`;
  } catch (error) {
    return `nghttp2: ${String(error)}`;
  }
}

/** A client of node:http2 whose frames are caught. */
class NodeClient {
  readonly duplex = new FedDuplex();
  readonly #session: http2.ClientHttp2Session;

  constructor() {
    this.#session = http2.connect('http://a.example', { createConnection: () => this.duplex });
    this.#session.on('error', () => {});
  }

  /** Behind the preface, which has gone out by now. */
  begin(): void {
    this.duplex.written = Buffer.alloc(0);
    this.duplex.feed(Buffer.concat([toBytes(settingsFrame), toBytes(settingsAck)]));
  }

  allowTable(bytes: number): void {
    const payload = Buffer.concat([Buffer.from([0, 1]), uint32(bytes)]);
    this.duplex.feed(toBytes({ ...settingsFrame, payload }));
  }

  request(items: readonly Item[]): void {
    if (this.#session.destroyed) return;
    const headers: http2.OutgoingHttpHeaders = Object.fromEntries(items.map(([, name, value]) => [name, value]));
    const secrets = items.filter(([how]) => how === 'secret').map(([, name]) => name);
    Reflect.set(headers, http2.sensitiveHeaders, secrets);
    const stream = this.#session.request(headers, { endStream: true });
    stream.on('error', () => {});
  }

  close(): void {
    this.#session.destroy();
    this.duplex.destroy();
  }
}
