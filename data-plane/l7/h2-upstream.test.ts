/** HTTP/1.1 clients, an endpoint that speaks HTTP/2, and the proxy between them, over real sockets. */
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { errorCodes } from '../../proto/http2/errors.ts';
import { deadPort } from '../l4/testing.ts';
import type { ClusterConfig, RetryConfig } from '../model/config.ts';
import { type ProxyOptions, startProxy, talk } from '../proxy-testing.ts';
import { clusterOf, routeOf } from '../testing.ts';
import { type Asked, answer, fieldsOf, type H2UpstreamOptions, header, startH2Upstream } from './testing-http2.ts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

async function start(
  upstreamOptions: H2UpstreamOptions = {},
  cluster: Partial<ClusterConfig> = {},
  rest: Partial<ProxyOptions> = {},
) {
  const upstream = await startH2Upstream(upstreamOptions);
  const proxy = await startProxy({ cluster: clusterOf([upstream.port], { protocol: 'http2', ...cluster }), ...rest });
  running.push(upstream, proxy);
  return { upstream, proxy, stats: proxy.cluster.stats };
}

const get = (path = '/', extra = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${extra}\r\n`;
const post = (body: string, extra = ''): string =>
  `POST / HTTP/1.1\r\nHost: a\r\n${extra}Content-Length: ${body.length}\r\n\r\n${body}`;
const chunkedEnd = (a: string): boolean => a.endsWith('0\r\n\r\n');
const status = (text: string): number => Number(text.slice(9, 12));
const policy: RetryConfig = {
  failures: ['unprocessed'],
  statuses: [],
  grpcStatuses: [],
  attempts: 2,
  perTryTimeoutMs: 0,
  backoff: { baseMs: 25, maxMs: 250 },
  hostSelections: 0,
  methods: null,
};

describe('a request', () => {
  test('becomes fields: what belongs to a connection of HTTP/1.1 stays behind', async () => {
    const { proxy, upstream } = await start();
    const extra =
      'User-Agent: t\r\nConnection: x-own\r\nX-Own: 1\r\nTE: gzip, Trailers\r\nKeep-Alive: 1\r\nCookie: a=b\r\n';
    const text = await talk(proxy.port, get('/p?q=1', extra), chunkedEnd);
    expect(fieldsOf(upstream.asked[0]!)).toEqual([
      ':method: GET',
      ':scheme: http',
      ':authority: a',
      ':path: /p?q=1',
      'user-agent: t',
      'cookie: a=b',
      'te: trailers',
      'x-forwarded-for: 192.0.2.1',
      'x-forwarded-proto: http',
      'x-envoy-external-address: 127.0.0.1',
      'x-envoy-expected-rq-timeout-ms: 15000',
      'x-request-id: 00000000-0000-4000-8000-000000000000',
    ]);
    expect(text.split('\r\n')).toEqual([
      'HTTP/1.1 200 OK',
      'x-from: h2',
      'server: fairlead',
      'x-envoy-upstream-service-time: 0',
      'date: Tue, 14 Nov 2023 22:13:20 GMT',
      'transfer-encoding: chunked',
      '',
      '2',
      'ok',
      '0',
      '',
      '',
    ]);
  });

  test('goes where its route rewrites it to', async () => {
    const rewrite = { host: 'b.example', forwardHost: true, path: { type: 'prefix', value: '/new' } } as const;
    const match = { ...routeOf('c').match, path: { type: 'prefix', value: '/old' } } as const;
    const { proxy, upstream } = await start({}, {}, { routes: [routeOf('c', { match, rewrite })] });
    await talk(proxy.port, get('/old/7?q'), chunkedEnd);
    const [asked] = upstream.asked;
    expect([header(asked!, ':path'), header(asked!, ':authority')]).toEqual(['/new/7?q', 'b.example']);
    expect(header(asked!, 'x-forwarded-host')).toBe('a');
  });

  test.each([
    ['of a said length', post('x'.repeat(70_000)), 'content-length: 70000'],
    [
      'in chunks',
      `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n11170\r\n${'x'.repeat(70_000)}\r\n0\r\n\r\n`,
      ':method: POST',
    ],
  ])('has a body: %s', async (_, request, line) => {
    const { proxy, upstream } = await start();
    expect(status(await talk(proxy.port, request, chunkedEnd))).toBe(200);
    expect(upstream.asked[0]!.body).toBe('x'.repeat(70_000));
    expect(fieldsOf(upstream.asked[0]!)).toContain(line);
  });
});

describe('an answer', () => {
  test.each([
    ['without a body says so', '200', 'GET', 'content-length: 0'],
    ['to HEAD', '200', 'HEAD', 'x-from: h2'],
    ['204', '204', 'GET', 'x-from: h2'],
    ['304', '304', 'GET', 'x-from: h2'],
  ])('%s', async (_, code, method, line) => {
    const { proxy, stats } = await start({ onWhole: ({ stream }) => answer(stream, code, '') });
    const request = get().replace('GET', method);
    const text = await talk(proxy.port, request + request, (a) => a.split('\r\n\r\n').length === 3);
    expect(text.match(/HTTP\/1.1 /g)).toHaveLength(2);
    expect(text).toContain(line);
    expect(text).not.toContain('chunked');
    expect(stats.cxTotal.value).toBe(1);
  });

  test('informational ones are not passed on, trailers are dropped', async () => {
    const { proxy } = await start({
      onWhole: ({ stream }) => {
        stream.headers([[':status', '103']], false);
        stream.headers(
          [
            [':status', '200'],
            ['content-length', '2'],
          ],
          false,
        );
        stream.data(Buffer.from('ok'), false);
        stream.trailers([['x-sum', '7']]);
      },
    });
    const text = await talk(proxy.port, get(), (a) => a.endsWith('ok'));
    expect(status(text)).toBe(200);
    expect(text).not.toContain('x-sum');
  });

  test('that is whole before the request frees the endpoint of the rest', async () => {
    const { proxy, upstream } = await start({ onHead: ({ stream }) => answer(stream) });
    const half = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf`;
    const text = await talk(proxy.port, half, chunkedEnd);
    expect([status(text), text.includes('connection: close')]).toEqual([200, true]);
    await until(() => upstream.asked[0]!.resetCode !== undefined);
    expect(upstream.asked[0]!.resetCode).toBe(errorCodes.NO_ERROR);
  });
});

describe('connections', () => {
  test('one carries many requests at a time', async () => {
    const waiting: Asked[] = [];
    const { proxy, stats } = await start({
      onWhole: (one) => {
        if (waiting.push(one) === 50) for (const { stream } of waiting) answer(stream);
      },
    });
    const texts = await Promise.all(Array.from({ length: 50 }, (_, i) => talk(proxy.port, get(`/${i}`), chunkedEnd)));
    expect(texts.map(status)).toEqual(Array.from({ length: 50 }, () => 200));
    expect([stats.cxHttp2Total.value, stats.cxHttp1Total.value, stats.rqTotal.value]).toEqual([1, 0, 50]);
  });

  test.each([
    ['the endpoint', 3, 100],
    ['the cluster', 100, 3],
  ])('no more at a time than %s allows: others open', async (_, allowed, maxStreams) => {
    const waiting: Asked[] = [];
    const { proxy, stats } = await start(
      {
        settings: { maxConcurrentStreams: allowed },
        onWhole: (one) => {
          if (one.fields.some(({ value }) => value === '/first')) answer(one.stream);
          else if (waiting.push(one) === 10) for (const { stream } of waiting) answer(stream);
        },
      },
      { http2: { ...clusterOf([]).http2, maxStreams } },
    );
    await talk(proxy.port, get('/first'), chunkedEnd);
    const texts = await Promise.all(Array.from({ length: 10 }, () => talk(proxy.port, get(), chunkedEnd)));
    expect(texts.map(status)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(stats.cxTotal.value).toBe(4);
    expect(stats.rqRxReset.value).toBe(0);
  });

  test('a crowd at an endpoint that allows one at a time: whoever it refuses goes elsewhere, once', async () => {
    const { proxy, stats } = await start({ settings: { maxConcurrentStreams: 1 } });
    const texts = await Promise.all(Array.from({ length: 20 }, () => talk(proxy.port, post('x'), chunkedEnd)));
    expect(texts.map(status)).toEqual(Array.from({ length: 20 }, () => 200));
    expect(stats.rqRetry.value).toBe(0);
  });

  test('after its last allowed request it takes no more, and ends with the last', async () => {
    const keepAlive = { maxIdle: Number.POSITIVE_INFINITY, idleTimeoutMs: 60_000, maxRequests: 2 };
    const { proxy, upstream, stats } = await start({}, { keepAlive });
    for (let i = 0; i < 3; i++) await talk(proxy.port, get(), chunkedEnd);
    expect([stats.cxTotal.value, stats.cxMaxRequests.value]).toEqual([2, 1]);
    await until(() => upstream.connections.size === 1);
  });

  test('idle for its time, or of an endpoint that left, it says goodbye', async () => {
    const { proxy, upstream, stats } = await start();
    await talk(proxy.port, get(), chunkedEnd);
    proxy.clock.advance(59_000);
    await talk(proxy.port, get(), chunkedEnd);
    proxy.clock.advance(59_000);
    expect(stats.cxActive.value).toBe(1);
    proxy.clock.advance(2_000);
    await until(() => upstream.connections.size === 0 && stats.cxActive.value === 0);
    expect(stats.cxIdleTimeout.value).toBe(1);
    await talk(proxy.port, get(), chunkedEnd);
    proxy.cluster.update(clusterOf([], { protocol: 'http2' }));
    await until(() => upstream.connections.size === 0 && stats.cxActive.value === 0);
    expect(stats.cxDestroyLocal.value).toBe(2);
  });

  test('one whose endpoint left ends when its request is answered', async () => {
    const { proxy, upstream, stats } = await start({ onWhole: () => {} });
    const text = talk(proxy.port, get(), chunkedEnd);
    await until(() => upstream.asked.length === 1);
    proxy.cluster.update(clusterOf([], { protocol: 'http2' }));
    answer(upstream.asked[0]!.stream);
    expect(status(await text)).toBe(200);
    await until(() => stats.cxActive.value === 0);
  });

  test('after a GOAWAY it finishes what it carries; the next request has another', async () => {
    const { proxy, upstream, stats } = await start({
      onWhole: ({ stream, connection, fields }) => {
        if (fields.some(({ value }) => value === '/last')) connection.drain();
        else answer(stream);
      },
    });
    const last = talk(proxy.port, get('/last'), chunkedEnd);
    await until(() => stats.cxCloseNotify.value === 1);
    expect(status(await talk(proxy.port, get(), chunkedEnd))).toBe(200);
    answer(upstream.asked[0]!.stream);
    expect(status(await last)).toBe(200);
    expect(stats.cxTotal.value).toBe(2);
    await until(() => upstream.connections.size === 1);
  });
});

describe('an end without an answer is said as Envoy says it', () => {
  const ends: [string, (asked: Asked) => void, string][] = [
    ['refused', ({ stream }) => stream.reset(errorCodes.REFUSED_STREAM), '503 UR remote_refused_stream_reset'],
    ['reset', ({ stream }) => stream.reset(errorCodes.INTERNAL_ERROR), '503 UR remote_reset'],
    ['cut', ({ socket }) => socket.destroy(), '503 UC connection_termination'],
    [
      'malformed',
      ({ stream }) =>
        stream.headers(
          [
            [':status', '200'],
            [':path', '/'],
          ],
          true,
        ),
      '502 UPE protocol_error',
    ],
    ['broken', ({ socket }) => socket.write(Buffer.alloc(9, 255)), '502 UPE protocol_error'],
  ];
  test.each(ends)('%s', async (_, onWhole, expected) => {
    const { proxy, stats } = await start({ onWhole });
    const text = await talk(proxy.port, get(), (a) => /reset reason: [a-z ]+$/.test(a));
    const { flags, details } = proxy.log[0]!;
    expect(`${status(text)} ${flags} ${/\{(.*)\}/.exec(details)![1]}`).toBe(expected);
    expect(stats.rqActive.value).toBe(0);
    expect(proxy.faults).toEqual([]);
  });

  test('no connection', async () => {
    const { proxy, stats } = await start({}, clusterOf([deadPort()], { protocol: 'http2' }));
    const text = await talk(proxy.port, get(), (a) => a.endsWith('connection failure'));
    expect([status(text), proxy.log[0]!.flags]).toEqual([503, 'UF']);
    expect([stats.cxConnectFail.value, stats.rqPendingActive.value, stats.rqPendingFailureEject.value]).toEqual([
      1, 0, 1,
    ]);
  });

  test('in the middle of a body: cut, and no other client gets what was left', async () => {
    const { proxy } = await start({
      onWhole: ({ stream, fields }) => {
        if (fields.some(({ value }) => value === '/ok')) answer(stream);
        else {
          stream.headers([[':status', '200']], false);
          stream.data(Buffer.from('half'), false);
          stream.reset(errorCodes.INTERNAL_ERROR);
        }
      },
    });
    expect(chunkedEnd(await talk(proxy.port, get(), () => false))).toBe(false);
    expect(proxy.log[0]!.flags).toBe('UR');
    expect(await talk(proxy.port, get('/ok'), chunkedEnd)).toMatch(
      /^HTTP.1.1 200 OK(?:\r\n[^\r]+)+\r\n\r\n2\r\nok\r\n0\r\n\r\n$/,
    );
  });
});

describe('tries', () => {
  test('whoever was not looked at is sent once more, whatever its method, body and trailers of time', async () => {
    let refused = 0;
    const { proxy, upstream, stats } = await start({
      onWhole: ({ stream }) => {
        if (refused++ === 0) stream.reset(errorCodes.REFUSED_STREAM);
        else answer(stream);
      },
    });
    expect(status(await talk(proxy.port, post('body'), chunkedEnd))).toBe(200);
    expect(upstream.asked.map(({ body }) => body)).toEqual(['body', 'body']);
    expect(fieldsOf(upstream.asked[1]!)).toEqual(fieldsOf(upstream.asked[0]!));
    expect([stats.rqRetry.value, stats.cxTotal.value, stats.rqTotal.value]).toEqual([0, 1, 2]);
  });

  test('streams above the last one of a GOAWAY are sent again, elsewhere', async () => {
    const { proxy, upstream, stats } = await start({
      onWhole: ({ connection, stream }) => {
        if (stats.cxTotal.value === 1) connection.goAway(0, errorCodes.NO_ERROR, '');
        else answer(stream);
      },
    });
    expect(status(await talk(proxy.port, post('body'), chunkedEnd))).toBe(200);
    expect([upstream.asked.length, stats.cxTotal.value]).toEqual([2, 2]);
  });

  test('an endpoint that broke the rules may still act on what it reads: a request to it is not sent again unasked', async () => {
    const { proxy, upstream } = await start({ onWhole: ({ stream }) => answer(stream) });
    const client = net.connect(proxy.port, '127.0.0.1');
    let got = '';
    client.on('data', (chunk) => {
      got += chunk;
    });
    client.write(get());
    await until(() => chunkedEnd(got));
    // both arrive in one turn of the proxy, the request first
    client.write(post('order'));
    upstream.asked[0]!.socket.write(Buffer.alloc(9, 255));
    const [{ socket }] = upstream.asked as [Asked];
    await until(() => proxy.log.length === 2 && socket.destroyed);
    client.destroy();
    expect(upstream.asked.filter(({ body }) => body === 'order')).toHaveLength(1);
  });

  test('an endpoint that goes on refusing is asked as often as the policy says', async () => {
    const { proxy, upstream, stats } = await start(
      { onWhole: ({ stream }) => stream.reset(errorCodes.REFUSED_STREAM) },
      {},
      { routes: [routeOf('c', { retry: policy })] },
    );
    const text = talk(proxy.port, get(), (a) => a.endsWith('reset'));
    await until(() => {
      proxy.clock.advance(5);
      return proxy.log.length > 0;
    });
    expect([status(await text), proxy.log[0]!.flags]).toEqual([503, 'URX,UR']);
    expect([upstream.asked.length, stats.rqRetry.value]).toEqual([4, 2]);
  });

  test('an answer that the policy does not take is cut, and another try made with the time that is left', async () => {
    const { proxy, upstream } = await start(
      {
        onWhole: ({ stream, fields }) => {
          const first = fields.some(({ value }) => value === '15000');
          answer(stream, first ? '503' : '200');
        },
      },
      {},
      { routes: [routeOf('c', { retry: { ...policy, statuses: [{ start: 503, end: 504 }] } })] },
    );
    const text = talk(proxy.port, post('body'), chunkedEnd);
    await until(() => {
      proxy.clock.advance(5);
      return proxy.log.length > 0;
    });
    expect(status(await text)).toBe(200);
    expect(upstream.asked.map(({ body }) => body)).toEqual(['body', 'body']);
    expect(Number(header(upstream.asked[1]!, 'x-envoy-expected-rq-timeout-ms'))).toBeLessThan(15_000);
  });
});

/** Until `read` says the same for many turns of the loop; what it says then. */
async function settled(read: () => number): Promise<number> {
  let last = read();
  for (let same = 0; same < 100; same++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (read() !== last) same = 0;
    last = read();
  }
  return last;
}

describe('back-pressure', () => {
  test('a client that sends faster than the endpoint reads is stopped', async () => {
    const { proxy, upstream } = await start({ autoConsume: false });
    const received = proxy.registry.list().find(({ name }) => name.stat === 'http.test.downstream_cx_rx_bytes_total')!;
    const bytes = 4 * 1024 * 1024;
    let text = '';
    const client = net.connect(proxy.port, '127.0.0.1', () => {
      client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`);
      client.write(Buffer.alloc(bytes, 'x'));
    });
    client.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    await until(() => upstream.asked[0]?.body.length === 65_535);
    const taken = await settled(() => ('read' in received ? received.read() : -1));
    // the window, what may wait, and a read that was under way
    expect(taken).toBeGreaterThan(65_535);
    expect(taken).toBeLessThan(4 * 65_536);
    const asked = upstream.asked[0]!;
    let seen = 0;
    await until(() => {
      asked.stream.consumed(asked.body.length - seen);
      seen = asked.body.length;
      return chunkedEnd(text);
    });
    client.destroy();
    expect(seen).toBe(bytes);
  });

  test('an endpoint that sends faster than the client reads is stopped, and others on its connection are not', async () => {
    const big = Buffer.alloc(16 * 1024 * 1024, 'y');
    const { proxy, upstream, stats } = await start({
      onWhole: ({ stream, fields }) => {
        if (fields.some(({ value }) => value === '/big')) {
          stream.headers([[':status', '200']], false);
          stream.data(big, true);
        } else answer(stream);
      },
    });
    const client = net.connect(proxy.port, '127.0.0.1', () => client.write(get('/big')));
    client.pause();
    await until(() => upstream.asked.length === 1);
    const { stream } = upstream.asked[0]!;
    const left = await settled(() => stream.queuedBytes);
    expect(left).toBeGreaterThan(0);
    for (let i = 0; i < 20; i++) expect(status(await talk(proxy.port, get(), chunkedEnd))).toBe(200);
    expect([stream.queuedBytes, stats.cxTotal.value]).toEqual([left, 1]);
    let got = 0;
    client.on('data', (chunk) => {
      got += chunk.length;
    });
    client.resume();
    await until(() => got > big.length);
    client.destroy();
  });
});
