/** What a cluster bears at a time, over real sockets: what waits, what is refused, and that nothing is left. */
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { BreakersConfig, ClusterConfig, RouteConfig } from '../model/config.ts';
import { startProxy, startRawUpstream } from '../proxy-testing.ts';
import { clusterOf, noBreakers, routeOf } from '../testing.ts';
import { answer, startH2Upstream } from './testing-http2.ts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

async function start(
  breakers: Partial<BreakersConfig>,
  rest: Partial<ClusterConfig> = {},
  route: Partial<RouteConfig> = {},
) {
  /** All bytes that came on each connection. */
  const got = new Map<net.Socket, string>();
  const upstream = await startRawUpstream((socket, all) => void got.set(socket, all.toString('latin1')));
  const cluster = clusterOf([upstream.port], { breakers: { ...noBreakers, ...breakers }, ...rest });
  const proxy = await startProxy({ cluster, routes: [routeOf('c', route)] });
  running.push(upstream, proxy);
  const { stats } = proxy.cluster;
  /** A client, and all that it has got. */
  const ask = (bytes: string) => {
    const socket = net.connect(proxy.port, '127.0.0.1');
    const client = { socket, text: '' };
    socket.on('data', (chunk) => {
      client.text += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.write(bytes);
    running.push({ stop: async () => void socket.destroy() });
    return client;
  };
  const requests = (): string[] => [...got.values()].flatMap((text) => text.match(/(?<=(?:GET|POST) )\S+/g) ?? []);
  const connections = (): net.Socket[] => [...got.keys()];
  const left = () => [
    stats.cxActive.value,
    stats.rqActive.value,
    stats.rqPendingActive.value,
    stats.rqWaiting.value,
    proxy.cluster.hosts[0]!.active,
  ];
  return { proxy, stats, ask, requests, connections, got, left };
}

test('at the most connections requests wait, in order, for one that is free', async () => {
  const { stats, ask, requests, connections, proxy, left } = await start({ connections: 1 });
  const one = ask(get('/1'));
  await expect.poll(requests).toEqual(['/1']);
  const two = ask(get('/2'));
  await expect.poll(() => stats.rqWaiting.value).toBe(1);
  const three = ask(get('/3'));
  await expect.poll(() => stats.rqWaiting.value).toBe(2);
  expect(requests()).toEqual(['/1']);
  for (const [client, path] of [
    [one, '/2'],
    [two, '/3'],
    [three, ''],
  ] as const) {
    connections()[0]!.write(ok);
    await expect.poll(() => client.text).toContain('200 OK');
    if (path !== '') await expect.poll(() => requests().at(-1)).toBe(path);
  }
  expect([stats.cxTotal.value, stats.cxOverflow.value]).toEqual([1, 2]);
  expect(left()).toEqual([1, 0, 0, 0, 0]);
  expect(proxy.faults).toEqual([]);
});

test('beyond the most that wait they are refused, as by Envoy', async () => {
  const { stats, ask, requests, proxy } = await start({ connections: 1, pending: 1 });
  ask(get('/1'));
  await expect.poll(requests).toEqual(['/1']);
  ask(get('/2'));
  await expect.poll(() => stats.rqWaiting.value).toBe(1);
  const three = ask(get('/3'));
  await expect.poll(() => three.text).toContain('overflow');
  expect(three.text).toContain('503 Service Unavailable');
  expect(three.text).toContain('x-envoy-overloaded: true');
  expect(three.text).toContain('upstream connect error or disconnect/reset before headers. reset reason: overflow');
  expect(stats.rqPendingOverflow.value).toBe(1);
  expect(proxy.log).toMatchObject([
    {
      flags: 'UO',
      details: 'upstream_reset_before_response_started{overflow}',
      upstreamCluster: 'c',
      upstreamHost: '',
    },
  ]);
});

test('what a client sends meanwhile arrives whole, whether or not its length is known', async () => {
  const { stats, ask, requests, connections, got } = await start({ connections: 1 });
  ask(get('/1'));
  await expect.poll(requests).toEqual(['/1']);
  const chunked = ask('POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n');
  await expect.poll(() => stats.rqWaiting.value).toBe(1);
  connections()[0]!.write(ok);
  await expect.poll(requests).toEqual(['/1', '/2']);
  const known = ask(`POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(200_000)}`);
  await expect.poll(() => stats.rqWaiting.value).toBe(1);
  chunked.socket.write('4\r\nlate\r\n0\r\n\r\n');
  await expect.poll(() => got.get(connections()[0]!)).toMatch(/5\r\nearly\r\n4\r\nlate\r\n0\r\n\r\n$/);
  connections()[0]!.write(ok);
  await expect.poll(() => got.get(connections()[0]!)!.split('x'.repeat(200_000)).length).toBe(2);
  connections()[0]!.write(ok);
  await expect.poll(() => known.text).toContain('200 OK');
});

test('a connection that closes makes room for another one', async () => {
  const { stats, ask, requests, connections, left } = await start({ connections: 1 });
  const one = ask(get('/1'));
  await expect.poll(requests).toEqual(['/1']);
  const two = ask(get('/2'));
  await expect.poll(() => stats.rqWaiting.value).toBe(1);
  connections()[0]!.destroy();
  await expect.poll(() => one.text).toContain('503');
  await expect.poll(requests).toEqual(['/1', '/2']);
  connections()[1]!.write(ok);
  await expect.poll(() => two.text).toContain('200 OK');
  expect(left()).toEqual([1, 0, 0, 0, 0]);
});

test('who gives up while it waits is gone, and so is one whose time is over', async () => {
  const { proxy, stats, ask, requests, connections, left } = await start({ connections: 1 }, {}, { timeoutMs: 500 });
  const one = ask(get('/1'));
  await expect.poll(requests).toEqual(['/1']);
  const two = ask(get('/2'));
  await expect.poll(() => stats.rqWaiting.value).toBe(1);
  two.socket.destroy();
  await expect.poll(() => stats.rqWaiting.value).toBe(0);
  const three = ask(get('/3'));
  await expect.poll(() => stats.rqWaiting.value).toBe(1);
  proxy.clock.advance(600);
  await expect.poll(() => [one.text, three.text].map((text) => text.slice(9, 12))).toEqual(['504', '504']);
  expect(stats.rqCancelled.value).toBe(2);
  await expect.poll(left).toEqual([0, 0, 0, 0, 0]);
  expect([requests(), connections().length, proxy.faults]).toEqual([['/1'], 1, []]);
});

test('an endpoint without a connection gets one, so that nobody waits in vain', async () => {
  const other = await startRawUpstream((socket) => void socket.write(ok));
  running.push(other);
  const { proxy, stats, ask, requests } = await start({ connections: 1 });
  ask(get('/1'));
  await expect.poll(requests).toEqual(['/1']);
  proxy.cluster.update(clusterOf([other.port], { breakers: proxy.cluster.config.breakers }));
  const two = ask(get('/2'));
  await expect.poll(() => two.text).toContain('200 OK');
  expect([stats.cxActive.value, stats.cxOverflow.value]).toEqual([2, 1]);
});

test('an endpoint may have fewer connections than its cluster', async () => {
  const { stats, ask, requests } = await start({ connectionsPerEndpoint: 2 });
  for (const path of ['/1', '/2', '/3']) ask(get(path));
  await expect.poll(() => stats.rqWaiting.value).toBe(1);
  await expect.poll(() => requests().length).toBe(2);
});

test('so many requests are under way; the next one is refused', async () => {
  const { stats, ask, requests, connections } = await start({ requests: 1 });
  const one = ask(get('/1'));
  await expect.poll(requests).toEqual(['/1']);
  const two = ask(get('/2'));
  await expect.poll(() => two.text).toContain('x-envoy-overloaded');
  connections()[0]!.write(ok);
  await expect.poll(() => one.text).toContain('200 OK');
  one.socket.write(get('/3'));
  await expect.poll(() => requests().at(-1)).toBe('/3');
  expect([stats.rqPendingOverflow.value, stats.rqActiveOverflow.value]).toEqual([0, 1]);
});

test('over HTTP/2 requests wait for a stream, and are refused beyond the most', async () => {
  const upstream = await startH2Upstream({ onWhole: () => {} });
  const proxy = await startProxy({
    cluster: clusterOf([upstream.port], {
      protocol: 'http2',
      http2: { maxStreams: 1, streamWindowBytes: 65_535, connectionWindowBytes: 1_048_576 },
      breakers: { ...noBreakers, connections: 1, requests: 2, pending: 2 },
    }),
    routes: [routeOf('c')],
  });
  const client = http2.connect(`http://127.0.0.1:${proxy.port}`);
  running.push({ stop: async () => upstream.stop() }, proxy, { stop: async () => client.destroy() });
  const send = (body: string) => {
    const stream = client.request({ ':method': 'POST', ':path': '/' });
    stream.on('error', () => {});
    stream.end(body);
    return once(stream, 'response').then(([headers]) => (headers as http2.IncomingHttpHeaders)[':status']);
  };
  const one = send('one');
  await expect.poll(() => upstream.asked.length).toBe(1);
  const two = send('two');
  const three = send('three');
  const { stats } = proxy.cluster;
  await expect.poll(() => stats.rqWaiting.value).toBe(2);
  expect(await send('four')).toBe(503);
  for (const [index, [asked, body]] of [
    [one, 'one'] as const,
    [two, 'two'] as const,
    [three, 'three'] as const,
  ].entries()) {
    await expect.poll(() => upstream.asked[index]?.isWhole).toBe(true);
    expect(upstream.asked[index]!.body).toBe(body);
    answer(upstream.asked[index]!.stream);
    expect(await asked).toBe(200);
  }
  expect([stats.cxTotal.value, stats.rqPendingOverflow.value, stats.rqWaiting.value]).toEqual([1, 1, 0]);
  await expect.poll(() => stats.rqActive.value).toBe(0);
  expect(proxy.faults).toEqual([]);
});

test('a retry waits like everybody else, and is refused where it may not', async () => {
  const retry = {
    ...{ failures: [], statuses: [{ start: 503, end: 504 }], grpcStatuses: [], attempts: 1, perTryTimeoutMs: 0 },
    ...{ backoff: { baseMs: 25, maxMs: 250 }, hostSelections: 0, methods: null },
  };
  const { proxy, stats, ask, requests, connections } = await start({ connections: 1, pending: 1 }, {}, { retry });
  const one = ask(get('/1'));
  await expect.poll(requests).toEqual(['/1']);
  const two = ask(get('/2'));
  await expect.poll(() => stats.rqWaiting.value).toBe(1);
  connections()[0]!.write('HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n');
  await expect.poll(() => requests().at(-1)).toBe('/2');
  proxy.clock.advance(100);
  await expect.poll(() => stats.rqWaiting.value).toBe(1);
  connections().at(-1)!.write(ok);
  await expect.poll(() => two.text).toContain('200 OK');
  await expect.poll(() => requests().at(-1)).toBe('/1');
  connections().at(-1)!.write(ok);
  await expect.poll(() => one.text).toContain('200 OK');
});
