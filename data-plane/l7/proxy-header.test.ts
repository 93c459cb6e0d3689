/** Endpoints of HTTP that are told of each client in a PROXY header, and so have connections of each client's own. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { readTold } from '../codec/proxy-reading-testing.ts';
import type { Arrival } from '../model/arrival.ts';
import type { ClusterConfig, ProxyHeaderConfig, RouteConfig } from '../model/config.ts';
import { startProxy, talk } from '../proxy-testing.ts';
import { clusterOf, noBreakers, routeOf, seededRandom } from '../testing.ts';
import { H1Connection } from './h1-connection.ts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

const quick = { interval: 2 };

const second: ProxyHeaderConfig = { version: 2, passTlvs: 'all', tlvs: [] };

/** One connection, as its endpoint sees it. */
interface Heard {
  readonly who: string;
  readonly tlvs: readonly string[];
  readonly paths: string[];
  open: boolean;
}

type Protocol = 'http1' | 'http2';

/** Takes the header off each connection and gives the rest to Node's own server. The first of `/busy` gets a 503. */
async function startEndpoint(protocol: Protocol) {
  const heard: Heard[] = [];
  const sockets = new Set<net.Socket>();
  const statusOf = (one: Heard, path: string): number => {
    const isBusy = path === '/busy' && !heard.some(({ paths }) => paths.includes(path));
    one.paths.push(path);
    return isBusy ? 503 : 200;
  };
  // The server of one connection knows whose it is whatever has become of the socket: one that was left has no port.
  const serve = (one: Heard, socket: net.Socket): void => {
    // idle for as long as it likes: by default one ends after five seconds
    const inner = protocol === 'http1' ? http.createServer({ keepAliveTimeout: 0 }) : http2.createServer();
    inner.on('request', (request: http.IncomingMessage, response: http.ServerResponse) => {
      response.statusCode = statusOf(one, request.url!);
      response.end('ok');
    });
    inner.emit('connection', socket);
    if (protocol === 'http1') socket.resume(); // the other one reads the handle itself
  };
  const outer = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    let all = Buffer.alloc(0);
    const read = (chunk: Buffer): void => {
      all = Buffer.concat([all, chunk]);
      const told = readTold(all);
      if (told === null) return;
      socket.off('data', read).pause();
      const one: Heard = { who: told.who, tlvs: told.tlvs, paths: [], open: true };
      heard.push(one);
      socket.on('close', () => {
        one.open = false;
      });
      socket.unshift(Buffer.from(told.rest, 'latin1'));
      serve(one, socket);
    };
    socket.on('data', read);
  });
  outer.listen(0, '127.0.0.1');
  await once(outer, 'listening');
  running.push({
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => outer.close(resolve));
    },
  });
  return { port: (outer.address() as net.AddressInfo).port, heard };
}

async function start(protocol: Protocol, rest: Partial<ClusterConfig> = {}, route: Partial<RouteConfig> = {}) {
  const endpoint = await startEndpoint(protocol);
  const cluster = clusterOf([endpoint.port], { protocol, proxyHeader: second, ...rest });
  const proxy = await startProxy({ cluster, routes: [routeOf('c', route)] });
  running.push(proxy);
  return { heard: endpoint.heard, proxy };
}

/** A connection that asks one thing after another. */
function client(port: number) {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {});
  running.push({ stop: async () => void socket.destroy() });
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  return {
    socket,
    who: () => `127.0.0.1:${socket.localPort} 127.0.0.1:${port}`,
    ask: async (path: string): Promise<string> => {
      text = '';
      socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      await until(() => /\r\n\r\n(?:ok|2\r\nok\r\n0\r\n\r\n)$/.test(text) || socket.destroyed);
      return text.slice(9, 12);
    },
  };
}

describe.each(['http1', 'http2'] as const)('to endpoints of %s', (protocol) => {
  test('requests of one client share a connection, which tells of it and ends with it', async () => {
    const { heard, proxy } = await start(protocol);
    const [one, two] = [client(proxy.port), client(proxy.port)];
    for (const path of ['/1', '/2']) expect(await one.ask(path)).toBe('200');
    expect(await two.ask('/3')).toBe('200');
    expect(await one.ask('/4')).toBe('200');
    expect(heard).toEqual([
      { who: one.who(), tlvs: [], paths: ['/1', '/2', '/4'], open: true },
      { who: two.who(), tlvs: [], paths: ['/3'], open: true },
    ]);
    one.socket.destroy();
    await expect.poll(() => heard.map(({ open }) => open), quick).toEqual([false, true]);
    expect(await two.ask('/5')).toBe('200');
    expect(heard[1]?.paths).toEqual(['/3', '/5']);
    await expect.poll(() => proxy.cluster.stats.cxActive.value, quick).toBe(1);
    expect(proxy.faults).toEqual([]);
  });

  test('a client of HTTP/2 is told of once for each connection that its requests need', async () => {
    const { heard, proxy } = await start(protocol, { proxyHeader: { ...second, version: 1 } });
    const session = http2.connect(`http://127.0.0.1:${proxy.port}`);
    const who = (): string => `127.0.0.1:${session.socket.localPort} 127.0.0.1:${proxy.port}`;
    const ask = (path: string): Promise<unknown> => once(session.request({ ':path': path }).resume(), 'end');
    await Promise.all(['/1', '/2', '/3'].map(ask));
    await ask('/4');
    expect(heard.flatMap(({ paths }) => paths).sort()).toEqual(['/1', '/2', '/3', '/4']);
    for (const one of heard) expect(one).toMatchObject({ who: who(), tlvs: [], open: true });
    if (protocol === 'http2') expect(heard).toHaveLength(1);
    await new Promise<void>((resolve) => session.close(resolve));
    await expect.poll(() => heard.some(({ open }) => open), quick).toBe(false);
  });

  test('where there is no room for a connection, that of a client without a request makes it', async () => {
    const { heard, proxy } = await start(protocol, { breakers: { ...noBreakers, connections: 1 } });
    const [one, two] = [client(proxy.port), client(proxy.port)];
    for (const [asks, path] of [
      [one, '/1'],
      [two, '/2'],
      [one, '/3'],
    ] as const)
      expect(await asks.ask(path)).toBe('200');
    expect(heard.map(({ who, paths }) => [who, ...paths])).toEqual([
      [one.who(), '/1'],
      [two.who(), '/2'],
      [one.who(), '/3'],
    ]);
    await expect.poll(() => heard.map(({ open }) => open), quick).toEqual([false, false, true]);
    const { rqWaiting, rqPendingActive } = proxy.cluster.stats;
    expect([rqWaiting.value, rqPendingActive.value]).toEqual([0, 0]);
  });

  test('connections to an endpoint that leaves the cluster close, whoever they tell of', async () => {
    const { heard, proxy } = await start(protocol);
    const [one, two] = [client(proxy.port), client(proxy.port)];
    await one.ask('/1');
    await two.ask('/2');
    proxy.cluster.update({ ...proxy.cluster.config, endpoints: [] });
    await expect.poll(() => heard.map(({ open }) => open), quick).toEqual([false, false]);
  });

  test('a try after the first one has a connection of its own, and the header once', async () => {
    const retry = {
      ...{ failures: [], statuses: [{ start: 503, end: 504 }], grpcStatuses: [], attempts: 1, perTryTimeoutMs: 0 },
      ...{ backoff: { baseMs: 0, maxMs: 0 }, hostSelections: 0, methods: null },
    };
    const { heard, proxy } = await start(protocol, {}, { retry });
    const one = client(proxy.port);
    const answer = one.ask('/busy');
    await expect.poll(() => heard.flatMap(({ paths }) => paths), quick).toEqual(['/busy']);
    await expect.poll(() => proxy.cluster.stats.rqRetry.value, quick).toBe(1);
    proxy.clock.advance(1_000);
    expect(await answer).toBe('200');
    expect(heard.map(({ who }) => who)).toEqual(heard.map(() => one.who()));
    expect(heard.flatMap(({ paths }) => paths)).toEqual(['/busy', '/busy']);
  });
});

test.each([
  ['http1', Number.POSITIVE_INFINITY],
  ['http1', 3],
  ['http2', 3],
] as const)(
  "to %s by %d connections, whatever clients do, none has another one's requests, and nothing is left",
  async (protocol, connections) => {
    const seed = Date.now() % 2 ** 31;
    console.log(`seed ${seed} (repeats it as far as sockets do)`);
    const random = seededRandom(seed);
    const { heard, proxy } = await start(protocol, { breakers: { ...noBreakers, connections } });
    const lives = Array.from({ length: 40 }, async () => {
      const one = client(proxy.port);
      await once(one.socket, 'connect');
      const path = `/${one.socket.localPort}`;
      for (let requests = Math.floor(random() * 5); requests >= 0; requests--) {
        const answer = one.ask(path);
        if (random() < 0.15) one.socket.destroy();
        else expect(await answer).toBe('200');
        if (one.socket.destroyed) return;
      }
      if (random() < 0.8) one.socket.destroy();
      else one.socket.end();
    });
    await Promise.all(lives);
    const { cxActive, rqActive, rqWaiting, rqPendingActive } = proxy.cluster.stats;
    const left = () => [cxActive, rqActive, rqWaiting, rqPendingActive].map(({ value }) => value);
    await expect.poll(left, quick).toEqual([0, 0, 0, 0]);
    await expect.poll(() => heard.filter(({ open }) => open), quick).toEqual([]);
    expect(heard.length).toBeGreaterThan(5);
    for (const { who, paths } of heard) for (const path of paths) expect(who).toContain(`:${path.slice(1)} `);
    expect(proxy.faults).toEqual([]);
  },
);

test('no more connections than may be idle are, of all clients together: the longest idle one closes', async () => {
  const { heard, proxy } = await start('http1', { keepAlive: { maxIdle: 2, idleTimeoutMs: 0, maxRequests: 0 } });
  const clients = [1, 2, 3].map(() => client(proxy.port));
  for (const one of clients) await one.ask('/');
  await expect.poll(() => heard.map(({ open }) => open), quick).toEqual([false, true, true]);
  expect(await clients[0]!.ask('/again')).toBe('200');
});

test('without a header to send, clients share connections', async () => {
  const upstream = http.createServer({ keepAliveTimeout: 0 }, (_, response) => response.end('ok'));
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  running.push({ stop: async () => void upstream.close() });
  const cluster = clusterOf([(upstream.address() as net.AddressInfo).port]);
  const proxy = await startProxy({ cluster });
  running.push(proxy);
  await client(proxy.port).ask('/1');
  await client(proxy.port).ask('/2');
  expect(proxy.cluster.stats.cxTotal.value).toBe(1);
});

test("who the client's own header has told of is who the endpoint is told of, with its TLVs", async () => {
  const arrival: Arrival = {
    ...{ remoteAddress: '203.0.113.7', remotePort: 4711, localAddress: '203.0.113.1', localPort: 443 },
    ...{ directAddress: '10.0.0.2', directPort: 50_000, serverName: 'shop.example.com', alpn: [], proxyTlvs: null },
    rawTlvs: [{ type: 5, value: Buffer.from('unique-1') }],
  };
  const tlvs = [{ type: 2, value: { format: '%REQUESTED_SERVER_NAME%' } }];
  const { heard, proxy } = await start('http1', { proxyHeader: { ...second, tlvs } });
  const server = net.createServer((socket) => {
    const connection = new H1Connection(socket, proxy.server, '', () => {}, arrival);
    socket.on('data', (chunk) => connection.onBytes(chunk, chunk.length));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  running.push({ stop: async () => void server.close() });
  const { port } = server.address() as net.AddressInfo;
  await talk(port, 'GET /1 HTTP/1.1\r\nHost: a\r\n\r\n', (answer) => answer.endsWith('ok'));
  expect(heard).toMatchObject([
    { who: '203.0.113.7:4711 203.0.113.1:443', tlvs: ['2=shop.example.com', '5=unique-1'], paths: ['/1'] },
  ]);
});
