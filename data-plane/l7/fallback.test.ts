/** Requests that another cluster answers in place of their own, over real sockets with time that is moved by hand. */
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { ClusterConfig, FallbackConfig, RetryConfig } from '../model/config.ts';
import { startProxy, startRawUpstream, talk } from '../proxy-testing.ts';
import { clusterOf, routeOf } from '../testing.ts';
import { answer, fieldsOf, startH2Upstream } from './testing-http2.ts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

const retry: RetryConfig = {
  failures: ['no-connection', 'unprocessed', 'reset'],
  statuses: [{ start: 503, end: 504 }],
  grpcStatuses: [],
  attempts: 1,
  perTryTimeoutMs: 0,
  backoff: { baseMs: 25, maxMs: 250 },
  hostSelections: 0,
  methods: ['GET'],
};

/** What an upstream does with each request; `early`: its head alone is enough for a 503. */
type Behaviour = number | 'reset' | 'silence' | 'cut' | 'early';

/** The last of `behaviours` is repeated; `onAnswer` is called once the answer is written. */
async function startUpstream(behaviours: readonly Behaviour[], onAnswer = (_requests: number): void => {}) {
  const requests: string[] = [];
  const read = new WeakMap<net.Socket, number>();
  const upstream = await startRawUpstream((socket, all) => {
    const request = all.toString('latin1', read.get(socket) ?? 0);
    const head = request.indexOf('\r\n\r\n') + 4;
    const length = Number(/content-length: (\d+)/i.exec(request)?.[1] ?? 0);
    const behaviour = behaviours[Math.min(requests.length, behaviours.length - 1)];
    if (head < 4 || (behaviour !== 'early' && request.length < head + length)) return;
    read.set(socket, all.length);
    requests.push(request);
    const status = behaviour === 'early' ? 503 : behaviour;
    if (behaviour === 'reset') socket.resetAndDestroy();
    else if (behaviour === 'cut') socket.end('HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\nhalf');
    else if (behaviour !== 'silence') socket.write(`HTTP/1.1 ${status} X\r\ncontent-length: 3\r\n\r\n${status}`);
    onAnswer(requests.length);
  });
  running.push(upstream);
  return { ...upstream, requests };
}

interface Case {
  readonly law: string;
  /** Null: the cluster has no endpoint. */
  readonly first: Behaviour | null;
  readonly fallback?: Behaviour | null;
  readonly on?: FallbackConfig['on'];
  readonly retry?: Partial<RetryConfig>;
  readonly request?: string;
  /** Default: `page`. */
  readonly to?: string;
  /** What is special about the fallback's cluster. */
  readonly other?: Partial<ClusterConfig>;
  /** Status, flags and cluster of the log. */
  readonly logged: string;
  /** Requests that came to either. */
  readonly seen: readonly [first: number, fallback: number];
}

const get = 'GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const post = (body: string, length = body.length): string =>
  `POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n${body}`;

const cases: readonly Case[] = [
  { law: 'an answer that is no error stays', first: 499, logged: '499 - c', seen: [1, 0] },
  { law: 'a 500 does not', first: 500, logged: '200 - page', seen: [1, 1] },
  { law: 'nor a 599', first: 599, logged: '200 - page', seen: [1, 1] },
  { law: 'nor a reset', first: 'reset', logged: '200 - page', seen: [1, 1] },
  { law: 'a body goes with it, whatever the method', first: 503, request: post('hello'), ...ok(1) },
  { law: 'what began to be answered stays', first: 'cut', logged: '200 UC c', seen: [1, 0] },
  { law: 'retries come first', first: 503, retry, ...ok(2) },
  { law: 'also those of resets', first: 'reset', retry: { ...retry, attempts: 2 }, ...ok(3) },
  { law: 'a status that is not retried', first: 500, retry, ...ok(1) },
  { law: 'a try that takes too long', first: 'silence', retry: { ...retry, perTryTimeoutMs: 100 }, ...ok(2) },
  { law: 'no time left: nothing to fall back with', first: 'silence', logged: '504 UT c', seen: [1, 0] },
  { law: 'its own error is the answer, and not retried', first: 503, fallback: 503, retry, ...ended('503 -', 2) },
  { law: 'its own reset too', first: 500, fallback: 'reset', ...ended('503 UC', 1) },
  { law: 'its silence has what is left of the time', first: 500, fallback: 'silence', ...ended('504 UT', 1) },
  { law: 'nobody there: the error is the answer', first: 500, fallback: null, logged: '500 - c', seen: [1, 0] },
  { law: 'nobody there, after retries', first: 503, fallback: null, retry, logged: '503 URX c', seen: [2, 0] },
  { law: 'no endpoint', first: null, ...ok(0) },
  { law: 'no endpoint, and its error', first: null, fallback: 503, retry, ...ended('503 -', 0) },
  { law: 'no endpoint in either', first: null, fallback: null, logged: '503 UH -', seen: [0, 0] },
  { law: 'no endpoint, not asked for', first: null, on: ['5xx'], logged: '503 UH -', seen: [0, 0] },
  { law: 'an error, not asked for', first: 500, on: ['no-healthy'], logged: '500 - c', seen: [1, 0] },
  { law: 'a reset, not asked for', first: 'reset', on: ['no-healthy'], logged: '503 UC c', seen: [1, 0] },
  {
    law: 'a request that is still coming',
    ...{ first: 'early', request: post('hel', 5), logged: '503 - c', seen: [1, 0] },
  },
  { law: 'one too long to be kept', first: 503, request: post('x'.repeat(40_000)), logged: '503 - c', seen: [1, 0] },
  {
    law: 'another version of HTTP than it was sent in',
    ...{ first: 503, other: { protocol: 'http2' }, logged: '503 - c', seen: [1, 0] },
  },
  { law: 'a cluster that is not there', first: 503, to: 'gone', logged: '503 - c', seen: [1, 0] },
  { law: 'nor is it without an endpoint', first: null, to: 'gone', logged: '503 UH -', seen: [0, 0] },
  { law: 'the cluster that failed', first: 503, to: 'c', logged: '503 - c', seen: [1, 0] },
];

function ok(first: number): Pick<Case, 'logged' | 'seen'> {
  return { logged: '200 - page', seen: [first, 1] };
}

function ended(how: string, first: number): Pick<Case, 'logged' | 'seen'> {
  return { logged: `${how} page`, seen: [first, 1] };
}

test.each(cases.map((one) => [one.law, one] as const))('%s', async (_law, one) => {
  const { first, fallback = 200, on = ['5xx', 'no-healthy'], other, request = get, to = 'page' } = one;
  const primary = await startUpstream([first ?? 200]);
  const page = await startUpstream([fallback ?? 200]);
  const routes = [
    routeOf('c', {
      retry: one.retry === undefined ? null : { ...retry, ...one.retry },
      fallback: { cluster: to, on },
    }),
  ];
  const proxy = await startProxy({
    cluster: clusterOf(first === null ? [] : [primary.port]),
    others: [clusterOf(fallback === null ? [] : [page.port], { name: 'page', ...other })],
    routes,
  });
  running.push(proxy);
  const answered = talk(proxy.port, request, () => false);
  await until(() => {
    // until the endpoint has the request, time stands still
    if (primary.requests.length + page.requests.length > 0) proxy.clock.advance(5);
    return proxy.log.length > 0;
  });
  const { status, flags, upstreamCluster } = proxy.log[0]!;
  expect(`${status} ${flags} ${upstreamCluster || '-'}`).toBe(one.logged);
  expect((await answered).slice(9, 12)).toBe(`${status}`);
  expect([primary.requests.length, page.requests.length]).toEqual(one.seen);
  const told = /expected-rq-timeout-ms: \d+/;
  expect(new Set([...primary.requests, ...page.requests].map((text) => text.replace(told, ''))).size).toBeLessThan(2);
  for (const { hosts, retries, stats, localities } of proxy.clusters.values()) {
    expect([retries, stats.rqActive.value, ...hosts.map(({ active }) => active)].every((left) => left === 0)).toBe(
      true,
    );
    expect(stats.rqRetrySuccess.value).toBe(0);
    expect([...localities].every(({ inProgress }) => inProgress === 0)).toBe(true);
  }
  expect([...proxy.clusters.values()].map(({ stats }) => stats.rqTotal.value)).toEqual(one.seen);
});

test('it is told what is left of the time; its connections are used again, but not after a reset', async () => {
  const primary = await startUpstream([500, 500, 'reset']);
  const page = await startUpstream([200]);
  const proxy = await startProxy({
    cluster: clusterOf([primary.port]),
    others: [clusterOf([page.port], { name: 'page' })],
    routes: [routeOf('c', { timeoutMs: 4_000, fallback: { cluster: 'page', on: ['5xx'] } })],
  });
  running.push(proxy);
  const connections: number[] = [];
  for (let i = 0; i < 3; i++) {
    await talk(proxy.port, get, () => false);
    connections.push(proxy.clusters.get('page')!.stats.cxTotal.value);
  }
  expect(connections).toEqual([1, 1, 2]);
  const told = page.requests.map((text) => /expected-rq-timeout-ms: (\d+)/.exec(text)?.[1]);
  expect(told).toEqual(['4000', '4000', '4000']);
});

test('a retry that finds no endpoint any more goes to it, whichever of the two it is for', async () => {
  for (const on of [['5xx'], ['no-healthy']] as const) {
    const primary = await startUpstream(['reset']);
    const page = await startUpstream([200]);
    const cluster = clusterOf([primary.port]);
    const proxy = await startProxy({
      cluster,
      others: [clusterOf([page.port], { name: 'page' })],
      routes: [routeOf('c', { retry, fallback: { cluster: 'page', on } })],
    });
    running.push(proxy);
    const answered = talk(proxy.port, get, () => false);
    await until(() => proxy.cluster.retries === 1);
    proxy.cluster.update({ ...cluster, endpoints: [] });
    proxy.clock.advance(500);
    expect(await answered).toContain('200');
    expect(proxy.log[0]).toMatchObject({ status: 200, flags: '-', upstreamCluster: 'page' });
    expect([proxy.cluster.retries, proxy.cluster.stats.rqActive.value]).toEqual([0, 0]);
  }
});

test('pooled connections that end unseen are replaced, one at either cluster', async () => {
  const page = await startUpstream([200]);
  const primary = await startUpstream([500, 200, 500], (requests) => {
    // comes with the third answer, in one turn of the proxy
    if (requests === 3) for (const socket of page.sockets) socket.destroy();
  });
  const proxy = await startProxy({
    cluster: clusterOf([primary.port]),
    others: [clusterOf([page.port], { name: 'page' })],
    routes: [routeOf('c', { fallback: { cluster: 'page', on: ['5xx'] } })],
  });
  running.push(proxy);
  const client = net.connect(proxy.port, '127.0.0.1');
  running.push({ stop: async () => void client.destroy() });
  let got = '';
  client.on('data', (chunk: Buffer) => {
    got += chunk.toString('latin1');
  });
  for (const answered of [1, 2]) {
    client.write(get.replace('Connection: close\r\n', ''));
    await until(() => got.split('\r\n\r\n200').length === answered + 1);
  }
  await until(() => primary.sockets.size === 1);
  client.write(get);
  for (const socket of primary.sockets) socket.destroy();
  await until(() => proxy.log.length === 3);
  expect(proxy.log[2]).toMatchObject({ status: 200, flags: '-', upstreamCluster: 'page' });
  expect([...proxy.clusters.values()].map(({ stats }) => stats.cxTotal.value)).toEqual([3, 2]);
});

test('a retry is over for the budget once the request is somewhere else', async () => {
  const primary = await startUpstream(['reset', 500]);
  const page = await startUpstream(['silence']);
  const proxy = await startProxy({
    cluster: clusterOf([primary.port]),
    others: [clusterOf([page.port], { name: 'page' })],
    routes: [routeOf('c', { retry, fallback: { cluster: 'page', on: ['5xx'] } })],
  });
  running.push(proxy);
  const client = net.connect(proxy.port, '127.0.0.1', () => client.write(get));
  running.push({ stop: async () => void client.destroy() });
  await until(() => proxy.cluster.retries === 1);
  proxy.clock.advance(500);
  await until(() => page.requests.length === 1);
  expect(proxy.cluster.retries).toBe(0);
});

test('in HTTP/2 it gets the same fields and body', async () => {
  const primary = await startH2Upstream({ onWhole: ({ stream }) => answer(stream, '503') });
  const page = await startH2Upstream();
  running.push(primary, page);
  const proxy = await startProxy({
    cluster: clusterOf([primary.port], { protocol: 'http2' }),
    others: [clusterOf([page.port], { name: 'page', protocol: 'http2' })],
    routes: [routeOf('c', { fallback: { cluster: 'page', on: ['5xx'] } })],
  });
  running.push(proxy);
  expect(await talk(proxy.port, post('hello'), () => false)).toContain('200 OK');
  expect(page.asked.map((asked) => [...fieldsOf(asked), asked.body])).toEqual(
    primary.asked.map((asked) => [...fieldsOf(asked), asked.body]),
  );
  expect(page.asked[0]?.body).toBe('hello');
});
