/** An open tunnel over real sockets: what passes, how it ends, and what is told of it. */
import { once } from 'node:events';
import net from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import tls from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { makeCertificate } from '../../e2e/support/certificates.ts';
import type { RouteConfig, TlsConfig } from '../model/config.ts';
import { startProxy } from '../proxy-testing.ts';
import { clusterOf, routeOf } from '../testing.ts';
import type { FilterModule, RequestFilter } from './filter.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

const made = makeCertificate({ hosts: ['a'] });
const certificate: TlsConfig = {
  certificates: [{ name: 'a', chain: made.certificate, key: made.key, hosts: ['a'] }],
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  alpn: ['http/1.1'],
  handshakeTimeoutMs: 10_000,
  client: null,
};

const handshake =
  'GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n' +
  'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
const switching =
  'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n' +
  'sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';

/** One end, half-open, and what it got. */
class End {
  text = '';
  bytes = 0;
  ended = false;
  /** The code of its error, or empty: a clean end. */
  closed: string | null = null;
  readonly socket: net.Socket;

  constructor(socket: net.Socket, keep = true) {
    this.socket = socket;
    let error = '';
    socket.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length;
      if (keep) this.text += chunk.toString('latin1');
    });
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('error', (fault: NodeJS.ErrnoException) => {
      error = fault.code ?? 'error';
    });
    socket.on('close', () => {
      this.closed = error;
    });
  }

  get body(): string {
    return this.text.slice(this.text.indexOf('\r\n\r\n') + 4);
  }
}

interface Options {
  readonly secure?: boolean;
  readonly route?: Partial<RouteConfig>;
  /** What each upstream connection does with the request, by its number. */
  readonly answer?: (socket: net.Socket, nth: number) => void;
  readonly filters?: readonly FilterModule[];
}

/** A client and an upstream; each upstream connection that got a head is in `ends`. */
async function start({
  secure = false,
  route = {},
  answer = (socket) => socket.write(switching),
  filters = [],
}: Options = {}) {
  const ends: End[] = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const end = new End(socket);
    ends.push(end);
    socket.once('data', () => answer(socket, ends.length));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    for (const { socket } of ends) socket.destroy();
    server.close();
  });
  const upgrades = [{ type: 'websocket', enabled: true }];
  const proxy = await startProxy({
    cluster: clusterOf([(server.address() as net.AddressInfo).port]),
    routes: [routeOf('c', { upgrades, ...route })],
    ...(secure && { tls: certificate }),
    filters,
  });
  closers.push(proxy.stop);
  const to = { port: proxy.port, host: '127.0.0.1', allowHalfOpen: true };
  const socket = secure ? tls.connect({ ...to, servername: 'a', rejectUnauthorized: false }) : net.connect(to);
  closers.push(() => void socket.destroy());
  await once(socket, secure ? 'secureConnect' : 'connect');
  const client = new End(socket);
  return { proxy, client, ends };
}

async function open(options: Options = {}) {
  const started = await start(options);
  const { client, ends } = started;
  client.socket.write(handshake);
  await until(() => client.text.includes('\r\n\r\n'));
  return { ...started, upstream: ends.at(-1)! };
}

describe.each([
  ['in the clear', false],
  ['inside TLS', true],
])('%s', (_how, secure) => {
  test('bytes pass both ways, at the same time and as they come', async () => {
    const { client, upstream } = await open({ secure });
    client.socket.write('to the right');
    upstream.socket.write('to the left');
    await until(() => upstream.body === 'to the right' && client.body === 'to the left');
  });

  test("the client's end is the upstream's, which goes on until its own", async () => {
    const { client, upstream, proxy } = await open({ secure });
    client.socket.end('last words');
    await until(() => upstream.ended);
    expect(upstream.body).toBe('last words');
    upstream.socket.write('still ');
    await until(() => client.body === 'still ');
    upstream.socket.end('here');
    await until(() => client.closed !== null && upstream.closed !== null);
    expect([client.body, client.closed, upstream.closed]).toEqual(['still here', '', '']);
    await until(() => proxy.server.connectionCount === 0);
    expect(proxy.log).toMatchObject([{ status: 101, flags: '-', bytesReceived: 10, bytesSent: 10 }]);
  });

  test("the upstream's end is the client's, which goes on until its own", async () => {
    const { client, upstream, proxy } = await open({ secure });
    upstream.socket.end('last words');
    await until(() => client.ended);
    expect(client.body).toBe('last words');
    client.socket.write('still ');
    await until(() => upstream.body === 'still ');
    client.socket.end('here');
    await until(() => client.closed !== null && upstream.closed !== null);
    expect([upstream.body, client.closed, upstream.closed]).toEqual(['still here', '', '']);
    await until(() => proxy.server.connectionCount === 0);
    expect(proxy.log).toMatchObject([{ status: 101, flags: '-', bytesReceived: 10, bytesSent: 10 }]);
  });

  test('megabytes behind an end arrive whole at a reader that is slow to begin', async () => {
    const size = 24 * 1024 * 1024;
    const { client, upstream, proxy } = await open({ secure });
    client.socket.pause();
    client.socket.end('over to you');
    await until(() => upstream.ended);
    upstream.socket.end(Buffer.alloc(size));
    const read = proxy.cluster.stats.cxRxBytesTotal;
    for (let seen = -1; seen !== read.value; ) {
      seen = read.value;
      for (let turns = 0; turns < 200; turns++) await turn();
    }
    // what nobody takes is not read: the rest waits at the upstream
    expect(read.value).toBeLessThan(size);
    const head = client.bytes;
    client.socket.resume();
    await until(() => client.closed !== null);
    expect([client.bytes - head, client.closed]).toEqual([size, '']);
  });
});

test('a reset on one side is a reset on the other', async () => {
  const first = await open();
  first.client.socket.resetAndDestroy();
  await until(() => first.upstream.closed !== null);
  expect(first.upstream.closed).toBe('ECONNRESET');
  await until(() => first.proxy.log.length === 1);
  expect(first.proxy.log).toMatchObject([{ status: 101, flags: 'DC' }]);
  const second = await open();
  second.upstream.socket.resetAndDestroy();
  await until(() => second.client.closed !== null);
  expect(second.client.closed).toBe('ECONNRESET');
  await until(() => second.proxy.log.length === 1);
  expect(second.proxy.log).toMatchObject([{ status: 101, flags: 'UC' }]);
});

test('a reset after one end is still a reset', async () => {
  const { client, upstream } = await open();
  client.socket.end();
  await until(() => upstream.ended);
  upstream.socket.resetAndDestroy();
  await until(() => client.closed !== null);
  expect(client.closed).toBe('ECONNRESET');
});

test('neither socket serves another request, and both counts come back to none', async () => {
  const { client, upstream, proxy } = await open();
  const { stats } = proxy.server;
  expect([stats.cxUpgradesTotal.value, stats.cxUpgradesActive.value, stats.rqActive.value]).toEqual([1, 1, 1]);
  client.socket.end();
  upstream.socket.end();
  await until(() => client.closed !== null && upstream.closed !== null);
  await until(() => proxy.cluster.stats.cxActive.value === 0);
  expect([stats.cxUpgradesTotal.value, stats.cxUpgradesActive.value, stats.rqActive.value]).toEqual([1, 0, 0]);
  expect(proxy.cluster.hosts[0]).toMatchObject({ active: 0, connections: 0 });
  expect([...proxy.cluster.localities]).toMatchObject([{ issued: 1, successful: 1, errors: 0, inProgress: 0 }]);
});

test("the route's time is that of the answer, and no tunnel's", async () => {
  const silent = await start({ route: { timeoutMs: 2_000 }, answer: () => {} });
  silent.client.socket.write(`${handshake}early`);
  await until(() => silent.ends.length === 1 && silent.ends[0]!.bytes > 0);
  silent.proxy.clock.advance(2_100);
  await until(() => silent.client.text.includes('upstream request timeout'));
  expect(silent.client.text).toMatch(/^HTTP\/1\.1 504 /);
  expect(silent.ends[0]!.text).not.toContain('early');
  const { client, upstream, proxy } = await open({ route: { timeoutMs: 2_000 } });
  proxy.clock.advance(60_000);
  client.socket.write('on');
  await until(() => upstream.body === 'on');
});

test('a tunnel through which nothing passes for so long is cut, also when one direction has ended', async () => {
  const { client, upstream, proxy } = await open({ route: { streamIdleTimeoutMs: 5_000 } });
  proxy.clock.advance(4_000);
  client.socket.end('last');
  await until(() => upstream.ended);
  proxy.clock.advance(4_000);
  upstream.socket.write('x');
  await until(() => client.body === 'x');
  proxy.clock.advance(4_000);
  for (let turns = 0; turns < 20; turns++) await turn();
  expect([client.closed, upstream.closed]).toEqual([null, null]);
  proxy.clock.advance(1_100);
  for (let turns = 0; turns < 20; turns++) await turn();
  await until(() => client.closed !== null);
  expect(client.closed).toBe('ECONNRESET');
  // a socket that has read an end hears of a reset when it writes
  upstream.socket.write('y');
  await until(() => upstream.closed !== null);
  expect(upstream.closed).not.toBe('');
  expect(proxy.log).toMatchObject([{ status: 101, flags: 'SI' }]);
});

test('a drain leaves a tunnel alone until its end', async () => {
  const { client, upstream, proxy } = await open();
  const drained = proxy.server.drain();
  client.socket.write('on');
  await until(() => upstream.body === 'on');
  proxy.server.destroy();
  await drained;
  await until(() => client.closed !== null && upstream.closed !== null);
});

test('before its answer the request is tried again as any other, with what the client sent behind it held once', async () => {
  const retry: RouteConfig['retry'] = {
    failures: ['no-connection', 'unprocessed', 'reset'],
    statuses: [],
    grpcStatuses: [],
    attempts: 1,
    perTryTimeoutMs: 0,
    backoff: { baseMs: 25, maxMs: 250 },
    hostSelections: 0,
    methods: null,
  };
  const { proxy, client, ends } = await start({
    route: { retry },
    answer: (socket, nth) => void (nth === 1 ? socket.destroy() : socket.write(switching)),
  });
  client.socket.write(`${handshake}early`);
  await until(() => proxy.cluster.stats.rqRetry.value === 1);
  proxy.clock.advance(300);
  await until(() => ends.length === 2 && ends[1]!.body === 'early');
  expect(ends[0]!.body).toBe('');
  ends[1]!.socket.resetAndDestroy();
  await until(() => client.closed !== null);
  expect([ends.length, proxy.log.length]).toEqual([2, 1]);
});

test('filters see what passes, from the bytes that came early, and may hold the request back', async () => {
  const calls: string[] = [];
  const filter: RequestFilter = {
    onRequestHead: (request) => {
      calls.push(request.path);
      request.wait();
      request.after(50, () => request.go());
    },
    onRequestBody: (data) => calls.push(`> ${data}`),
    onResponseHead: (response) => {
      calls.push(String(response.status));
      response.setHeader('x-seen', 'yes');
    },
    onResponseBody: (data) => calls.push(`< ${data}`),
  };
  const filters = [{ name: 'watch', create: () => ({ begin: () => filter }) }];
  const { proxy, client, ends } = await start({ filters });
  client.socket.write(`${handshake}early`);
  await until(() => calls.length === 1);
  proxy.clock.advance(70);
  await until(() => ends[0]?.body === 'early');
  ends[0]!.socket.write('back');
  await until(() => client.body === 'back');
  expect(calls).toEqual(['/chat', '101', '> early', '< back']);
  expect(client.text).toContain('x-seen: yes\r\n');
});

test('a client that goes before the answer leaves nothing behind', async () => {
  const { proxy, client, ends } = await start({ answer: () => {} });
  client.socket.write(handshake);
  await until(() => ends.length === 1 && ends[0]!.bytes > 0);
  client.socket.end();
  await until(() => ends[0]!.ended);
  await until(() => proxy.cluster.stats.cxActive.value === 0);
  expect(proxy.log).toMatchObject([{ status: 0, flags: 'DC' }]);
  expect(proxy.server.stats.cxUpgradesActive.value).toBe(0);
});
