/** The same 200 routes and 2,000 random requests at our node and a real Envoy: the same decision, request and answer. */
import { afterAll, expect, test } from 'vitest';
import { randomOf } from './chaos/random.ts';
import { startEnvoy } from './support/envoy.ts';
import { Cleanup, request, run, startBackend, startControlPlane, startDataPlane, waitFor } from './support/fairlead.ts';
import { requirePeer } from './support/peers.ts';

const here = requirePeer('envoy');
const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const seed = Number(process.env['SEED'] ?? 5);
const hosts = ['a.example.com', 'b.example.com', '*.example.com', 'shop.*', '*'];
const words = ['api', 'v1', 'v2', 'orders', 'Items', 'a.b', 'x', '7', '12'];

function draws(random: () => number) {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const maybe = <T extends object>(share: number, make: () => T): T | object => (random() < share ? make() : {});
  const path = (most: number): string =>
    `/${Array.from({ length: 1 + Math.floor(random() * most) }, () => pick(words)).join('/')}`;
  return { pick, maybe, path };
}

function routesOf(random: () => number): object[] {
  const { pick, maybe, path } = draws(random);
  const text = (): object =>
    pick<object>([
      { exact: 'v1' },
      { prefix: 'v' },
      { suffix: '1' },
      { contains: '1' },
      { regex: 'v[0-9]+' },
      { present: true },
      { present: false },
    ]);
  return Array.from({ length: 200 }, (_, index) => {
    const plain = pick(['exact', 'prefix', 'rawPrefix'] as const);
    const literal = random() < 0.7;
    const matched = literal
      ? { [plain]: path(3), ...maybe(0.2, () => ({ ignoreCase: true })) }
      : pick<object>([
          { template: `${path(2)}/{id}` },
          { template: `/{a}${path(1)}/{b}` },
          { regex: `${path(1).replace('.', '\\.')}/[a-z0-9]+(/.*)?` },
          { regex: `(?i)${path(1).replace('.', '\\.')}.*` },
        ]);
    const match = {
      path: matched,
      ...maybe(0.2, () => ({ methods: pick([['GET'], ['POST', 'PUT']]) })),
      ...maybe(0.3, () => ({ headers: [{ name: pick(['x-v', 'x-w']), ...text() }] })),
      ...maybe(0.2, () => ({ query: [{ name: pick(['q', 'r']), ...text() }] })),
      ...maybe(0.05, () => ({ fraction: pick(['0%', '100%']) })),
    };
    const action = pick<() => object>([
      () => ({
        redirect: pick<object>([
          { scheme: 'https' },
          { path: '/new' },
          { host: 'o.example.com:81' },
          ...(literal ? [{ prefix: pick(['/', '/n']) }] : []),
        ]),
      }),
      () => ({ respond: { status: pick([200, 403, 503]), body: 'text' } }),
      ...[1, 2, 3].map(() => () => ({
        to: [{ cluster: pick(['a', 'b', 'c']) }],
        ...maybe(0.4, () => ({
          rewrite: {
            ...maybe(0.4, () => ({ host: 'inner.example.com' })),
            ...(literal ? { prefix: pick(['/', '/n', path(2)]) } : { regex: { pattern: '/([a-z]+)', to: '/\\1z' } }),
          },
        })),
        ...maybe(0.3, () => ({
          headers: {
            request: { remove: ['x-w'], set: { 'x-v': '%REQ(x-w)%' }, add: { 'x-n': `${index}` } },
            response: { set: { 'x-r': `${index}` } },
          },
        })),
      })),
    ])();
    return { kind: 'Route', name: `r${index}`, spec: { hosts: [pick(hosts)], match, ...action } };
  });
}

/** What differs from request to request; and Envoy's word on the peer, which our node says in x-forwarded-for alone. */
const ignored = [
  ...['x-request-id', 'x-envoy-expected-rq-timeout-ms', 'x-forwarded-for', 'x-envoy-external-address', 'connection'],
];

test.skipIf(!here)(`our node decides as Envoy does (SEED=${seed})`, { timeout: 180_000 }, async () => {
  const random = randomOf(seed);
  const { pick, maybe, path } = draws(random);
  const controlPlane = await startControlPlane(cleanup);
  const clusters = await Promise.all(
    ['a', 'b', 'c'].map(async (name) => {
      const { port } = await startBackend(cleanup, name);
      return { kind: 'Cluster', name, spec: { endpoints: [{ address: '127.0.0.1', port }] } };
    }),
  );
  const front = [
    { kind: 'NodeGroup', name: 'edge', spec: { tier: 'l7' } },
    { kind: 'Listener', name: 'public', spec: { groups: ['edge'], address: '127.0.0.1', port: 0, protocol: 'http' } },
  ];
  const documents = [...front, ...clusters, ...routesOf(random)];
  await controlPlane.apply(documents.map((document) => JSON.stringify(document)).join('\n---\n'));
  const ours = await (await startDataPlane(cleanup, controlPlane, 'edge', 'ours')).port('public');
  const bootstrap = await run(
    ['bootstrap', 'envoy', '--group', 'edge', '--id', 'envoy', '--xds', controlPlane.xds],
    controlPlane.env,
  );
  const envoy = await startEnvoy({ bootstrap: bootstrap.stdout });
  cleanup.add(() => envoy.stop());
  const theirs = await waitFor('the listener of Envoy', () => envoy.listenerPort('public').catch(() => undefined));
  const answerOf = async (port: number, options: Parameters<typeof request>[1]): Promise<string> => {
    const { status, body, headers } = await request(port, options);
    const answer = [status, headers['location'], headers['x-r'], headers['content-type']];
    if (!body.startsWith('{')) return JSON.stringify([...answer, body]);
    const seen = JSON.parse(body) as { headers: Record<string, string> };
    for (const own of ignored) delete seen.headers[own];
    return JSON.stringify([...answer, { ...seen, headers: Object.entries(seen.headers).sort() }]);
  };
  const value = (): string => pick(['v1', 'v', 'v12', '', '1', 'w']);
  const differences: unknown[] = [];
  for (let count = 0; count < 2_000; count++) {
    const query = pick(['', '', '?q=v1', '?r=v&q=1', '?q', '?q=w&q=v1', '?r=%761']);
    const asked = path(4);
    const spelt = pick([
      asked,
      asked,
      asked,
      `${asked}/`,
      asked.toUpperCase(),
      asked.replace('a', '%61'),
      `/x/..${asked}`,
      asked.replace('/', '//'),
      `${asked}%20z`,
      `${asked}%2fz`,
    ]);
    const options = {
      host: pick(['a.example.com', 'B.example.com:80', 'c.example.com', 'shop.org', 'shop.example.com', 'else.org']),
      path: spelt + query,
      method: pick(['GET', 'GET', 'POST', 'PUT', 'DELETE']),
      headers: { ...maybe(0.4, () => ({ 'x-v': value() })), ...maybe(0.4, () => ({ 'x-w': value() })) } as Record<
        string,
        string
      >,
    };
    const [our, their] = await Promise.all([answerOf(ours, options), answerOf(theirs, options)]);
    if (our !== their) differences.push({ options, our, their });
  }
  expect(differences.slice(0, 5)).toEqual([]);
});
