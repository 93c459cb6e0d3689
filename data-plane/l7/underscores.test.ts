/** Header names with `_`, by what the listener says of them, in both versions of HTTP. */
import http2 from 'node:http2';
import { afterEach, describe, expect, test } from 'vitest';
import type { HttpChainConfig } from '../model/config.ts';
import { type ProxyOptions, startProxy, startRawUpstream, talk } from '../proxy-testing.ts';
import { clusterOf, httpChainOf, routeOf } from '../testing.ts';
import { fieldsOf, startH2Upstream } from './testing-http2.ts';

type Action = HttpChainConfig['paths']['underscores'];

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

const chainOf = (underscores: Action) => ({ paths: { ...httpChainOf([]).paths, underscores } });
/** For requests that still have the header, and for the others. */
const present = { type: 'present', present: true } as const;
const hasHeader = { name: 'x_y', condition: present, invert: false, treatMissingAsEmpty: false };
const routes = [
  routeOf('c', { name: 'with', match: { ...routeOf('c').match, headers: [hasHeader] } }),
  routeOf('c', { name: 'without' }),
];

async function start(underscores: Action, rest: Partial<ProxyOptions> = {}) {
  const seen: string[] = [];
  const upstream = await startRawUpstream((socket, all) => {
    seen.push(all.toString('latin1'));
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
  });
  const proxy = await startProxy({ cluster: clusterOf([upstream.port]), chain: chainOf(underscores), ...rest });
  running.push(upstream, proxy);
  return { proxy, seen };
}

const own = (head: string) =>
  head.split('\r\n').filter((line) => /^(x[_-]|accept|transfer|content)/i.test(line) && !/^x-(f|r|e)/.test(line));
const counts = ({
  droppedWithUnderscores: dropped,
  rejectedWithUnderscores: rejected,
}: Awaited<ReturnType<typeof startProxy>>['http1Stats']) => [dropped.value, rejected.value];

test.each([
  ['keep', '200', ['x_y: 1', 'x-z: 2', 'x_y_z: 3'], [0, 0]],
  ['drop', '200', ['x-z: 2'], [2, 0]],
  ['reject', '400', [], [0, 1]],
] as const)('HTTP/1.1: %s', async (action, status, sent, counted) => {
  const { proxy, seen } = await start(action);
  const head = 'GET / HTTP/1.1\r\nHost: a\r\nx_y: 1\r\nx-z: 2\r\nX_Y_z: 3\r\n\r\n';
  const answer = await talk(proxy.port, head, (a) => /ok$|\r\n\r\n$/.test(a));
  expect(answer.slice(9, 12)).toBe(status);
  expect(seen.flatMap(own)).toEqual(sent);
  expect(counts(proxy.http1Stats)).toEqual(counted);
});

test.each([
  ['the first line', 'x_y: 1\r\nHost: a\r\n', []],
  ['the last line', 'Host: a\r\nx-a: 1\r\nx_y: 1\r\n', ['x-a: 1']],
  ['lines that are joined', 'Host: a\r\naccept: 1\r\nx_y: 1\r\naccept: 2\r\nx_y: 2\r\n', ['accept: 1,2']],
  ['lines in a row, oddly written', 'Host: a\r\nx_y:1\r\nx_y:  2 \r\nx-b:3\r\n', ['x-b: 3']],
])('what is dropped is gone, and nothing else is: %s', async (_what, lines, sent) => {
  const { proxy, seen } = await start('drop');
  await talk(proxy.port, `GET / HTTP/1.1\r\n${lines}\r\n`, (a) => a.endsWith('ok'));
  expect(seen.flatMap(own)).toEqual(sent);
  expect(seen[0]).toMatch(/\r\nhost: a\r\n/i);
});

describe.each(['keep', 'drop', 'reject'] as const)('%s', (action) => {
  test.each([
    ['Transfer_Encoding: chunked', '3\r\nabc\r\n0\r\n\r\n'],
    ['TRANSFER_ENCODING: chunked\r\nContent-Length: 5', '0\r\n\r\n'],
    ['Content_Length: 40', 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'],
  ])('what others may take for framing is refused: %s', async (line, body) => {
    const { proxy, seen } = await start(action);
    const answer = await talk(proxy.port, `POST / HTTP/1.1\r\nHost: a\r\n${line}\r\n\r\n${body}`, () => false);
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer.match(/HTTP\/1/g)).toHaveLength(1);
    expect(seen).toEqual([]);
    expect(counts(proxy.http1Stats)).toEqual([0, 1]);
  });
});

interface H2Answer {
  readonly status: number;
  readonly code: number;
}

async function askH2(port: number, headers: object, trailers: http2.OutgoingHttpHeaders | null): Promise<H2Answer> {
  const client = http2.connect(`http://127.0.0.1:${port}`);
  client.on('error', () => {});
  const stream = client.request(
    { ':path': '/', ':method': 'POST', ...headers },
    { waitForTrailers: trailers !== null },
  );
  const answered = new Promise<H2Answer>((resolve) => {
    let status = 0;
    stream.on('response', (head) => {
      status = Number(head[':status']);
    });
    stream.on('error', () => {});
    stream.on('wantTrailers', () => stream.sendTrailers(trailers!));
    stream.on('close', () => resolve({ status, code: stream.rstCode ?? 0 }));
  });
  stream.resume();
  stream.end('body');
  const answer = await answered;
  client.destroy();
  return answer;
}

describe('HTTP/2, to HTTP/2', () => {
  async function startH2(action: Action) {
    const upstream = await startH2Upstream();
    const cluster = { ...clusterOf([upstream.port]), protocol: 'http2' as const };
    const proxy = await startProxy({ cluster, chain: chainOf(action) });
    running.push(upstream, proxy);
    return { proxy, upstream };
  }
  const names = (list: readonly string[] | undefined) => (list ?? []).filter((one) => /^(x[_-][yz]|te_)/.test(one));

  test.each([
    ['keep', 200, ['x_y: 1', 'x-z: 2'], [0, 0]],
    ['drop', 200, ['x-z: 2'], [1, 0]],
    ['reject', 400, [], [0, 1]],
  ] as const)('headers: %s', async (action, status, sent, counted) => {
    const { proxy, upstream } = await startH2(action);
    expect(await askH2(proxy.port, { x_y: '1', 'x-z': '2' }, null)).toMatchObject({ status });
    expect(upstream.asked.flatMap((asked) => names(fieldsOf(asked)))).toEqual(sent);
    expect(counts(proxy.http2Stats)).toEqual(counted);
  });

  test.each([
    ['keep', 200, ['x_y: 1', 'x-z: 2'], [0, 0]],
    ['drop', 200, ['x-z: 2'], [1, 0]],
    ['reject', 400, [], [0, 1]],
  ] as const)('trailers: %s', async (action, status, sent, counted) => {
    const { proxy, upstream } = await startH2(action);
    expect(await askH2(proxy.port, {}, { x_y: '1', 'x-z': '2' })).toMatchObject({ status });
    const trailers = upstream.asked.flatMap((asked) => names(fieldsOf({ fields: asked.trailers ?? [] })));
    expect(trailers).toEqual(sent);
    expect(counts(proxy.http2Stats)).toEqual(counted);
  });

  test('what HTTP/1.1 has dropped is no field either', async () => {
    const { proxy, upstream } = await startH2('drop');
    const head = 'GET / HTTP/1.1\r\nHost: a\r\nx_y: 1\r\nx-z: 2\r\nx_z: 3\r\n\r\n';
    await talk(proxy.port, head, (answer) => answer.endsWith('0\r\n\r\n'));
    expect(upstream.asked.flatMap((asked) => names(fieldsOf(asked)))).toEqual(['x-z: 2']);
  });

  test.each(['transfer_encoding', 'content_length'])('%s is refused also where names are kept', async (name) => {
    const { proxy, upstream } = await startH2('keep');
    expect(await askH2(proxy.port, { [name]: '4' }, null)).toMatchObject({ status: 400 });
    expect(upstream.asked).toHaveLength(0);
  });
});

test.each([
  ['keep', 'with'],
  ['drop', 'without'],
] as const)('routes see what passes: %s', async (action, route) => {
  const { proxy } = await start(action, { routes });
  await talk(proxy.port, 'GET / HTTP/1.1\r\nHost: a\r\nx_y: 1\r\n\r\n', (a) => a.endsWith('ok'));
  await expect.poll(() => proxy.log.map((entry) => entry.routeName)).toEqual([route]);
});
