import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { packAny } from '../../proto/codec.ts';
import { StatsRegistry } from '../telemetry/registry.ts';
import { clusterStats, type ServerState } from '../telemetry/stats.ts';
import type { AdminParts, ClusterView, HostView, KernelView, ListenerView } from './parts.ts';
import { type AdminServer, startAdmin } from './server.ts';

const open: AdminServer[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

const host: HostView = {
  ...{ address: '127.0.0.1', port: 9001, hostname: '', weight: 2, region: '', zone: 'a', subZone: '', priority: 0 },
  state: 'healthy',
  edsHealth: 'healthy',
  checked: 'passing',
  isEjected: false,
  connections: 3,
  activeRequests: 1,
};
const cluster: ClusterView = {
  name: 'checkout/orders',
  hosts: [
    host,
    { ...host, address: '::1', checked: 'failing', edsHealth: 'draining', state: 'draining', zone: '' },
    {
      ...host,
      port: 9002,
      hostname: 'b',
      region: 'r',
      subZone: 's',
      priority: 1,
      checked: 'pending',
      state: 'joining',
    },
  ],
};
const listener: ListenerView = {
  name: 'public',
  address: '0.0.0.0',
  port: 8080,
  udp: false,
  connections: 5,
  error: null,
};

const kernel: KernelView = {
  table: 'fairlead-n1',
  state: 'refused',
  fault: 'nft was\nended',
  listeners: [
    { name: 'front', protocol: 'tcp', datapath: 'kernel', reasons: [], lost: ['access logs'] },
    { name: 'dns', protocol: 'udp', datapath: 'user', reasons: ['each datagram chooses anew'], lost: [] },
  ],
  endpoints: [
    { listener: 'front', cluster: 'l7', endpoint: '10.0.0.5 . 80', flows: 3, sentBytes: 40, receivedBytes: 50 },
  ],
};

async function admin(changes: Partial<AdminParts> = {}) {
  const done: string[] = [];
  let level = 'info';
  const registry = new StatsRegistry();
  const parts: AdminParts = {
    id: 'n1',
    group: 'edge',
    version: '0.1.0',
    stats: registry,
    uptimeMs: () => 7_900,
    state: () => 'LIVE',
    clusters: async () => [cluster],
    listeners: async () => [listener],
    connectionCount: async () => 5,
    workers: () => [],
    kernel: () => kernel,
    dump: () => ({ clusters: [], endpoints: [], listeners: [], routes: [], secrets: [] }),
    drain: () => done.push('drain') > 0,
    undrain: () => done.push('undrain') > 0,
    drainTimeoutMs: 30_000,
    logLevel: () => level,
    setLogLevel: (next) => {
      level = next;
    },
    reopenLogs: () => done.push('reopen'),
    ...changes,
  };
  const server = await startAdmin({ address: { address: '127.0.0.1', port: 0 }, parts });
  open.push(server);
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`http://${server.address}${path}`, init);
    return { status: response.status, headers: response.headers, body: await response.text() };
  };
  return { server, registry, parts, ask, done, post: (path: string) => ask(path, { method: 'POST' }) };
}

test.each<[ServerState, number]>([
  ['LIVE', 200],
  ['PRE_INITIALIZING', 503],
  ['DRAINING', 503],
])('/ready of a node that is %s answers %i', async (state, status) => {
  const { ask } = await admin({ state: () => state });
  expect(await ask('/ready')).toMatchObject({ status, body: `${state}\n` });
});

test('/stats filters, leaves out the unused and comes in three formats', async () => {
  const { ask, registry } = await admin();
  clusterStats(registry, 'checkout/orders').rqTotal.value = 3;
  expect((await ask('/stats?filter=^cluster.*rq_total$')).body).toBe('cluster.checkout/orders.upstream_rq_total: 3\n');
  expect((await ask('/stats?usedonly')).body).toBe('cluster.checkout/orders.upstream_rq_total: 3\n');
  expect(JSON.parse((await ask('/stats?usedonly&format=json')).body)).toEqual({
    stats: [{ name: 'cluster.checkout/orders.upstream_rq_total', value: 3 }],
  });
  const line = 'envoy_cluster_upstream_rq_total{envoy_cluster_name="checkout/orders"} 3\n';
  for (const path of ['/stats?usedonly&format=prometheus', '/metrics?usedonly', '/stats/prometheus?usedonly']) {
    const { body, headers } = await ask(path);
    expect(body).toMatch(/^# HELP envoy_cluster_upstream_rq_total Requests sent to endpoints\n# TYPE .* counter\n/);
    expect(body.endsWith(line)).toBe(true);
    expect(headers.get('content-type')).toContain('version=0.0.4');
  }
});

test('a question that cannot be answered says what can be asked', async () => {
  const { ask } = await admin();
  expect(await ask('/stats?filter=(a%2B)%2B')).toMatchObject({
    status: 400,
    body: expect.stringContaining('not supported'),
  });
  expect(await ask('/stats?format=xml')).toMatchObject({ status: 400, body: expect.stringContaining('format=json') });
  expect(await ask('/stats?format=constructor')).toMatchObject({ status: 400 });
  expect(await ask('/config_dump?mask=x')).toMatchObject({
    status: 400,
    body: '/config_dump has no parameter "mask"; it has: include_eds\n',
  });
  expect(await ask('/nope')).toMatchObject({ status: 404, body: expect.stringContaining('/config_dump (GET): ') });
});

test('/clusters shows health and load as Envoy does', async () => {
  const { ask } = await admin();
  const lines = (await ask('/clusters')).body.split('\n');
  expect(lines).toContain('checkout/orders::127.0.0.1:9001::health_flags::healthy');
  expect(lines).toContain('checkout/orders::127.0.0.1:9001::cx_active::3');
  expect(lines).toContain('checkout/orders::127.0.0.1:9001::rq_active::1');
  expect(lines).toContain('checkout/orders::127.0.0.1:9001::weight::2');
  expect(lines).toContain('checkout/orders::127.0.0.1:9001::zone::a');
  expect(lines).toContain('checkout/orders::[::1]:9001::health_flags::/failed_active_hc/eds_status_draining');
  expect(lines).toContain('checkout/orders::[::1]:9001::state::draining');
  expect(lines).toContain('checkout/orders::127.0.0.1:9001::priority::0');
  const joining = lines.filter((line) => line.startsWith('checkout/orders::127.0.0.1:9002::'));
  expect(joining.map((line) => line.split('::').slice(2).join(' '))).toEqual(
    expect.arrayContaining([
      'health_flags /pending_active_hc',
      'state joining',
      'priority 1',
      'region r',
      'sub_zone s',
    ]),
  );
  expect(JSON.parse((await ask('/clusters?format=json')).body)).toMatchObject({
    cluster_statuses: [
      {
        name: 'checkout/orders',
        host_statuses: [
          {
            address: { socket_address: { address: '127.0.0.1', port_value: 9001 } },
            health_status: { eds_health_status: 'HEALTHY' },
            weight: 2,
            locality: { zone: 'a' },
          },
          { health_status: { eds_health_status: 'DRAINING', failed_active_health_check: true }, locality: {} },
          {
            health_status: { eds_health_status: 'HEALTHY', pending_active_hc: true },
            ...{ hostname: 'b', priority: 1, locality: { region: 'r', zone: 'a', sub_zone: 's' } },
          },
        ],
      },
    ],
  });
});

test('/kernel shows what the kernel carries, why not the rest, and what went where, each on a line of its own', async () => {
  const { ask } = await admin();
  expect((await ask('/kernel')).body).toBe(
    [
      'table::fairlead-n1',
      'state::refused',
      'fault::nft was_ended',
      'front::tcp::kernel',
      'front::lost: access logs',
      'dns::udp::user',
      'dns::in user space: each datagram chooses anew',
      'front::l7::10.0.0.5 . 80::flows::3::tx_bytes::40::rx_bytes::50',
      '',
    ].join('\n'),
  );
  expect(JSON.parse((await ask('/kernel?format=json')).body)).toMatchObject({
    fault: 'nft was\nended',
    listeners: [{ name: 'front', datapath: 'kernel' }, { name: 'dns' }],
    endpoints: [{ flows: 3, tx_bytes: 40, rx_bytes: 50 }],
  });
});

test('/listeners shows where they are bound, and why one is not', async () => {
  const broken = { ...listener, name: 'other', address: '::', error: '[::]:8080 is in use' };
  const { ask } = await admin({ listeners: async () => [listener, broken] });
  expect((await ask('/listeners')).body).toBe(
    'public::0.0.0.0:8080\nother::[::]:8080::not bound: [::]:8080 is in use\n',
  );
  expect(JSON.parse((await ask('/listeners?format=json')).body)).toEqual({
    listener_statuses: [
      { name: 'public', local_address: { socket_address: { address: '0.0.0.0', port_value: 8080 } }, connections: 5 },
      {
        name: 'other',
        local_address: { socket_address: { address: '::', port_value: 8080 } },
        connections: 5,
        error: '[::]:8080 is in use',
      },
    ],
  });
});

test('/config_dump holds the accepted resources as Envoy writes them', async () => {
  const dumped = (name: string, resource: ReturnType<typeof packAny>) => [
    { name, version_info: 'v1', last_updated: Date.UTC(2026, 0, 2), resource },
  ];
  const { ask } = await admin({
    dump: () => ({
      clusters: dumped('c', packAny('envoy.config.cluster.v3.Cluster', { name: 'c', type: 'EDS' })),
      endpoints: dumped('c', packAny('envoy.config.endpoint.v3.ClusterLoadAssignment', { cluster_name: 'c' })),
      listeners: dumped('l', packAny('envoy.config.listener.v3.Listener', { name: 'l' })),
      routes: dumped('r', packAny('envoy.config.route.v3.RouteConfiguration', { name: 'r' })).map((routes) => ({
        ...routes,
        hosts: [packAny('envoy.config.route.v3.VirtualHost', { name: 'r/h', domains: ['h'] })],
      })),
      secrets: dumped('s', packAny('envoy.extensions.transport_sockets.tls.v3.Secret', { name: 's' })),
    }),
  });
  const of = { version_info: 'v1', last_updated: '2026-01-02T00:00:00.000Z' };
  const type = (name: string): string => `type.googleapis.com/envoy.${name}`;
  const { configs } = JSON.parse((await ask('/config_dump')).body) as { configs: unknown[] };
  expect(configs).toMatchObject([
    { '@type': type('admin.v3.BootstrapConfigDump'), bootstrap: { node: { id: 'n1', cluster: 'edge' } } },
    {
      '@type': type('admin.v3.ClustersConfigDump'),
      dynamic_active_clusters: [
        { ...of, cluster: { '@type': type('config.cluster.v3.Cluster'), name: 'c', type: 'EDS' } },
      ],
    },
    {
      '@type': type('admin.v3.ListenersConfigDump'),
      dynamic_listeners: [{ name: 'l', active_state: { ...of, listener: { name: 'l' } } }],
    },
    {
      '@type': type('admin.v3.RoutesConfigDump'),
      dynamic_route_configs: [
        {
          ...of,
          route_config: {
            '@type': type('config.route.v3.RouteConfiguration'),
            name: 'r',
            virtual_hosts: [{ name: 'r/h', domains: ['h'] }],
          },
        },
      ],
    },
    {
      '@type': type('admin.v3.SecretsConfigDump'),
      dynamic_active_secrets: [{ ...of, name: 's', secret: { name: 's' } }],
    },
  ]);
  const all = JSON.parse((await ask('/config_dump?include_eds')).body) as { configs: unknown[] };
  expect(all.configs[2]).toMatchObject({
    dynamic_endpoint_configs: [{ ...of, endpoint_config: { cluster_name: 'c' } }],
  });
});

test('POST /drain asks clients to leave once and says what happens, /undrain takes it back; GET does neither', async () => {
  let state: ServerState = 'LIVE';
  let asked = false;
  const ask = (wanted: boolean): boolean => {
    const isNews = asked !== wanted;
    asked = wanted;
    state = wanted ? 'DRAINING' : 'LIVE';
    return isNews;
  };
  const { ask: get, post } = await admin({
    state: () => state,
    drain: () => ask(true),
    undrain: () => ask(false),
  });
  expect(await get('/drain')).toMatchObject({ status: 405, body: expect.stringContaining('/drain wants POST') });
  expect(await get('/undrain')).toMatchObject({ status: 405 });
  expect(asked).toBe(false);
  expect(await post('/undrain')).toMatchObject({ status: 200, body: 'not draining\n' });
  expect(await post('/drain')).toMatchObject({ status: 200, body: expect.stringContaining('5 connections are open') });
  expect(await post('/drain')).toMatchObject({ status: 200, body: expect.stringContaining('draining already') });
  expect((await get('/ready')).status).toBe(503);
  expect(await post('/undrain')).toMatchObject({ status: 200, body: 'no longer draining\n' });
  expect((await get('/ready')).status).toBe(200);
});

test.each([
  ['', null, '30 s'],
  ['?timeout=5s', 5_000, '5 s'],
  ['?timeout=2m', 120_000, '120 s'],
  ['?timeout=0s', 0, '0 s'],
])('POST /drain%s says how long connections may stay', async (query, timeoutMs, words) => {
  const asked: (number | null)[] = [];
  const { post } = await admin({ drain: (ms) => asked.push(ms) > 0 });
  expect((await post(`/drain${query}`)).body).toContain(`stay for ${words} are cut`);
  expect(asked).toEqual([timeoutMs]);
});

test.each(['5', 's', '1h', '-5s', ''])('POST /drain?timeout=%s is refused, and nothing is drained', async (timeout) => {
  const { post, done } = await admin();
  expect((await post(`/drain?timeout=${timeout}`)).status).toBe(400);
  expect(done).toEqual([]);
});

test('/undrain says who else wants the drain', async () => {
  const { post } = await admin({ state: () => 'DRAINING' });
  expect(await post('/undrain')).toMatchObject({
    status: 409,
    body: expect.stringContaining('fairlead undrain node n1'),
  });
});

test('a web page of another origin cannot post', async () => {
  const { ask, done, server } = await admin();
  const from = (origin: string) => ask('/drain', { method: 'POST', headers: { origin } });
  expect((await from('http://evil.example')).status).toBe(403);
  expect((await from('null')).status).toBe(403);
  expect(done).toEqual([]);
  expect((await from(`http://${server.address}`)).status).toBe(200);
});

test("the log level is read and set, by Envoy's names too", async () => {
  const { ask, post } = await admin();
  expect((await ask('/logging')).body).toBe('active loggers:\n  fairlead: info\n');
  expect((await post('/logging?level=warning')).body).toBe('active loggers:\n  fairlead: warn\n');
  expect((await post('/logging?level=loud')).status).toBe(400);
  expect((await ask('/logging?level=debug')).status).toBe(405);
  expect((await ask('/logging')).body).toBe('active loggers:\n  fairlead: warn\n');
});

test('POST /reopen_logs reopens', async () => {
  const { ask, post, done } = await admin();
  expect((await ask('/reopen_logs')).status).toBe(405);
  expect((await post('/reopen_logs')).body).toBe('OK\n');
  expect(done).toEqual(['reopen']);
});

test('/server_info says who this is', async () => {
  const { ask } = await admin();
  expect(JSON.parse((await ask('/server_info')).body)).toMatchObject({
    version: '0.1.0',
    state: 'LIVE',
    uptime_current_epoch: '7s',
    node: { id: 'n1', cluster: 'edge' },
  });
});

test('no name becomes markup or a line of its own', async () => {
  const name = '<script>alert("1")</script>\nforged::line & \'x\'';
  const { ask } = await admin({
    id: name,
    group: name,
    clusters: async () => [{ name, hosts: [host] }],
    listeners: async () => [{ ...listener, name, error: name }],
  });
  const index = await ask('/');
  expect(index.body).not.toContain('<script');
  expect(index.body).toContain('&#60;script&#62;alert(&#34;1&#34;)');
  for (const path of ['/clusters', '/listeners']) {
    const { body, headers } = await ask(path);
    expect(body.split('\n').some((line) => line.startsWith('forged'))).toBe(false);
    expect(headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  }
});

test('HEAD answers like GET, without the body', async () => {
  const { ask } = await admin();
  expect(await ask('/ready', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
});

test('a page that throws is a 500, and the server goes on', async () => {
  const { ask } = await admin({
    clusters: () => {
      throw new Error('no clusters');
    },
  });
  expect(await ask('/clusters?format=json')).toMatchObject({ status: 500, body: 'this page failed: no clusters\n' });
  expect((await ask('/ready')).status).toBe(200);
});

test('a reader that is slow or leaves costs nobody anything', async () => {
  const { server, registry, ask } = await admin();
  // many times what sockets hold
  const clusters = 1_000;
  for (let index = 0; index < clusters; index++) clusterStats(registry, `tenant/cluster-${index}`);
  const port = Number(server.address.split(':')[1]);
  const slow = net.connect({ port, host: '127.0.0.1' });
  slow.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n');
  await once(slow, 'readable');
  expect((await ask('/ready')).status).toBe(200);
  slow.destroy();
  const { body } = await ask('/stats');
  expect(body.split('\n').length).toBeGreaterThan(clusters * 40);
});

test('an address in use is a clear error', async () => {
  const { server, parts } = await admin();
  const [address, port] = server.address.split(':');
  const again = startAdmin({ address: { address: address!, port: Number(port) }, parts });
  await expect(again).rejects.toMatchObject({
    code: 'EADDRINUSE',
    message: `the admin address ${server.address} is in use by another process: stop it, or take another with --admin ADDR:PORT or FAIRLEAD_ADMIN`,
  });
});

test('close ends what is open', async () => {
  const { server } = await admin();
  const request = http.get(`http://${server.address}/ready`, { agent: new http.Agent({ keepAlive: true }) });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  response.resume();
  const closed = once(response.socket, 'close');
  await server.close();
  await closed;
});
