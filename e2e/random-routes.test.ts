/**
 * The same 220 routes and 2,000 random requests at our node and a real Envoy: the same decision, request and answer. Where
 * ours is stricter (docs/envoy.md) stands in a table below, and nothing of that kind is among the random ones.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { randomOf } from './chaos/random.ts';
import { startEnvoy } from './support/envoy.ts';
import { Cleanup, run, startControlPlane, startDataPlane, waitFor } from './support/fairlead.ts';
import { requirePeer } from './support/peers.ts';
import { askRaw, startRawBackend } from './support/raw-http.ts';

const here = requirePeer('envoy');
const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const seed = Number(process.env['SEED'] ?? 5);
const random = randomOf(seed);
const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
const maybe = <T extends object>(share: number, make: () => T): T | object => (random() < share ? make() : {});

const hosts = ['a.example.com', 'b.example.com', '*.example.com', '*.b.example.com', 'shop.*', '*'];
const words = ['api', 'v1', 'v2', 'Items', 'a.b', 'x', '7', '12', 'a-b', 'a;v=1', '%20', 'a%3Bb', 'a+b', '@me', "o'b"];
const path = (most: number): string =>
  `/${Array.from({ length: 1 + Math.floor(random() * most) }, () => pick(words)).join('/')}`;
const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

const condition = (): object =>
  pick<object>([
    { exact: 'v1' },
    { prefix: 'v' },
    { suffix: '1' },
    { contains: '1' },
    { regex: 'v[0-9]+' },
    { regex: '(?i)^V1$|w' },
    { present: true },
    { present: false },
  ]);

function headerCondition(): object {
  const not = random() < 0.3 ? { not: true } : {};
  if (random() < 0.15)
    return {
      name: 'x-n',
      range: pick([
        [1, 10],
        [-5, 5],
        [18, 65],
      ]),
      ...not,
    };
  const name = pick(['x-v', 'x-w', 'accept', 'user-agent', 'cookie', 'x-forwarded-proto', 'content-type']);
  return { name, ...condition(), ...not };
}

const rewrites = [
  { pattern: '/([a-z]+)', to: '/\\1z' },
  { pattern: '^/', to: '/pre/' },
  { pattern: '$', to: '/end' },
  { pattern: '^(.*)$', to: '/all\\1' },
  { pattern: '[0-9]', to: '\\0\\0' },
];

function routes(): { spec: { hosts: string[]; match: Record<string, unknown> & { path: Record<string, string> } } }[] {
  return Array.from({ length: 220 }, (_, index) => {
    const plain = pick(['exact', 'prefix', 'rawPrefix'] as const);
    const literal = random() < 0.7;
    const matched = literal
      ? { [plain]: path(3) + (random() < 0.1 ? '/' : ''), ...maybe(0.2, () => ({ ignoreCase: true })) }
      : pick<object>([
          { template: `/{a}/items` },
          { template: '/{a}/{b}' },
          { template: '/v1/{a}/x' },
          { regex: `${escaped(path(1))}/[a-z0-9]+(/.*)?` },
          { regex: `(?i)${escaped(path(1))}.*` },
          { regex: '^/(api|v1)/.*$' },
        ]);
    const match = {
      path: matched,
      ...maybe(0.2, () => ({ methods: pick([['GET'], ['POST', 'PUT'], ['HEAD', 'PURGE']]) })),
      ...maybe(0.3, () => ({ headers: Array.from({ length: pick([1, 2]) }, headerCondition) })),
      ...maybe(0.2, () => ({ query: [{ name: pick(['q', 'r', 'Q']), ...condition() }] })),
      ...maybe(0.05, () => ({ fraction: pick(['0%', '100%']) })),
    };
    const action = pick<() => object>([
      () => ({
        redirect: {
          ...pick<object>([
            { scheme: 'https' },
            { path: '/new' },
            { path: '/new?k=v' },
            { host: 'o.example.com:81' },
            { host: 'o.example.com', scheme: 'https' },
            ...(literal ? [{ prefix: pick(['/', '/n', '/n/']) }] : []),
          ]),
          ...maybe(0.5, () => ({ code: pick([301, 302, 303, 307, 308]) })),
        },
      }),
      () => ({
        respond: { status: pick([200, 403, 421, 503]), ...maybe(0.7, () => ({ body: pick(['text', '{}']) })) },
      }),
      () => ({ respond: { status: 204 } }),
      ...[1, 2, 3, 4, 5].map(() => () => ({
        to:
          random() < 0.2 && !('fraction' in match)
            ? [
                { cluster: pick(['a', 'b']), weight: 100 },
                { cluster: 'c', weight: 0 },
              ]
            : [{ cluster: pick(['a', 'b', 'c', 'a', 'b', 'c', 'none', 'dead']) }],
        ...maybe(0.5, () => ({
          rewrite: {
            ...maybe(0.4, () => ({ host: pick(['inner.example.com', 'inner:8080']) })),
            ...(literal ? { prefix: pick(['/', '/n', '/n/', path(2)]) } : { regex: pick(rewrites) }),
          },
        })),
      })),
    ])();
    const changes = maybe(0.35, () => ({
      headers: {
        ...('to' in action && {
          request: {
            ...maybe(0.5, () => ({ remove: [pick(['x-w', 'accept', 'cookie'])] })),
            set: { 'x-v': pick(['%REQ(x-w)%', '%REQ(x-no?x-w)%', '%REQ(user-agent):3%', '%PROTOCOL%', '100%%']) },
            add: { 'x-n': `${index}`, ...maybe(0.3, () => ({ 'x-w': 'added' })) },
          },
        }),
        response: { set: { 'x-r': `${index}`, ...maybe(0.3, () => ({ 'content-type': 'text/x' })) } },
      },
    }));
    const spec = { hosts: [pick(hosts)], match, ...action, ...changes } as ReturnType<typeof routes>[number]['spec'];
    return { kind: 'Route', name: `r${index}`, spec };
  });
}

const spellings: readonly ((path: string) => string)[] = [
  ...Array.from({ length: 5 }, () => (text: string) => text),
  (text) => `${text}/`,
  (text) => `${text}/more`,
  (text) => `${text}more`,
  (text) => text.toUpperCase(),
  (text) => text.replace(/[a-z]/, (char) => `%${char.charCodeAt(0).toString(16)}`),
  (text) => `/x/..${text}`,
  (text) => `/../.${text}`,
  (text) => text + pick(['/..', '/.', '/../', '/./..', '/...', '/.y', '/..;/y', '/.;a=b/y', '/;../y', '///..//y']),
  (text) =>
    text + pick(['/%2e%2e/y', '/%2E/y', '/.%2e', '%7Ey%2Dz%5F', '%C3%A4', '%25', '%20', '%3B', ';p=1', '{x}', '^|`']),
  (text) => text + pick(['%2fz', '%2F..%2F', '%5Cz', '%00']),
  (text) => text.replace('/', '//'),
  () => '//',
  (text) => `${text}/${'l'.repeat(4_000)}`,
];
const queries = [
  '?q=v1',
  '?r=v&q=1',
  '?q',
  '?q=w&q=v1',
  '?r=%761',
  '?',
  '??',
  '?q=%2F..%2f',
  '?&q=v1',
  '?;q=v1',
  '?Q=v1',
];
const values = [
  'v1',
  'v',
  'v12',
  '',
  '1',
  'w',
  'V1',
  'v1,w',
  ' v1 ',
  'v1\tx',
  '+5',
  '05',
  '5.0',
  '-3',
  '9'.repeat(20),
  '\xe4',
];
const names = [
  ...['x-v', 'x-w', 'x-v', 'x-w', 'accept', 'accept-encoding', 'authorization', 'cache-control', 'content-type'],
  ...['cookie', 'date', 'forwarded', 'if-none-match', 'origin', 'pragma', 'priority', 'range', 'server', 'user-agent'],
  ...['via', 'x-b3-traceid', 'x-forwarded-proto', 'x-n', 'X-Mixed', 'x-real-ip'],
];

function requestTo({ spec }: ReturnType<typeof routes>[number]): string {
  const { exact, prefix, rawPrefix, template } = spec.match.path;
  const plain = exact ?? prefix ?? rawPrefix ?? template?.replaceAll(/\{\w+\}/g, () => pick(words)) ?? path(2);
  const target = pick(spellings)(random() < 0.85 ? plain : path(4)) + (random() < 0.4 ? pick(queries) : '');
  const host = pick(spec.hosts).replace(/^\*\./, 'c.').replace(/\.\*$/, '.org').replace(/^\*$/, 'else.org');
  const lines = [`${pick(['host', 'Host'])}: ${pick([host, host, host.toUpperCase(), `${host}:8080`, `${host}.`])}`];
  for (let left = pick([0, 1, 2, 4, 8]); left > 0; left--) lines.push(`${pick(names)}: ${pick(values)}`);
  const wanted = spec.match['methods'] as string[] | undefined;
  const method = pick(wanted ?? ['GET', 'GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'PROPFIND']);
  let body = '';
  const share = random();
  if (share < 0.1) {
    body = 'x'.repeat(pick([0, 1, 10, 5_000]));
    lines.push(`content-length: ${body.length}`);
  } else if (share < 0.2) {
    body = '5\r\nhello\r\n0\r\n\r\n';
    lines.push('Transfer-Encoding: chunked');
  }
  return `${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** What differs from request to request. */
const line = (text: string): string => text.replace(/^x-request-id: .*/, 'x-request-id: new');
const timings = /^(date|x-envoy-upstream-service-time|connection|content-length|transfer-encoding):/;

/** A request that is refused is told so in words of one's own. */
async function answerOf(port: number, bytes: string) {
  const { status, headers, body, seen } = await askRaw(port, bytes);
  if (status === 400) return { status };
  const kept = headers.filter((one) => !timings.test(one)).sort();
  return { status, headers: kept, body: seen === null ? body : { ...seen, headers: seen.headers.map(line).sort() } };
}

describe.skipIf(!here)(`our node and Envoy (SEED=${seed})`, () => {
  const table = routes();
  let ours = 0;
  let theirs = 0;

  beforeAll(async () => {
    const controlPlane = await startControlPlane(cleanup);
    const clusters = await Promise.all(
      ['a', 'b', 'c'].map(async (name) => {
        const { port } = await startRawBackend(cleanup, name);
        return { kind: 'Cluster', name, spec: { endpoints: [{ address: '127.0.0.1', port }] } };
      }),
    );
    const documents = [
      { kind: 'NodeGroup', name: 'edge', spec: { tier: 'l7' } },
      { kind: 'Listener', name: 'public', spec: { groups: ['edge'], address: '127.0.0.1', port: 0 } },
      ...clusters,
      { kind: 'Cluster', name: 'none', spec: { endpoints: [] } },
      { kind: 'Cluster', name: 'dead', spec: { endpoints: [{ address: '127.0.0.1', port: 1 }] } },
      ...table,
      { kind: 'Route', name: 'strict', spec: { hosts: ['strict.org'], to: [{ cluster: 'a' }] } },
      { kind: 'Route', name: 'header', spec: { hosts: ['header.org'], to: [{ clusterHeader: 'x-cluster' }] } },
      {
        kind: 'Route',
        name: 'no-slash',
        spec: { hosts: ['slash.org'], to: [{ cluster: 'a' }], rewrite: { regex: { pattern: '^/', to: '-' } } },
      },
    ];
    await controlPlane.apply(documents.map((document) => JSON.stringify(document)).join('\n---\n'));
    ours = await (await startDataPlane(cleanup, controlPlane, 'edge', 'ours')).port('public');
    const bootstrap = await run(
      ['bootstrap', 'envoy', '--group', 'edge', '--id', 'envoy', '--xds', controlPlane.xds],
      controlPlane.env,
    );
    const envoy = await startEnvoy({ bootstrap: bootstrap.stdout });
    cleanup.add(() => envoy.stop());
    theirs = await waitFor('the listener of Envoy', () => envoy.listenerPort('public').catch(() => undefined));
  }, 120_000);

  test('decide, send and answer the same', { timeout: 240_000 }, async () => {
    const differences: unknown[] = [];
    for (let left = 2_000; left > 0; left -= 10) {
      const asked = Array.from({ length: 10 }, () => requestTo(pick(table)));
      await Promise.all(
        asked.map(async (bytes) => {
          const [our, their] = await Promise.all([answerOf(ours, bytes), answerOf(theirs, bytes)]);
          if (JSON.stringify(our) !== JSON.stringify(their)) differences.push({ bytes, our, their });
        }),
      );
    }
    expect(differences.slice(0, 3)).toEqual([]);
  });

  test.each([
    ['x-cluster: b', 200, 'b'],
    ['x-cluster: b\r\nx-cluster: c', 200, 'b'],
    ['x-cluster: none', 503, undefined],
    ['x-cluster: nowhere', 503, undefined],
    ['x-cluster:', 503, undefined],
    ['x: b', 503, undefined],
  ])('let the header %j choose the cluster', async (header, status, backend) => {
    const bytes = `GET /a HTTP/1.1\r\nhost: header.org\r\n${header}\r\n\r\n`;
    const our = await answerOf(ours, bytes);
    expect(our).toEqual(await answerOf(theirs, bytes));
    expect([our.status, (await askRaw(ours, bytes)).seen?.backend]).toEqual([status, backend]);
  });

  // the list of docs/envoy.md
  test.each([
    ['a malformed escape', 'GET /%zz', '', 400, 200],
    ['a lone percent sign', 'GET /100%', '', 400, 200],
    ['a backslash', 'GET /a\\b', '', 400, 200],
    ['a quotation mark', 'GET /"', '', 400, 200],
    ['angle brackets', 'GET /<>', '', 400, 200],
    ['another authority than Host', 'GET http://other.org/', '', 400, 404],
    ['two hosts', 'GET /', 'host: other.org', 400, 404],
    ['a line that goes on', 'GET /', 'x: a\r\n b', 400, 200],
    ['unknown methods', 'WHAT /', '', 501, 400],
    ['TRACE', 'TRACE /', '', 405, 200],
  ])('%s: ours refuses it', async (_what, start, more, our, their) => {
    const bytes = `${start} HTTP/1.1\r\nhost: strict.org\r\n${more === '' ? '' : `${more}\r\n`}\r\n`;
    expect([(await askRaw(ours, bytes)).status, (await askRaw(theirs, bytes)).status]).toEqual([our, their]);
  });

  test.each([
    ['/a/%2e%2e;/y', 'strict.org', 'GET /y', 'GET /a/..;/y'],
    ['/a', 'slash.org', 'GET /-a', 'GET -a'],
  ])('%s at %s goes on as one path for everybody', async (asked, host, our, their) => {
    const bytes = `GET ${asked} HTTP/1.1\r\nhost: ${host}\r\n\r\n`;
    const lines = [(await askRaw(ours, bytes)).seen?.line, (await askRaw(theirs, bytes)).seen?.line];
    expect(lines).toEqual([`${our} HTTP/1.1`, `${their} HTTP/1.1`]);
  });

  test('a referer that is no URL, and TE, are the headers that differ', async () => {
    const bytes = 'GET / HTTP/1.1\r\nhost: strict.org\r\nreferer: "\r\nte: trailers\r\n\r\n';
    const seen = await Promise.all([ours, theirs].map(async (port) => (await askRaw(port, bytes)).seen!.headers));
    const own = (headers: readonly string[]) => headers.filter((one) => /^(referer|te):/.test(one));
    expect(seen.map(own)).toEqual([['referer: "'], ['te: trailers']]);
  });
});
