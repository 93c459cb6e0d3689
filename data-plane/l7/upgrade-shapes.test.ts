/** Every shape of an upgrade and of CONNECT, in HTTP/1.1, judged at a raw upstream: only the right one opens a tunnel. */
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { HttpChainConfig, RouteConfig } from '../model/config.ts';
import { startProxy, startRawUpstream, talk } from '../proxy-testing.ts';
import { clusterOf, routeOf } from '../testing.ts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

const key = 'dGhlIHNhbXBsZSBub25jZQ==';
/** RFC 6455 section 1.3 answers the key above so. */
const accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

const allowed = (...types: string[]) => types.map((type) => ({ type, enabled: true }));
const connectMatch: RouteConfig['match'] = { ...routeOf('c').match, path: { type: 'connect', value: '' } };
const routes = [
  routeOf('c', { match: connectMatch, upgrades: allowed('connect') }),
  routeOf('c', { upgrades: allowed('websocket', 'spdy/3.1') }),
];

interface Shape {
  readonly request: string;
  readonly answer?: string;
  readonly routes?: readonly RouteConfig[];
}

/** What the client was answered, and what one upstream connection saw of it in all. */
async function judge({ request, answer = ok, routes: own = routes }: Shape) {
  let seen = '';
  const ended: Promise<void>[] = [];
  const upstream = await startRawUpstream((socket, all) => {
    if (seen === '') ended.push(new Promise((resolve) => socket.once('close', () => resolve())));
    const first = seen === '';
    seen = all.toString('latin1');
    if (first) socket.write(answer, 'latin1');
  });
  const proxy = await startProxy({ cluster: clusterOf([upstream.port]), routes: own });
  running.push(upstream, proxy);
  const answered = await talk(proxy.port, request, () => false);
  await Promise.all(ended);
  const [host] = proxy.cluster.hosts;
  return { proxy, answered, seen, status: answered.slice(9, 12), pooled: host!.connections };
}

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const early = 'GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n';

function handshake(
  change: Readonly<Record<string, string | readonly string[] | null>> = {},
  line = 'GET /chat',
): string {
  const fields = {
    host: 'a',
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': key,
    ...change,
  };
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    value === null ? [] : [value].flat().map((one) => `${name}: ${one}\r\n`),
  );
  return `${line} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

const switching = (...lines: string[]): string =>
  `HTTP/1.1 101 Switching Protocols\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const right = ['upgrade: websocket', 'connection: upgrade', `sec-websocket-accept: ${accept}`] as const;

test.each<[string, string, string]>([
  ['an ordinary answer', ok, '200'],
  [
    'a 200 that claims to have upgraded',
    `HTTP/1.1 200 OK\r\n${right.join('\r\n')}\r\ncontent-length: 0\r\n\r\n`,
    '200',
  ],
  ['a 204', 'HTTP/1.1 204 No Content\r\n\r\n', '204'],
  ['a refusal', 'HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n', '403'],
  ['a redirect', 'HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n', '302'],
  ['101 that names no protocol', switching('connection: upgrade', right[2]), '502'],
  ['101 to another protocol', switching('upgrade: h2c', ...right.slice(1)), '502'],
  ['101 to two protocols', switching('upgrade: websocket, foo', ...right.slice(1)), '502'],
  ['101 with two Upgrade lines', switching('upgrade: foo', ...right), '502'],
  ['101 whose Connection does not name upgrade', switching(right[0], right[2]), '502'],
  ['101 without an accept', switching(right[0], right[1]), '502'],
  ['101 with the accept of another key', switching(right[0], right[1], 'sec-websocket-accept: AAAA'), '502'],
  ['101 with two accepts', switching(...right, right[2]), '502'],
  ['101 in HTTP/1.0', switching(...right).replace('1.1', '1.0'), '502'],
  ['101 with a header that is none', switching(...right, 'x y: 1'), '502'],
])('%s opens no tunnel, and what the client sent behind its request goes nowhere', async (_what, answer, status) => {
  const { proxy, seen, pooled, ...judged } = await judge({ request: handshake() + early, answer });
  expect(judged.status).toBe(status);
  expect(judged.answered).toContain('\r\nconnection: close\r\n');
  expect(judged.answered).not.toMatch(/^upgrade:/m);
  expect(seen.split('\r\n\r\n')).toEqual([expect.stringContaining('GET /chat HTTP/1.1'), '']);
  expect(pooled).toBe(0);
  expect(proxy.server.stats.cxUpgradesTotal.value).toBe(0);
  expect(proxy.log.map((entry) => entry.status)).toEqual([Number(status)]);
});

test.each<[string, string, string]>([
  ['another version', handshake({ 'sec-websocket-version': '8' }), '426'],
  ['no version', handshake({ 'sec-websocket-version': null }), '426'],
  ['two versions', handshake({ 'sec-websocket-version': ['13', '8'] }), '426'],
  ['a method that is not GET', handshake({}, 'POST /chat'), '400'],
  ['no key', handshake({ 'sec-websocket-key': null }), '400'],
  ['two keys', handshake({ 'sec-websocket-key': [key, key] }), '400'],
  ['a key of 15 bytes', handshake({ 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAA' }), '400'],
  ['a body with a length', handshake({ 'content-length': '3' }), '400'],
  ['a chunked body', handshake({ 'transfer-encoding': 'chunked' }), '400'],
  ['two protocols', handshake({ upgrade: 'websocket, foo' }), '403'],
  ['h2c beside it', handshake({ upgrade: ['h2c', 'websocket'], connection: 'Upgrade, HTTP2-Settings' }), '403'],
  ['HTTP/1.0', handshake().replace('HTTP/1.1', 'HTTP/1.0'), '426'],
])('a WebSocket request is refused for %s', async (_what, request, status) => {
  const judged = await judge({ request: request + early });
  expect([judged.status, judged.seen]).toEqual([status, '']);
  if (status === '426' && !request.includes('1.0')) expect(judged.answered).toContain('sec-websocket-version: 13\r\n');
});

test.each<[string, readonly RouteConfig[], string]>([
  ['where no route says so', [routeOf('c')], '403'],
  ['where the route says that it is off', [routeOf('c', { upgrades: [{ type: 'websocket', enabled: false }] })], '403'],
  ['where there is no route', [], '404'],
])('a WebSocket request is refused %s, and nothing behind it is read', async (_what, own, status) => {
  const judged = await judge({ request: handshake() + early, routes: own });
  expect([judged.status, judged.seen]).toEqual([status, '']);
  expect(judged.answered).toContain('connection: close');
});

const h2c = { upgrade: 'h2c', connection: 'Upgrade, HTTP2-Settings', 'http2-settings': 'AAMAAABk' };

test.each<[string, string]>([
  ['an Upgrade that Connection does not name', handshake({ connection: 'keep-alive' })],
  ['h2c', handshake(h2c)],
  ['a protocol that the route does not name', handshake({ upgrade: 'foo' })],
  ['several protocols', handshake({ upgrade: 'foo, spdy/3.1' })],
  ['no protocol', handshake({ upgrade: ' , ' })],
  ['the name of a method', handshake({ upgrade: 'connect' })],
  ['another version of HTTP', handshake({ upgrade: 'HTTP/2.0' })],
  ['a protocol with a body to come first', `${handshake({ upgrade: 'spdy/3.1', 'content-length': '4' })}\r\n\r\n`],
])('%s asks for nothing: an ordinary request goes on, without it', async (_what, request) => {
  const seen: string[] = [];
  const upstream = await startRawUpstream((socket, all) => {
    const heads = all.toString('latin1').match(/GET [\s\S]*?\r\n\r\n/g) ?? [];
    for (const head of heads.slice(seen.length)) {
      seen.push(head);
      socket.write(ok);
    }
  });
  const own = routeOf('c', { upgrades: allowed('websocket', 'connect', 'spdy/3.1') });
  const proxy = await startProxy({ cluster: clusterOf([upstream.port]), routes: [own] });
  running.push(upstream, proxy);
  const twice = (answer: string): boolean => answer.split('ok').length === 3;
  await talk(proxy.port, request + early, twice);
  expect(seen).toEqual([expect.stringMatching(/^GET \/chat /), expect.stringMatching(/^GET \/smuggled /)]);
  expect(seen[0]).not.toMatch(/upgrade|http2-settings/i);
});

const connect = (target = 'b:443', host = target, more = ''): string =>
  `CONNECT ${target} HTTP/1.1\r\nhost: ${host}\r\n${more}\r\n`;

test.each<[string, string, string]>([
  ['a path', connect('/'), '400'],
  ['a whole URL', connect('http://b:443/', 'b:443'), '400'],
  ['an asterisk', connect('*', 'b'), '400'],
  ['a host without a port', connect('b'), '400'],
  ['a port without a host', connect(':443'), '400'],
  ['a port that is none', connect('b:65536'), '400'],
  ['a user', connect('u@b:443'), '400'],
  ['another Host', connect('b:443', 'c:443'), '400'],
  ['another port in Host', connect('b:443', 'b:80'), '400'],
  ['no Host', 'CONNECT b:443 HTTP/1.1\r\n\r\n', '400'],
  ['a body with a length', connect('b:443', 'b:443', 'content-length: 3\r\n'), '400'],
  ['a chunked body', connect('b:443', 'b:443', 'transfer-encoding: chunked\r\n'), '400'],
])('CONNECT is refused for %s', async (_what, request, status) => {
  const judged = await judge({ request: request + early });
  expect([judged.status, judged.seen]).toEqual([status, '']);
});

test.each<[string, readonly RouteConfig[], string]>([
  ['where every route is one of paths', [routeOf('c', { upgrades: allowed('connect') })], '404'],
  [
    'where a regex would match no path',
    [routeOf('c', { match: { ...connectMatch, path: { type: 'regex', value: '.*' } } })],
    '404',
  ],
  ['where the route does not say so', [routeOf('c', { match: connectMatch })], '403'],
])('CONNECT is refused %s, and nothing behind it is read', async (_what, own, status) => {
  const judged = await judge({ request: connect() + early, routes: own });
  expect([judged.status, judged.seen]).toEqual([status, '']);
  expect(judged.answered).toContain('connection: close');
});

test.each<[string, string, string]>([
  ['a refusal', 'HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno', '403'],
  ['a demand for credentials', 'HTTP/1.1 407 x\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n', '407'],
  ['a redirect', 'HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n', '302'],
  ['101', switching('connection: upgrade', 'upgrade: foo'), '502'],
])('%s to CONNECT opens no tunnel, and what the client sent behind it goes nowhere', async (_what, answer, status) => {
  const judged = await judge({ request: connect() + early, answer });
  expect(judged.status).toBe(status);
  expect(judged.seen.split('\r\n\r\n')).toEqual([expect.stringContaining('CONNECT b:443 HTTP/1.1'), '']);
  expect(judged.answered).toContain('connection: close');
  expect(judged.pooled).toBe(0);
});

/** Sends, waits for an answer, sends more, waits for it at the upstream, closes. */
async function converse(request: string, answer: string, own = routes, chain: Partial<HttpChainConfig> = {}) {
  let seen = '';
  const upstream = await startRawUpstream((socket, all) => {
    if (seen === '') socket.write(answer, 'latin1');
    seen = all.toString('latin1');
    if (seen.endsWith('bye')) socket.end('tail');
  });
  const proxy = await startProxy({ cluster: clusterOf([upstream.port]), routes: own, chain });
  running.push(upstream, proxy);
  let answered = '';
  const client = net.connect(proxy.port, '127.0.0.1', () => client.write(request, 'latin1'));
  client.on('data', (chunk) => {
    if (answered === '') client.write('bye');
    answered += chunk.toString('latin1');
  });
  await new Promise((resolve) => client.once('close', resolve));
  return { seen: seen.split('\r\n\r\n'), answered: answered.split('\r\n\r\n'), proxy };
}

test('a WebSocket opens: exactly this upgrade is asked for, and what came early follows its answer', async () => {
  const answer = switching(...right, 'sec-websocket-protocol: chat', 'content-length: 0');
  const request = handshake({
    upgrade: 'WebSocket',
    connection: 'keep-alive, Upgrade',
    'sec-websocket-protocol': 'chat',
  });
  const { seen, answered } = await converse(`${request}early`, `${answer}hello`);
  expect(seen).toEqual([expect.any(String), 'earlybye']);
  expect(seen[0]!.split('\r\n').filter((line) => !/^x-/.test(line))).toEqual([
    'GET /chat HTTP/1.1',
    'host: a',
    'sec-websocket-version: 13',
    `sec-websocket-key: ${key}`,
    'sec-websocket-protocol: chat',
    'connection: upgrade',
    'upgrade: WebSocket',
  ]);
  expect(answered).toEqual([expect.any(String), 'hellotail']);
  expect(answered[0]!.split('\r\n')).toEqual([
    'HTTP/1.1 101 Switching Protocols',
    'sec-websocket-protocol: chat',
    `sec-websocket-accept: ${accept}`,
    'connection: upgrade',
    'upgrade: WebSocket',
    'server: fairlead',
    'date: Tue, 14 Nov 2023 22:13:20 GMT',
  ]);
});

test('another protocol opens where the route names it, whatever the method', async () => {
  const request = handshake({ upgrade: 'SPDY/3.1', 'content-length': '0' }, 'POST /exec');
  const { seen, answered } = await converse(request, switching('Upgrade: spdy/3.1', 'Connection: Upgrade'));
  expect(seen[0]).toContain('upgrade: SPDY/3.1');
  expect([seen[1], answered[1]]).toEqual(['bye', 'tail']);
});

test('interim answers before the 101 are none', async () => {
  const { answered } = await converse(
    handshake(),
    `HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${switching(...right)}`,
  );
  expect(answered).toEqual([expect.stringContaining('101 Switching Protocols'), 'tail']);
});

test("a route's word counts before the listener's", async () => {
  const off = routeOf('c', { upgrades: [{ type: 'websocket', enabled: false }] });
  const says = { upgrades: allowed('websocket') };
  const { answered } = await converse(handshake(), switching(...right), [routeOf('c')], says);
  expect(answered[0]).toContain('101 Switching Protocols');
  expect((await converse(handshake(), switching(...right), [off], says)).answered[0]).toContain('403 Forbidden');
});

test('CONNECT opens on any 2xx, and whatever that says of a body is not passed on', async () => {
  const answer = 'HTTP/1.1 200 Connected\r\ncontent-length: 5\r\nx-a: b\r\n\r\nhello';
  const { seen, answered } = await converse(`${connect('b:443', 'B')}early`, answer);
  expect(seen[0]!.split('\r\n').slice(0, 2)).toEqual(['CONNECT b:443 HTTP/1.1', 'host: b:443']);
  expect(seen[0]).not.toMatch(/content-length|upgrade/);
  expect(seen[1]).toBe('earlybye');
  expect(answered[0]!.split('\r\n').slice(0, 2)).toEqual(['HTTP/1.1 200 OK', 'x-a: b']);
  expect(answered[0]).not.toMatch(/content-length|transfer-encoding|connection/);
  expect(answered[1]).toBe('hellotail');
});
