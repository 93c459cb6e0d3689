/** Tunnels to endpoints that speak HTTP/2 (RFC 8441, RFC 9113 section 8.5), asked for by HTTP/1.1 at node:http2. */
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { RouteConfig } from '../model/config.ts';
import { startProxy } from '../proxy-testing.ts';
import { clusterOf, routeOf } from '../testing.ts';

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

const allowed = (...types: string[]) => types.map((type) => ({ type, enabled: true }));
const connectMatch: RouteConfig['match'] = { ...routeOf('c').match, path: { type: 'connect', value: '' } };
const routes = [
  routeOf('c', { match: connectMatch, upgrades: allowed('connect') }),
  routeOf('c', { upgrades: allowed('websocket', 'foo') }),
];
const handshake =
  'GET /chat?x=1 HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n' +
  'sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

interface Asked {
  readonly headers: http2.IncomingHttpHeaders;
  readonly stream: http2.ServerHttp2Stream;
  text: string;
  ended: boolean;
}

/** @param answer what the endpoint does with each stream */
async function start(answer: (asked: Asked) => void, offers = true) {
  const asked: Asked[] = [];
  const sessions: http2.ServerHttp2Session[] = [];
  const server = http2.createServer({ settings: { enableConnectProtocol: offers } });
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => {});
  });
  server.on('stream', (stream, headers) => {
    const one: Asked = { headers, stream, text: '', ended: false };
    stream.on('data', (chunk) => {
      one.text += chunk.toString('latin1');
    });
    stream.on('end', () => {
      one.ended = true;
    });
    stream.on('error', () => {});
    asked.push(one);
    answer(one);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  closers.push(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { ...(await proxyTo(port)), asked, sessions };
}

async function proxyTo(port: number) {
  const proxy = await startProxy({ cluster: clusterOf([port], { protocol: 'http2' }), routes });
  closers.push(proxy.stop);
  const talk = (request: string): Client => {
    const client = new Client(net.connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true }));
    client.socket.write(request);
    closers.push(() => void client.socket.destroy());
    return client;
  };
  return { proxy, talk };
}

class Client {
  text = '';
  ended = false;
  closed: string | null = null;
  readonly socket: net.Socket;

  constructor(socket: net.Socket) {
    this.socket = socket;
    let error = '';
    socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1');
    });
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('error', (fault: NodeJS.ErrnoException) => {
      error = fault.code ?? '';
    });
    socket.on('close', () => {
      this.closed = error;
    });
  }
}

const open = ({ stream }: Asked): void =>
  stream.respond({ ':status': 200, 'sec-websocket-protocol': 'chat', 'sec-websocket-accept': 'none' });

test('an upgrade becomes an extended CONNECT, and its 200 a 101 that answers the key, whatever the endpoint says of it', async () => {
  const { proxy, talk, asked } = await start(open);
  const client = talk(`${handshake}early`);
  await until(() => client.text.endsWith('\r\n\r\n') && asked[0]?.text === 'early');
  expect(asked[0]!.headers).toMatchObject({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'http',
    ':authority': 'a',
    ':path': '/chat?x=1',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  });
  expect(asked[0]!.headers).not.toHaveProperty('upgrade');
  expect(
    client.text
      .split('\r\n')
      .filter((line) => /^HTTP|^sec-|^[cu]/.test(line))
      .sort(),
  ).toEqual([
    'HTTP/1.1 101 Switching Protocols',
    'connection: upgrade',
    'sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
    'sec-websocket-protocol: chat',
    'upgrade: websocket',
  ]);
  asked[0]!.stream.end('bye');
  client.socket.end();
  await until(() => client.closed !== null && proxy.log.length === 1);
  expect(client.text.endsWith('bye')).toBe(true);
  expect(proxy.log).toMatchObject([{ status: 101, flags: '-', bytesReceived: 5, bytesSent: 3 }]);
  expect(proxy.cluster.hosts[0]!.active).toBe(0);
});

test('tunnels share the connection, with each other and with requests', async () => {
  const { proxy, talk, asked, sessions } = await start((one) => {
    if (one.headers[':method'] === 'GET') one.stream.respond({ ':status': 204 }, { endStream: true });
    else open(one);
  });
  const first = talk(handshake);
  await until(() => first.text.includes(' 101 '));
  const plain = talk('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  const second = talk(handshake);
  await until(() => second.text.includes(' 101 ') && plain.text.includes(' 204 '));
  first.socket.resetAndDestroy();
  await until(() => asked[0]!.stream.destroyed);
  second.socket.write('on');
  await until(() => asked.some(({ text }) => text === 'on'));
  expect([sessions.length, proxy.cluster.stats.cxTotal.value]).toEqual([1, 1]);
});

test.each([
  ['a refusal', 403],
  ['a redirect', 302],
])('%s opens no tunnel, and what came early goes nowhere', async (_what, status) => {
  const { talk, asked } = await start(({ stream }) => {
    stream.respond({ ':status': status, 'content-length': 2 });
    stream.end('no');
  });
  const client = talk(`${handshake}early`);
  await until(() => client.ended);
  expect(client.text).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*connection: close[^]*no$`));
  expect(asked[0]!.text).toBe('');
});

test('an endpoint that does not offer it is not asked', async () => {
  const { proxy, talk, asked } = await start(open, false);
  for (const _ of ['a new connection', 'one that is known']) {
    const client = talk(handshake);
    await until(() => client.ended);
    expect(client.text).toMatch(/^HTTP\/1.1 502 /);
  }
  expect(asked).toEqual([]);
  expect(proxy.log).toMatchObject([0, 1].map(() => ({ details: 'upstream_extended_connect_not_offered' })));
  expect(proxy.cluster.hosts[0]!.active).toBe(0);
});

test('an endpoint that goes before it has said what it offers was not asked either', async () => {
  const server = net.createServer((socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => void server.close());
  const { proxy, talk } = await proxyTo((server.address() as net.AddressInfo).port);
  const client = talk(handshake);
  await until(() => client.ended);
  expect(client.text).toMatch(/^HTTP\/1.1 503 /);
  expect(proxy.cluster.hosts[0]!.active).toBe(0);
});

test('a client that goes meanwhile leaves nothing behind', async () => {
  const sockets: net.Socket[] = [];
  const server = net.createServer((socket) => sockets.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { proxy, talk } = await proxyTo((server.address() as net.AddressInfo).port);
  const client = talk(handshake);
  await until(() => sockets.length === 1 && proxy.server.stats.rqActive.value === 1);
  client.socket.destroy();
  await until(() => proxy.log.length === 1);
  expect(proxy.log).toMatchObject([{ status: 0, flags: 'DC' }]);
  expect(proxy.cluster.stats.rqActive.value).toBe(0);
  // and what the endpoint offers in the end is nobody's
  const settings = Buffer.of(0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1);
  const read = proxy.cluster.stats.cxRxBytesTotal.value;
  sockets[0]!.write(settings);
  await until(() => proxy.cluster.stats.cxRxBytesTotal.value === read + settings.length);
  expect(proxy.faults).toEqual([]);
});

test('CONNECT stays one, with an authority alone', async () => {
  const { talk, asked } = await start(({ stream }) => stream.respond({ ':status': 200 }));
  const client = talk('CONNECT b:443 HTTP/1.1\r\nhost: b:443\r\n\r\nearly');
  await until(() => client.text.endsWith('\r\n\r\n') && asked[0]?.text === 'early');
  const pseudo = Object.entries(asked[0]!.headers).filter(([name]) => name.startsWith(':'));
  expect(Object.fromEntries(pseudo)).toEqual({ ':method': 'CONNECT', ':authority': 'b:443' });
  expect(client.text).toMatch(/^HTTP\/1.1 200 OK\r\n/);
});

test('a reset on one side is a reset on the other', async () => {
  const { proxy, talk, asked } = await start(open);
  const first = talk(handshake);
  await until(() => first.text.includes(' 101 '));
  asked[0]!.stream.destroy(new Error('enough'));
  await until(() => first.closed !== null);
  expect(first.closed).toBe('ECONNRESET');
  const second = talk(handshake);
  await until(() => second.text.includes(' 101 '));
  second.socket.resetAndDestroy();
  await until(() => asked[1]!.stream.closed && proxy.log.length === 2);
  expect(asked[1]!.stream.rstCode).toBe(http2.constants.NGHTTP2_CONNECT_ERROR);
});

test('each direction ends for itself', async () => {
  const { talk, asked } = await start(open);
  const left = talk(handshake);
  await until(() => left.text.includes(' 101 '));
  left.socket.end('last words');
  await until(() => asked[0]!.ended);
  asked[0]!.stream.end('an answer');
  await until(() => left.closed !== null);
  expect([asked[0]!.text, left.text.endsWith('an answer'), left.closed]).toEqual(['last words', true, '']);
  const right = talk(handshake);
  await until(() => right.text.includes(' 101 '));
  asked[1]!.stream.end('last words');
  await until(() => right.ended);
  right.socket.end('an answer');
  await until(() => right.closed !== null && asked[1]!.ended);
  expect([right.text.endsWith('last words'), asked[1]!.text]).toEqual([true, 'an answer']);
});
