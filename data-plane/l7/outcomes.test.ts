/** What outlier detection hears of requests, over real sockets with time that is moved by hand. */
import { once } from 'node:events';
import http2 from 'node:http2';
import { afterEach, expect, test } from 'vitest';
import { deadPort } from '../l4/testing.ts';
import type { ClusterConfig, RetryConfig, RouteConfig } from '../model/config.ts';
import { startProxy, startRawUpstream, talk } from '../proxy-testing.ts';
import { clusterOf, outliersOf, routeOf } from '../testing.ts';
import { startH2Upstream } from './testing-http2.ts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const answer = (status: number): string => `HTTP/1.1 ${status} X\r\ncontent-length: 0\r\n\r\n`;
const split = outliersOf({ splitLocalOrigin: true });
const retry: RetryConfig = {
  failures: ['no-connection', 'reset'],
  statuses: [{ start: 500, end: 600 }],
  grpcStatuses: [],
  attempts: 1,
  perTryTimeoutMs: 0,
  backoff: { baseMs: 25, maxMs: 250 },
  hostSelections: 0,
  methods: null,
};

/** What an endpoint does with each request in turn: answers with a status, resets, says nothing, or breaks off. */
type Behaviour = number | 'reset' | 'silence' | 'break';

async function start(
  behaviours: readonly Behaviour[],
  cluster: Partial<ClusterConfig> = {},
  route: Partial<RouteConfig> = {},
) {
  let requests = 0;
  const upstream = await startRawUpstream((socket) => {
    const behaviour = behaviours[requests++]!;
    if (behaviour === 'reset') socket.resetAndDestroy();
    else if (behaviour === 'break') socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf');
    else if (behaviour !== 'silence') socket.write(answer(behaviour));
  });
  const proxy = await startProxy({
    cluster: clusterOf([upstream.port], { outlierDetection: outliersOf(), ...cluster }),
    routes: [routeOf('c', route)],
  });
  running.push(upstream, proxy);
  const { counts } = proxy.cluster.hosts[0]!;
  /** Of answers, then of this side: all, and good ones. */
  const counted = (): string =>
    (['external', 'local'] as const).map((one) => `${counts.successful(one)}/${counts.total(one)}`).join(' ');
  const ask = (): Promise<string> => talk(proxy.port, get, (text) => text.includes('\r\n\r\n'));
  /** Asks, and moves the time when the endpoint has been asked. */
  const askAndWait = async (ms: number): Promise<string> => {
    const before = requests;
    const asked = ask();
    while (requests === before) await new Promise((resolve) => setImmediate(resolve));
    proxy.clock.advance(ms);
    return asked;
  };
  return { proxy, counted, ask, askAndWait, counts };
}

test.each([
  { behaviours: [200, 404, 500, 503], whole: '2/4 0/0', apart: '2/4 4/4' },
  { behaviours: ['reset', 'reset'], whole: '0/2 0/0', apart: '0/0 2/4' },
  { behaviours: ['break'], whole: '1/2 0/0', apart: '1/1 2/3' },
] as const)(
  '$behaviours count as $whole, with what this side meets apart as $apart',
  async ({ behaviours, whole, apart }) => {
    for (const [outlierDetection, expected] of [
      [outliersOf(), whole],
      [split, apart],
    ] as const) {
      const { ask, counted } = await start(behaviours, { outlierDetection });
      for (const _ of behaviours) await ask();
      await expect.poll(counted).toBe(expected);
    }
  },
);

test('an endpoint that cannot be reached has failed, and was never connected', async () => {
  const { endpoints } = clusterOf([deadPort()]);
  const { ask, counted } = await start([], { outlierDetection: split, endpoints });
  expect(await ask()).toContain('503');
  expect(counted()).toBe('0/0 0/1');
});

test('an answer that is too late is a failure; that of a try, too', async () => {
  const { askAndWait, counted, counts } = await start(['silence', 'silence'], {}, { timeoutMs: 1_000 });
  expect(await askAndWait(1_100)).toContain('504');
  expect(counted()).toBe('0/1 0/0');
  expect(counts.failed('consecutive-gateway-failure')).toBe(2);
  const tried = await start(['silence', 200], {}, { retry: { ...retry, perTryTimeoutMs: 500 } });
  expect(await tried.askAndWait(600)).toContain('200');
  expect(tried.counted()).toBe('1/2 0/0');
});

test('every try counts by itself', async () => {
  const { proxy, ask, counted } = await start([503, 200], {}, { retry });
  const answered = ask();
  await expect.poll(counted).toBe('0/1 0/0');
  proxy.clock.advance(100);
  expect(await answered).toContain('200');
  expect(counted()).toBe('1/2 0/0');
});

test('a client that gives up says nothing of the endpoint', async () => {
  const { proxy, counted, askAndWait } = await start(['silence']);
  const asked = askAndWait(0);
  await expect.poll(() => proxy.cluster.stats.rqActive.value).toBe(1);
  proxy.server.destroy();
  await asked;
  await expect.poll(() => proxy.cluster.stats.rqActive.value).toBe(0);
  expect(counted()).toBe('0/0 0/0');
});

test('where slow answers are asked for, their times are kept', async () => {
  const latency = { factor: 3, leastMs: 1, minimumHosts: 2, requestVolume: 1 };
  const { ask, counts } = await start([200, 200], { outlierDetection: outliersOf({ latency }) });
  await ask();
  await ask();
  expect(counts.latency.read().reduce((sum, count) => sum + count)).toBe(2);
  const other = await start([200]);
  await other.ask();
  expect(other.counts.latency.read().reduce((sum, count) => sum + count)).toBe(0);
});

test.each([
  ['0', '1/1'],
  ['3', '1/1'],
  ['4', '0/1'],
  ['13', '0/1'],
  ['14', '0/1'],
  ['16', '1/1'],
  ['99', '0/1'],
])('a head that says grpc-status %s counts as %s', async (status, expected) => {
  const upstream = await startH2Upstream({
    onWhole: ({ stream }) =>
      stream.headers(
        [
          [':status', '200'],
          ['grpc-status', status],
        ],
        true,
      ),
  });
  const cluster = clusterOf([upstream.port], { protocol: 'http2', outlierDetection: outliersOf() });
  const proxy = await startProxy({ cluster, routes: [routeOf('c')] });
  const client = http2.connect(`http://127.0.0.1:${proxy.port}`);
  running.push({ stop: async () => upstream.stop() }, proxy, { stop: async () => client.destroy() });
  const stream = client.request({ ':method': 'POST', ':path': '/s.S/M', 'content-type': 'application/grpc' });
  stream.end();
  await once(stream, 'response');
  const { counts } = proxy.cluster.hosts[0]!;
  expect(`${counts.successful('external')}/${counts.total('external')}`).toBe(expected);
});
