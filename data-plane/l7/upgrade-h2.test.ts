/** Tunnels that HTTP/2 clients ask for (RFC 8441, RFC 9113 section 8.5), judged at a raw upstream of HTTP/1.1. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { RouteConfig } from '../model/config.ts';
import { type ProxyOptions, startProxy } from '../proxy-testing.ts';
import { clusterOf, routeOf } from '../testing.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

const key = 'dGhlIHNhbXBsZSBub25jZQ==';
const acceptOf = (of: string): string =>
  createHash('sha1').update(`${of}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
const allowed = (...types: string[]) => types.map((type) => ({ type, enabled: true }));
const connectMatch: RouteConfig['match'] = { ...routeOf('c').match, path: { type: 'connect', value: '' } };
const routes = [
  routeOf('c', { match: connectMatch, upgrades: allowed('connect') }),
  routeOf('c', { upgrades: allowed('websocket', 'foo') }),
];

/** One upstream connection. */
class Endpoint {
  text = '';
  ended = false;
  closed: string | null = null;
  readonly socket: net.Socket;

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1');
    });
    socket.on('end', () => {
      this.ended = true;
    });
    let error = '';
    socket.on('error', (fault: NodeJS.ErrnoException) => {
      error = fault.code ?? '';
    });
    socket.on('close', () => {
      this.closed = error;
    });
  }

  get head(): string {
    return this.text.split('\r\n\r\n')[0]!;
  }

  get body(): string {
    return this.text.slice(this.head.length + 4);
  }

  get key(): string {
    return /^sec-websocket-key: (.*)$/m.exec(this.head)![1]!.trim();
  }
}

const switching = (...lines: string[]): string =>
  `HTTP/1.1 101 x\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const right = (accept: string): string =>
  switching('upgrade: websocket', 'connection: upgrade', `sec-websocket-accept: ${accept}`);

/** @param answer what the upstream says to a head */
async function start(answer: (endpoint: Endpoint) => string, rest: Partial<ProxyOptions> = {}) {
  const endpoints: Endpoint[] = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const endpoint = new Endpoint(socket);
    endpoints.push(endpoint);
    socket.once('data', () => {
      const text = answer(endpoint);
      if (text !== '') socket.write(text, 'latin1');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await startProxy({ cluster: clusterOf([(server.address() as net.AddressInfo).port]), routes, ...rest });
  const session = http2.connect(`http://127.0.0.1:${proxy.port}`);
  session.on('error', () => {});
  closers.push(
    () => {
      for (const { socket } of endpoints) socket.destroy();
      server.close();
    },
    proxy.stop,
    () => session.destroy(),
  );
  await once(session, 'remoteSettings');
  const ask = (headers: http2.OutgoingHttpHeaders, endStream = false) =>
    new Asked(session.request({ ':authority': 'a', ...headers }, { endStream }));
  return { proxy, session, endpoints, ask };
}

class Asked {
  headers: http2.IncomingHttpHeaders = {};
  text = '';
  ended = false;
  closed = false;
  readonly stream: http2.ClientHttp2Stream;

  constructor(stream: http2.ClientHttp2Stream) {
    this.stream = stream;
    stream.on('response', (headers) => {
      this.headers = headers;
    });
    stream.on('data', (chunk) => {
      this.text += chunk.toString('latin1');
    });
    stream.on('end', () => {
      this.ended = true;
    });
    stream.on('error', () => {});
    stream.on('close', () => {
      this.closed = true;
    });
  }

  get status(): number {
    return Number(this.headers[':status'] ?? 0);
  }
}

const extended = {
  ':method': 'CONNECT',
  ':protocol': 'websocket',
  ':scheme': 'http',
  ':path': '/chat',
  'sec-websocket-version': '13',
};
const plain = { ':method': 'CONNECT', ':authority': 'b:443' };

test('a WebSocket becomes the upgrade of HTTP/1.1, with a key of its own, and its 101 a 200', async () => {
  const { proxy, session, endpoints, ask } = await start((endpoint) => `${right(acceptOf(endpoint.key))}hello`);
  expect(session.remoteSettings.enableConnectProtocol).toBe(true);
  const asked = ask({ ...extended, 'sec-websocket-protocol': 'chat', cookie: 'a=b' });
  await until(() => asked.text === 'hello');
  const [endpoint] = endpoints;
  expect(endpoint!.head.split('\r\n').filter((line) => !/^(x-|sec-websocket-key)/.test(line))).toEqual([
    'GET /chat HTTP/1.1',
    'host: a',
    'sec-websocket-version: 13',
    'sec-websocket-protocol: chat',
    'cookie: a=b',
    'connection: upgrade',
    'upgrade: websocket',
  ]);
  expect(Buffer.from(endpoint!.key, 'base64')).toHaveLength(16);
  expect(Object.keys(asked.headers)).toEqual([':status', 'server', 'date']);
  expect(asked.status).toBe(200);
  asked.stream.write('ping');
  await until(() => endpoint!.body === 'ping');
  asked.stream.end();
  endpoint!.socket.end();
  await until(() => asked.closed && endpoint!.closed !== null && proxy.log.length === 1);
  expect(proxy.log).toMatchObject([
    { status: 200, flags: '-', protocol: 'HTTP/2', method: 'GET', path: '/chat', bytesReceived: 4, bytesSent: 5 },
  ]);
  expect(proxy.cluster.hosts[0]).toMatchObject({ active: 0, connections: 0 });
  expect(proxy.server.stats.cxUpgradesActive.value).toBe(0);
});

test('a key that a proxy before has left there is used, and answered', async () => {
  const { endpoints, ask } = await start(() => right(acceptOf(key)));
  const asked = ask({ ...extended, 'sec-websocket-key': key });
  await until(() => asked.status === 200);
  expect(endpoints[0]!.key).toBe(key);
  expect(asked.headers['sec-websocket-accept']).toBe(acceptOf(key));
});

test.each<[string, (endpoint: Endpoint) => string, number]>([
  ['a 200, which would say that it is open', () => 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok', 502],
  ['a 204', () => 'HTTP/1.1 204 x\r\n\r\n', 502],
  ['a 101 with the accept of another key', () => right(acceptOf(key)), 502],
  ['a 101 to another protocol', () => switching('upgrade: foo', 'connection: upgrade'), 502],
  ['a refusal', () => 'HTTP/1.1 403 x\r\ncontent-length: 2\r\n\r\nno', 403],
  ['a redirect', () => 'HTTP/1.1 302 x\r\nlocation: /\r\ncontent-length: 0\r\n\r\n', 302],
])('%s opens no tunnel, and what came early goes nowhere', async (_what, answer, status) => {
  const { proxy, endpoints, ask } = await start(answer);
  const asked = ask(extended);
  asked.stream.write('early');
  await until(() => asked.closed && proxy.log.length === 1);
  expect([asked.status, proxy.log[0]!.status]).toEqual([status, status]);
  await until(() => endpoints[0]!.ended);
  expect(endpoints[0]!.body).toBe('');
  expect(proxy.cluster.hosts[0]!.connections).toBe(0);
  // and the connection goes on
  expect((await answerTo(ask({ ':method': 'TRACE', ':path': '/' }, true))).status).toBe(405);
});

async function answerTo(asked: Asked): Promise<Asked> {
  await until(() => asked.closed);
  return asked;
}

test.each<[string, http2.OutgoingHttpHeaders, number]>([
  ['another version', { ...extended, 'sec-websocket-version': '8' }, 426],
  ['two keys', { ...extended, 'sec-websocket-key': `${key}, ${key}` }, 400],
  ['a length', { ...extended, 'content-length': '3' }, 400],
  ['h2c', { ...extended, ':protocol': 'h2c' }, 501],
  ['datagrams', { ...extended, ':protocol': 'connect-udp' }, 501],
  ['a protocol that the route does not name', { ...extended, ':protocol': 'bar' }, 403],
  ['a path that no request may have', { ...extended, ':path': '/a%2Fb' }, 400],
  ['CONNECT to a host without a port', { ...plain, ':authority': 'b' }, 400],
  // no request at all: its stream is reset
  ['CONNECT as somebody', { ...plain, ':authority': 'u@b:443' }, 0],
  ['CONNECT with a length', { ...plain, 'content-length': '3' }, 400],
])('it is refused for %s, and no upstream is asked', async (_what, headers, status) => {
  const { endpoints, ask } = await start(() => '');
  const asked = ask(headers);
  asked.stream.write('abc');
  expect([(await answerTo(asked)).status, endpoints.length]).toEqual([status, 0]);
});

test('where it is not offered it may not be asked for', async () => {
  const windows = { streamWindowBytes: 65_536, connectionWindowBytes: 1_048_576 };
  const chain = { http2: { extendedConnect: false, maxConcurrentStreams: 100, ...windows } };
  const { proxy, session } = await start(() => '', { chain });
  expect(session.remoteSettings.enableConnectProtocol).toBe(false);
  expect(proxy.cluster.stats.rqTotal.value).toBe(0);
});

test('CONNECT opens on a 2xx, and what came early follows it, however much', async () => {
  let open = (): void => {};
  const { proxy, endpoints, ask } = await start((endpoint) => {
    open = () => endpoint.socket.write('HTTP/1.1 200 Connected\r\nx-a: b\r\ncontent-length: 3\r\n\r\nhello');
    return '';
  });
  const asked = ask(plain);
  const early = 'x'.repeat(300_000);
  asked.stream.write(early);
  await until(() => endpoints.length === 1 && proxy.server.stats.cxRxBytesTotal.value > 65_000);
  for (let turns = 0; turns < 50; turns++) await turn();
  // more than a stream's window does not come, and none of it goes on
  expect(proxy.server.stats.cxRxBytesTotal.value).toBeLessThan(67_000);
  expect(endpoints[0]!.body).toBe('');
  open();
  await until(() => endpoints[0]!.body.length === early.length && asked.text === 'hello');
  expect(endpoints[0]!.head.split('\r\n').slice(0, 2)).toEqual(['CONNECT b:443 HTTP/1.1', 'host: b:443']);
  expect(asked.headers).toMatchObject({ ':status': 200, 'x-a': 'b' });
  expect(asked.headers).not.toHaveProperty('content-length');
});

test('each direction ends for itself', async () => {
  const { endpoints, ask } = await start((endpoint) => right(acceptOf(endpoint.key)));
  const left = ask(extended);
  await until(() => left.status === 200);
  left.stream.end('last words');
  await until(() => endpoints[0]!.ended);
  expect(endpoints[0]!.body).toBe('last words');
  endpoints[0]!.socket.end('an answer');
  await until(() => left.closed);
  expect([left.text, left.stream.rstCode]).toEqual(['an answer', 0]);
  const right_ = ask(extended);
  await until(() => right_.status === 200);
  endpoints[1]!.socket.end('last words');
  await until(() => right_.ended);
  right_.stream.end('an answer');
  await until(() => endpoints[1]!.closed !== null);
  expect([endpoints[1]!.body, endpoints[1]!.closed, right_.text]).toEqual(['an answer', '', 'last words']);
});

test('an end that came before the tunnel is its end', async () => {
  const { endpoints, ask } = await start((endpoint) => right(acceptOf(endpoint.key)));
  const early = ask(extended);
  early.stream.end('all of it');
  const none = ask(extended, true);
  await until(() => endpoints.length === 2 && endpoints.every(({ ended }) => ended));
  expect(endpoints.map(({ body }) => body).sort()).toEqual(['', 'all of it']);
  for (const { socket } of endpoints) socket.end('yes');
  await until(() => early.closed && none.closed);
  expect([early.text, none.text]).toEqual(['yes', 'yes']);
});

test('a reset on one side is a reset on the other', async () => {
  const { proxy, endpoints, ask } = await start((endpoint) => right(acceptOf(endpoint.key)));
  const first = ask(extended);
  await until(() => first.status === 200);
  first.stream.destroy(new Error('enough'));
  await until(() => endpoints[0]!.closed !== null);
  expect(endpoints[0]!.closed).toBe('ECONNRESET');
  const second = ask(extended);
  await until(() => second.status === 200);
  endpoints[1]!.socket.resetAndDestroy();
  await until(() => second.closed && proxy.log.length === 2);
  expect(second.stream.rstCode).toBe(http2.constants.NGHTTP2_CONNECT_ERROR);
  expect(proxy.log.map(({ status, flags }) => [status, flags])).toEqual([
    [200, 'DR'],
    [200, 'UC'],
  ]);
});
