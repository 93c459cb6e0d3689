/** The server as gRPC's own client for Node sees it. */
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { Client, type ClientDuplexStream, credentials, Metadata, type StatusObject } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import type { CallHandler, GrpcCall, Method } from './method.ts';
import { GrpcServer } from './server.ts';
import { status } from './status.ts';

const asBytes = (bytes: Buffer): Buffer => bytes;
const limits = { messageBytes: 100_000, callsPerConnection: 100, keepaliveTimeMs: 20_000, keepaliveTimeoutMs: 10_000 };

/** Runs what is due when it is told to. */
class ManualTimers {
  #nowMs = 0;
  readonly #due = new Set<{ readonly atMs: number; readonly run: () => void }>();

  now(): number {
    return this.#nowMs;
  }

  after(ms: number, run: () => void): () => void {
    const entry = { atMs: this.#nowMs + ms, run };
    this.#due.add(entry);
    return () => this.#due.delete(entry);
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    for (const entry of [...this.#due]) if (entry.atMs <= this.#nowMs && this.#due.delete(entry)) entry.run();
  }
}

/** Sends every message back, twice if it begins with 2; ends with the client. */
class Echo implements CallHandler {
  readonly call: GrpcCall;
  readonly events: string[];

  constructor(call: GrpcCall, events: string[]) {
    this.call = call;
    this.events = events;
  }

  message(bytes: Buffer): void {
    const text = String(bytes.subarray(0, 20));
    if (text === 'refuse') this.call.refuse({ code: status.NOT_FOUND, details: '100% grün', retryMs: 7 });
    else if (text === 'throw') throw new Error('a bug');
    else if (text === 'header') this.call.send([Buffer.from(this.call.header('x-test') ?? 'none')], () => {});
    else this.call.send([bytes.subarray(0, 1), bytes.subarray(1)], () => this.events.push('taken'));
  }

  halfClosed(): void {
    this.events.push('half-closed');
    this.call.end();
  }

  closed(): void {
    this.events.push('closed');
  }
}

async function start(methods: Record<string, Method> = {}) {
  const events: string[] = [];
  const faults: unknown[] = [];
  const timers = new ManualTimers();
  const echo: Method = (call) => new Echo(call, events);
  const server = new GrpcServer({
    methods: new Map(Object.entries({ '/test.Echo/Call': echo, ...methods })),
    limits,
    timers,
    onFault: (fault) => faults.push(fault),
  });
  const sockets = new Set<net.Socket>();
  const listener = net.createServer((socket) => {
    sockets.add(socket);
    server.serve(socket);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as net.AddressInfo;
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  return { server, port, events, faults, timers, sockets };
}

interface Talk {
  readonly call: ClientDuplexStream<Buffer, Buffer>;
  readonly received: string[];
  readonly ended: Promise<StatusObject>;
  until(count: number): Promise<void>;
}

function talk(port: number, { path = '/test.Echo/Call', options = {}, metadata = new Metadata() } = {}): Talk {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), options);
  onTestFinished(() => client.close());
  const call = client.makeBidiStreamRequest<Buffer, Buffer>(path, asBytes, asBytes, metadata);
  const received: string[] = [];
  call.on('data', (bytes: Buffer) => received.push(String(bytes)));
  call.on('error', () => {});
  const ended = new Promise<StatusObject>((resolve) => call.once('status', resolve));
  const until = async (count: number): Promise<void> => {
    while (received.length < count) await once(call, 'data');
  };
  return { call, received, ended, until };
}

test('messages go both ways, and the call ends with the client', async () => {
  const { port, events } = await start();
  const { call, received, ended, until } = talk(port);
  const texts = ['a', 'x'.repeat(90_000), 'last'];
  for (const text of texts) call.write(Buffer.from(text));
  await until(3);
  expect(received).toEqual(texts);
  call.end();
  expect((await ended).code).toBe(status.OK);
  expect(events).toEqual(['taken', 'taken', 'taken', 'half-closed', 'closed']);
});

test('a client that compresses is understood', async () => {
  const { port } = await start();
  for (const algorithm of [1, 2]) {
    const { call, received, until } = talk(port, { options: { 'grpc.default_compression_algorithm': algorithm } });
    call.write(Buffer.from('y'.repeat(50_000)));
    await until(1);
    expect(received[0]).toHaveLength(50_000);
  }
});

test('a refusal carries its sentence and when to try again', async () => {
  const { port, events } = await start();
  const { call, ended } = talk(port);
  call.write(Buffer.from('refuse'));
  const { code, details, metadata } = await ended;
  expect({ code, details, retry: metadata.get('grpc-retry-pushback-ms') }).toEqual({
    ...{ code: status.NOT_FOUND, details: '100% grün', retry: ['7'] },
  });
  expect(events).toEqual(['closed']);
});

test('metadata of the request is read', async () => {
  const { port } = await start();
  const metadata = new Metadata();
  metadata.set('x-test', 'yes');
  const { call, received, until } = talk(port, { metadata });
  call.write(Buffer.from('header'));
  await until(1);
  expect(received).toEqual(['yes']);
});

test('a method that throws ends its call, and no other', async () => {
  const { port, faults, events } = await start();
  const client = talk(port);
  const other = talk(port);
  client.call.write(Buffer.from('throw'));
  expect((await client.ended).code).toBe(status.INTERNAL);
  expect(faults).toEqual([new Error('a bug')]);
  expect(events).toEqual(['closed']);
  other.call.write(Buffer.from('on'));
  await other.until(1);
});

test('an unknown method is said to be unknown, and a message that is too large to be too large', async () => {
  const { port } = await start();
  const unknown = await talk(port, { path: '/test.Echo/Nothing' }).ended;
  expect(unknown).toMatchObject({ code: status.UNIMPLEMENTED, details: 'there is no method /test.Echo/Nothing here' });
  const { call, ended } = talk(port);
  call.write(Buffer.alloc(limits.messageBytes + 1));
  expect((await ended).code).toBe(status.RESOURCE_EXHAUSTED);
});

test('a client that cancels, or vanishes, is over', async () => {
  const { port, events, sockets } = await start();
  const first = talk(port);
  first.call.write(Buffer.from('a'));
  await first.until(1);
  first.call.cancel();
  // Node ends its side of the stream before it resets it
  const told = () => events.filter((event) => event !== 'half-closed');
  await expect.poll(told).toEqual(['taken', 'closed']);
  const second = talk(port);
  second.call.write(Buffer.from('a'));
  await second.until(1);
  for (const socket of sockets) socket.destroy();
  await expect.poll(told).toEqual(['taken', 'closed', 'taken', 'closed']);
});

test('a paused call gives nothing out, reads only so much, and goes on', async () => {
  let paused: GrpcCall | undefined;
  const seen: number[] = [];
  const { port } = await start({
    '/test.Slow/Call': (call) => {
      call.pause();
      paused = call;
      return { message: ({ length }) => void seen.push(length), halfClosed: () => call.end(), closed: () => {} };
    },
  });
  const { call, ended } = talk(port, { path: '/test.Slow/Call' });
  for (let i = 0; i < 40; i++) call.write(Buffer.alloc(10_000));
  call.end();
  await expect.poll(() => paused).toBeDefined();
  expect(seen).toEqual([]);
  paused?.resume();
  expect((await ended).code).toBe(status.OK);
  expect(seen).toEqual(Array.from({ length: 40 }, () => 10_000));
});

test('told to go away, a client goes elsewhere with its next call, and its open ones go on', async () => {
  const { server, port, sockets } = await start();
  const first = talk(port, { options: { 'grpc.use_local_subchannel_pool': 1 } });
  first.call.write(Buffer.from('a'));
  await first.until(1);
  const [socket] = sockets;
  const peer = `${socket?.remoteAddress}:${socket?.remotePort}`;
  expect(server.goAway('192.0.2.1:1')).toBe(false);
  expect(server.goAway(peer)).toBe(true);
  first.call.write(Buffer.from('b'));
  await first.until(2);
  first.call.end();
  expect((await first.ended).code).toBe(status.OK);
  await expect.poll(() => socket?.destroyed).toBe(true);
});

test('a client that gives no sign of life is cut, one that answers pings is not', async () => {
  const { port, timers, sockets } = await start();
  const { call, until } = talk(port);
  call.write(Buffer.from('a'));
  await until(1);
  timers.advance(limits.keepaliveTimeMs);
  // the first answer may arrive together with the ping; what is sent after it follows the ping's answer
  for (const [index, text] of ['b', 'c'].entries()) {
    call.write(Buffer.from(text));
    await until(2 + index);
  }
  timers.advance(limits.keepaliveTimeoutMs);
  expect([...sockets].every(({ destroyed }) => !destroyed)).toBe(true);
  const silent = net.connect(port, '127.0.0.1');
  silent.on('error', () => {});
  silent.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  silent.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
  await expect.poll(() => sockets.size).toBe(2);
  const served = [...sockets][1];
  timers.advance(limits.keepaliveTimeMs);
  timers.advance(limits.keepaliveTimeoutMs);
  await expect.poll(() => served?.destroyed).toBe(true);
  silent.destroy();
});

test.each([
  ['GET', 'application/grpc', 405],
  ['POST', 'text/plain', 415],
])('what is no gRPC (%s, %s) is answered %i', async (method, type, code) => {
  const { port } = await start();
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  onTestFinished(() => session.close());
  const stream = session.request({ ':method': method, ':path': '/test.Echo/Call', 'content-type': type });
  const [headers] = await once(stream, 'response');
  expect(headers[':status']).toBe(code);
  stream.close();
});
