/** gRPC through the proxy, over real sockets: what it makes of its own answers, of deadlines and of gRPC's status. */
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { deadPort } from '../l4/testing.ts';
import type { ClusterConfig, RetryConfig, RouteConfig } from '../model/config.ts';
import { startProxy, startRawUpstream } from '../proxy-testing.ts';
import { clusterOf, routeOf } from '../testing.ts';
import { type Asked, type H2UpstreamOptions, header, startH2Upstream } from './testing-http2.ts';

const running: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

async function start(
  upstreamOptions: H2UpstreamOptions = {},
  route: Partial<RouteConfig> = {},
  cluster: Partial<ClusterConfig> = {},
) {
  const upstream = await startH2Upstream(upstreamOptions);
  const proxy = await startProxy({
    cluster: clusterOf([upstream.port], { protocol: 'http2', ...cluster }),
    routes: [routeOf('c', { timeoutMs: 0, ...route })],
  });
  const client = http2.connect(`http://127.0.0.1:${proxy.port}`);
  client.on('error', () => {});
  running.push(upstream.stop, proxy.stop, () => {
    client.destroy();
    expect(proxy.faults).toEqual([]);
  });
  return { upstream, proxy, client, stats: proxy.cluster.stats };
}

const call = {
  ':method': 'POST',
  ':path': '/s.S/M',
  ':authority': 'a',
  'content-type': 'application/grpc',
  te: 'trailers',
};
/** Resolves when the head of the answer is there, with it. */
async function headOf(stream: http2.ClientHttp2Stream): Promise<http2.IncomingHttpHeaders> {
  stream.on('error', () => {});
  const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
  return headers;
}
const grpcOk = ({ stream }: Asked): void => {
  stream.headers(
    [
      [':status', '200'],
      ['content-type', 'application/grpc'],
    ],
    false,
  );
  stream.trailers([['grpc-status', '0']]);
};
const trailersOnly = ({ stream }: Asked, status: number): void =>
  stream.headers(
    [
      [':status', '200'],
      ['content-type', 'application/grpc'],
      ['grpc-status', `${status}`],
    ],
    true,
  );

describe('an answer of the proxy itself is trailers only', () => {
  test('no endpoint to connect to', async () => {
    const { proxy, client } = await start({}, {}, clusterOf([deadPort()], { protocol: 'http2' }));
    const headers = await headOf(client.request(call));
    const { date: _, ...rest } = headers;
    expect(Object.entries(rest)).toEqual([
      [':status', 200],
      ['content-type', 'application/grpc'],
      ['grpc-status', '14'],
      [
        'grpc-message',
        'upstream connect error or disconnect/reset before headers. reset reason: remote connection failure',
      ],
      ['server', 'fairlead'],
    ]);
    expect(proxy.log[0]).toMatchObject({ status: 200, grpcStatus: 14, flags: 'UF' });
  });

  test.each([
    ['no route', { match: { ...routeOf('c').match, path: { type: 'exact', value: '/x' } } } as const, '12'],
    ['no cluster', { to: [{ cluster: 'none', weight: 1 }] }, '14'],
    ['a route that answers', { to: [], answer: { type: 'respond', status: 403, body: 'no' } } as const, '7'],
  ])('%s', async (_, route, status) => {
    const { client } = await start({}, route);
    expect((await headOf(client.request(call)))['grpc-status']).toBe(status);
  });

  test('over HTTP/1.1, too', async () => {
    const { proxy } = await start({}, { to: [{ cluster: 'none', weight: 1 }] });
    const socket = net.connect(proxy.port, '127.0.0.1');
    socket.write('POST /s.S/M HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\nContent-Length: 0\r\n\r\n');
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(chunk.toString()).toMatch(
      /^HTTP\/1.1 200 OK\r\ncontent-length: 0\r\ncontent-type: application\/grpc\r\ngrpc-status: 14\r\n/,
    );
  });
});

test('a call is never carried on in HTTP/1.1', async () => {
  const raw = await startRawUpstream(() => {});
  const proxy = await startProxy({ cluster: clusterOf([raw.port]) });
  const client = http2.connect(`http://127.0.0.1:${proxy.port}`);
  running.push(raw.stop, proxy.stop, () => client.destroy());
  const headers = await headOf(client.request(call));
  expect([headers['grpc-status'], headers['grpc-message']]).toEqual(['12', expect.stringContaining('HTTP/2')]);
  expect([raw.sockets.size, proxy.log[0]!.details]).toEqual([0, 'grpc_needs_http2']);
});

describe('a status of the endpoint', () => {
  test.each([
    [0, 'success'],
    [5, 'success'],
    [14, 'error'],
  ])('%d in the trailers is logged, and counts as %s', async (status, outcome) => {
    const { client, proxy } = await start({
      onWhole: ({ stream }) => {
        stream.headers(
          [
            [':status', '200'],
            ['content-type', 'application/grpc'],
          ],
          false,
        );
        stream.data(Buffer.from('message'), false);
        stream.trailers([
          ['grpc-status', `${status}`],
          ['grpc-message', 'why'],
        ]);
      },
    });
    const stream = client.request(call);
    const trailers = once(stream, 'trailers');
    stream.end();
    await headOf(stream);
    stream.resume();
    expect((await trailers)[0]).toMatchObject({ 'grpc-status': `${status}`, 'grpc-message': 'why' });
    expect(proxy.log[0]).toMatchObject({ status: 200, grpcStatus: status });
    const [load] = [...proxy.cluster.localities];
    expect([load!.successful, load!.errors]).toEqual(outcome === 'success' ? [1, 0] : [0, 1]);
  });

  const retry: RetryConfig = {
    ...{ failures: [], statuses: [], grpcStatuses: [14, 1], attempts: 2, perTryTimeoutMs: 0 },
    ...{ backoff: { baseMs: 25, maxMs: 250 }, hostSelections: 0, methods: null },
  };
  test.each<[string, readonly (number | 'late')[], string, number]>([
    ['that the route names is tried again', [14, 1, 0], '0', 3],
    ['as often as it says', [14, 14, 14, 0], '14', 3],
    ['that it does not name is not', [5, 0], '5', 1],
    ['in the trailers comes too late', ['late', 0], '14', 1],
  ])('%s', async (_, statuses, expected, tries) => {
    const { client, proxy, upstream, stats } = await start(
      {
        onWhole: (asked) => {
          const status = statuses[upstream.asked.length - 1]!;
          if (status === 'late') {
            asked.stream.headers([[':status', '200']], false);
            asked.stream.trailers([['grpc-status', '14']]);
          } else trailersOnly(asked, status);
        },
      },
      { retry },
    );
    const stream = client.request(call);
    let trailers: http2.IncomingHttpHeaders = {};
    stream.on('trailers', (received) => {
      trailers = received;
    });
    stream.resume().end('message');
    const headers = headOf(stream);
    await until(() => {
      proxy.clock.advance(5);
      return proxy.log.length > 0;
    });
    const said = (await headers)['grpc-status'];
    if (said === undefined) await once(stream, 'close');
    const got = said ?? trailers['grpc-status'];
    expect([got, upstream.asked.length, stats.rqRetry.value]).toEqual([expected, tries, tries - 1]);
    expect(upstream.asked.map(({ body }) => body)).toEqual(Array.from({ length: tries }, () => 'message'));
  });
});

describe('the time of a call', () => {
  const maxStream = (maxMs: number, grpcMaxMs: number | null) => ({ maxStream: { maxMs, grpcMaxMs } });

  test('ends with the deadline of the client, which the endpoint is told as it came', async () => {
    const { client, proxy, upstream } = await start({ onWhole: () => {} }, maxStream(0, 0));
    const headers = headOf(client.request({ ...call, 'grpc-timeout': '300m' }));
    await until(() => upstream.asked.length === 1);
    expect(header(upstream.asked[0]!, 'grpc-timeout')).toBe('300m');
    proxy.clock.advance(290);
    expect(proxy.log).toEqual([]);
    proxy.clock.advance(60);
    expect(await headers).toMatchObject({ ':status': 200, 'grpc-status': '4' });
    expect(proxy.log[0]).toMatchObject({ details: 'max_duration_timeout', flags: '-' });
    await until(() => upstream.asked[0]!.resetCode !== undefined);
  });

  test('is at most what its route allows, and the endpoint is told that', async () => {
    const { client, proxy, upstream } = await start({ onWhole: () => {} }, maxStream(500, 500));
    const headers = headOf(client.request({ ...call, 'grpc-timeout': '3S' }));
    await until(() => upstream.asked.length === 1);
    expect(upstream.asked[0]!.fields.filter(({ name }) => name === 'grpc-timeout').map(({ value }) => value)).toEqual([
      '500m',
    ]);
    proxy.clock.advance(600);
    expect(await headers).toMatchObject({ 'grpc-status': '4' });
  });

  test('that is over already is answered at once', async () => {
    const { client, upstream } = await start({}, maxStream(0, 0));
    expect(await headOf(client.request({ ...call, 'grpc-timeout': '0m' }))).toMatchObject({ 'grpc-status': '4' });
    expect(upstream.asked).toEqual([]);
  });

  test('of a stream has no end but that: it may go on for hours as long as something moves', async () => {
    const { client, proxy, upstream } = await start({
      onHead: ({ stream }) => stream.headers([[':status', '200']], false),
    });
    const stream = client.request(call);
    await headOf(stream);
    let got = '';
    stream.setEncoding('latin1').on('data', (chunk: string) => {
      got += chunk;
    });
    for (let minute = 1; minute <= 60; minute++) {
      proxy.clock.advance(299_000);
      stream.write('a');
      await until(() => upstream.asked[0]!.body.length === minute);
      upstream.asked[0]!.stream.data(Buffer.from('b'), false);
      await until(() => got.length === minute);
    }
    stream.end();
    await until(() => upstream.asked[0]!.isWhole);
    upstream.asked[0]!.stream.trailers([['grpc-status', '0']]);
    await once(stream, 'close');
    expect(proxy.log[0]).toMatchObject({ flags: '-', grpcStatus: 0 });
  });

  test('on which nothing moves ends with the idle time of its route', async () => {
    const { client, proxy, upstream } = await start({ onWhole: () => {} }, { streamIdleTimeoutMs: 1_000 });
    const stream = client.request(call);
    const headers = headOf(stream.end());
    await until(() => upstream.asked[0]?.isWhole === true);
    proxy.clock.advance(1_100);
    expect(await headers).toMatchObject({ ':status': 200, 'grpc-status': '14', 'grpc-message': 'stream timeout' });
    expect(proxy.log[0]!.flags).toBe('SI');
  });
});

test('1,000 calls of both directions, idle for as long as a route allows and then used, are all whole', async () => {
  const { client, proxy, upstream } = await start(
    {
      onHead: ({ stream }) =>
        stream.headers(
          [
            [':status', '200'],
            ['content-type', 'application/grpc'],
          ],
          false,
        ),
    },
    { streamIdleTimeoutMs: 90_001 },
  );
  const calls: http2.ClientHttp2Session[] = [client];
  for (let i = 1; i < 10; i++) calls.push(http2.connect(`http://127.0.0.1:${proxy.port}`));
  running.push(() => {
    for (const session of calls) session.destroy();
  });
  const streams = Array.from({ length: 1_000 }, (_, i) => calls[i % 10]!.request(call));
  await Promise.all(streams.map((stream) => headOf(stream)));
  proxy.clock.advance(90_000);
  const ends = streams.map(async (stream, i) => {
    let body = '';
    let status: unknown;
    stream.setEncoding('latin1').on('data', (chunk: string) => {
      body += chunk;
    });
    stream.on('trailers', (trailers) => {
      status = trailers['grpc-status'];
    });
    stream.end(`message ${i}`);
    await once(stream, 'close');
    return `${body} ${status}`;
  });
  await until(() => upstream.asked.every(({ isWhole }) => isWhole));
  for (const { stream, body } of upstream.asked) {
    stream.data(Buffer.from(body, 'latin1'), false);
    stream.trailers([['grpc-status', '0']]);
  }
  expect(await Promise.all(ends)).toEqual(streams.map((_, i) => `message ${i} 0`));
  expect(proxy.log.filter(({ flags }) => flags !== '-')).toEqual([]);
  expect(proxy.log).toHaveLength(1_000);
});

test.each([
  ['refused', ({ stream }: Asked) => stream.reset(http2.constants.NGHTTP2_REFUSED_STREAM)],
  ['left out of a goodbye', ({ connection }: Asked) => connection.goAway(0, 0, '')],
])('a call that is still speaking when its stream is %s goes on at another one, nothing lost', async (_, refuse) => {
  const first: Asked[] = [];
  const { client, proxy, upstream, stats } = await start({
    onHead: (asked) => {
      first.push(asked);
      if (first.length > 1) asked.stream.headers([[':status', '200']], false);
    },
  });
  const stream = client.request(call);
  stream.on('error', () => {});
  stream.write('one ');
  await until(() => upstream.asked[0]?.body === 'one ');
  refuse(upstream.asked[0]!);
  await until(() => upstream.asked[1]?.body === 'one ');
  stream.write('two ');
  await until(() => upstream.asked[1]!.body === 'one two ');
  stream.end('three');
  await until(() => upstream.asked[1]!.isWhole);
  upstream.asked[1]!.stream.trailers([['grpc-status', '0']]);
  stream.resume();
  await once(stream, 'close');
  expect(upstream.asked.map(({ body }) => body)).toEqual(['one ', 'one two three']);
  expect([proxy.log[0]!.flags, proxy.log[0]!.grpcStatus, stats.rqRetry.value]).toEqual(['-', 0, 0]);
});

test('a call that the client cancels is cancelled at the endpoint', async () => {
  const { client, upstream, stats } = await start({ onWhole: () => {}, onHead: () => {} });
  const stream = client.request(call);
  stream.on('error', () => {});
  stream.write('message');
  await until(() => upstream.asked[0]?.body === 'message');
  stream.close(http2.constants.NGHTTP2_CANCEL);
  await until(() => upstream.asked[0]!.resetCode !== undefined);
  expect([upstream.asked[0]!.resetCode, stats.rqActive.value]).toEqual([http2.constants.NGHTTP2_CANCEL, 0]);
  // and the connections go on
  const next = client.request(call);
  next.end();
  await until(() => upstream.asked[1]?.isWhole === true);
  grpcOk(upstream.asked[1]!);
  expect(await headOf(next)).toMatchObject({ ':status': 200 });
});
