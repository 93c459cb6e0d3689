/** What routes say of affinity, carried out by the real Envoy. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningEnvoy, startEnvoy } from '../../e2e/support/envoy.ts';
import { requirePeer } from '../../e2e/support/peers.ts';
import { ask, type Backend, startHttpBackend, staticBootstrap } from './envoy-testing.ts';
import { documentSet, typed } from './testing.ts';

describe.skipIf(requirePeer('envoy') === undefined)('a real Envoy', () => {
  const backends: Backend[] = [];
  let envoy: RunningEnvoy;
  let port: number;

  beforeAll(async () => {
    for (const name of ['one', 'two', 'three']) backends.push(await startHttpBackend(name));
    const endpoints = backends.map(({ port }, index) => ({
      ...{ address: '127.0.0.1', port, labels: { version: `v${index + 1}` } },
    }));
    const cluster = (name: string, balance: object) => typed('Cluster', name, { endpoints, balance });
    const route = (name: string, spec: object) => typed('Route', name, { hosts: `${name}.example.com`, ...spec });
    const documents = [
      typed('Listener', 'public'),
      cluster('ring', { policy: 'ring-hash' }),
      cluster('any', { policy: 'random', subsets: [['version']] }),
      route('path', { to: { cluster: 'ring' }, affinity: { hash: { path: true } } }),
      route('first', { to: { cluster: 'ring' }, affinity: { hash: [{ header: 'x-user' }, { query: 'user' }] } }),
      route('sticky', {
        to: { cluster: 'any' },
        affinity: { sticky: { cookie: 'fl-sticky', ttl: '1h', attributes: { Secure: true } } },
      }),
      route('free', { to: { cluster: 'any' } }),
      route('canary', { to: { cluster: 'any', subset: { version: 'v2' } } }),
      route('nowhere', { to: { cluster: 'any', subset: { version: 'v9' } } }),
    ];
    envoy = await startEnvoy({ bootstrap: staticBootstrap(documentSet(documents), 'edge') });
    port = await envoy.listenerPort('public');
  });

  afterAll(async () => {
    await envoy?.stop();
    for (const backend of backends) await backend.stop();
  });

  const from = async (host: string, path = '/', headers: Record<string, string> = {}) =>
    ask(port, path, { host: `${host}.example.com`, ...headers });
  const bodies = async (answers: Promise<{ body: string }>[]) =>
    new Set((await Promise.all(answers)).map(({ body }) => body));
  /** So many that not all of them go to one of three endpoints by chance (once in 10^13 runs). */
  const numbers = Array.from({ length: 30 }, (_, index) => index);

  test('hashes the path without its query', async () => {
    for (const number of numbers.slice(0, 3)) {
      expect((await bodies(numbers.map((user) => from('path', `/${number}?user=${user}`)))).size).toBe(1);
    }
    expect((await bodies(numbers.map((number) => from('path', `/${number}`)))).size).toBeGreaterThan(1);
  });

  test('goes by the first key that yields something, an empty header too', async () => {
    const headers = { 'x-user': '' };
    expect((await bodies(numbers.map((user) => from('first', `/?user=${user}`, headers)))).size).toBe(1);
    expect((await bodies(numbers.map((user) => from('first', `/?user=${user}`)))).size).toBeGreaterThan(1);
  });

  test('keeps a client that has the cookie where it was, on the routes that say so alone', async () => {
    const first = await from('sticky');
    const [cookie = ''] = first.headers['set-cookie'] ?? [];
    expect(cookie).toMatch(/^fl-sticky="[^"]+"; Max-Age=3600; Path=\/; Secure; HttpOnly$/);
    const headers = { cookie: cookie.split(';')[0] ?? '' };
    expect(await bodies(numbers.map(() => from('sticky', '/', headers)))).toEqual(new Set([first.body]));
    expect((await from('free')).headers).not.toHaveProperty('set-cookie');
    expect((await bodies(numbers.map(() => from('free', '/', headers)))).size).toBeGreaterThan(1);
  });

  test('sends a route with a subset to its endpoints, and nowhere if there are none', async () => {
    expect(await bodies(numbers.map(() => from('canary')))).toEqual(new Set(['two']));
    expect(await from('nowhere')).toMatchObject({ status: 503 });
  });
});
