/**
 * nghttp2 at the same connection, by way of node:http2: a server on a Duplex, which is how its documentation lets one
 * hand it a connection. It answers each request when it is whole.
 */
import http2 from 'node:http2';
import { Duplex } from 'node:stream';
import { preface } from '../../../proto/http2/frames.ts';
import { type RawFrame, readFrames, settingsAck, settingsFrame, toBytes } from './frames.ts';
import { asked } from './own.ts';
import { addAnswers, nothingSeen, type Seen } from './seen.ts';

/** The same as those of our server. */
const settings: http2.Settings = {
  headerTableSize: 4096,
  maxConcurrentStreams: 100,
  initialWindowSize: 65_535,
  maxFrameSize: 16_384,
  maxHeaderListSize: 60 * 1024,
};

/** One end of a connection: what is fed is read, what is written is kept. */
export class FedDuplex extends Duplex {
  written: Buffer = Buffer.alloc(0);

  override _read(): void {}

  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.written = Buffer.concat([this.written, chunk]);
    done();
  }

  override _final(done: () => void): void {
    done();
  }

  feed(bytes: Buffer): void {
    if (!this.destroyed && !this.readableEnded) this.push(bytes);
  }

  /** Frames written since the last call. */
  frames(): RawFrame[] {
    const { frames, rest } = readFrames(this.written);
    this.written = rest;
    return frames;
  }
}

export class NodeServer {
  readonly duplex = new FedDuplex();
  #session: http2.ServerHttp2Session | undefined = undefined;
  #seen = nothingSeen();

  constructor(options: http2.ServerOptions = {}, onHeaders: (headers: http2.IncomingHttpHeaders) => void = () => {}) {
    const server = http2.createServer({ settings, maxSessionInvalidFrames: 1_000_000, ...options });
    server.on('session', (session) => {
      this.#session = session;
      session.on('error', () => {});
    });
    server.on('sessionError', () => {});
    server.on('stream', (stream, headers, _, rawHeaders) => {
      onHeaders(headers);
      this.#onStream(stream, rawHeaders);
    });
    server.emit('connection', this.duplex);
    this.duplex.on('error', () => {});
    this.feed(Buffer.concat([preface, toBytes(settingsFrame), toBytes(settingsAck)]));
  }

  feed(bytes: Buffer): void {
    this.#seen = nothingSeen();
    this.duplex.feed(bytes);
  }

  /** Changes SETTINGS_HEADER_TABLE_SIZE, which the client acknowledges at once. */
  allowTable(bytes: number): void {
    if (this.#session?.destroyed !== false) return;
    this.#session.settings({ headerTableSize: bytes });
    this.feed(toBytes(settingsAck));
  }

  /** What came of what was fed last, when the loop has turned. */
  get seen(): Seen {
    addAnswers(this.#seen, this.duplex.frames());
    return this.#seen;
  }

  close(): void {
    this.#session?.destroy();
    this.duplex.destroy();
  }

  #onStream(stream: http2.ServerHttp2Stream, rawHeaders: readonly string[]): void {
    this.#seen.told.push(`headers ${stream.id} ${inWords(rawHeaders)}`);
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => this.#seen.told.push(`data ${stream.id} ${chunk.toString('latin1')}`));
    stream.on('trailers', (_: unknown, __: unknown, rawTrailers: readonly string[]) => {
      this.#seen.told.push(`trailers ${stream.id} ${inWords(rawTrailers)}`);
    });
    stream.on('end', () => {
      if (!stream.aborted && !stream.closed && !stream.destroyed)
        stream.respond({ ':status': 200 }, { endStream: true });
    });
  }
}

/** A client of node:http2 that has sent the requests of `asked`. */
class NodeClient {
  readonly duplex = new FedDuplex();
  readonly #session: http2.ClientHttp2Session;
  #seen = nothingSeen();

  constructor() {
    this.#session = http2.connect('http://a.example', {
      createConnection: () => this.duplex,
      settings: { enablePush: false },
    });
    this.#session.on('error', () => {});
    for (const method of asked) this.#ask(method);
    this.feed(Buffer.concat([toBytes(settingsFrame), toBytes(settingsAck)]));
  }

  feed(bytes: Buffer): void {
    this.#seen = nothingSeen();
    this.duplex.feed(bytes);
  }

  /** What came of what was fed last, when the loop has turned. */
  get seen(): Seen {
    addAnswers(this.#seen, this.duplex.frames());
    return this.#seen;
  }

  close(): void {
    this.#session.destroy();
    this.duplex.destroy();
  }

  #ask(method: (typeof asked)[number]): void {
    const stream = this.#session.request({ ':method': method, ':path': '/' }, { endStream: method !== 'POST' });
    const tell = (what: string): ((...given: unknown[]) => void) => {
      return (_, __, raw) => this.#seen.told.push(`${what} ${stream.id} ${inWords(raw as string[])}`);
    };
    stream.on('error', () => {});
    stream.on('headers', tell('headers'));
    stream.on('response', tell('headers'));
    stream.on('trailers', tell('trailers'));
    stream.on('data', (chunk: Buffer) => this.#seen.told.push(`data ${stream.id} ${chunk.toString('latin1')}`));
  }
}

/** Each list of steps, bytes, to what a server, or a client, of its own made of each step. */
export async function nodeStories(role: 'server' | 'client', all: readonly (readonly Buffer[])[]): Promise<Seen[][]> {
  const sides = all.map(() => (role === 'server' ? new NodeServer() : new NodeClient()));
  await settled();
  // a client's begins with the preface
  for (const side of sides) side.duplex.written = Buffer.alloc(0);
  const stories: Seen[][] = all.map(() => []);
  await inStep(
    all,
    (bytes, i) => sides[i]!.feed(bytes),
    (_, i) => stories[i]!.push(sides[i]!.seen),
  );
  for (const side of sides) side.close();
  await settled();
  return stories;
}

/** Goes through many lists at once: gives an item of each, and takes what came of them when Node is done. */
export async function inStep<Item>(
  lists: readonly (readonly Item[])[],
  give: (item: Item, list: number) => void,
  take: (item: Item, list: number) => void,
): Promise<void> {
  const longest = Math.max(0, ...lists.map((items) => items.length));
  for (let at = 0; at < longest; at++) {
    const here = lists.flatMap((items, list) => (at < items.length ? [{ item: items[at]!, list }] : []));
    for (const { item, list } of here) give(item, list);
    await settled();
    for (const { item, list } of here) take(item, list);
  }
}

function inWords(raw: readonly string[]): string {
  return Array.from({ length: raw.length / 2 }, (_, i) => `${raw[2 * i]}: ${raw[2 * i + 1]}`).join('\n');
}

/** Node has done what it does with what it was fed, over a few turns of the loop. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}
