/** HTTP/2 from clients through the proxy to HTTP/1.1 upstreams, over real sockets, by node:http2. */
import http2 from 'node:http2';
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { sharedField } from '../../proto/http2/field.ts';
import { frameTypes as types } from '../../proto/http2/frames.ts';
import type { Stream } from '../../proto/http2/stream.ts';
import { frame, RawPeer, uint32 } from '../../proto/http2/testing/raw-peer.ts';
import { directArrival } from '../model/arrival.ts';
import { type ProxyOptions, startProxy, startRawUpstream, talk } from '../proxy-testing.ts';
import { clusterOf, routeOf } from '../testing.ts';
import { ToldClient } from '../upstream/told-client.ts';
import { type H2Stream, H2StreamPool } from './h2-stream.ts';

type OnBytes = Parameters<typeof startRawUpstream>[0];

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
/** Answers each request without a body. */
const answerWith =
  (text: string): OnBytes =>
  (socket, all) => {
    if (all.toString('latin1').endsWith('\r\n\r\n')) socket.write(text, 'latin1');
  };

async function start(onBytes: OnBytes, rest: Partial<ProxyOptions> = {}) {
  let seen = '';
  const upstream = await startRawUpstream((socket, all) => {
    seen = all.toString('latin1');
    onBytes(socket, all);
  });
  const proxy = await startProxy({ cluster: clusterOf([upstream.port]), ...rest });
  const socket = net.connect(proxy.port, '127.0.0.1');
  const client = http2.connect('http://a', { createConnection: () => socket });
  client.on('error', () => {});
  running.push(upstream, proxy, {
    stop: async () => {
      client.destroy();
      expect(proxy.faults).toEqual([]);
    },
  });
  return { proxy, upstream, client, socket, seen: () => seen };
}

interface Answer {
  readonly status: number;
  readonly headers: http2.IncomingHttpHeaders;
  readonly body: string;
  /** Of the RST_STREAM that ended it; 0: none, or NO_ERROR. */
  readonly code: number;
}

function answerOf(stream: http2.ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve) => {
    let headers: http2.IncomingHttpHeaders = {};
    let body = '';
    stream.on('response', (received) => {
      headers = received;
    });
    stream.setEncoding('latin1');
    stream.on('data', (text: string) => {
      body += text;
    });
    stream.on('error', () => {});
    stream.on('close', () => resolve({ status: Number(headers[':status']), headers, body, code: stream.rstCode ?? 0 }));
  });
}

const ask = (client: http2.ClientHttp2Session, headers: http2.OutgoingHttpHeaders = {}): Promise<Answer> =>
  answerOf(client.request(headers));

describe.each([false, true])('documented interfaces only: %s', (documentedOnly) => {
  test('a request goes out as HTTP/1.1, and its answer comes back as fields', async () => {
    const { proxy, client, seen } = await start(answerWith(ok.replace('200', '201')), { documentedOnly });
    const headers = {
      ':path': '/a?b',
      ':authority': 'a.example:81',
      accept: '*/*',
      cookie: ['a=1', 'b=2'],
      te: 'trailers',
    };
    const { headers: answer, body } = await ask(client, headers);
    expect(seen().split('\r\n')).toEqual([
      'GET /a?b HTTP/1.1',
      'host: a.example:81',
      'accept: */*',
      'cookie: a=1; b=2',
      'x-forwarded-for: 192.0.2.1',
      'x-forwarded-proto: http',
      'x-envoy-external-address: 127.0.0.1',
      'x-envoy-expected-rq-timeout-ms: 15000',
      'x-request-id: 00000000-0000-4000-8000-000000000000',
      '',
      '',
    ]);
    expect(Object.fromEntries(Object.entries(answer))).toEqual({
      ':status': 201,
      'content-length': '2',
      server: 'fairlead',
      'x-envoy-upstream-service-time': '0',
      date: 'Tue, 14 Nov 2023 22:13:20 GMT',
    });
    expect(body).toBe('ok');
    await until(() => proxy.log.length === 1);
    expect(proxy.log[0]).toMatchObject({ protocol: 'HTTP/2', method: 'GET', path: '/a?b', status: 201, flags: '-' });
    const { stats } = proxy.server;
    expect([stats.cxHttp2Total.value, stats.cxHttp1Total.value, stats.rqHttp2Total.value]).toEqual([1, 0, 1]);
    client.close();
    await until(() => proxy.server.connectionCount === 0);
    expect([stats.cxHttp2Active.value, stats.cxActive.value, stats.cxDestroyActiveRq.value]).toEqual([0, 0, 0]);
  });

  test('bodies larger than every window pass both ways, many at a time', async () => {
    const { client } = await start(
      (socket, all) => {
        const length = Number(/content-length: (\d+)/.exec(all.toString('latin1'))?.[1]);
        const at = all.indexOf('\r\n\r\n') + 4;
        if (all.length - at === length) {
          socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n`);
          socket.write(all.subarray(at));
        }
      },
      { documentedOnly },
    );
    const bodies = Array.from({ length: 8 }, (_, i) => String(i).repeat(400_000 + i));
    const answers = bodies.map((body) => {
      const stream = client.request({ ':method': 'POST', 'content-length': body.length });
      stream.end(body);
      return answerOf(stream);
    });
    (await Promise.all(answers)).forEach(({ body }, i) => {
      expect(body === bodies[i]).toBe(true);
    });
  });

  test('one port speaks both versions, and the preface may come byte by byte', async () => {
    const { proxy } = await start(answerWith(ok), { documentedOnly });
    expect(await talk(proxy.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', (a) => a.endsWith('ok'))).toContain('200 OK');
    expect(await talk(proxy.port, 'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n', () => false)).toMatch(/^HTTP\/1\.1 [45]/);
    const socket = net.connect(proxy.port, '127.0.0.1');
    socket.setNoDelay(true);
    const first = new Promise<Buffer>((resolve) => socket.once('data', resolve));
    for (const byte of 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n') {
      const before = proxy.server.stats.cxHttp2Active.value;
      socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
      expect(before).toBeLessThanOrEqual(1);
    }
    expect((await first)[3]).toBe(4);
    socket.destroy();
  });
});

test('a listener that is told one version speaks no other', async () => {
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
  const http1 = await start(answerWith(ok), { chain: { codec: 'http1' } });
  expect(await talk(http1.proxy.port, preface, () => false)).toMatch(/^HTTP\/1\.1 [45]/);
  const both = await start(answerWith(ok), { chain: { codec: 'http2' } });
  const answer = await talk(both.proxy.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', () => false);
  expect(answer).toContain('does not begin with the preface');
  expect((await ask(both.client)).status).toBe(200);
});

/** The client's first frames, written by hand. */
const hello = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(types.settings, 0, 0)]);
/** `GET http://a/` */
const getBlock = Buffer.of(0x82, 0x86, 0x84, 0x41, 1, 97);

test('of too many streams the last are refused unread, and may be sent again', async () => {
  const windows = { streamWindowBytes: 65_536, connectionWindowBytes: 65_536 };
  const http2 = { extendedConnect: false, maxConcurrentStreams: 2, ...windows };
  const { proxy } = await start(() => {}, { chain: { http2 } });
  const frames = [1, 3, 5].map((id) => frame(types.headers, 5, id, getBlock));
  const refused = frame(types.rstStream, 0, 5, uint32(7)).toString('latin1');
  expect(await talk(proxy.port, Buffer.concat([hello, ...frames]), (a) => a.includes(refused))).toContain(refused);
  await until(() => proxy.log.length === 2);
  expect(proxy.cluster.stats.rqTotal.value).toBe(2);
});

test.each([
  ['a name in upper case', Buffer.of(0, 3, 88, 45, 97, 1, 97)],
  ['a line end in a value', Buffer.of(0, 1, 120, 8, ...Buffer.from('a\r\nx: y\n'))],
  ['a NUL in a value', Buffer.of(0, 1, 120, 1, 0)],
  ['two lengths', Buffer.of(0x0f, 13, 1, 48, 0x0f, 13, 1, 48)],
  ['a length that is not kept to', Buffer.of(0x0f, 13, 1, 49)],
  ['transfer-encoding', Buffer.of(0, 17, ...Buffer.from('transfer-encoding'), 7, ...Buffer.from('chunked'))],
])('%s resets its stream, and stands in the log', async (_, field) => {
  const { proxy } = await start(answerWith(ok));
  const bad = frame(types.headers, 5, 1, Buffer.concat([getBlock, field]));
  const reset = frame(types.rstStream, 0, 1, uint32(1)).toString('latin1');
  const answer = await talk(proxy.port, Buffer.concat([hello, bad, frame(types.headers, 5, 3, getBlock)]), (a) =>
    a.endsWith('ok'),
  );
  expect(answer).toContain(reset);
  expect(proxy.log.map(({ flags, status }) => [flags, status])).toEqual([
    ['DPE', 0],
    ['-', 200],
  ]);
  expect(proxy.log[0]).toMatchObject({ method: 'GET', path: '/', details: 'http2.violation.of.messaging.rule' });
  const { rxMessagingError, streamsActive } = proxy.http2Stats;
  expect([proxy.server.stats.rqRxReset.value, rxMessagingError.value, streamsActive.value]).toEqual([1, 1, 0]);
  expect(proxy.cluster.stats.rqTotal.value).toBe(1);
});

test('a body without a length is chunked, and one that is not there has the length nothing', async () => {
  const { client, seen } = await start(answerWith(ok));
  const post = client.request({ ':method': 'POST' }, { endStream: false });
  post.end('four');
  expect((await answerOf(post)).body).toBe('ok');
  expect(seen()).toMatch(/transfer-encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n$/);
  expect((await answerOf(client.request({ ':method': 'POST' }, { endStream: true }))).status).toBe(200);
  expect(seen()).toMatch(/content-length: 0\r\n\r\n$/);
});

test.each([
  ['HEAD', 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n', 200, '9'],
  ['GET', 'HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n', 304, '9'],
  ['GET', 'HTTP/1.1 204 No Content\r\n\r\n', 204, undefined],
  ['GET', 'HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n', 204, undefined],
])('an answer without a body ends with its head: %s, %s', async (method, text, status, length) => {
  const { client, proxy } = await start(answerWith(text));
  for (let i = 0; i < 2; i++) {
    const answer = await ask(client, { ':method': method });
    expect(answer).toMatchObject({ status, body: '', code: 0 });
    expect(answer.headers['content-length']).toBe(length);
  }
  expect(proxy.cluster.stats.cxTotal.value).toBe(1);
});

test('what belongs to a connection of HTTP/1.1 does not come out of an answer; trailers are gone', async () => {
  const { client } = await start(
    answerWith(
      'HTTP/1.1 200 OK\r\nConnection: x-a\r\nKeep-Alive: 5\r\nTransfer-Encoding: chunked\r\nTrailer: x-t\r\n' +
        'Upgrade: h2c\r\nTE: gzip\r\nDate: then\r\nServer: other\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n',
    ),
  );
  const { headers, body } = await ask(client);
  expect(body).toBe('abc');
  expect(Object.keys(headers).sort()).toEqual([':status', 'date', 'server', 'x-envoy-upstream-service-time']);
  expect([headers.date, headers.server]).toEqual(['then', 'fairlead']);
});

test.each<[string, http2.OutgoingHttpHeaders, number]>([
  ['a few', { 'x-sum': '1' }, 200],
  ['too many', { 'x-sum': Array.from({ length: 21 }, (_, i) => `${i}`) }, 431],
  ['too long ones', { 'x-sum': 'a'.repeat(9_000) }, 431],
])('trailers of a request: %s; none go to HTTP/1.1, whose body is then ended or cut', async (_, trailers, status) => {
  const { client, seen, proxy } = await start((socket, all) => {
    if (all.toString('latin1').endsWith('0\r\n\r\n')) socket.write(ok);
  });
  const stream = client.request({ ':method': 'POST' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end('four');
  expect((await answerOf(stream)).status).toBe(status);
  expect(seen()).not.toContain('x-sum');
  expect(seen().endsWith('0\r\n\r\n')).toBe(status === 200);
  expect(proxy.http2Stats.trailers.value).toBe(1);
});

test('trailers of an answer are the last fields', async () => {
  const { proxy } = await start(() => {});
  const peer = new RawPeer('server');
  peer.send(peer.get(1));
  const one = new H2StreamPool(proxy.server).take();
  const client = {
    address: '',
    ip: '',
    localAddress: '',
    clientCert: '',
    arrival: null,
    told: new ToldClient(directArrival({})),
    queuedBytes: 0,
    onStreamOver: () => {},
  };
  one.begin(client, peer.streams.get(1) as Stream<H2Stream>, false);
  peer.streams.get(1)?.headers([[':status', '200']], false);
  one.writeEnd([sharedField('grpc-status', '0')]);
  expect(peer.words()).toEqual(['HEADERS 1 :status: 200', 'HEADERS 1 grpc-status: 0 end']);
});

test('without :authority the request is for its host; without either it is for nobody', async () => {
  const { proxy, seen } = await start(answerWith(ok));
  const bare = getBlock.subarray(0, 3);
  const withHost = Buffer.concat([bare, Buffer.of(0x0f, 23, 1, 98)]);
  const twoHosts = Buffer.concat([withHost, Buffer.of(0x0f, 23, 1, 98)]);
  const frames = [bare, twoHosts, withHost].map((block, i) => frame(types.headers, 5, 2 * i + 1, block));
  await talk(proxy.port, Buffer.concat([hello, ...frames]), (a) => a.endsWith('ok'));
  expect(seen()).toMatch(/^GET \/ HTTP\/1\.1\r\nhost: b\r\n/);
  expect(seen().match(/host:/g)).toHaveLength(1);
  expect(proxy.log.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(proxy.cluster.stats.rqTotal.value).toBe(1);
});

test('100-continue is answered by the proxy, and goes no further', async () => {
  const { client, seen } = await start((socket, all) => {
    if (all.toString('latin1').endsWith('body')) socket.write(ok);
  });
  const stream = client.request({ ':method': 'POST', expect: '100-continue', 'content-length': 4 });
  stream.on('continue', () => stream.end('body'));
  expect((await answerOf(stream)).body).toBe('ok');
  expect(seen()).not.toMatch(/^expect:/m);
});

test.each<[string, http2.OutgoingHttpHeaders, number, string]>([
  ['a Host that says something else', { ':authority': 'a', host: 'b' }, 400, 'invalid_authority'],
  ['an escaped slash', { ':path': '/a%2Fb' }, 400, 'path_normalization_failed'],
  ['an underscore', { x_y: 'z' }, 400, 'http2.unexpected_underscore'],
  ['another scheme', { ':scheme': 'ftp' }, 400, 'http2.invalid.header.field'],
  ['an unknown method', { ':method': 'FROB' }, 501, 'http2.unknown_method'],
  ['TRACE', { ':method': 'TRACE' }, 405, 'method_not_allowed'],
  ['an expectation', { expect: 'miracles' }, 417, 'expectation_failed'],
  ['a long path', { ':path': `/${'a'.repeat(9_000)}` }, 414, 'http2.uri_too_long'],
  ['many headers', { 'x-a': Array.from({ length: 101 }, (_, i) => `${i}`) }, 431, 'http2.too_many_headers'],
])('%s is refused before any upstream is asked, and the connection goes on', async (_, headers, status, details) => {
  const { client, proxy } = await start(answerWith(ok));
  expect((await ask(client, headers)).status).toBe(status);
  expect(proxy.log[0]).toMatchObject({ status, details, protocol: 'HTTP/2', upstreamHost: '' });
  expect((await ask(client)).status).toBe(200);
  expect(proxy.cluster.stats.rqTotal.value).toBe(1);
});

test.each<[string, http2.OutgoingHttpHeaders]>([
  ['a host that is none', { ':authority': 'a b' }],
  ['credentials in the authority', { ':authority': 'u@a' }],
  ['a path with a fragment', { ':path': '/a#b' }],
  ['a path with a space', { ':path': '/a b' }],
  ['a query with a fragment', { ':path': '/a?b#c' }],
])('%s is no request: its stream is reset, and the connection goes on', async (_, headers) => {
  const { client, proxy } = await start(answerWith(ok));
  expect((await ask(client, headers)).code).toBe(http2.constants.NGHTTP2_PROTOCOL_ERROR);
  expect((await ask(client)).status).toBe(200);
  expect(proxy.cluster.stats.rqTotal.value).toBe(1);
});

test('the crumbs of a cookie count as one header', async () => {
  const { client, seen } = await start(answerWith(ok));
  const cookie = Array.from({ length: 150 }, (_, i) => `c${i}=1`);
  expect((await ask(client, { cookie })).status).toBe(200);
  expect(seen()).toContain(`cookie: ${cookie.join('; ')}\r\n`);
});

test('an answer before the end of the request is whole, and the rest of the request is not wanted', async () => {
  const { client, proxy } = await start((socket, all) => {
    if (all.includes('\r\n\r\n')) socket.write(ok);
  });
  const stream = client.request({ ':method': 'POST', 'content-length': 100 });
  stream.write('not all of it');
  expect(await answerOf(stream)).toMatchObject({ status: 200, body: 'ok', code: 0 });
  await until(() => proxy.cluster.stats.cxActive.value === 0);
  expect(proxy.log[0]).toMatchObject({ status: 200, flags: '-' });
});

test('an upstream that fails before the answer is a 503, one that fails within it a reset', async () => {
  const { client, proxy } = await start((socket, all) => {
    if (all.includes('/early')) socket.destroy();
    else socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfive!');
  });
  expect(await ask(client, { ':path': '/early' })).toMatchObject({ status: 503, code: 0 });
  expect(await ask(client, { ':path': '/late' })).toMatchObject({ status: 200, code: 2 });
  expect(proxy.log.map(({ flags }) => flags)).toEqual(['UC', 'UC']);
  expect(proxy.server.stats.rqTxReset.value).toBe(1);
});

test('a client that resets its request lets the upstream go, and the log says so', async () => {
  const { client, proxy, upstream } = await start(() => {});
  const stream = client.request({});
  stream.on('error', () => {});
  await until(() => upstream.sockets.size === 1 && proxy.cluster.stats.rqActive.value === 1);
  stream.close(http2.constants.NGHTTP2_CANCEL);
  await until(() => upstream.sockets.size === 0 && proxy.log.length === 1);
  expect(proxy.log[0]).toMatchObject({ status: 0, flags: 'DR', details: 'http2.remote_reset' });
  expect(proxy.server.stats.rqRxReset.value).toBe(1);
});

test('a client that goes takes its requests with it', async () => {
  const { client, proxy, upstream, socket } = await start(() => {});
  for (let i = 0; i < 3; i++) client.request({}).on('error', () => {});
  await until(() => upstream.sockets.size === 3);
  socket.destroy();
  await until(() => proxy.log.length === 3 && upstream.sockets.size === 0);
  expect(new Set(proxy.log.map(({ flags }) => flags))).toEqual(new Set(['DC']));
  expect(proxy.server.stats.cxDestroyActiveRq.value).toBe(1);
  expect(proxy.server.stats.rqActive.value).toBe(0);
});

test('a client that does not read stops the upstream, and the others go on', async () => {
  const size = 20 * 1024 * 1024;
  const { client, upstream, proxy } = await start((socket, all) => {
    if (all.includes('/small')) socket.write(ok);
    else socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n${'x'.repeat(size)}`);
  });
  const slow = client.request({ ':path': '/big' });
  slow.pause();
  await until(() => upstream.sockets.size === 1 && [...upstream.sockets][0]!.writableLength > 0);
  for (let i = 0; i < 20; i++) expect((await ask(client, { ':path': '/small' })).body).toBe('ok');
  expect(proxy.server.stats.cxTxBytesTotal.value).toBeLessThan(1024 * 1024);
  let bytes = 0;
  slow.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  await new Promise((resolve) => slow.on('close', resolve).resume());
  expect(bytes).toBe(size);
});

test('an answer that a client never takes is cut when its time is over', async () => {
  const { client, proxy } = await start(
    answerWith(`HTTP/1.1 200 OK\r\ncontent-length: 70000\r\n\r\n${'x'.repeat(70_000)}`),
  );
  const stream = client.request({});
  const answered = answerOf(stream);
  stream.pause();
  await until(() => proxy.log.length === 1);
  proxy.clock.advance(301_000);
  stream.resume();
  expect((await answered).code).toBe(2);
});

test('an upstream that does not read stops the client', async () => {
  const { client, upstream, proxy } = await start((socket) => socket.pause());
  const stream = client.request({ ':method': 'POST' });
  stream.on('error', () => {});
  const chunk = Buffer.alloc(1024 * 1024);
  for (let i = 0; i < 40; i++) stream.write(chunk);
  await until(() => upstream.sockets.size === 1 && proxy.server.stats.cxRxBytesTotal.value > 100_000);
  let before = -1;
  for (let same = 0; same < 200; ) {
    await new Promise((resolve) => setImmediate(resolve));
    const now = proxy.server.stats.cxRxBytesTotal.value;
    same = now === before ? same + 1 : 0;
    before = now;
  }
  expect(before).toBeLessThan(20 * 1024 * 1024);
  stream.close();
});

test('a connection without a stream is ended when its time is over, one that says nothing of SETTINGS sooner', async () => {
  const { client, proxy } = await start(answerWith(ok));
  await ask(client);
  const silent = net.connect(proxy.port, '127.0.0.1', () => silent.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'));
  const ended = new Promise((resolve) => silent.resume().once('close', resolve));
  await until(() => proxy.server.stats.cxHttp2Active.value === 2);
  proxy.clock.advance(11_000);
  await ended;
  expect(client.closed).toBe(false);
  const closed = new Promise((resolve) => client.once('close', resolve));
  proxy.clock.advance(3_601_000);
  await closed;
  expect(proxy.server.stats.cxIdleTimeout.value).toBe(1);
});

test('a drained connection takes no new streams, and ends when those under way have', async () => {
  const sockets: net.Socket[] = [];
  const { client, proxy } = await start((socket) => sockets.push(socket));
  const answer = ask(client);
  await until(() => sockets.length === 1);
  const goodbye = new Promise((resolve) => client.once('goaway', resolve));
  const drained = proxy.server.drain();
  await goodbye;
  sockets[0]!.write(ok);
  expect(await answer).toMatchObject({ status: 200, body: 'ok' });
  await drained;
});

test('a bug while an upstream is heard costs one stream, one while the client is heard its connection', async () => {
  const { client, proxy } = await start(answerWith(ok), {
    onLog: ({ path }) => {
      if (path.startsWith('/bug')) throw new Error('a bug');
    },
  });
  const [, other] = await Promise.all([ask(client, { ':path': '/bug' }), ask(client)]);
  expect(other).toMatchObject({ status: 200, body: 'ok' });
  expect((await ask(client)).status).toBe(200);
  // refused at once, within the client's own bytes
  await ask(client, { ':path': '/bug', expect: 'miracles' });
  await until(() => proxy.server.connectionCount === 0);
  expect(proxy.faults.splice(0)).toHaveLength(2);
  expect([proxy.server.stats.rqActive.value, proxy.http2Stats.streamsActive.value]).toEqual([0, 0]);
});

test('a route that answers itself does so in fields', async () => {
  const routes = [routeOf('c', { to: [], answer: { type: 'respond', status: 403, body: 'no' } })];
  const { client } = await start(() => {}, { routes });
  const { headers, body } = await ask(client);
  expect(headers).toMatchObject({ ':status': 403, 'content-length': '2', 'content-type': 'text/plain' });
  expect(body).toBe('no');
  expect(await ask(client, { ':method': 'HEAD' })).toMatchObject({ status: 403, body: '' });
});
