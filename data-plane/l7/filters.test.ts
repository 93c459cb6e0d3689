/** Filters at work on requests over real sockets. */
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type ProxyOptions, startProxy, startRawUpstream, talk } from '../proxy-testing.ts';
import { clusterOf, routeOf } from '../testing.ts';
import type { FilterModule, FilterRequest, RequestFilter } from './filter.ts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const done = (answer: string): boolean => /\r\n\r\n(ok|no|$)/.test(answer) && !answer.endsWith('\r\n\r\n');
const module = (name: string, filter: () => RequestFilter | null): FilterModule => ({
  name,
  create: () => ({ begin: filter }),
});

/** An upstream that answers each whole request, by its length, with `ok`; and a proxy with these filters in front. */
async function start(filters: readonly FilterModule[], rest: Partial<ProxyOptions> = {}) {
  const seen: string[] = [];
  const upstream = await startRawUpstream((socket, all) => {
    const text = all.toString('latin1');
    const [, length = '0'] = /content-length: (\d+)/.exec(text) ?? [];
    const chunked = text.includes('transfer-encoding: chunked');
    const whole = chunked ? text.endsWith('0\r\n\r\n') : text.split('\r\n\r\n')[1]?.length === Number(length);
    if (!whole) return;
    seen.push(text);
    socket.write(ok);
    socket.end();
  });
  const proxy = await startProxy({ cluster: clusterOf([upstream.port]), filters, ...rest });
  running.push(upstream, proxy);
  return { proxy, seen };
}

const get = (path = '/', extra = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${extra}\r\n`;
const post = (body: string, extra = ''): string =>
  `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n${extra}\r\n${body}`;

test('filters see a request in their order and its answer in the opposite one, each with what the others left', async () => {
  const calls: string[] = [];
  const one = (name: string) =>
    module(name, () => ({
      onRequestHead: (request) => {
        calls.push(`${name} ${request.method} ${request.path}${request.query} ${request.header('x-a')}`);
        request.setHeader('x-a', `${request.header('x-a')}${name}`);
        request.removeHeader('x-b');
      },
      onRequestBody: (data) => calls.push(`${name} ${data}`),
      onRequestEnd: () => calls.push(`${name} end of the request`),
      onResponseHead: (response) => {
        calls.push(`${name} ${response.status} ${response.header('x-c')}`);
        response.setHeader('x-c', `${response.header('x-c')}${name}`);
        response.removeHeader('content-type');
      },
      onResponseBody: (data) => calls.push(`${name} ${data}`),
      onEnd: () => calls.push(`${name} end`),
    }));
  const { proxy, seen } = await start([one('1'), one('2')]);
  const answer = await talk(proxy.port, post('hello', 'X-A: 0\r\nX-B: 0\r\n'), done);
  expect(calls).toEqual([
    ...['1 POST / 0', '2 POST / 01', '1 hello', '2 hello', '1 end of the request', '2 end of the request'],
    ...['2 200 undefined', '1 200 undefined2', '2 ok', '1 ok', '1 end', '2 end'],
  ]);
  expect(answer).toContain('\r\nx-c: undefined21\r\n');
  expect(seen[0]!.split('\r\n').filter((line) => line.startsWith('x-a') || line.startsWith('x-b'))).toEqual([
    'x-a: 012',
  ]);
});

test('a filter that answers is the last one to see the request; its own and the others before it change the answer', async () => {
  const calls: string[] = [];
  const { proxy, seen } = await start([
    module('first', () => ({ onResponseHead: (response) => response.setHeader('x-first', `${response.status}`) })),
    module('no', () => ({
      onRequestHead: (request) =>
        request.answer({ status: 403, body: 'no', headers: { 'x-why': 'so' }, details: 'said_no' }),
      onEnd: () => calls.push('end'),
    })),
    module('never', () => ({ onRequestHead: () => calls.push('never') })),
  ]);
  const answer = await talk(proxy.port, get() + get('/2'), (text) => (text.match(/\r\n\r\nno/g) ?? []).length === 2);
  expect(answer.startsWith('HTTP/1.1 403 ')).toBe(true);
  expect(answer).toContain('x-why: so\r\nx-first: 403\r\n');
  expect(calls).toEqual(['end', 'end']);
  expect(seen).toEqual([]);
  expect(proxy.log.map(({ status, details, path }) => [status, details, path])).toEqual([
    [403, 'said_no', '/'],
    [403, 'said_no', '/2'],
  ]);
});

test('a request waits until its filter lets it go; what others ask meanwhile does not change it', async () => {
  const held: FilterRequest[] = [];
  const { proxy, seen } = await start([
    module('wait', () => ({
      onRequestHead: (request) => {
        if (request.path !== '/held') return;
        held.push(request);
        request.wait();
      },
    })),
    module('after', () => ({ onRequestHead: (request) => request.setHeader('x-after', request.path) })),
  ]);
  const waiting = talk(proxy.port, get('/held?q', 'X-Mine: 1\r\n'), done);
  await until(() => held.length === 1);
  expect(await talk(proxy.port, get('/other', 'X-Mine: 2\r\n'), done)).toContain('200 OK');
  expect(held[0]!.header('x-mine')).toBe('1');
  held[0]!.go();
  held[0]!.go();
  expect(await waiting).toContain('200 OK');
  expect(seen).toHaveLength(2);
  expect(seen[1]!.split('\r\n')).toEqual(
    expect.arrayContaining(['GET /held?q HTTP/1.1', 'host: a', 'x-mine: 1', 'x-after: /held']),
  );
});

test.each([
  ['with a length', post('hello')],
  ['in chunks', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'],
])('a body %s that comes while its request waits goes on after it', async (_how, bytes) => {
  let held: FilterRequest | undefined;
  let body = '';
  const { proxy, seen } = await start([
    module('wait', () => ({
      onRequestHead: (request) => {
        held = request;
        request.wait(5);
      },
      onRequestBody: (data) => {
        body += data;
      },
      onRequestEnd: () => held!.go(),
    })),
  ]);
  expect(await talk(proxy.port, bytes, done)).toContain('200 OK');
  expect(body).toBe('hello');
  expect(seen[0]).toContain('hello');
});

test.each([
  ['that says so', post('hello!')],
  ['that does not', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello!\r\n0\r\n\r\n'],
])('a body %s that is longer than a filter wants to see is answered with 413', async (_how, bytes) => {
  const { proxy, seen } = await start([module('wait', () => ({ onRequestHead: (request) => request.wait(5) }))]);
  expect(await talk(proxy.port, bytes, () => false)).toMatch(/^HTTP\/1\.1 413 /);
  expect(seen).toEqual([]);
});

test('a filter may answer when it has seen the body', async () => {
  const { proxy, seen } = await start([
    module('look', () => {
      let request: FilterRequest;
      return {
        onRequestHead: (one) => {
          request = one;
          one.wait(100);
        },
        onRequestBody: (data) => {
          if (data.includes('evil')) request.answer({ status: 403, body: 'no' });
        },
        onRequestEnd: () => request.go(),
      };
    }),
  ]);
  expect(await talk(proxy.port, post('evil'), done)).toMatch(/^HTTP\/1\.1 403 /);
  expect(await talk(proxy.port, post('good'), done)).toMatch(/^HTTP\/1\.1 200 /);
  expect(seen).toHaveLength(1);
});

test('who waits for a filter hears of `expect: 100-continue` only where its body is wanted', async () => {
  const held: FilterRequest[] = [];
  const filters = (bytes: number) => [
    module('wait', () => ({
      onRequestHead: (request) => {
        held.push(request);
        request.wait(bytes);
      },
    })),
  ];
  const expecting = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n';
  const { proxy } = await start(filters(10));
  expect(await talk(proxy.port, expecting, (text) => text.length > 0)).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  const other = await start(filters(0));
  const waiting = talk(other.proxy.port, expecting, (text) => text.length > 0);
  await until(() => held.length === 2);
  held[1]!.answer({ status: 403, body: 'no' });
  expect(await waiting).toMatch(/^HTTP\/1\.1 403 /);
});

test('a client that goes ends the wait: the filter hears of it, and nothing is sent', async () => {
  let held: FilterRequest | undefined;
  let ended = 0;
  const { proxy, seen } = await start([
    module('wait', () => ({
      onRequestHead: (request) => {
        held = request;
        request.wait();
        request.after(50, () => request.go());
      },
      onEnd: () => {
        ended++;
      },
    })),
  ]);
  const client = net.connect(proxy.port, '127.0.0.1', () => client.write(get()));
  await until(() => held !== undefined);
  client.destroy();
  await until(() => proxy.server.connectionCount === 0);
  expect([ended, held!.running]).toEqual([1, false]);
  held!.go();
  held!.answer({ status: 500 });
  proxy.clock.advance(100);
  expect([seen, ended, proxy.log.map(({ flags }) => flags)]).toEqual([[], 1, ['DC']]);
});

test('who waits for ever is given up after the idle time of the route', async () => {
  let held: FilterRequest | undefined;
  const { proxy } = await start(
    [
      module('wait', () => ({
        onRequestHead: (request) => {
          held = request;
          request.wait();
        },
      })),
    ],
    { routes: [routeOf('c', { streamIdleTimeoutMs: 5_000 })] },
  );
  const waiting = talk(proxy.port, get(), (text) => text.includes('stream timeout'));
  await until(() => held !== undefined);
  proxy.clock.advance(5_100);
  expect(await waiting).toMatch(/^HTTP\/1\.1 504 /);
});

test.each([
  ['at once', (request: FilterRequest) => request.setHeader('host', 'b')],
  ['later', (request: FilterRequest) => request.after(10, () => request.setHeader('x-request-id', 'b'))],
])('a filter that throws %s ends the connection of its request, and no other', async (_when, step) => {
  let begun = 0;
  const { proxy } = await start([
    module('throw', () => ({
      onRequestHead: (request) => {
        if (request.path !== '/bad') return;
        begun++;
        request.wait();
        step(request);
      },
    })),
  ]);
  const bad = talk(proxy.port, get('/bad'), () => false);
  await until(() => begun === 1);
  proxy.clock.advance(50);
  expect(await bad).toBe('');
  expect(proxy.faults.map((fault) => (fault as Error).message)).toEqual([expect.stringContaining("can't change it")]);
  expect(await talk(proxy.port, get(), done)).toContain('200 OK');
});

test('a filter that has nothing to do with a request is not heard of again', async () => {
  let asked = 0;
  const { proxy } = await start([
    module('none', () => {
      asked++;
      return null;
    }),
  ]);
  expect(await talk(proxy.port, get(), done)).toContain('200 OK');
  expect(asked).toBe(1);
});

test.each([
  [{ delay: { ms: 200, fraction: 1 }, abort: null }, 200, 'DI'],
  [{ delay: { ms: 200, fraction: 1 }, abort: { status: 503, fraction: 1 } }, 503, 'DI,FI'],
  [{ delay: null, abort: { status: 418, fraction: 1 } }, 418, 'FI'],
  [{ delay: { ms: 200, fraction: 0 }, abort: { status: 418, fraction: 0 } }, 200, '-'],
])('the fault %j is an answer of %i, flagged %s', async (fault, status, flags) => {
  let begun = false;
  const asked = module('asked', () => {
    begun = true;
    return null;
  });
  const { proxy, seen } = await start([asked], { routes: [routeOf('c', { fault })] });
  const late = fault.delay !== null && fault.delay.fraction > 0;
  const answer = talk(proxy.port, get(), (text) => text.endsWith('ok') || text.endsWith('fault filter abort'));
  if (late) {
    await until(() => begun);
    expect(proxy.log).toEqual([]);
    proxy.clock.advance(300);
  }
  expect(Number((await answer).slice(9, 12))).toBe(status);
  await until(() => proxy.log.length === 1);
  expect([proxy.log[0]!.flags, seen.length]).toEqual([flags, status === 200 ? 1 : 0]);
});
