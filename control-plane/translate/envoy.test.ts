/** The real Envoy as the judge: it takes what is translated, and does with it what documents.md says. */
import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningEnvoy, startEnvoy, validateBootstrap } from '../../e2e/support/envoy.ts';
import { requirePeer } from '../../e2e/support/peers.ts';
import type { Typed } from '../model/specs.ts';
import { httpLogFields } from './access-log.ts';
import { ask, type Backend, startEchoBackend, startHttpBackend, staticBootstrap } from './envoy-testing.ts';
import { documentSet, typed } from './testing.ts';

type Written = Readonly<Record<string, unknown>>;

/** What a condition says of the lines of its header; `not` is added by the test. */
const conditions: [Written, (line: string) => boolean][] = [
  [{ exact: 'v' }, (line) => line === 'v'],
  [{ prefix: 'v' }, (line) => line.startsWith('v')],
  [{ suffix: 'v' }, (line) => line.endsWith('v')],
  [{ contains: 'v' }, (line) => line.includes('v')],
  [{ range: [18, 65] }, (line) => /^-?\d+$/.test(line) && Number(line) >= 18 && Number(line) < 65],
  [{ present: true }, () => true],
  [{ regex: 'v+' }, (line) => /^v+$/.test(line)],
];
const headerLines = [
  [],
  ['v'],
  ['w'],
  ['w', 'v'],
  ['v', 'w'],
  ['awvb'],
  [''],
  ['17'],
  ['18'],
  ['64'],
  ['65'],
  ['-5', '20'],
];

const paths: [Written, string, boolean][] = [
  [{ exact: '/login' }, '/login', true],
  [{ exact: '/login' }, '/login?next=/', true],
  [{ exact: '/login' }, '/login/', false],
  [{ exact: '/login' }, '/Login', false],
  [{ exact: '/login', ignoreCase: true }, '/Login', true],
  [{ prefix: '/api/v1' }, '/api/v1', true],
  [{ prefix: '/api/v1' }, '/api/v1/', true],
  [{ prefix: '/api/v1' }, '/api/v1/orders', true],
  [{ prefix: '/api/v1' }, '/api/v1?page=2', true],
  [{ prefix: '/api/v1' }, '/api/v10', false],
  [{ prefix: '/api/v1' }, '/API/v1', false],
  [{ prefix: '/api/v1', ignoreCase: true }, '/API/v1/orders', true],
  [{ prefix: '/api/v1/' }, '/api/v1', true],
  [{ rawPrefix: '/api/v1' }, '/api/v10', true],
  [{ prefix: '/api' }, '/x/../api//orders', true],
  [{ prefix: '/' }, '/anything', true],
  [{ template: '/v1/{id}/items' }, '/v1/7/items', true],
  [{ template: '/v1/{id}/items' }, '/v1/7/8/items', false],
  [{ template: '/v1/{id}/items' }, '/V1/7/items', false],
  [{ regex: '/v[0-9]+/.*' }, '/v12/x?y', true],
  [{ regex: '/v[0-9]+/.*' }, '/v12', false],
  [{ regex: '(?i)/api' }, '/API', true],
];

function route(name: string, spec: Written, revision = 1): Typed {
  return typed('Route', name, { to: { cluster: 'yes' }, ...spec }, revision);
}

/** Each case has a host of its own, where a route to `yes` stands before a route to `no`. */
function caseRoutes(host: string, match: Written): Typed[] {
  const hosts = `${host}.example.com`;
  return [route(host, { hosts, match, priority: 1 }), route(`${host}-else`, { hosts, to: { cluster: 'no' } })];
}

function allDocuments(ports: { yes: number; no: number; echo: number; closed: number }): Typed[] {
  const cluster = (id: string, port: number, spec: Written = {}): Typed =>
    typed('Cluster', id, { endpoints: { address: '127.0.0.1', port }, ...spec });
  const probe = { interval: '1s', timeout: '1s' };
  const tcpProbe = (tcp: Written) => ({ protocol: 'tcp', health: { active: { ...probe, tcp } } });
  return [
    typed('Tenant', 'checkout', { claims: { host: 'checkout.example.com' } }),
    typed('Listener', 'public'),
    typed('Listener', 'raw', { protocol: 'tcp' }),
    cluster('yes', ports.yes, { balance: { policy: 'round-robin' } }),
    cluster('no', ports.no, { keepAlive: { idle: '0s', requests: 1 } }),
    cluster('checkout/probed', ports.yes, {
      health: { active: { ...probe, http: { path: '/healthz' }, jitter: '10%' } },
    }),
    cluster('echo', ports.echo, tcpProbe({ send: 'PING', receive: 'PING' })),
    cluster('deaf', ports.echo, tcpProbe({ send: 'PING', receive: 'PONG' })),
    cluster('closed', ports.closed, tcpProbe({})),
    typed('Cluster', 'moving', {
      balance: { panic: '0%' },
      endpoints: [
        { address: '127.0.0.1', port: ports.yes, zone: 'a', labels: { version: 'v2' } },
        { address: '127.0.0.1', port: ports.no, zone: 'b', weight: 100, state: 'draining' },
        { address: '127.0.0.1', port: ports.closed, weight: 100, state: 'disabled' },
      ],
    }),
    typed('L4Route', 'raw', {
      listener: 'raw',
      to: [{ cluster: 'echo' }, { cluster: 'deaf', weight: 0 }, { cluster: 'closed', weight: 0 }],
    }),
    route('checkout/probed', { hosts: 'checkout.example.com', to: { cluster: 'probed' } }),
    route('weighted', { hosts: 'weighted.example.com', to: [{ cluster: 'yes' }, { cluster: 'no', weight: 0 }] }),
    route('moving', { hosts: 'moving.example.com', to: { cluster: 'moving' } }),
    route('hasty', { hosts: 'hasty.example.com', timeout: '50ms' }),
    route('suffix', { hosts: '*.wild.example.com' }),
    route('exact', { hosts: 'known.wild.example.com', match: { path: { exact: '/only' } }, to: { cluster: 'no' } }),
    route('old-and-short', { hosts: 'order.example.com', match: { path: { prefix: '/a' } }, to: { cluster: 'no' } }),
    route('new-and-long', { hosts: 'order.example.com', match: { path: { prefix: '/a/b' } } }, 9),
    route('posts', { hosts: 'order.example.com', match: { path: { prefix: '/a' }, methods: ['POST', 'PUT'] } }, 9),
    ...conditions.flatMap(([condition], index) => [
      ...caseRoutes(`is-${index}`, { headers: { name: 'x-test', ...condition } }),
      ...caseRoutes(`not-${index}`, { headers: { name: 'x-test', ...condition, not: true } }),
    ]),
    ...paths.flatMap(([path], index) => caseRoutes(`path-${index}`, { path })),
  ];
}

describe.skipIf(requirePeer('envoy') === undefined)('a real Envoy', () => {
  const backends: Backend[] = [];
  let envoy: RunningEnvoy;
  let bootstrap: Record<string, unknown>;
  let port: number;

  beforeAll(async () => {
    backends.push(await startHttpBackend('yes'), await startHttpBackend('no'), await startEchoBackend());
    const [yes = 0, no = 0, echo = 0] = backends.map((backend) => backend.port);
    const closed = await startEchoBackend();
    await closed.stop();
    bootstrap = staticBootstrap(documentSet(allDocuments({ yes, no, echo, closed: closed.port })), 'edge');
    envoy = await startEnvoy({ bootstrap });
    port = await envoy.listenerPort('public');
  });

  afterAll(async () => {
    await envoy?.stop();
    for (const backend of backends) await backend.stop();
  });

  test('takes everything that is translated', async () => {
    expect(await validateBootstrap(bootstrap)).toBeUndefined();
  });

  test.each(conditions)('matches headers by %j, and by its inverse, as documents say', async (condition, matches) => {
    const index = conditions.findIndex(([one]) => one === condition);
    for (const lines of headerLines) {
      const headers = lines.length > 0 ? { 'x-test': lines } : {};
      const is = await ask(port, '/', { host: `is-${index}.example.com`, ...headers });
      const isNot = await ask(port, '/', { host: `not-${index}.example.com`, ...headers });
      const expected = lines.some(matches);
      expect([lines, is.body, isNot.body]).toEqual([lines, expected ? 'yes' : 'no', expected ? 'no' : 'yes']);
    }
  });

  test.each(paths)('path %j and a request for %s: %s', async (path, target, matches) => {
    const index = paths.findIndex(([one, other]) => one === path && other === target);
    const { body } = await ask(port, target, { host: `path-${index}.example.com` });
    expect(body).toBe(matches ? 'yes' : 'no');
  });

  test('tries the routes of a host in the documented order', async () => {
    const host = 'order.example.com';
    expect(await ask(port, '/a', { host })).toMatchObject({ body: 'no' });
    expect(await ask(port, '/a/b/c', { host })).toMatchObject({ body: 'yes' });
    expect(await ask(port, '/a', { host }, 'PUT')).toMatchObject({ body: 'yes' });
    expect(await ask(port, '/a', { host }, 'DELETE')).toMatchObject({ body: 'no' });
    expect(await ask(port, '/elsewhere', { host })).toMatchObject({ status: 404 });
  });

  test('tries only the most specific host, whatever the port and the letter case', async () => {
    expect(await ask(port, '/', { host: 'some.wild.example.com' })).toMatchObject({ body: 'yes' });
    expect(await ask(port, '/', { host: 'SOME.wild.example.com:8443' })).toMatchObject({ body: 'yes' });
    expect(await ask(port, '/only', { host: 'known.wild.example.com' })).toMatchObject({ body: 'no' });
    expect(await ask(port, '/', { host: 'known.wild.example.com' })).toMatchObject({ status: 404 });
    expect(await ask(port, '/', { host: 'unknown.example.com' })).toMatchObject({ status: 404 });
  });

  test('gives a cluster of weight 0 nothing, and a draining or disabled endpoint neither', async () => {
    for (let round = 0; round < 20; round++) {
      expect(await ask(port, '/', { host: 'weighted.example.com' })).toMatchObject({ body: 'yes' });
      expect(await ask(port, '/', { host: 'moving.example.com' })).toMatchObject({ body: 'yes' });
    }
  });

  test('ends a request after the timeout of its route', async () => {
    expect(await ask(port, '/silence', { host: 'hasty.example.com' })).toMatchObject({ status: 504 });
  });

  test('is an edge: it names itself, and refuses escaped slashes and headers with underscores', async () => {
    const host = 'path-15.example.com';
    expect((await ask(port, '/', { host })).headers['server']).toBe('fairlead');
    expect(await ask(port, '/a%2Fb', { host })).toMatchObject({ status: 400 });
    expect(await ask(port, '/', { host, x_user: 'root' })).toMatchObject({ status: 400 });
  });

  test('passes bytes between a tcp listener and the cluster of its L4Route', async () => {
    const socket = net.connect(await envoy.listenerPort('raw'), '127.0.0.1');
    socket.write('hello');
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect(chunk.toString()).toBe('hello');
    socket.destroy();
  });

  test('probes as the health policies say: HTTP with a usable host, TCP with what to send and to expect', async () => {
    const failed = async () => {
      const { cluster_statuses: clusters } = JSON.parse(await envoy.admin('/clusters?format=json')) as {
        cluster_statuses: {
          name: string;
          host_statuses: { health_status: { failed_active_health_check?: boolean } }[];
        }[];
      };
      return Object.fromEntries(
        clusters.map(({ name, host_statuses }) => [
          name,
          host_statuses[0]?.health_status.failed_active_health_check ?? false,
        ]),
      );
    };
    // on a machine that stood still for a second a probe fails and the next one makes it good
    await expect.poll(failed).toMatchObject({ 'checkout/probed': false, echo: false, deaf: true, closed: true });
    expect(new Set(backends[0]?.probedHosts)).toEqual(new Set(['probed']));
  });

  test('logs every field of a request as JSON', async () => {
    const host = 'path-15.example.com';
    await ask(port, '/logged?q=1', { host, 'user-agent': 'envoy-test' });
    const line = /^\{.*"\/logged\?q=1".*\}$/m;
    await expect.poll(envoy.logs).toMatch(line);
    const entry = JSON.parse(line.exec(envoy.logs())?.[0] ?? '') as Record<string, unknown>;
    expect(Object.keys(entry).toSorted()).toEqual(Object.keys(httpLogFields).toSorted());
    expect(entry).toMatchObject({
      method: 'GET',
      authority: host,
      status: 200,
      route: 'path-15',
      upstream_cluster: 'yes',
      user_agent: 'envoy-test',
      details: 'via_upstream',
    });
  });
});
