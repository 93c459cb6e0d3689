/** gRPC-Web through the proxy, over real sockets. e2e/grpc-web.test.ts asks an Envoy the same. */
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { ClusterConfig, HttpChainConfig, RetryConfig, RouteConfig } from '../model/config.ts';
import { startProxy, startRawUpstream, talk } from '../proxy-testing.ts';
import { clusterOf, routeOf } from '../testing.ts';
import type { FilterModule, FilterRequest } from './filter.ts';
import { type Asked, type H2UpstreamOptions, header, startH2Upstream } from './testing-http2.ts';

const running: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});

interface Setup {
  readonly upstream?: H2UpstreamOptions;
  readonly route?: Partial<RouteConfig>;
  readonly cluster?: Partial<ClusterConfig>;
  readonly chain?: Partial<HttpChainConfig>;
  readonly filters?: readonly FilterModule[];
}

async function start(setup: Setup = {}) {
  const upstream = await startH2Upstream(setup.upstream ?? { onWhole: answer });
  const proxy = await startProxy({
    cluster: clusterOf([upstream.port], { protocol: 'http2', ...setup.cluster }),
    routes: [routeOf('c', { timeoutMs: 0, ...setup.route })],
    chain: { grpcWeb: true, ...setup.chain },
    ...(setup.filters !== undefined && {
      filters: setup.filters,
    }),
  });
  running.push(upstream.stop, proxy.stop, () => expect(proxy.faults).toEqual([]));
  return { upstream, proxy };
}

const frame = (text: string, flag = '\0'): string => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return flag + length.toString('latin1') + text;
};
const trailers = (text: string): string => frame(text, '\x80');
const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Two messages and trailers. */
function answer({ stream }: Asked): void {
  stream.headers(
    [
      [':status', '200'],
      ['content-type', 'application/grpc'],
      ['x-a', '1'],
    ],
    false,
  );
  stream.data(bytes(frame('hi')), false);
  stream.data(bytes(frame('there')), false);
  stream.trailers([
    ['grpc-status', '0'],
    ['x-b', 'c d'],
  ]);
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function readAnswer(text: string): Answer {
  const end = text.indexOf('\r\n\r\n');
  const [line = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(lines.map((one) => one.split(': ', 2) as [string, string]));
  let body = text.slice(end + 4);
  if (headers['transfer-encoding'] === 'chunked') {
    let rest = body;
    body = '';
    for (let size = -1; size !== 0; ) {
      size = Number.parseInt(rest, 16);
      const at = rest.indexOf('\r\n') + 2;
      body += rest.slice(at, at + size);
      rest = rest.slice(at + size + 2);
    }
  }
  return { status: Number(line.slice(9, 12)), headers, body };
}

const isWhole = (text: string): boolean =>
  text.endsWith('\r\n0\r\n\r\n') || (/content-length: 0\r\n/.test(text) && text.endsWith('\r\n\r\n'));

const binary = { 'content-type': 'application/grpc-web+proto' };
const inText = { 'content-type': 'application/grpc-web-text', accept: 'application/grpc-web-text' };

function requestOf(headers: Readonly<Record<string, string>>, body: string): string {
  const lines = Object.entries({ host: 'a', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST /s.S/M HTTP/1.1\r\n${lines.join('')}content-length: ${body.length}\r\n\r\n${body}`;
}

async function ask(port: number, headers: Readonly<Record<string, string>>, body: string): Promise<Answer> {
  return readAnswer(await talk(port, requestOf(headers, body), isWhole));
}

describe('a request', () => {
  test.each<[string, Record<string, string>, string, string]>([
    ['bytes', binary, frame('x'), 'application/grpc'],
    ['without a format', { 'content-type': 'application/grpc-web' }, frame('x'), 'application/grpc'],
    ['with a parameter', { 'content-type': 'Application/gRPC-Web; charset=x' }, frame('x'), 'application/grpc'],
    ['JSON', { 'content-type': 'application/grpc-web+json' }, frame('x'), 'application/grpc+json'],
    ['text', inText, base64(frame('x')), 'application/grpc'],
    ['text in pieces', inText, base64('\0\0\0\0') + base64('\x01x'), 'application/grpc'],
    ['no body', inText, '', 'application/grpc'],
  ])('is gRPC to the endpoint: %s', async (_, headers, body, type) => {
    const { upstream, proxy } = await start();
    expect((await ask(proxy.port, headers, body)).status).toBe(200);
    const asked = upstream.asked[0]!;
    expect(asked.body).toBe(body === '' ? '' : frame('x'));
    const said = ['content-type', 'te', 'content-length', 'grpc-accept-encoding', 'accept'];
    expect(said.map((name) => header(asked, name))).toEqual([
      type,
      'trailers',
      undefined,
      'identity',
      headers['accept'],
    ]);
    expect(proxy.log[0]).toMatchObject({ protocol: 'HTTP/1.1', grpcStatus: 0, bytesReceived: body.length });
  });

  test('says for itself what it takes, and te once', async () => {
    const { upstream, proxy } = await start();
    await ask(proxy.port, { ...binary, te: 'trailers', 'grpc-accept-encoding': 'gzip' }, frame('x'));
    const said = upstream.asked[0]!.fields.filter(({ name }) => /^te$|^grpc-a/.test(name));
    expect(said.map(({ name, value }) => `${name}: ${value}`).toSorted()).toEqual([
      'grpc-accept-encoding: gzip',
      'te: trailers',
    ]);
  });

  test('is text in any pieces', async () => {
    const { upstream, proxy } = await start();
    const whole = requestOf(inText, base64(frame('hello')));
    const socket = net.connect(proxy.port, '127.0.0.1');
    socket.setNoDelay(true);
    for (const letter of whole) {
      socket.write(letter, 'latin1');
      await new Promise((resolve) => setImmediate(resolve));
    }
    await once(socket, 'data');
    socket.destroy();
    expect(upstream.asked[0]!.body).toBe(frame('hello'));
  });

  test.each(['AAA', 'AAA!', 'AAAAAAF4QUF=', 'AAAA\r\nAAF4'])('that is no base64 is refused: %j', async (body) => {
    const { proxy } = await start();
    const { status, headers } = await ask(proxy.port, inText, body);
    expect([status, headers['grpc-status'], headers['content-type']]).toEqual([
      400,
      '13',
      'application/grpc-web-text+proto',
    ]);
    expect(proxy.log[0]).toMatchObject({ details: 'grpc_base_64_decode_failed', grpcStatus: 13 });
    expect(proxy.cluster.stats.rqActive.value).toBe(0);
  });

  test('that stops being base64 in its middle is refused there, and its endpoint hears of it', async () => {
    const { proxy, upstream } = await start({ upstream: { onWhole: answer, onHead: () => {} } });
    const whole = requestOf({ ...inText, 'transfer-encoding': 'chunked' }, '').replace('content-length: 0\r\n', '');
    const text = await talk(proxy.port, `${whole}4\r\nAAAA\r\n4\r\n????\r\n4\r\nAAAA\r\n`, () => false);
    expect(text).toMatch(/^HTTP\/1.1 400 /);
    expect(text).toContain('connection: close\r\n');
    const client = http2.connect(`http://127.0.0.1:${proxy.port}`);
    running.push(() => client.destroy());
    for (const end of [false, true]) {
      const stream = client.request({ ':method': 'POST', ':path': '/s.S/M', ...inText });
      stream.on('error', () => {});
      const response = once(stream, 'response');
      stream.write('AAAA');
      if (end) stream.end('????');
      else stream.write('????');
      expect((await response)[0]).toMatchObject({ ':status': 400, 'grpc-status': '13' });
      stream.resume();
      await once(stream, 'close');
    }
    await expect.poll(() => upstream.asked.every(({ resetCode }) => resetCode !== undefined)).toBe(true);
    expect([proxy.log.length, proxy.cluster.stats.rqActive.value]).toEqual([3, 0]);
  });

  test.each<[string, Setup]>([
    ['the listener lacks the filter', { chain: { grpcWeb: null }, route: { grpcWeb: true } }],
    ['the filter is off', { chain: { grpcWeb: false } }],
    ['its route says so', { route: { grpcWeb: false } }],
  ])('passes as it is where %s', async (_, setup) => {
    const { upstream, proxy } = await start(setup);
    const answered = ask(proxy.port, binary, frame('x'));
    expect((await answered).headers['content-type']).toBe('application/grpc');
    expect(header(upstream.asked[0]!, 'content-type')).toBe('application/grpc-web+proto');
    expect(proxy.log[0]!.grpcStatus).toBe(-1);
  });

  test('is translated where the route says so', async () => {
    const { proxy } = await start({ chain: { grpcWeb: false }, route: { grpcWeb: true } });
    expect((await ask(proxy.port, binary, frame('x'))).headers['content-type']).toBe('application/grpc-web+proto');
  });

  test('is carried on in HTTP/2 where clusters follow their clients', async () => {
    const { upstream, proxy } = await start({ cluster: { protocol: 'same-as-client' } });
    expect((await ask(proxy.port, binary, frame('x'))).status).toBe(200);
    expect(upstream.asked).toHaveLength(1);
  });

  test('is never carried on in HTTP/1.1', async () => {
    const raw = await startRawUpstream(() => {});
    running.push(raw.stop);
    const proxy = await startProxy({ cluster: clusterOf([raw.port]), chain: { grpcWeb: true } });
    running.push(proxy.stop);
    const { status, headers } = await ask(proxy.port, binary, frame('x'));
    expect([status, headers['grpc-status'], raw.sockets.size]).toEqual([502, '12', 0]);
  });

  test('is seen by filters as gRPC', async () => {
    const seen: unknown[] = [];
    const module: FilterModule = {
      name: 'spy',
      create: () => ({
        begin: () => ({
          onRequestHead: (request: FilterRequest) => seen.push(request.header('content-type')),
          onRequestBody: (data) => seen.push(data.toString('latin1')),
          onResponseHead: (response) => {
            seen.push(response.header('content-type'));
            response.setHeader('content-type', 'text/html');
          },
          onResponseBody: (data) => seen.push(data.toString('latin1')),
        }),
      }),
    };
    const { proxy } = await start({ filters: [module] });
    const { headers } = await ask(proxy.port, inText, base64(frame('x')));
    expect(headers['content-type']).toBe('application/grpc-web-text+proto');
    const messages = [frame('hi'), frame('there')].join('');
    expect([...seen.slice(0, 3), seen.slice(3).join('')]).toEqual([
      ...['application/grpc', frame('x'), 'application/grpc'],
      messages,
    ]);
  });
});

describe('an answer', () => {
  const last = trailers('grpc-status:0\r\nx-b:c d\r\n');

  test('ends with its trailers', async () => {
    const { proxy } = await start();
    const { headers, body } = await ask(proxy.port, binary, frame('x'));
    expect(headers).toMatchObject({ 'content-type': 'application/grpc-web+proto', 'x-a': '1' });
    expect(body).toBe(frame('hi') + frame('there') + last);
    expect(proxy.log[0]).toMatchObject({ grpcStatus: 0, bytesSent: body.length });
  });

  test('is text for who wants text', async () => {
    const { proxy } = await start();
    const { headers, body } = await ask(proxy.port, inText, base64(frame('x')));
    expect(headers['content-type']).toBe('application/grpc-web-text+proto');
    expect(body).toBe(base64(frame('hi')) + base64(frame('there')) + base64(last));
    expect(proxy.log[0]).toMatchObject({ grpcStatus: 0, bytesSent: body.length });
  });

  test.each([binary, inText])('is the same in HTTP/2: %j', async (headers) => {
    const { proxy } = await start();
    const client = http2.connect(`http://127.0.0.1:${proxy.port}`);
    running.push(() => client.destroy());
    const isText = headers === inText;
    const stream = client.request({ ':method': 'POST', ':path': '/s.S/M', ...headers });
    stream.setEncoding('latin1').end(isText ? base64(frame('x')) : frame('x'));
    let body = '';
    let ended: unknown = null;
    stream.on('data', (text: string) => {
      body += text;
    });
    stream.on('trailers', (fields) => {
      ended = fields;
    });
    const [head] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    await once(stream, 'close');
    const parts = [frame('hi'), frame('there'), last];
    expect(head['content-type']).toBe(`application/grpc-web${isText ? '-text' : ''}+proto`);
    expect([body, ended]).toEqual([(isText ? parts.map(base64) : parts).join(''), null]);
  });

  test('comes as its endpoint sends it, and no faster than its client reads it', async () => {
    const asked: Asked[] = [];
    const { proxy, upstream } = await start({ upstream: { onWhole: (one) => asked.push(one) } });
    const socket = net.connect(proxy.port, '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1').on('data', (data: string) => {
      text += data;
    });
    socket.write(requestOf(inText, base64(frame('x'))), 'latin1');
    await expect.poll(() => asked.length).toBe(1);
    const { stream } = asked[0]!;
    stream.headers(
      [
        [':status', '200'],
        ['content-type', 'application/grpc'],
      ],
      false,
    );
    stream.data(bytes(frame('one')), false);
    await expect.poll(() => text).toContain(base64(frame('one')));
    // a part of a message does not wait for the rest of it
    stream.data(bytes(frame('second').slice(0, 6)), false);
    await expect.poll(() => text).toContain(base64(frame('second').slice(0, 6)));
    stream.data(bytes(frame('second').slice(6)), false);
    socket.pause();
    const large = bytes(frame('x'.repeat(1024 * 1024)));
    for (let i = 0; i < 16; i++) stream.data(large, false);
    // nobody reads, so at some time nothing moves any more
    const { cxRxBytesTotal } = proxy.cluster.stats;
    let before = -1;
    await expect.poll(() => before === (before = cxRxBytesTotal.value)).toBe(true);
    expect(stream.queuedBytes).toBeGreaterThan(0);
    socket.resume();
    stream.trailers([['grpc-status', '0']]);
    await expect.poll(() => isWhole(text)).toBe(true);
    socket.destroy();
    const { body } = readAnswer(text);
    const messages = [frame('one'), frame('second'), ...Array.from({ length: 16 }, () => large.toString('latin1'))];
    const expected = [...messages, trailers('grpc-status:0\r\n')].map(base64).join('');
    expect(body === expected).toBe(true);
    expect(upstream.asked).toHaveLength(1);
  });

  /** What the endpoint says; then status, gRPC's status, its message, and the body. */
  test.each<[string, [string, string][], string | null, [number, string | undefined, string | undefined, string]]>([
    [
      'trailers only',
      [
        [':status', '200'],
        ['content-type', 'application/grpc'],
        ['grpc-status', '5'],
      ],
      null,
      [200, '5', undefined, ''],
    ],
    [
      'of another kind',
      [
        [':status', '404'],
        ['content-type', 'text/html'],
        ['content-length', '6'],
      ],
      '<h1>%\n',
      [404, '12', '<h1>%25%0A', ''],
    ],
    [
      'of success and another kind',
      [
        [':status', '200'],
        ['content-type', 'text/html'],
      ],
      'hi',
      [200, '2', 'hi', ''],
    ],
    ['of a status alone', [[':status', '503']], null, [503, '14', undefined, '']],
    ['that is long', [[':status', '500']], 'a'.repeat(40_000), [500, '2', 'a'.repeat(16_384), '']],
    [
      'without trailers',
      [
        [':status', '200'],
        ['content-type', 'application/grpc+proto'],
        ['content-length', '6'],
      ],
      frame('a'),
      [200, undefined, undefined, frame('a')],
    ],
  ])('%s', async (_, fields, data, expected) => {
    const { proxy } = await start({
      upstream: {
        onWhole: ({ stream }) => {
          stream.headers(fields, data === null);
          if (data !== null) stream.data(bytes(data), true);
        },
      },
    });
    const { status, headers, body } = await ask(proxy.port, binary, frame('x'));
    expect([status, headers['grpc-status'], headers['grpc-message'], body]).toEqual(expected);
    expect(headers['content-type']).toBe('application/grpc-web+proto');
    expect(proxy.log[0]).toMatchObject({ status, bytesSent: body.length, grpcStatus: Number(expected[1] ?? -1) });
  });

  test.each<[string, Partial<RouteConfig>, number, string, string | undefined]>([
    ['no route', { match: { ...routeOf('c').match, path: { type: 'exact', value: '/x' } } }, 404, '12', undefined],
    ['no cluster', { to: [{ cluster: 'none', weight: 1 }] }, 503, '14', undefined],
    [
      'a route that answers',
      { to: [], answer: { type: 'respond', status: 403, body: '100 %' } } as never,
      403,
      '7',
      '100 %25',
    ],
  ])('of the proxy itself says its status in both ways: %s', async (_, route, status, grpcStatus, message) => {
    const { proxy } = await start({ route });
    const { headers, ...rest } = await ask(proxy.port, binary, frame('x'));
    expect(rest).toEqual({ status, body: '' });
    expect([headers['content-type'], headers['grpc-status'], headers['grpc-message']]).toEqual([
      'application/grpc-web+proto',
      grpcStatus,
      message,
    ]);
    expect(proxy.log[0]).toMatchObject({ status, grpcStatus: Number(grpcStatus) });
  });

  test('that breaks off is cut', async () => {
    const { proxy } = await start({
      upstream: {
        onWhole: ({ stream }) => {
          stream.headers([[':status', '500']], false);
          stream.data(bytes('half'), false);
          setImmediate(() => stream.reset(http2.constants.NGHTTP2_INTERNAL_ERROR));
        },
      },
    });
    expect(await talk(proxy.port, requestOf(binary, frame('x')), () => false)).toBe('');
    expect(proxy.log[0]).toMatchObject({ flags: 'UR' });
  });
});

test('grpc-timeout is kept to', async () => {
  const { proxy, upstream } = await start({
    upstream: { onWhole: () => {} },
    route: { maxStream: { maxMs: 0, grpcMaxMs: 0 } },
  });
  const answered = ask(proxy.port, { ...binary, 'grpc-timeout': '300m' }, frame('x'));
  await expect.poll(() => upstream.asked.length).toBe(1);
  expect(header(upstream.asked[0]!, 'grpc-timeout')).toBe('300m');
  proxy.clock.advance(350);
  expect(await answered).toMatchObject({ status: 504, headers: { 'grpc-status': '4' } });
});

test('retries go by the status of gRPC, with the body as it was decoded', async () => {
  const retry: RetryConfig = {
    ...{ failures: [], statuses: [], grpcStatuses: [14], attempts: 2, perTryTimeoutMs: 0 },
    ...{ backoff: { baseMs: 25, maxMs: 250 }, hostSelections: 0, methods: null },
  };
  const { proxy, upstream } = await start({
    upstream: {
      onWhole: (asked) => {
        if (upstream.asked.length > 1) answer(asked);
        else
          asked.stream.headers(
            [
              [':status', '200'],
              ['grpc-status', '14'],
            ],
            true,
          );
      },
    },
    route: { retry },
  });
  const answered = ask(proxy.port, inText, base64(frame('x')));
  await expect
    .poll(() => {
      proxy.clock.advance(50);
      return proxy.log.length;
    })
    .toBe(1);
  expect((await answered).status).toBe(200);
  expect(upstream.asked.map(({ body }) => body)).toEqual([frame('x'), frame('x')]);
});

test('requests of one connection are each what they say', async () => {
  const { proxy, upstream } = await start();
  const plain = requestOf({ 'content-type': 'application/json' }, '{}');
  const text = await talk(
    proxy.port,
    requestOf(inText, base64(frame('x'))) + plain + requestOf(binary, frame('y')),
    (got) => got.split('\r\n0\r\n\r\n').length === 4,
  );
  const types = [...text.matchAll(/content-type: (.*)\r\n/g)].map(([, type]) => type);
  expect(types).toEqual(['application/grpc-web-text+proto', 'application/grpc', 'application/grpc-web+proto']);
  expect(upstream.asked.map(({ body }) => body)).toEqual([frame('x'), '{}', frame('y')]);
  expect(proxy.log.map(({ grpcStatus }) => grpcStatus)).toEqual([0, -1, 0]);
});
