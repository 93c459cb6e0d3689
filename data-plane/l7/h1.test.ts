/** HTTP/1.1 through the proxy over real sockets, each law with documented and with taken-over sockets. */
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { deadPort } from '../l4/testing.ts';
import { type ProxyOptions, startProxy, startRawUpstream, talk } from '../proxy-testing.ts';
import { clusterOf, routeOf } from '../testing.ts';

type Proxy = Awaited<ReturnType<typeof startProxy>>;
type Upstream = Awaited<ReturnType<typeof startRawUpstream>>;
type OnBytes = Parameters<typeof startRawUpstream>[0];

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

const get = (path = '/', extra = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${extra}\r\n`;
const body = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n') + 4);
const status = (answer: string): string => answer.slice(9, 12);
const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
/** Answers each request without a body. */
const answerWith =
  (text: string): OnBytes =>
  (socket, all) => {
    if (all.toString('latin1').endsWith('\r\n\r\n')) socket.write(text, 'latin1');
  };

describe.each([false, true])('documented interfaces only: %s', (documentedOnly) => {
  async function start(
    onBytes: OnBytes,
    rest: Partial<ProxyOptions> = {},
  ): Promise<{ proxy: Proxy; upstream: Upstream }> {
    const upstream = await startRawUpstream(onBytes);
    const proxy = await startProxy({ cluster: clusterOf([upstream.port]), documentedOnly, ...rest });
    running.push(upstream, proxy);
    return { proxy, upstream };
  }

  test('an answer passes with its length, and says who served it', async () => {
    const { proxy } = await start(answerWith(ok));
    const answer = await talk(proxy.port, get(), (a) => a.endsWith('ok'));
    expect(answer.split('\r\n')).toEqual([
      'HTTP/1.1 200 OK',
      'content-length: 2',
      'server: fairlead',
      'x-envoy-upstream-service-time: 0',
      'date: Tue, 14 Nov 2023 22:13:20 GMT',
      '',
      'ok',
    ]);
  });

  test('two requests share one upstream connection, pipelined or not', async () => {
    const { proxy, upstream } = await start((socket, all) => {
      const heads = all.toString('latin1').split('\r\n\r\n').length - 1;
      if (all.toString('latin1').endsWith('\r\n\r\n')) socket.write(heads === 1 ? ok.replace('ok', 'OK') : ok);
    });
    const answer = await talk(
      proxy.port,
      get('/1') + get('/2'),
      (a) => (a.match(/HTTP\/1\.1/g) ?? []).length === 2 && a.endsWith('ok'),
    );
    expect(answer.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
    expect(upstream.sockets.size).toBe(1);
    expect(proxy.cluster.stats.cxTotal.value).toBe(1);
  });

  test.each([
    ['an answer', ok, { successful: 1, errors: 0 }],
    ['a 503 of the endpoint', ok.replace('200 OK', '503 Service Unavailable'), { successful: 0, errors: 1 }],
  ])('%s counts once in the load of its zone', async (_what, given, counts) => {
    const { proxy } = await start(answerWith(given));
    await talk(proxy.port, get(), (a) => a.endsWith('ok'));
    await until(() => proxy.cluster.stats.rqActive.value === 0);
    expect([...proxy.cluster.localities]).toEqual([{ zone: '', issued: 1, inProgress: 0, ...counts }]);
  });

  test('a client that gives up before the answer counts as neither success nor error', async () => {
    const { proxy, upstream } = await start(() => {});
    const client = net.connect(proxy.port, '127.0.0.1', () => client.write(get()));
    await until(() => upstream.sockets.size === 1 && proxy.cluster.stats.rqActive.value === 1);
    client.destroy();
    await until(() => proxy.cluster.stats.rqActive.value === 0);
    expect([...proxy.cluster.localities]).toEqual([{ zone: '', issued: 1, successful: 0, errors: 0, inProgress: 0 }]);
  });

  test('a chunked answer is framed anew; extensions and trailers are gone', async () => {
    const { proxy } = await start(
      answerWith('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n'),
    );
    const answer = await talk(proxy.port, get(), (a) => a.endsWith('0\r\n\r\n'));
    expect(answer).toContain('transfer-encoding: chunked\r\n');
    expect(body(answer)).toBe('5\r\nabcde\r\n0\r\n\r\n');
  });

  test('an answer that ends with its connection becomes a chunked one', async () => {
    const { proxy } = await start((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nto the end'));
    const answer = await talk(proxy.port, get(), (a) => a.endsWith('0\r\n\r\n'));
    expect(body(answer)).toBe('a\r\nto the end\r\n0\r\n\r\n');
  });

  test('a HEAD answer has a length and no body, and the connection is used again', async () => {
    const { proxy } = await start(answerWith('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n'));
    const head = 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n';
    const answer = await talk(proxy.port, head + head, (a) => (a.match(/\r\n\r\n/g) ?? []).length === 2);
    expect(answer.match(/content-length: 9/g)).toHaveLength(2);
    expect(proxy.cluster.stats.cxTotal.value).toBe(1);
  });

  test.each([
    ['one byte at a time', 1],
    ['seven bytes at a time', 7],
  ])('heads and bodies may come in pieces: %s', async (_law, size) => {
    const request =
      'POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n';
    const response = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n';
    let got = '';
    const pieces = (text: string): string[] => text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
    const { proxy } = await start((socket, all) => {
      got = all.toString('latin1');
      if (!got.endsWith('0\r\n\r\n')) return;
      let chain = Promise.resolve();
      for (const piece of pieces(response)) {
        chain = chain.then(() => new Promise<void>((resolve) => socket.write(piece, () => setImmediate(resolve))));
      }
    });
    const client = net.connect({ port: proxy.port, host: '127.0.0.1', noDelay: true });
    let answer = '';
    client.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    for (const piece of pieces(request)) {
      await new Promise<void>((resolve) => client.write(piece, () => setImmediate(resolve)));
    }
    await until(() => answer.endsWith('0\r\n\r\n'));
    client.destroy();
    const sent = got.slice(got.indexOf('\r\n\r\n') + 4).split('\r\n');
    expect(sent.filter((_, i) => i % 2 === 1).join('')).toBe('abc0123456789');
    expect(
      body(answer)
        .split('\r\n')
        .filter((_, i) => i % 2 === 1)
        .join(''),
    ).toBe('hello');
  });

  test('a big body goes both ways unharmed while both ends read slowly', async () => {
    const size = 3_000_000;
    const payload = Buffer.alloc(size, 'abcdefghijklmnopqrstuvwxyz');
    const { proxy } = await start((socket, all) => {
      const start = all.indexOf('\r\n\r\n') + 4;
      if (start < 4 || all.length - start < size) return;
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`);
      socket.write(all.subarray(start));
    });
    const client = net.connect(proxy.port, '127.0.0.1');
    client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n`);
    client.write(payload);
    const chunks: Buffer[] = [];
    await new Promise<void>((resolve) => {
      let left = size;
      client.on('data', (chunk) => {
        // the head comes first, and whole
        left -= chunk.length - (chunks.length === 0 ? chunk.indexOf('\r\n\r\n') + 4 : 0);
        chunks.push(chunk);
        client.pause();
        setImmediate(() => client.resume());
        if (left <= 0) resolve();
      });
    });
    client.destroy();
    const all = Buffer.concat(chunks);
    expect(all.subarray(all.indexOf('\r\n\r\n') + 4).equals(payload)).toBe(true);
  });

  test('a client that does not read stops the upstream', async () => {
    const { proxy, upstream } = await start((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${1 << 30}\r\n\r\n`);
      const more = (): void => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65536)));
      };
      socket.on('drain', more);
      more();
    });
    const client = net.connect(proxy.port, '127.0.0.1');
    client.pause();
    client.write(get());
    let last = -1;
    let quiet = 0;
    await until(() => {
      const sent = [...upstream.sockets][0]?.bytesWritten ?? 0;
      quiet = sent > 0 && sent === last ? quiet + 1 : 0;
      last = sent;
      return quiet > 2000;
    });
    expect(last).toBeLessThan(64 * 1024 * 1024);
    client.destroy();
    await until(() => upstream.sockets.size === 0);
  });

  test('100-continue is answered here and goes no further', async () => {
    let got = '';
    const { proxy } = await start((socket, all) => {
      got = all.toString('latin1');
      if (got.endsWith('hi')) socket.write(ok);
    });
    const request = 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n';
    const client = net.connect(proxy.port, '127.0.0.1');
    let answer = '';
    client.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    client.write(request);
    await until(() => answer.startsWith('HTTP/1.1 100 Continue\r\n\r\n'));
    client.write('hi');
    await until(() => answer.endsWith('ok'));
    client.destroy();
    expect(got).not.toMatch(/^expect:/m);
  });

  test('informational answers of the upstream end at the proxy', async () => {
    const { proxy } = await start(answerWith(`HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${ok}`));
    const answer = await talk(proxy.port, get(), (a) => a.endsWith('ok'));
    expect(status(answer)).toBe('200');
  });

  test.each([
    ['garbage', 'no http at all\r\n\r\n', '502', 'UPE'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nok', '502', 'UPE'],
    [
      'length and coding',
      'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      '502',
      'UPE',
    ],
    ['a 101 that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', '502', 'UPE'],
  ])('an upstream that answers %s: 502', async (_law, answerText, expected, flag) => {
    const { proxy } = await start(answerWith(answerText));
    expect(status(await talk(proxy.port, get(), (a) => a.includes('\r\n\r\n')))).toBe(expected);
    await until(() => proxy.log.length === 1);
    expect(proxy.log[0]!.flags).toBe(flag);
  });

  test('an upstream that closes without an answer: 503 UC', async () => {
    const { proxy } = await start((socket) => socket.destroy());
    const answer = await talk(proxy.port, get(), (a) => a.includes('termination'));
    expect(status(answer)).toBe('503');
    expect(proxy.log[0]).toMatchObject({ status: 503, flags: 'UC', upstreamCluster: 'c' });
  });

  test('an answer whose body is malformed from the start cuts its client, and nobody else gets its head', async () => {
    const { proxy } = await start((socket, all) => {
      const isBad = all.includes('/bad');
      socket.write(isBad ? 'HTTP/1.1 200 OK\r\nx-bad: 1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n' : ok);
    });
    await talk(proxy.port, get('/bad'), () => false);
    expect(proxy.log[0]).toMatchObject({ status: 200, flags: 'UPE' });
    expect(await talk(proxy.port, get(), (a) => a.endsWith('ok'))).not.toContain('x-bad');
  });

  test('an answer cut short cuts the client too: it must not look whole', async () => {
    const { proxy } = await start((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf');
      setImmediate(() => socket.destroy());
    });
    const answer = await talk(proxy.port, get(), () => false);
    expect(body(answer)).toBe('half');
    await until(() => proxy.log.length === 1);
    expect(proxy.log[0]).toMatchObject({ status: 200, flags: 'UC' });
  });

  test('no listener at the endpoint: 503 UF', async () => {
    const { proxy } = await start(() => {}, { cluster: clusterOf([deadPort()]) });
    const answer = await talk(proxy.port, get(), (a) => a.endsWith('failure'));
    expect(status(answer)).toBe('503');
    expect(proxy.log[0]!.flags).toBe('UF');
    expect(proxy.cluster.stats.cxConnectFail.value).toBe(1);
  });

  test('no route 404, no cluster 503, no endpoint 503, each with its flag', async () => {
    const { proxy } = await start(answerWith(ok), {
      routes: [
        routeOf('gone', {
          match: {
            path: { type: 'exact', value: '/gone' },
            caseSensitive: true,
            headers: [],
            query: [],
            fraction: null,
          },
        }),
        routeOf('c', {
          match: {
            path: { type: 'exact', value: '/here' },
            caseSensitive: true,
            headers: [],
            query: [],
            fraction: null,
          },
        }),
      ],
    });
    proxy.cluster.update(clusterOf([]));
    const answers = await talk(proxy.port, get('/none') + get('/gone') + get('/here'), (a) => a.endsWith('upstream'));
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 404', 'HTTP/1.1 503', 'HTTP/1.1 503']);
    expect(proxy.log.map((entry) => entry.flags)).toEqual(['NR', 'NC', 'UH']);
  });

  test('the route timeout answers 504 and lets the upstream go', async () => {
    const { proxy, upstream } = await start(() => {}, { routes: [routeOf('c', { timeoutMs: 250 })] });
    const answer = talk(proxy.port, get(), (a) => a.endsWith('timeout'));
    await until(() => proxy.cluster.stats.rqActive.value === 1);
    proxy.clock.advance(300);
    expect(status(await answer)).toBe('504');
    expect(proxy.log[0]).toMatchObject({ status: 504, flags: 'UT' });
    await until(() => upstream.sockets.size === 0);
  });

  test('an endpoint that does not accept in time: 503 UF', async () => {
    const { proxy } = await start(answerWith(ok));
    const { stats } = proxy.cluster;
    const answer = talk(proxy.port, get(), (a) => a.includes('reset reason'));
    // that the connection stands is heard in a later turn of the loop than this
    await until(() => stats.cxActive.value === 1);
    proxy.clock.advance(1_100);
    expect(status(await answer)).toBe('503');
    expect(proxy.log[0]!.flags).toBe('UF');
    expect([stats.cxConnectTimeout.value, stats.cxConnectFail.value]).toEqual([1, 1]);
  });

  test('a client that goes away takes its upstream request with it', async () => {
    const { proxy, upstream } = await start(() => {});
    const client = net.connect(proxy.port, '127.0.0.1');
    client.write(get());
    await until(() => upstream.sockets.size === 1);
    client.destroy();
    await until(() => upstream.sockets.size === 0);
    expect(proxy.log[0]).toMatchObject({ status: 0, flags: 'DC' });
    expect(proxy.cluster.hosts[0]!.active).toBe(0);
  });

  test('bytes on an idle pooled connection throw it away: they never become an answer', async () => {
    const { proxy, upstream } = await start(answerWith(ok));
    await talk(proxy.port, get(), (a) => a.endsWith('ok'));
    const pooled = [...upstream.sockets][0]!;
    pooled.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil');
    await until(() => proxy.cluster.stats.cxActive.value === 0);
    const answer = await talk(proxy.port, get(), (a) => a.endsWith('ok'));
    expect(body(answer)).toBe('ok');
    expect(proxy.cluster.stats.cxTotal.value).toBe(2);
  });

  test('an answer before the end of the request closes both connections after it', async () => {
    const { proxy, upstream } = await start((socket, all) => {
      if (all.length < 1000) socket.write('HTTP/1.1 413 Payload Too Large\r\ncontent-length: 0\r\n\r\n');
    });
    const request = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nfirst';
    const answer = await talk(proxy.port, request, () => false);
    expect(status(answer)).toBe('413');
    expect(answer).toContain('connection: close\r\n');
    await until(() => upstream.sockets.size === 0);
  });

  test('a slow head is 408, an idle connection just ends', async () => {
    const { proxy } = await start(answerWith(ok));
    const slow = talk(proxy.port, 'GET / HTTP/1.1\r\nHo', () => false);
    await until(() => proxy.server.stats.cxRxBytesTotal.value > 0);
    proxy.clock.advance(11_000);
    expect(status(await slow)).toBe('408');
    await until(() => proxy.server.connectionCount === 0);
    const idle = net.connect(proxy.port, '127.0.0.1');
    idle.resume();
    await until(() => proxy.server.connectionCount > 0);
    const ended = new Promise((resolve) => idle.once('end', resolve));
    proxy.clock.advance(3_700_000);
    await ended;
  });

  test('an idle upstream connection leaves the pool after its time', async () => {
    const { proxy, upstream } = await start(answerWith(ok));
    await talk(proxy.port, get(), (a) => a.endsWith('ok'));
    expect(proxy.cluster.hosts[0]!.connections).toBe(1);
    proxy.clock.advance(61_000);
    await until(() => upstream.sockets.size === 0);
    expect(proxy.cluster.hosts[0]!.connections).toBe(0);
  });

  test('draining: idle connections end now, busy ones with their answer', async () => {
    const answers: (() => void)[] = [];
    const { proxy } = await start((socket) => {
      answers.push(() => void socket.write(ok));
    });
    const idle = net.connect(proxy.port, '127.0.0.1');
    idle.resume();
    const idleEnded = new Promise((resolve) => idle.once('end', resolve));
    const busy = talk(proxy.port, get(), () => false);
    await until(() => proxy.server.connectionCount === 2 && answers.length === 1);
    const drained = proxy.server.drain();
    await idleEnded;
    answers[0]!();
    expect(await busy).toContain('connection: close\r\n');
    await drained;
  });

  test.each([
    [true, 'x-forwarded-for: 9.9.9.9,192.0.2.1'],
    [false, 'x-forwarded-for: 9.9.9.9'],
  ])('use_remote_address %s: the upstream sees %s', async (useRemoteAddress, line) => {
    let got = '';
    const onBytes: OnBytes = (socket, all) => {
      got = all.toString('latin1');
      socket.write(ok);
    };
    const { proxy } = await start(onBytes, { chain: { useRemoteAddress } });
    await talk(proxy.port, get('/', 'X-Forwarded-For: 9.9.9.9\r\n'), (a) => a.endsWith('ok'));
    expect(got.split('\r\n').filter((one) => one.startsWith('x-forwarded-for'))).toEqual([line]);
  });

  test('a bug while one request is served ends its connection; the others go on', async () => {
    const { proxy } = await start(answerWith(ok), {
      onLog: ({ path }) => {
        if (path === '/bug') throw new Error('a bug');
      },
    });
    const other = net.connect(proxy.port, '127.0.0.1');
    let answers = '';
    other.on('data', (chunk) => {
      answers += chunk.toString('latin1');
    });
    other.write(get('/1'));
    await until(() => answers.endsWith('ok'));
    await talk(proxy.port, get('/bug'), () => false);
    await talk(proxy.port, `POST /bug HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n`, () => false);
    expect(proxy.faults).toHaveLength(1);
    other.write(get('/2'));
    await until(() => (answers.match(/200 OK/g) ?? []).length === 2 && answers.endsWith('ok'));
    other.destroy();
    await until(() => proxy.server.connectionCount === 0);
    expect(proxy.cluster.hosts[0]!.active).toBe(0);
  });
});
