/**
 * The floods of HTTP/2 (reliability.md, appendix B) against a listener: each ends in a closed stream or connection, while
 * another client is served, and the upstream never gets anything that is not a request.
 */
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FieldLike, FieldRecord } from '../../proto/http2/field.ts';
import { frameTypes as types } from '../../proto/http2/frames.ts';
import { encoded, HpackEncoder } from '../../proto/http2/hpack-encoder.ts';
import { frame, uint32 } from '../../proto/http2/testing/raw-peer.ts';
import { startProxy } from '../proxy-testing.ts';
import { clusterOf } from '../testing.ts';

const body = 'x'.repeat(10_000);
let badRequests = 0;
const upstream = http.createServer((request, response) => {
  request.on('error', () => {});
  request.resume().on('end', () => response.end(body));
});
upstream.on('clientError', ({ code }: NodeJS.ErrnoException) => {
  // one that is cut within its body is no bad one
  if (code !== 'ECONNRESET' && code !== 'HPE_INVALID_EOF_STATE') badRequests++;
});
let proxy: Awaited<ReturnType<typeof startProxy>>;
let victim: http2.ClientHttp2Session;
let bytesBefore = 0;

beforeAll(async () => {
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  proxy = await startProxy({ cluster: clusterOf([(upstream.address() as net.AddressInfo).port]) });
  victim = http2.connect(`http://127.0.0.1:${proxy.port}`);
  await served();
  bytesBefore = heldBytes();
});

afterAll(async () => {
  victim.destroy();
  await proxy.stop();
  upstream.close();
});

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

function heldBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Somebody else's request is answered. */
function served(): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = victim.request({});
    stream.on('response', (headers) => (headers[':status'] === 200 ? resolve() : reject(new Error('not served'))));
    stream.on('error', reject).resume();
  });
}

/** A client that writes its frames by hand. */
class Attacker {
  readonly encoder = new HpackEncoder();
  /** `RST_STREAM 1 code 8`, `HEADERS 1`, ...: of what came back. */
  readonly words: string[] = [];
  isClosed = false;
  readonly socket: net.Socket;
  #rest: Buffer = Buffer.alloc(0);

  constructor(settings: Buffer) {
    this.socket = net.connect(proxy.port, '127.0.0.1');
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.isClosed = true;
    });
    this.socket.on('data', (chunk) => this.#read(chunk));
    this.socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    this.socket.write(frame(types.settings, 0, 0, settings));
  }

  send(...frames: Buffer[]): void {
    if (!this.isClosed) this.socket.write(Buffer.concat(frames));
  }

  block(fields: readonly FieldLike[]): Buffer {
    return Buffer.from(encoded.subarray(0, this.encoder.encode(fields)));
  }

  headers(id: number, fields: readonly FieldLike[], flags: number): Buffer {
    return frame(types.headers, flags, id, this.block(fields));
  }

  get(id: number, more: readonly FieldLike[] = []): Buffer {
    return this.headers(id, [[':method', 'GET'], ...head, ...more], 5);
  }

  post(id: number): Buffer {
    return this.headers(id, [[':method', 'POST'], ...head], 4);
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 9) {
      const end = 9 + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) return;
      const [type, id] = [this.#rest[3], this.#rest.readUInt32BE(5)];
      if (type === types.goAway) this.words.push(`GOAWAY ${this.#rest.readUInt32BE(13)}`);
      if (type === types.rstStream) this.words.push(`RST_STREAM ${id} ${this.#rest.readUInt32BE(9)}`);
      if (type === types.headers) this.words.push(`HEADERS ${id}`);
      this.#rest = this.#rest.subarray(end);
    }
  }
}

const head: readonly FieldLike[] = [
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'a'],
];
const id = (n: number): number => 2 * n + 1;
/** Header fields that no honest encoder writes. */
const raw = (name: string, value: string): FieldRecord => {
  const record = new FieldRecord('x', value, false, false);
  return Object.assign(Object.create(FieldRecord.prototype), record, { name, isWellFormed: true, nameIndex: 0 });
};
const settingsOf = (key: number, value: number): Buffer => Buffer.concat([Buffer.of(0, key), uint32(value)]);
const calm = 'GOAWAY 11';

interface FloodCase {
  /** The nth frames of it. */
  readonly send: (attacker: Attacker, n: number) => void;
  readonly begin?: (attacker: Attacker) => void;
  /** So many are sent if nothing ends it before. */
  readonly times?: number;
  /** Then so much time goes by. */
  readonly waitMs?: number;
  readonly settings?: Buffer;
  /** What has to come back. */
  readonly ends: string;
}

const floods: Record<string, FloodCase> = {
  'rapid reset': {
    send: (a, n) => a.send(a.get(id(n)), frame(types.rstStream, 0, id(n), uint32(8))),
    ends: calm,
  },
  'resets of ours, provoked': {
    send: (a, n) => a.send(a.get(id(n)), frame(types.windowUpdate, 0, id(n), uint32(0))),
    ends: calm,
  },
  'CONTINUATION without end': {
    begin: (a) => a.send(frame(types.headers, 0, 1, Buffer.of(0x82))),
    send: (a) => a.send(frame(types.continuation, 0, 1, Buffer.of(0x84))),
    ends: calm,
  },
  'CONTINUATION without end, slowly': {
    send: (a) => a.send(frame(types.headers, 0, 1, Buffer.of(0x82))),
    times: 1,
    waitMs: 11_000,
    ends: calm,
  },
  'CONTINUATION of empty frames': {
    begin: (a) => a.send(frame(types.headers, 0, 1, Buffer.of(0x82))),
    send: (a) => a.send(frame(types.continuation, 0, 1)),
    ends: calm,
  },
  'one header of 16 MiB by reference': {
    send: (a) => {
      // a literal that takes a place in the table, and 4,096 times that place
      const long = Buffer.concat([Buffer.of(0x40, 1, 120, 0x7f, 0x81, 0x1e), Buffer.alloc(4_000, 97)]);
      a.send(
        frame(
          types.headers,
          5,
          1,
          Buffer.concat([a.block([[':method', 'GET'], ...head]), long, Buffer.alloc(4_096, 0xbe)]),
        ),
      );
    },
    times: 1,
    ends: 'HEADERS 1',
  },
  '4,000 crumbs of a cookie': {
    send: (a) => {
      const block = Buffer.concat([
        a.block([[':method', 'GET'], ...head]),
        ...Array.from({ length: 4_000 }, () => Buffer.of(0, 6, 99, 111, 111, 107, 105, 101, 1, 97)),
      ]);
      const [first, ...others] = [0, 1, 2].map((n) => block.subarray(n * 16_000, (n + 1) * 16_000));
      a.send(
        frame(types.headers, 1, 1, first),
        ...others.map((part, n) => frame(types.continuation, n === 1 ? 4 : 0, 1, part)),
      );
    },
    times: 1,
    ends: 'HEADERS 1',
  },
  PING: { send: (a) => a.send(frame(types.ping, 0, 0, Buffer.alloc(8))), ends: calm },
  SETTINGS: { send: (a) => a.send(frame(types.settings, 0, 0)), ends: calm },
  'SETTINGS not acknowledged': { send: () => {}, times: 1, waitMs: 11_000, ends: 'GOAWAY 4' },
  PRIORITY: { send: (a) => a.send(frame(types.priority, 0, 1, Buffer.of(0, 0, 0, 3, 0))), ends: calm },
  'WINDOW_UPDATE beyond every window': {
    send: (a) => a.send(frame(types.windowUpdate, 0, 0, uint32(2 ** 31 - 1))),
    ends: 'GOAWAY 3',
  },
  'WINDOW_UPDATE of one': {
    settings: settingsOf(4, 0),
    begin: (a) => a.send(a.get(1)),
    send: (a) => a.send(frame(types.windowUpdate, 0, 1, uint32(1))),
    ends: calm,
  },
  'headers of no length': { send: (a, n) => a.send(a.get(id(n), [raw('', '')])), ends: calm },
  'DATA of no bytes': {
    begin: (a) => a.send(a.post(1)),
    send: (a) => a.send(frame(types.data, 0, 1)),
    ends: calm,
  },
  'data dribble': {
    begin: (a) => a.send(a.post(1)),
    send: (a) => a.send(frame(types.data, 0, 1, Buffer.of(1))),
    times: 5_000,
    waitMs: 301_000,
    ends: 'RST_STREAM 1 0',
  },
  'windows held at zero on 100 streams': {
    settings: settingsOf(4, 0),
    send: (a, n) => a.send(a.get(id(n))),
    times: 100,
    waitMs: 301_000,
    ends: 'RST_STREAM 199 2',
  },
  'streams left half-closed': {
    send: (a, n) => a.send(a.post(id(n))),
    times: 100,
    waitMs: 301_000,
    ends: 'RST_STREAM 199 0',
  },
  'trailers that end nothing': {
    send: (a, n) => a.send(a.post(id(n)), a.headers(id(n), [['x-sum', '1']], 4)),
    ends: calm,
  },
  'RST_STREAM after GOAWAY': {
    begin: (a) => a.send(a.get(1), frame(types.goAway, 0, 0, uint32(0, 0))),
    send: (a) => a.send(frame(types.rstStream, 0, 1, uint32(8))),
    ends: calm,
  },
  'unknown types of frames': { send: (a) => a.send(frame(200, 0, 0, Buffer.alloc(8))), ends: calm },
  'the last stream there is, and then another': {
    send: (a, n) => a.send(a.get(n === 0 ? 2 ** 31 - 1 : n * 2 + 1)),
    ends: 'GOAWAY 1',
  },
  'names in upper case': { send: (a, n) => a.send(a.get(id(n), [raw('X-Upper', '1')])), ends: calm },
  'headers of a connection': { send: (a, n) => a.send(a.get(id(n), [raw('connection', 'close')])), ends: calm },
};

test.each(Object.entries(floods))('%s', async (_, { send, begin, times = 20_000, waitMs = 0, settings, ends }) => {
  const attacker = new Attacker(settings ?? Buffer.alloc(0));
  if (ends !== 'GOAWAY 4') attacker.send(frame(types.settings, 1, 0));
  begin?.(attacker);
  const isOver = (): boolean => attacker.isClosed || attacker.words.includes(ends);
  let sent = 0;
  while (sent < times && !isOver()) {
    for (let n = 0; n < 50 && sent < times; n++) send(attacker, sent++);
    await turn();
    if (sent % 500 === 0) await served();
  }
  const received = (): boolean => attacker.socket.writableLength === 0;
  while (!received() && !isOver()) await turn();
  await served();
  if (waitMs > 0) {
    for (let turns = 0; turns < 20; turns++) await turn();
    proxy.clock.advance(waitMs);
  }
  while (!isOver()) await turn();
  expect(attacker.words).toContain(ends);
  attacker.socket.destroy();
  await served();
  while (proxy.server.connectionCount > 1 || proxy.server.stats.rqActive.value > 0) await turn();
  expect(proxy.faults).toEqual([]);
});

test('after all of it nothing is left: no streams, no bad request upstream, no memory', () => {
  expect(badRequests).toBe(0);
  expect(proxy.cluster.stats.rqActive.value).toBe(0);
  expect(heldBytes() - bytesBefore).toBeLessThan(64 * 1024 * 1024);
});
