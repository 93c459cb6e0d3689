/** Each limit of a request and of its connection (docs/limits.md), met from below and from above. */
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { NodeLimits } from '../limits.ts';
import { type ProxyOptions, startProxy, startRawUpstream, talk } from '../proxy-testing.ts';
import { clusterOf } from '../testing.ts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

/** A proxy whose upstream answers whatever ends in a blank line. */
async function start(options: Partial<ProxyOptions> = {}) {
  const upstream = await startRawUpstream((socket, all) => {
    if (all.toString('latin1').endsWith('\r\n\r\n')) socket.write(ok);
  });
  const proxy = await startProxy({ cluster: clusterOf([upstream.port]), ...options });
  running.push(upstream, proxy);
  return proxy;
}

const statusOf = async (port: number, request: string): Promise<string> =>
  (await talk(port, request, (answer) => answer.includes('\r\n\r\n'))).slice(9, 12);

const get = (target: string, lines = ''): string => `GET ${target} HTTP/1.1\r\nhost: a\r\n${lines}\r\n`;
const lineOf = (bytes: number): string => get(`/${'a'.repeat(bytes - 'GET /'.length)}`);
const headOf = (bytes: number): string => get('/', `x: ${'a'.repeat(bytes - get('/', 'x: \r\n').length)}\r\n`);
const countOf = (count: number): string => get('/', 'x: y\r\n'.repeat(count - 1));
const chunked = (body: string): string => `POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${body}`;
/** Over two chunks: the limit is one of the message. */
const extensionsOf = (bytes: number): string =>
  chunked(`1;${'a'.repeat(bytes - 99)}\r\nx\r\n1;${'b'.repeat(97)}\r\nx\r\n0\r\n\r\n`);
const trailersOf = (count: number): string => chunked(`0\r\n${'x: y\r\n'.repeat(count)}\r\n`);
const trailerBytesOf = (bytes: number): string => chunked(`0\r\nx: ${'a'.repeat(bytes - 6)}\r\n\r\n`);

test.each<[string, (size: number) => string, number, Partial<NodeLimits>, string]>([
  ['request line', lineOf, 8192, {}, '414'],
  ['request line, set', lineOf, 300, { requestLineBytes: 300 }, '414'],
  ['head', headOf, 60 * 1024, {}, '431'],
  ['headers', countOf, 100, {}, '431'],
  ['chunk extensions', extensionsOf, 16 * 1024, {}, '400'],
  ['chunk extensions, set', extensionsOf, 200, { chunkExtensionBytes: 200 }, '400'],
  ['trailers', trailersOf, 20, {}, '400'],
  ['trailers, set', trailersOf, 3, { trailers: 3 }, '400'],
  ['trailer bytes', trailerBytesOf, 8 * 1024, {}, '400'],
  ['trailer bytes, set', trailerBytesOf, 100, { trailerBytes: 100 }, '400'],
])('%s: what fits passes, one more is refused', async (_, requestOf, most, limits, refusal) => {
  const proxy = await start({ limits });
  expect(await statusOf(proxy.port, requestOf(most))).toBe('200');
  expect(await statusOf(proxy.port, requestOf(most + 1))).toBe(refusal);
  expect(await statusOf(proxy.port, get('/'))).toBe('200');
});

test("a listener's own limits of heads are those of its configuration", async () => {
  const limits = {
    headerBytes: 1024,
    headers: 5,
    headersTimeoutMs: 0,
    requestTimeoutMs: 0,
    idleTimeoutMs: 0,
    streamIdleTimeoutMs: 0,
  };
  const proxy = await start({ chain: { limits } });
  expect(await statusOf(proxy.port, headOf(1024))).toBe('200');
  expect(await statusOf(proxy.port, headOf(1025))).toBe('431');
  expect(await statusOf(proxy.port, countOf(6))).toBe('431');
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

test.each([
  ['a head has ten seconds, however it trickles', 'GET / HTTP/1.1\r\nhost: a\r\n', 'x: y\r\n', 10_000],
  ['a whole request has five minutes, however it trickles', chunked(''), '1\r\nx\r\n', 300_000],
])('%s: 408', async (_, first, more, timeoutMs) => {
  let reached = false;
  const upstream = await startRawUpstream(() => {
    reached = true;
  });
  const proxy = await startProxy({ cluster: clusterOf([upstream.port]) });
  running.push(upstream, proxy);
  const { cxRxBytesTotal } = proxy.server.stats;
  const socket = net.connect(proxy.port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1');
  });
  socket.write(first);
  let sent = first.length;
  await until(() => cxRxBytesTotal.value === sent && (reached || !first.endsWith('\r\n\r\n')));
  // each piece comes well before any idle timeout
  for (let step = 0; step < 9; step++) {
    proxy.clock.advance(timeoutMs / 10);
    socket.write(more);
    sent += more.length;
    await until(() => cxRxBytesTotal.value === sent);
  }
  expect(answer).toBe('');
  proxy.clock.advance(timeoutMs / 10 + 50);
  await until(() => answer !== '');
  expect(answer.slice(9, 12)).toBe('408');
  socket.destroy();
});

test('a connection without a request has an hour', async () => {
  const proxy = await start();
  const socket = net.connect(proxy.port, '127.0.0.1');
  let ended = false;
  socket.on('end', () => {
    ended = true;
  });
  await until(() => proxy.server.connectionCount === 1);
  proxy.clock.advance(3_599_000);
  for (let turns = 0; turns < 100; turns++) await turn();
  expect(ended).toBe(false);
  proxy.clock.advance(1_100);
  await until(() => ended);
  expect(proxy.server.stats.cxIdleTimeout.value).toBe(1);
});

test('of pipelined requests one is under way, however many are there', async () => {
  const heads: string[] = [];
  let waiting: net.Socket | undefined;
  const upstream = await startRawUpstream((socket, all) => {
    const seen = all.toString('latin1').split('\r\n\r\n').slice(0, -1);
    heads.push(...seen.slice(heads.length));
    waiting = socket;
  });
  const proxy = await startProxy({ cluster: clusterOf([upstream.port]) });
  running.push(upstream, proxy);
  const requests = Array.from({ length: 40 }, (_, i) => get(`/${i}`)).join('');
  const answers = talk(proxy.port, requests, (answer) => answer.split('ok').length === 41);
  for (let count = 1; count <= 40; count++) {
    await until(() => heads.length === count);
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(heads).toHaveLength(count);
    expect(proxy.server.stats.rqActive.value).toBe(1);
    waiting!.write(ok);
  }
  expect((await answers).split('ok')).toHaveLength(41);
  expect(heads.map((head) => head.split(' ')[1])).toEqual(Array.from({ length: 40 }, (_, i) => `/${i}`));
});
