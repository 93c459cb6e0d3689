/** Clients that stay where they were, over real sockets: what the choice is asked for, and what answers say of it. */
import { afterEach, expect, test } from 'vitest';
import type { ClusterConfig, HttpChainConfig, RetryConfig, RouteConfig, StickySessionConfig } from '../model/config.ts';
import { type ProxyOptions, startProxy, startRawUpstream, talk } from '../proxy-testing.ts';
import { balanceOf, clusterOf, endpointOf, routeOf } from '../testing.ts';
import type { PickAsk } from '../upstream/pick-ask.ts';

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

const retry: RetryConfig = {
  failures: ['reset'],
  statuses: [],
  grpcStatuses: [],
  attempts: 2,
  perTryTimeoutMs: 0,
  backoff: { baseMs: 25, maxMs: 250 },
  hostSelections: 3,
  methods: ['GET'],
};
const byCookie: StickySessionConfig = {
  by: { type: 'cookie', name: 'st', ttlMs: 0, path: '', attributes: [] },
  strict: false,
  signed: false,
};
const byHeader: StickySessionConfig = { by: { type: 'header', name: 'x-sticky' }, strict: false, signed: false };
const maglev = balanceOf({ type: 'maglev', tableSize: 65_537, useHostname: false, boundedLoadPercent: 0 });

/** Answers its own name; `resets`: it says nothing to any request. */
async function startEndpoint(name: string, more = '', resets = false) {
  let requests = 0;
  const upstream = await startRawUpstream((socket, all) => {
    if (!all.toString('latin1').endsWith('\r\n\r\n')) return;
    requests++;
    if (resets) socket.resetAndDestroy();
    else socket.write(`HTTP/1.1 200 X\r\n${more}content-length: ${name.length}\r\nconnection: close\r\n\r\n${name}`);
  });
  running.push(upstream);
  return { ...upstream, key: `127.0.0.1:${upstream.port}`, requests: () => requests };
}

async function start(options: ProxyOptions) {
  const proxy = await startProxy(options);
  running.push(proxy);
  const asks: PickAsk[] = [];
  for (const cluster of proxy.clusters.values()) {
    const pick = cluster.pick.bind(cluster);
    cluster.pick = (ask) => {
      asks.push({ ...ask! });
      return pick(ask);
    };
  }
  /** Status, body, and the lines of the answer that are about affinity. */
  const ask = async (path: string, ...lines: readonly string[]): Promise<string> => {
    const request = [`GET ${path} HTTP/1.1`, 'host: a.example.com', 'connection: close', ...lines];
    const text = await talk(proxy.port, `${request.join('\r\n')}\r\n\r\n`, () => false);
    const [head = '', body = ''] = text.split('\r\n\r\n');
    const told = head.split('\r\n').filter((line) => /^(set-cookie|x-sticky)/.test(line));
    return [head.slice(9, 12), body, ...told].join(' ');
  };
  return { ...proxy, asks, ask };
}

function cookieOf(key: string): string {
  return Buffer.from(`\n${String.fromCharCode(key.length)}${key}`).toString('base64');
}

const sticky = (cluster: string, rest: Partial<RouteConfig> = {}): RouteConfig =>
  routeOf(cluster, { stickySession: byCookie, ...rest });

test('hashing sees the request as the endpoint does; what goes by no hash asks for none', async () => {
  const one = await startEndpoint('one');
  const route = (cluster: string): RouteConfig =>
    routeOf(cluster, {
      match: { ...routeOf('').match, path: { type: 'prefix', value: `/${cluster}` } },
      hashPolicies: [
        { type: 'header', name: ':path', rewrite: null, terminal: false },
        { type: 'header', name: 'x', rewrite: null, terminal: false },
        { type: 'header', name: 'host', rewrite: null, terminal: false },
      ],
      rewrite: { host: 'b.example.com', forwardHost: false, path: { type: 'prefix', value: '/new' } },
      requestHeaders: { remove: ['x'], add: [{ name: 'x', value: [{ type: 'text', text: 'a' }], replace: false }] },
    });
  const { ask, asks } = await start({
    cluster: clusterOf([one.port], { name: 'hashed', balance: maglev }),
    others: [clusterOf([one.port], { name: 'chance' })],
    routes: [route('hashed'), route('chance')],
  });
  await ask('/hashed/7?k=b', 'x: other');
  await ask('/chance', 'x: a');
  // of `/new/7?k=b`, `a` and `b.example.com`
  expect(asks.map(({ hash }) => hash)).toEqual([{ high: 0x68ffc268, low: 0x274023d8 }, null]);
});

test('a cookie that was made is told once a request, and is the same for all of a connection', async () => {
  const one = await startEndpoint('1', 'set-cookie: own=1\r\n');
  const minting: RouteConfig = routeOf('c', {
    hashPolicies: [{ type: 'cookie', name: 'sid', ttlMs: 60_000, path: '/p', attributes: [], terminal: false }],
  });
  const drops: RouteConfig['responseHeaders'] = { remove: ['set-cookie'], add: [] };
  const { port } = await start({
    cluster: clusterOf([one.port], { balance: maglev }),
    routes: [
      { ...minting, match: { ...minting.match, path: { type: 'prefix', value: '/drop' } }, responseHeaders: drops },
      minting,
    ],
  });
  const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nhost: a\r\n${more}\r\n`;
  const requests = [get('/'), get('/'), get('/', 'cookie: sid=x\r\n'), get('/drop', 'connection: close\r\n')];
  const answers = await talk(port, requests.join(''), (all) => all.split('HTTP/1.1').length === 5 && all.endsWith('1'));
  const cookies = answers.split('HTTP/1.1').map((one) => one.match(/set-cookie: .*/g)?.join('|'));
  expect(cookies[1]).toMatch(/^set-cookie: own=1\|set-cookie: sid="[0-9a-f]{16}"; Max-Age=60; Path=\/p; HttpOnly$/);
  expect(cookies).toEqual([undefined, cookies[1], cookies[1], 'set-cookie: own=1', undefined]);
});

test('a client stays where its cookie says, and is told where it is only when that is new', async () => {
  const [one, two] = [await startEndpoint('one'), await startEndpoint('two')];
  const { ask } = await start({ cluster: clusterOf([one.port, two.port]), routes: [sticky('c')] });
  const told = (key: string): string => `set-cookie: st="${cookieOf(key)}"; HttpOnly`;
  expect(await ask('/')).toBe(`200 one ${told(one.key)}`);
  for (let i = 0; i < 3; i++) expect(await ask('/', `cookie: st=${cookieOf(two.key)}`)).toBe('200 two');
  expect(await ask('/', `cookie: st=${cookieOf('127.0.0.1:1')}`)).toBe(`200 two ${told(two.key)}`);
});

test('a listener speaks for routes that say nothing; without its filter no route is heard', async () => {
  const one = await startEndpoint('one');
  const path = (value: string): Partial<RouteConfig> => ({
    match: { ...routeOf('').match, path: { type: 'prefix', value } },
  });
  const routes = [
    sticky('c', { ...path('/own'), stickySession: byHeader }),
    sticky('c', { ...path('/none'), stickySession: 'none' }),
    sticky('c', { stickySession: null }),
  ];
  const told = async (stickySession: HttpChainConfig['stickySession']): Promise<string[]> => {
    const { ask } = await start({ cluster: clusterOf([one.port]), routes, chain: { stickySession } });
    const answers = [await ask('/own'), await ask('/none'), await ask('/')];
    return answers.map((answer) => answer.replace(/^200 one ?/, '').replace(/[:=].*/, ''));
  };
  expect(await told(byCookie)).toEqual(['x-sticky', '', 'set-cookie']);
  expect(await told('none')).toEqual(['x-sticky', '', '']);
  expect(await told(null)).toEqual(['', '', '']);
});

test('a header takes the place of the endpoint’s own only when it says something new', async () => {
  const [one, two] = [await startEndpoint('one', 'x-sticky: own\r\n'), await startEndpoint('two', 'x-sticky: own\r\n')];
  const { ask } = await start({
    cluster: clusterOf([one.port, two.port]),
    routes: [sticky('c', { stickySession: byHeader })],
  });
  const value = (key: string): string => Buffer.from(key).toString('base64');
  expect(await ask('/')).toBe(`200 one x-sticky: ${value(one.key)}`);
  expect(await ask('/', `x-sticky: ${value(one.key)}`)).toBe('200 one x-sticky: own');
});

test('a signed session binds by what nodes with the key have said, and nobody where there is none', async () => {
  const [one, two] = [await startEndpoint('one'), await startEndpoint('two')];
  const options: ProxyOptions = {
    cluster: clusterOf([one.port, two.port]),
    routes: [sticky('c', { stickySession: { ...byCookie, signed: true } })],
  };
  const first = await start({ ...options, sessionKeys: [Buffer.alloc(32, 1)] });
  const second = await start({ ...options, sessionKeys: [Buffer.alloc(32, 2), Buffer.alloc(32, 1)] });
  const [, said = ''] = /st="(.*)"/.exec(await first.ask('/')) ?? [];
  for (const node of [first, second, first]) expect(await node.ask('/', `cookie: st=${said}`)).toBe('200 one');
  expect(await first.ask('/', `cookie: st=${cookieOf(one.key)}`)).toMatch(/^200 two set-cookie/);
  const keyless = await start(options);
  expect(await keyless.ask('/', `cookie: st=${said}`)).toBe('200 one');
  expect(await keyless.ask('/', `cookie: st=${said}`)).toBe('200 two');
});

test('strictly: who is bound to an endpoint that is gone gets no other', async () => {
  const one = await startEndpoint('one');
  const route = sticky('c', { stickySession: { ...byCookie, strict: true } });
  const { ask } = await start({ cluster: clusterOf([one.port]), routes: [route] });
  expect(await ask('/', `cookie: st=${cookieOf('127.0.0.1:1')}`)).toBe('503 no healthy upstream');
  expect(await ask('/')).toMatch(/^200 one set-cookie/);
});

test('of several clusters a client stays with the one that serves it, unless that is to get nothing', async () => {
  const [old, canary, off] = [await startEndpoint('old'), await startEndpoint('new'), await startEndpoint('off')];
  const labelled = (port: number, v: string): ClusterConfig['endpoints'][number] => endpointOf(port, { labels: { v } });
  const subset = { v: '2' };
  const { ask } = await start({
    cluster: clusterOf([old.port], { name: 'old' }),
    others: [
      { ...clusterOf([], { name: 'new' }), endpoints: [labelled(canary.port, '2'), labelled(off.port, '1')] },
      clusterOf([off.port], { name: 'off' }),
    ],
    routes: [
      sticky('', {
        to: [
          { cluster: 'old', weight: 9 },
          { cluster: 'new', weight: 1, subset },
          { cluster: 'off', weight: 0 },
        ],
      }),
    ],
  });
  expect(await ask('/')).toMatch(/^200 old set-cookie/);
  expect(await ask('/', `cookie: st=${cookieOf(canary.key)}`)).toBe('200 new');
  expect(await ask('/', `cookie: st=${cookieOf(old.key)}`)).toBe('200 old');
  expect(await ask('/', `cookie: st=${cookieOf(off.key)}`)).toMatch(/^200 old set-cookie/);
});

test('the subset of the cluster that was chosen is asked for', async () => {
  const one = await startEndpoint('one');
  const to = [
    { cluster: 'c', weight: 0, subset: { v: '1' } },
    { cluster: 'c', weight: 1, subset: { v: '2' } },
  ];
  const { ask, asks } = await start({ cluster: clusterOf([one.port]), routes: [routeOf('c', { to })] });
  await ask('/');
  expect(asks).toMatchObject([{ subset: { v: '2' }, hash: null, bound: '', boundOnly: false, tried: [] }]);
});

test('another try is not bound to the endpoint that failed, and the client is told where it went', async () => {
  const [bad, good] = [await startEndpoint('bad', '', true), await startEndpoint('good')];
  const { ask, asks, clock } = await start({
    cluster: clusterOf([bad.port, good.port]),
    routes: [sticky('c', { retry, stickySession: { ...byCookie, strict: true } })],
  });
  const answer = ask('/', `cookie: st=${cookieOf(bad.key)}`);
  const timer = setInterval(() => clock.advance(50), 1);
  expect(await answer).toBe(`200 good set-cookie: st="${cookieOf(good.key)}"; HttpOnly`);
  clearInterval(timer);
  expect(bad.requests()).toBe(1);
  expect(asks).toMatchObject([
    { bound: bad.key, boundOnly: true, tried: [], hostSelections: 0 },
    { bound: '', boundOnly: false, tried: [{ key: bad.key }], hostSelections: 3 },
  ]);
});

test('the fallback is asked for nothing, and its endpoint is not where the client belongs', async () => {
  const [page, bad] = [await startEndpoint('page'), await startEndpoint('bad', '', true)];
  const { ask, asks } = await start({
    cluster: clusterOf([bad.port]),
    others: [clusterOf([page.port], { name: 'page' })],
    routes: [
      sticky('c', {
        stickySession: { ...byCookie, strict: true },
        fallback: { cluster: 'page', on: ['5xx', 'no-healthy'] },
      }),
    ],
  });
  expect(await ask('/', `cookie: st=${cookieOf('127.0.0.1:1')}`)).toBe('200 page');
  expect(await ask('/')).toBe('200 page');
  const free = { bound: '', boundOnly: false, tried: [], subset: null };
  expect(asks).toMatchObject([{ bound: '127.0.0.1:1' }, free, { bound: '' }, free]);
});

test('an answer of the proxy’s own binds nobody', async () => {
  const bad = await startEndpoint('bad', '', true);
  const { ask } = await start({ cluster: clusterOf([bad.port]), routes: [sticky('c')] });
  expect(await ask('/')).toMatch(/^503 [^;]*$/);
});
