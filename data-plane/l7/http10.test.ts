/** HTTP/1.0 from clients, each law with documented and with taken-over sockets. What Envoy does stands in e2e. */
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type ProxyOptions, startProxy, startRawUpstream, talk } from '../proxy-testing.ts';
import { clusterOf, httpChainOf, routeOf } from '../testing.ts';
import { fieldsOf, startH2Upstream } from './testing-http2.ts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

const chainOf = (host = '') => ({ paths: { ...httpChainOf([]).paths, http10: { host } } });
const answers: Readonly<Record<string, string>> = {
  '/length': 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
  '/chunks': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  '/early': 'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
  '/none': 'HTTP/1.1 204 No Content\r\n\r\n',
  '/half': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n',
};

/** Of one connection to the proxy, to its end: the answers, and how it ended. */
function converse(
  port: number,
  bytes: string,
  onText = (_text: string): void => {},
): Promise<{ text: string; end: string }> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    let text = '';
    let end = 'ended';
    socket.setEncoding('latin1').on('data', (more: string) => {
      text += more;
      onText(text);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      end = error.code ?? '';
    });
    socket.on('close', () => resolve({ text, end }));
    socket.write(bytes, 'latin1');
  });
}

const old = (path: string, more = ''): string => `GET ${path} HTTP/1.0\r\nHost: a\r\n${more}\r\n`;
const keep = 'Connection: keep-alive\r\n';
/** Ends the connection in any case. */
const last = 'GET /length HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
/** Without what is the same in all. */
const told = (text: string): string[] =>
  text.split('\r\n').filter((line) => !/^(server|date|x-envoy-upstream-service-time):/.test(line));

describe.each([false, true])('documented interfaces only: %s', (documentedOnly) => {
  async function start(rest: Partial<ProxyOptions> = {}) {
    const seen: string[] = [];
    const upstream = await startRawUpstream((socket, all) => {
      const request = all.toString('latin1').slice(seen.join('').length);
      const at = request.indexOf('\r\n\r\n');
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(request)?.[1] ?? 0);
      if (at < 0 || request.length < at + 4 + length) return;
      seen.push(request);
      const path = request.split(' ')[1]!;
      socket.write(answers[path] ?? answers['/length']!);
    });
    const proxy = await startProxy({ cluster: clusterOf([upstream.port]), chain: chainOf(), documentedOnly, ...rest });
    running.push(upstream, proxy);
    return { proxy, seen, upstream };
  }

  test.each([
    ['a length', old('/length'), ['HTTP/1.0 200 OK', 'content-length: 2', 'connection: close', '', 'ok']],
    ['no length', old('/chunks'), ['HTTP/1.0 200 OK', 'connection: close', '', 'ok']],
    ['no length, kept alive', old('/chunks', keep), ['HTTP/1.0 200 OK', 'connection: close', '', 'ok']],
    ['no body', old('/none', keep), ['HTTP/1.0 204 No Content', 'connection: close', '', '']],
    [
      'an interim answer before',
      old('/early'),
      ['HTTP/1.0 200 OK', 'content-length: 2', 'connection: close', '', 'ok'],
    ],
    [
      'both words on the connection',
      old('/length', 'Connection: Keep-Alive, close\r\n'),
      ['HTTP/1.0 200 OK', 'content-length: 2', 'connection: close', '', 'ok'],
    ],
    [
      'no Host',
      'GET /length HTTP/1.0\r\n\r\n',
      ['HTTP/1.0 400 Bad Request', 'content-length: 0', 'connection: close', '', ''],
    ],
    [
      'no Host, kept alive',
      `GET /length HTTP/1.0\r\n${keep}\r\n`,
      ['HTTP/1.0 400 Bad Request', 'content-length: 0', 'connection: close', '', ''],
    ],
  ])('the connection ends behind an answer with %s', async (_what, asked, lines) => {
    const { proxy } = await start();
    // what is pipelined behind it is no request any more
    const { text, end } = await converse(proxy.port, asked + last);
    expect(told(text)).toEqual(lines);
    expect(end).toBe('ended');
  });

  test.each([
    ['an endpoint', '/length', ['HTTP/1.0 200 OK', 'content-length: 2', 'connection: keep-alive', '', 'ok']],
    ['the proxy', '/own', ['HTTP/1.0 404 Not Found', 'content-length: 0', 'connection: keep-alive', '', '']],
  ])('the connection goes on where that is asked for: an answer of %s', async (_who, path, lines) => {
    const match = { ...routeOf('c').match, path: { type: 'exact', value: '/length' } } as const;
    const { proxy } = await start({ routes: [routeOf('c', { match })] });
    const { text } = await converse(proxy.port, old(path, keep) + last);
    const [first = '', second] = text.split('HTTP/1.1');
    expect(told(first)).toEqual(lines);
    expect(second).toMatch(/^ 200 OK/);
  });

  test('what goes on is HTTP/1.1, without what only the client and the proxy agreed on', async () => {
    const { proxy, seen } = await start();
    const asked = `POST /length?q HTTP/1.0\r\nHost: a\r\n${keep}Expect: what\r\nContent-Length: 3\r\n\r\nabc`;
    const { text } = await converse(proxy.port, asked + last);
    // an expectation is nothing that HTTP/1.0 knows
    expect(text).not.toMatch(/100 Continue|417/);
    const [line, ...headers] = seen[0]!.split('\r\n');
    expect(line).toBe('POST /length?q HTTP/1.1');
    expect(headers.filter((one) => !one.startsWith('x-'))).toEqual(['host: a', 'content-length: 3', '', 'abc']);
    await expect.poll(() => proxy.log.map(({ protocol }) => protocol)).toEqual(['HTTP/1.0', 'HTTP/1.1']);
  });

  test('a request without a length has no body, and the next one begins behind its head', async () => {
    const { proxy, seen } = await start();
    const { text } = await converse(proxy.port, `POST /length HTTP/1.0\r\nHost: a\r\n${keep}\r\n${last}`);
    expect(text.match(/HTTP\/1\.[01] 200/g)).toEqual(['HTTP/1.0 200', 'HTTP/1.1 200']);
    expect(seen[0]).toMatch(/\r\ncontent-length: 0\r\n/);
  });

  test.each([
    ['Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n0\r\n\r\n'],
    ['Transfer-Encoding: chunked\r\nContent-Length: 3\r\n', 'abc'],
    ['Content-Length: 3\r\nContent-Length: 3\r\n', 'abc'],
  ])('a coding, and all that is refused in HTTP/1.1, is refused: %j', async (lines, body) => {
    const { proxy, seen } = await start();
    const { text } = await converse(proxy.port, `POST / HTTP/1.0\r\nHost: a\r\n${keep}${lines}\r\n${body}${last}`);
    expect(text).toMatch(/^HTTP\/1.1 400 /);
    expect(text.match(/HTTP\/1/g)).toHaveLength(1);
    expect(seen).toEqual([]);
  });

  test('an upgrade is not heard', async () => {
    const { proxy, seen } = await start({
      routes: [routeOf('c', { upgrades: [{ type: 'websocket', enabled: true }] })],
    });
    const upgrade = 'Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n';
    const { text } = await converse(
      proxy.port,
      old('/length', `${upgrade}Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n`),
    );
    expect(text).toMatch(/^HTTP\/1.0 200 /);
    expect(seen[0]).not.toMatch(/\r\n(connection|upgrade):/i);
  });

  test('an answer whose end only the connection would have told is cut by a reset', async () => {
    const { proxy, upstream } = await start();
    const { end } = await converse(proxy.port, old('/half'), (text) => {
      if (text.endsWith('ok')) for (const socket of upstream.sockets) socket.destroy();
    });
    expect(end).toBe('ECONNRESET');
  });

  test('clients of HTTP/1.1 beside them get what they always got', async () => {
    const { proxy } = await start();
    const asked = 'GET /chunks HTTP/1.1\r\nHost: a\r\n\r\n';
    const text = await talk(proxy.port, asked, (answer) => answer.endsWith('0\r\n\r\n'));
    expect(told(text)).toEqual(['HTTP/1.1 200 OK', 'transfer-encoding: chunked', '', '2', 'ok', '0', '', '']);
    const { text: both } = await converse(proxy.port, old('/length', keep) + last);
    expect(told(both).slice(-5)).toEqual(['okHTTP/1.1 200 OK', 'content-length: 2', 'connection: close', '', 'ok']);
  });
});

test('a host of the listener stands for the one that is not said, if there is one', async () => {
  const upstream = await startH2Upstream();
  const cluster = { ...clusterOf([upstream.port]), protocol: 'http2' as const };
  const proxy = await startProxy({ cluster, chain: chainOf('old.example.com') });
  running.push(upstream, proxy);
  const one = await converse(proxy.port, 'GET /a HTTP/1.0\r\n\r\n');
  const other = await converse(proxy.port, 'GET /a HTTP/1.0\r\nHost: b\r\n\r\n');
  expect([one, other].map(({ text }) => text.slice(0, 12))).toEqual(['HTTP/1.0 200', 'HTTP/1.0 200']);
  const asked = upstream.asked.map((each) => fieldsOf(each).slice(0, 4));
  expect(asked).toEqual(
    ['old.example.com', 'b'].map((host) => [':method: GET', ':scheme: http', `:authority: ${host}`, ':path: /a']),
  );
});

test('a tunnel by CONNECT is opened in HTTP/1.0', async () => {
  const upstream = await startRawUpstream((socket, all) => {
    if (all.toString('latin1').endsWith('\r\n\r\n')) socket.write('HTTP/1.1 200 OK\r\n\r\nhello');
  });
  const upgrades = [{ type: 'connect', enabled: true }];
  const match = { ...routeOf('c').match, path: { type: 'connect', value: '' } } as const;
  const proxy = await startProxy({
    cluster: clusterOf([upstream.port]),
    routes: [routeOf('c', { match, upgrades })],
    chain: chainOf(),
  });
  running.push(upstream, proxy);
  const asked = 'CONNECT a:80 HTTP/1.0\r\nHost: a:80\r\n\r\n';
  const text = await talk(proxy.port, asked, (answer) => answer.endsWith('hello'));
  expect(text).toMatch(/^HTTP\/1.0 200 OK\r\n/);
});

test('without it HTTP/1.0 is told to upgrade, as ever', async () => {
  const upstream = await startRawUpstream(() => {});
  const proxy = await startProxy({ cluster: clusterOf([upstream.port]) });
  running.push(upstream, proxy);
  const { text } = await converse(proxy.port, old('/length', keep));
  expect(text).toMatch(/^HTTP\/1.1 426 Upgrade Required\r\n/);
});
