/** Either version of HTTP from the client to either version at the endpoint, over real sockets, by node:http and node:http2. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type net from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { type ProxyOptions, startProxy } from '../proxy-testing.ts';
import { clusterOf } from '../testing.ts';

const running: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});

type Version = 'HTTP/1.1' | 'HTTP/2';
type Handler = (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => void;

/** What HTTP/1.1 and HTTP/2 servers of Node have in common. */
async function startEndpoint(version: Version, handler: Handler): Promise<number> {
  const server =
    version === 'HTTP/2'
      ? http2.createServer(handler)
      : http.createServer({ keepAliveTimeout: 0 }, (request, response) => handler(request as never, response as never));
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  running.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as net.AddressInfo).port;
}

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: http.IncomingHttpHeaders;
}

interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: http.OutgoingHttpHeaders;
  readonly body?: string;
  readonly trailers?: Record<string, string>;
}

/** One request of its own connection. */
async function ask(version: Version, port: number, asked: Asked): Promise<Answer> {
  const { method = 'GET', path = '/', headers = {}, body = '', trailers } = asked;
  if (version === 'HTTP/1.1') {
    const request = http.request({
      port,
      host: '127.0.0.1',
      method,
      path,
      headers: { host: 'a', ...headers },
      agent: false,
    });
    if (trailers !== undefined) request.addTrailers(trailers);
    request.end(body);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const got = await text(response);
    return { status: response.statusCode!, headers: response.headers, body: got, trailers: response.trailers };
  }
  const session = http2.connect(`http://127.0.0.1:${port}`).on('error', () => {});
  const pseudo = { ':method': method, ':path': path, ':authority': 'a' };
  const options = { waitForTrailers: trailers !== undefined, endStream: body === '' && trailers === undefined };
  const stream = session.request({ ...pseudo, ...headers }, options);
  stream.on('wantTrailers', () => stream.sendTrailers(trailers ?? {}));
  if (!options.endStream) stream.end(body);
  let got: http.IncomingHttpHeaders = {};
  stream.on('trailers', (received) => {
    got = received;
  });
  const [received] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
  const answer = await text(stream);
  session.close();
  return { status: Number(received[':status']), headers: received, body: answer, trailers: got };
}

const versions: readonly Version[] = ['HTTP/1.1', 'HTTP/2'];
const pairs = versions.flatMap((from) => versions.map((to) => [from, to] as const));

describe.each(pairs)('%s to %s', (from, to) => {
  async function start(handler: Handler, rest: Partial<ProxyOptions> = {}) {
    const port = await startEndpoint(to, handler);
    const proxy = await startProxy({
      cluster: clusterOf([port], { protocol: to === 'HTTP/2' ? 'http2' : 'http1' }),
      ...rest,
    });
    running.push(async () => {
      await proxy.stop();
      expect(proxy.faults).toEqual([]);
    });
    return proxy;
  }

  test('a request and its answer, with bodies of all sizes', async () => {
    const proxy = await start(async (request, response) => {
      const body = await text(request);
      response.writeHead(201, {
        'x-seen': `${request.method} ${request.url} ${request.headers['x-a']} ${request.headers['cookie']}`,
      });
      response.end(body);
    });
    for (const size of [1, 100, 16_384, 65_536, 300_000]) {
      const body = 'x'.repeat(size);
      const headers = { 'x-a': '1', cookie: 'a=1; b=2' };
      const answer = await ask(from, proxy.port, { method: 'POST', path: '/p?q', headers, body });
      expect(answer.status).toBe(201);
      expect(answer.headers['x-seen']).toBe('POST /p?q 1 a=1; b=2');
      expect(answer.body.length).toBe(size);
      expect(answer.body).toBe(body);
    }
    expect(proxy.log.map(({ protocol, flags }) => `${protocol} ${flags}`)).toEqual(
      Array.from({ length: 5 }, () => `${from} -`),
    );
    expect(proxy.log.map(({ bytesReceived, bytesSent }) => bytesReceived - bytesSent)).toEqual([0, 0, 0, 0, 0]);
  });

  test.each([
    ['HEAD', 200, '7'],
    ['GET', 204, undefined],
    ['GET', 304, undefined],
  ])('an answer without a body: %s %d', async (method, status, length) => {
    const proxy = await start((_request, response) => {
      if (method === 'HEAD') response.setHeader('content-length', '7');
      response.writeHead(status).end();
    });
    const answer = await ask(from, proxy.port, { method });
    expect([answer.status, answer.body, answer.headers['content-length']]).toEqual([status, '', length]);
  });

  test('trailers pass where both sides are HTTP/2, and nothing breaks where not', async () => {
    let seen: unknown;
    const proxy = await start(async (request, response) => {
      await text(request);
      seen = Object.entries(request.trailers);
      response.writeHead(200, to === 'HTTP/1.1' ? { trailer: 'x-sum' } : {});
      response.addTrailers({ 'x-sum': '7' });
      response.end('body');
    });
    const answer = await ask(from, proxy.port, { method: 'POST', body: 'b', trailers: { 'x-check': '1' } });
    const both = from === 'HTTP/2' && to === 'HTTP/2';
    expect(answer.body).toBe('body');
    expect([Object.entries(answer.trailers), seen]).toEqual(both ? [[['x-sum', '7']], [['x-check', '1']]] : [[], []]);
  });

  test('an answer that begins before the request has ended, and both go on', async () => {
    const proxy = await start((request, response) => {
      response.writeHead(200);
      response.write('>');
      request.on('data', (chunk: Buffer) => response.write(chunk));
      request.on('end', () => response.end('<'));
    });
    const body = 'z'.repeat(200_000);
    const answer = await ask(from, proxy.port, { method: 'PUT', body });
    expect([answer.status, answer.body.length, answer.body.at(-1)]).toEqual([200, 200_002, '<']);
  });

  test('100-continue is asked of this proxy alone', async () => {
    const proxy = await start(async (request, response) => {
      response.end(`${await text(request)} ${request.headers['expect']}`);
    });
    const answer = await ask(from, proxy.port, { method: 'PUT', body: 'b', headers: { expect: '100-continue' } });
    expect(answer.body).toBe('b undefined');
  });

  test('an endpoint that cuts its answer cuts it for the client, too', async () => {
    const proxy = await start((request, response) => {
      response.writeHead(200);
      response.write('half', () => setImmediate(() => request.socket?.destroy()));
    });
    await expect(ask(from, proxy.port, {})).rejects.toThrow();
    while (proxy.log.length === 0) await new Promise((resolve) => setImmediate(resolve));
    // Node's HTTP/2 server sometimes resets the stream before its socket goes
    expect(proxy.log[0]).toMatchObject({ status: 200, flags: expect.stringMatching(/^U[CR]$/) });
  });
});

test('a cluster that speaks as its clients do has connections of either version', async () => {
  const seen: string[] = [];
  // one port for both: Node has none without TLS, so two endpoints, told apart by who reaches them
  const [one, two] = [
    await startEndpoint('HTTP/1.1', (request, response) => {
      seen.push(request.httpVersion);
      response.end();
    }),
    await startEndpoint('HTTP/2', (request, response) => {
      seen.push(request.httpVersion);
      response.end();
    }),
  ];
  for (const [port, version] of [
    [one, 'HTTP/1.1'],
    [two, 'HTTP/2'],
  ] as const) {
    const proxy = await startProxy({ cluster: clusterOf([port], { protocol: 'same-as-client' }) });
    running.push(() => proxy.stop());
    expect((await ask(version, proxy.port, {})).status).toBe(200);
  }
  expect(seen).toEqual(['1.1', '2.0']);
});
