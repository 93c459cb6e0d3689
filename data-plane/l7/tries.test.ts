/** Requests that are sent again, and those that must not be, over real sockets with time that is moved by hand. */
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { deadPort } from '../l4/testing.ts';
import type { RetryConfig } from '../model/config.ts';
import { type ProxyOptions, startProxy, startRawUpstream, talk } from '../proxy-testing.ts';
import { clusterOf, routeOf } from '../testing.ts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

const policy: RetryConfig = {
  failures: ['no-connection', 'unprocessed', 'reset'],
  statuses: [],
  grpcStatuses: [],
  attempts: 2,
  perTryTimeoutMs: 0,
  backoff: { baseMs: 25, maxMs: 250 },
  hostSelections: 0,
  methods: ['GET', 'PUT'],
};
const on503 = { statuses: [{ start: 503, end: 504 }] };
const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const busy = 'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nbusy';
const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const send = (method: string, body: string): string =>
  `${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** What an upstream does with each whole request in turn; the last one is repeated. */
type Behaviour = 'answer' | 'busy' | 'reset' | 'silence' | 'cut';

async function start(
  behaviours: readonly Behaviour[],
  retry: Partial<RetryConfig> | null = {},
  rest: Partial<ProxyOptions> = {},
) {
  const requests: string[] = [];
  const counted = new WeakMap<net.Socket, number>();
  const upstream = await startRawUpstream((socket, all) => {
    const seen = counted.get(socket) ?? 0;
    const request = all.toString('latin1', seen);
    const length = /content-length: (\d+)/i.exec(request)?.[1] ?? '0';
    if (!request.includes('\r\n\r\n') || request.length < request.indexOf('\r\n\r\n') + 4 + Number(length)) return;
    counted.set(socket, all.length);
    const behaviour = behaviours[Math.min(requests.length, behaviours.length - 1)]!;
    requests.push(request);
    if (behaviour === 'answer') socket.write(ok);
    else if (behaviour === 'busy') socket.write(busy);
    else if (behaviour === 'reset') socket.resetAndDestroy();
    else if (behaviour === 'cut') socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf');
  });
  const proxy = await startProxy({
    cluster: clusterOf([upstream.port]),
    routes: [routeOf('c', { retry: retry === null ? null : { ...policy, ...retry } })],
    ...rest,
  });
  running.push(upstream, proxy);
  return { proxy, upstream, requests };
}

/** The answer to one request; time passes in small steps until it is there. */
async function ask(
  proxy: Awaited<ReturnType<typeof startProxy>>,
  request: string,
): Promise<{ status: number; flags: string }> {
  const logged = proxy.log.length;
  const answer = talk(proxy.port, request, (a) => /\r\n\r\n(ok|busy|upstream.*|half)$/.test(a));
  await until(() => {
    proxy.clock.advance(5);
    return proxy.log.length > logged;
  });
  return { status: Number((await answer).slice(9, 12)), flags: proxy.log.at(-1)!.flags };
}

test.each<
  [string, readonly Behaviour[], Partial<RetryConfig> | null, string, { status: number; flags: string }, number]
>([
  ['a reset is tried again', ['reset', 'answer'], {}, get, { status: 200, flags: '-' }, 2],
  ['and again', ['reset', 'reset', 'answer'], {}, get, { status: 200, flags: '-' }, 3],
  ['but no more often than said', ['reset'], {}, get, { status: 503, flags: 'URX,UC' }, 3],
  ['not where no policy is', ['reset'], null, get, { status: 503, flags: 'UC' }, 1],
  [
    'not for failures to connect alone',
    ['reset'],
    { failures: ['no-connection'] },
    get,
    { status: 503, flags: 'UC' },
    1,
  ],
  ['not for other methods', ['reset'], {}, send('POST', 'x'), { status: 503, flags: 'UC' }, 1],
  ['but for all where said', ['reset', 'answer'], { methods: null }, send('POST', 'x'), { status: 200, flags: '-' }, 2],
  ['a body goes with it', ['reset', 'answer'], {}, send('PUT', 'hello'), { status: 200, flags: '-' }, 2],
  [
    'a body over the limit is not kept',
    ['reset'],
    {},
    send('PUT', 'x'.repeat(40_000)),
    { status: 503, flags: 'UC' },
    1,
  ],
  ['a status that is asked for is tried again', ['busy', 'answer'], on503, get, { status: 200, flags: '-' }, 2],
  ['the last answer passes', ['busy'], on503, get, { status: 503, flags: 'URX' }, 3],
  ['another status passes', ['busy'], {}, get, { status: 503, flags: '-' }, 1],
  ['what began to be answered is not', ['cut'], {}, get, { status: 200, flags: 'UC' }, 1],
])('%s', async (_law, behaviours, retry, request, expected, tries) => {
  const { proxy, requests } = await start(behaviours, retry);
  expect(await ask(proxy, request)).toEqual(expected);
  expect(requests).toHaveLength(tries);
  expect(new Set(requests.map((one) => one.replace(/expected-rq-timeout-ms: \d+/, ''))).size).toBe(1);
  expect(proxy.cluster.stats.rqRetry.value).toBe(tries - 1);
  expect(proxy.cluster.stats.rqTotal.value).toBe(tries);
  expect(proxy.cluster.stats.rqRetryLimitExceeded.value).toBe(expected.flags.includes('URX') ? 1 : 0);
  expect(proxy.cluster.stats.rqRetrySuccess.value).toBe(tries > 1 && expected.status === 200 ? 1 : 0);
  await until(() => proxy.cluster.stats.rqActive.value === 0);
  expect([proxy.cluster.retries, proxy.cluster.hosts[0]!.active]).toEqual([0, 0]);
  expect([...proxy.cluster.localities][0]).toMatchObject({ issued: tries, inProgress: 0 });
});

test('nobody to connect to: tried as often as said, then 503', async () => {
  const { proxy } = await start([], { failures: ['no-connection'] }, { cluster: clusterOf([deadPort()]) });
  expect(await ask(proxy, get)).toEqual({ status: 503, flags: 'URX,UF' });
  expect(proxy.cluster.stats.cxTotal.value).toBe(3);
});

test('a try that takes too long is given up for another; the endpoint is told what is left of the time', async () => {
  const retry = { ...policy, perTryTimeoutMs: 16_000 };
  const routes = [routeOf('c', { timeoutMs: 40_000, retry })];
  const { proxy, upstream, requests } = await start(['silence', 'silence', 'answer'], {}, { routes });
  expect(await ask(proxy, get)).toEqual({ status: 200, flags: '-' });
  expect(proxy.cluster.stats.rqPerTryTimeout.value).toBe(2);
  const told = requests.map((one) => Number(/x-envoy-expected-rq-timeout-ms: (\d+)/.exec(one)![1]));
  expect(told.slice(0, 2)).toEqual([16_000, 16_000]);
  expect(told[2]).toBeLessThanOrEqual(8_000);
  await until(() => upstream.sockets.size === 1);
});

test('the time of the route is for all tries together', async () => {
  const { proxy, requests } = await start(['silence'], { perTryTimeoutMs: 8_000, attempts: 5 });
  expect(await ask(proxy, get)).toEqual({ status: 504, flags: 'UT' });
  expect(requests).toHaveLength(2);
});

test('the last try that takes too long is a 504', async () => {
  const { proxy } = await start(['silence'], { perTryTimeoutMs: 100, attempts: 1 });
  expect(await ask(proxy, get)).toEqual({ status: 504, flags: 'URX,UT' });
  expect(proxy.log[0]!.details).toBe('upstream_per_try_timeout');
});

test('the budget is for all requests of the cluster together', async () => {
  const { proxy } = await start(
    ['reset'],
    {},
    { cluster: clusterOf([deadPort()], { retryBudget: { percent: 20, least: 0 } }) },
  );
  expect(await ask(proxy, get)).toMatchObject({ flags: 'UO,UF' });
  expect(proxy.cluster.stats.rqRetryOverflow.value).toBe(1);
});

test('another endpoint is drawn in place of one that failed', async () => {
  const bad = await start(['reset']);
  const good = await start(['answer']);
  const both = await startProxy({
    cluster: clusterOf([bad.upstream.port, good.upstream.port]),
    routes: [routeOf('c', { retry: { ...policy, attempts: 1, hostSelections: 5 } })],
  });
  running.push(both);
  for (let i = 0; i < 4; i++) expect(await ask(both, get)).toEqual({ status: 200, flags: '-' });
});

test('a client that goes during the wait leaves nothing behind', async () => {
  const { proxy } = await start(['reset'], { backoff: { baseMs: 1_000, maxMs: 1_000 } });
  const client = net.connect(proxy.port, '127.0.0.1', () => client.write(get));
  await until(() => proxy.cluster.retries === 1);
  client.destroy();
  await until(() => proxy.log.length === 1);
  proxy.clock.advance(2_000);
  expect(proxy.cluster.retries).toBe(0);
  expect(proxy.cluster.stats.cxTotal.value).toBe(1);
});

/** A client, and the upstream's side of the one connection that waits in the pool. */
async function withPooled(retry: Partial<RetryConfig> | null) {
  const started = await start(['answer'], retry);
  const client = net.connect(started.proxy.port, '127.0.0.1');
  let got = '';
  client.on('data', (chunk) => {
    got += chunk.toString('latin1');
  });
  client.write(get);
  await until(() => got.endsWith('ok'));
  got = '';
  return { ...started, client, pooled: [...started.upstream.sockets][0]!, got: () => got };
}

test.each([
  ['GET', get],
  ['POST', send('POST', 'order')],
])('a pooled connection that ended before a %s was written costs the client nothing', async (_method, request) => {
  const { proxy, requests, client, pooled, got } = await withPooled(null);
  // both arrive in one turn of the proxy, the request first
  client.write(request);
  pooled.destroy();
  await until(() => got().endsWith('ok') || got().includes('termination'));
  client.destroy();
  expect(got()).toContain('200 OK');
  expect(requests).toHaveLength(2);
  expect(proxy.cluster.stats.rqRetry.value).toBe(0);
});

test('so does one that was reset', async () => {
  const { client, pooled, got } = await withPooled(null);
  client.write(send('POST', 'order'));
  pooled.resetAndDestroy();
  await until(() => got().endsWith('ok') || got().includes('termination'));
  client.destroy();
  expect(got()).toContain('200 OK');
});

test('bytes that were there before the request are never its answer', async () => {
  const { proxy, client, pooled, got } = await withPooled(null);
  client.write(send('POST', 'order'));
  pooled.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil');
  await until(() => /evil|protocol error/.test(got()));
  client.destroy();
  expect(got()).toContain('502 Bad Gateway');
  expect(got()).not.toContain('evil');
  expect(proxy.log[1]!.flags).toBe('UPE');
});

test('and a request that may be tried again is', async () => {
  const { proxy, client, pooled, got } = await withPooled({});
  client.write(get);
  pooled.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil');
  await until(() => {
    proxy.clock.advance(5);
    return proxy.log.length === 2;
  });
  await until(() => /evil|ok$/.test(got()));
  client.destroy();
  expect(got()).not.toContain('evil');
});

test.each([
  [null, 300_000],
  [2_000, 2_000],
  [0, null],
])("a route's stream idle timeout of %s", async (streamIdleTimeoutMs, endMs) => {
  const { proxy } = await start(['silence'], null, { routes: [routeOf('c', { timeoutMs: 0, streamIdleTimeoutMs })] });
  const client = net.connect(proxy.port, '127.0.0.1', () => client.write(get));
  await until(() => proxy.cluster.stats.rqActive.value === 1 && proxy.cluster.stats.cxTxBytesTotal.value > 0);
  proxy.clock.advance((endMs ?? 1_000_000) - 100);
  expect(proxy.log).toHaveLength(0);
  proxy.clock.advance(200);
  expect(proxy.log.map(({ status, flags }) => [status, flags])).toEqual(endMs === null ? [] : [[504, 'SI']]);
  client.destroy();
});
