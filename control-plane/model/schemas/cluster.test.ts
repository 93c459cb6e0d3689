import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checkDocument, specOf } from '../check.ts';
import { puts, refusals, setOf } from '../testing.ts';
import { checkChanges } from '../world.ts';

const endpoint = { address: '10.0.1.11', port: 8080 };
/** What every policy has. */
const ofAll = { panicPercent: 50, failClosed: false, localities: null, subsets: [] };
const specOfCluster = (spec: unknown, tenant?: string) => specOf({ kind: 'Cluster', tenant, name: 'orders', spec });

test('a cluster that says its endpoints has every default', () => {
  expect(specOfCluster({ endpoints: [endpoint] })).toEqual({
    protocol: 'http1',
    endpoints: [{ ...endpoint, weight: 1, zone: '', priority: 0, labels: {}, state: 'enabled' }],
    ...{ dns: null, nodes: null, proxyProtocol: null },
    balance: { policy: 'least-request', choices: 2, fullScan: false, bias: null, ...ofAll },
    slowStart: null,
    health: null,
    connectTimeoutMs: 1000,
    keepAlive: { connections: null, idleMs: 60_000, requests: 0 },
    breakers: {
      ...{ connections: 1024, pending: 1024, requests: 1024, retryBudgetPercent: 20 },
      perEndpoint: { connections: null },
    },
  });
});

test('a cluster that says everything is read whole', () => {
  const labels = { version: 'v2' };
  const full = { address: 'FD00::0A', port: 1, weight: 128, zone: 'a', priority: 3, labels, state: 'draining' };
  expect(
    specOfCluster({
      protocol: 'http1',
      endpoints: full,
      balance: { policy: 'round-robin', panic: '12.5%' },
      health: { active: { tcp: {} } },
      connectTimeout: '250ms',
      keepAlive: { connections: 128, idle: '0s', requests: 1000 },
      breakers: { connections: 1, pending: 2, requests: 3, retryBudget: '0%', perEndpoint: { connections: 4 } },
      slowStart: { window: '30s', aggression: 0.5, minWeight: '25%' },
    }),
  ).toEqual({
    protocol: 'http1',
    endpoints: [{ address: 'fd00::a', port: 1, weight: 128, zone: 'a', priority: 3, labels, state: 'draining' }],
    ...{ dns: null, nodes: null, proxyProtocol: null },
    balance: { policy: 'round-robin', ...ofAll, panicPercent: 12.5 },
    slowStart: { windowMs: 30_000, aggression: 0.5, minWeightPercent: 25 },
    health: { inline: specOf({ kind: 'HealthPolicy', name: 'h', spec: { active: { tcp: {} } } }) },
    connectTimeoutMs: 250,
    keepAlive: { connections: 128, idleMs: 0, requests: 1000 },
    breakers: {
      ...{ connections: 1, pending: 2, requests: 3, retryBudgetPercent: 0 },
      perEndpoint: { connections: 4 },
    },
  });
});

test('a health policy is the own one unless its tenant is named', () => {
  const health = (written: string, tenant?: string) => specOfCluster({ endpoints: [], health: written }, tenant).health;
  expect(health('probes', 'checkout')).toEqual({ policy: { tenant: 'checkout', name: 'probes' } });
  expect(health('payments/probes', 'checkout')).toEqual({ policy: { tenant: 'payments', name: 'probes' } });
  expect(health('probes')).toEqual({ policy: { tenant: undefined, name: 'probes' } });
});

test('a cluster without endpoints says so', () => {
  expect(refusals('Cluster', { endpoints: [] })).toEqual([]);
  expect(refusals('Cluster', {})).toEqual(['missing-field /spec/endpoints']);
});

test('a cluster may be the nodes of a group, where they serve a listener', () => {
  const nodes = { group: 'edge', listener: 'public' };
  expect(specOfCluster({ nodes, balance: { localities: 'zone-aware' } })).toMatchObject({ nodes, endpoints: [] });
});

test.each([
  [{ nodes: { group: 'edge' } }, 'missing-field /spec/nodes/listener'],
  [{ nodes: { listener: 'public' } }, 'missing-field /spec/nodes/group'],
  [{ nodes: 'edge' }, 'invalid /spec/nodes'],
  [{ nodes: { group: 'edge', listener: 'Public' } }, 'invalid /spec/nodes/listener'],
  [{ nodes: { group: 'edge', listener: 'public' }, endpoints: [] }, 'invalid /spec/nodes'],
  [{ nodes: { group: 'edge', listener: 'public' }, dns: { host: 'a', port: 1 } }, 'invalid /spec/nodes'],
  [{ nodes: { group: 'edge', listener: 'public' }, balance: { subsets: [['a']] } }, 'invalid /spec/balance/subsets'],
  [
    { nodes: { group: 'edge', listener: 'public' }, balance: { localities: { a: 1 } } },
    'invalid /spec/balance/localities',
  ],
])('a cluster with %j is refused: %s', (spec, refused) => {
  expect(refusals('Cluster', spec)).toEqual([refused]);
});

test.each([
  ['off', null],
  ['v1', 'v1'],
  ['v2', 'v2'],
])('a cluster may send PROXY headers: %s', (proxyProtocol, said) => {
  for (const protocol of ['http1', 'http2', 'grpc', 'tcp'])
    expect(specOfCluster({ endpoints: [], protocol, proxyProtocol })).toMatchObject({ proxyProtocol: said });
});

test.each([
  [{ breakers: { requests: 5 } }, 'invalid /spec/breakers'],
  [{ keepAlive: {} }, 'invalid /spec/keepAlive'],
  [{ connectTimeout: '1s' }, 'invalid /spec/connectTimeout'],
  [{ proxyProtocol: 'v2' }, 'invalid /spec/proxyProtocol'],
])('a udp cluster with %j is refused: %s', (spec, refused) => {
  expect(refusals('Cluster', { endpoints: [], protocol: 'udp', ...spec })).toEqual([refused]);
});

test('a udp cluster bounds its sessions, and is balanced as any', () => {
  const spec = { endpoints: [], protocol: 'udp', breakers: { connections: 9 }, balance: { policy: 'maglev' } };
  expect(specOfCluster(spec)).toMatchObject({ protocol: 'udp', balance: { policy: 'maglev' } });
});

test.each([
  [
    { host: 'Orders.internal', port: 1 },
    { host: 'orders.internal', port: 1, resolve: 'strict', refreshMs: null },
  ],
  [
    { host: 'a', port: 65_535, resolve: 'logical', refresh: '30s' },
    { host: 'a', port: 65_535, resolve: 'logical', refreshMs: 30_000 },
  ],
  [
    { host: '1.0x.a', port: 1, refresh: 'ttl' },
    { host: '1.0x.a', port: 1, resolve: 'strict', refreshMs: null },
  ],
])('a cluster is known by name: %j', (dns, read) => {
  expect(specOfCluster({ dns })).toMatchObject({ endpoints: [], dns: read });
});

test.each([
  ['10.0.0.1', 'host'],
  ['::1', 'host'],
  ['127.1', 'host'],
  ['0x7f000001', 'host'],
  ['a.0x1', 'host'],
  ['2130706433', 'host'],
  ['*.a', 'host'],
  ['a:80', 'host'],
  ['http://a', 'host'],
  ['a.', 'host'],
  ['a b', 'host'],
  ['', 'host'],
])('the name %j is refused', (host, field) => {
  expect(refusals('Cluster', { dns: { host, port: 1 } })).toEqual([`invalid /spec/dns/${field}`]);
});

test.each([
  [{ dns: { host: 'a' } }, 'missing-field /spec/dns/port'],
  [{ dns: { host: 'a', port: 1, resolve: 'lax' } }, 'invalid /spec/dns/resolve'],
  [{ dns: { host: 'a', port: 1, refresh: '10ms' } }, 'invalid /spec/dns/refresh'],
  [{ dns: { host: 'a', port: 1, refresh: 'often' } }, 'invalid /spec/dns/refresh'],
  [{ dns: { host: 'a', port: 1 }, endpoints: [] }, 'invalid /spec/dns'],
  [{ dns: { host: 'a', port: 1 }, balance: { localities: 'zone-aware' } }, 'invalid /spec/balance/localities'],
  [{ dns: { host: 'a', port: 1 }, balance: { subsets: [['version']] } }, 'invalid /spec/balance/subsets'],
])('a cluster with %j is refused: %s', (spec, refused) => {
  expect(refusals('Cluster', spec)).toEqual([refused]);
});

test.each([
  [{ protocol: 'http' }, 'invalid /spec/protocol'],
  [{ endpoints: [{ address: 'orders.internal', port: 80 }] }, 'invalid /spec/endpoints/0/address'],
  [{ endpoints: { address: 'orders.internal', port: 80 } }, 'invalid /spec/endpoints/address'],
  [{ endpoints: [{ address: '10.0.0.1' }] }, 'missing-field /spec/endpoints/0/port'],
  [{ endpoints: [{ ...endpoint, port: 0 }] }, 'invalid /spec/endpoints/0/port'],
  [{ endpoints: [{ ...endpoint, weight: 129 }] }, 'invalid /spec/endpoints/0/weight'],
  [{ endpoints: [{ ...endpoint, priority: 128 }] }, 'invalid /spec/endpoints/0/priority'],
  [{ endpoints: [{ ...endpoint, weight: 0 }] }, 'invalid /spec/endpoints/0/weight'],
  [{ endpoints: [{ ...endpoint, priority: 1, backup: true }] }, 'invalid /spec/endpoints/0/backup'],
  [{ endpoints: [{ ...endpoint, state: 'on' }] }, 'invalid /spec/endpoints/0/state'],
  [{ endpoints: [{ ...endpoint, labels: { version: 2 } }] }, 'invalid /spec/endpoints/0/labels/version'],
  [{ endpoints: [{ ...endpoint, labels: { 'a b': 'c' } }] }, 'invalid /spec/endpoints/0/labels/a b'],
  [{ endpoints: [{ ...endpoint, ip: '10.0.0.1' }] }, 'unknown-field /spec/endpoints/0/ip'],
  [{ endpoints: [endpoint, endpoint] }, 'invalid /spec/endpoints/1'],
  [{ balance: { choices: 1 } }, 'invalid /spec/balance/choices'],
  [{ balance: { choices: 11 } }, 'invalid /spec/balance/choices'],
  [{ balance: { panic: 50 } }, 'invalid /spec/balance/panic'],
  [{ health: 'Orders' }, 'invalid /spec/health'],
  [{ health: { active: { tcp: {}, interval: '5' } } }, 'invalid /spec/health/active/interval'],
  [{ health: 5 }, 'invalid /spec/health'],
  [{ breakers: { connections: 0 } }, 'invalid /spec/breakers/connections'],
  [{ breakers: { perEndpoint: { requests: 5 } } }, 'unknown-field /spec/breakers/perEndpoint/requests'],
  [{ breakers: { retryBudget: 20 } }, 'invalid /spec/breakers/retryBudget'],
  [{ protocol: 'tcp', breakers: { pending: 5 } }, 'invalid /spec/breakers'],
  [{ protocol: 'tcp', breakers: { perEndpoint: { connections: 5 } } }, 'invalid /spec/breakers'],
  [{ slowStart: { window: '0s' } }, 'invalid /spec/slowStart/window'],
  [{ slowStart: { aggression: 0 } }, 'invalid /spec/slowStart/aggression'],
  [{ slowStart: { minWeight: 10 } }, 'invalid /spec/slowStart/minWeight'],
  [{ slowStart: {}, balance: { policy: 'maglev' } }, 'invalid /spec/slowStart'],
  [{ tls: { sni: 'a' } }, 'not-supported-yet /spec/tls'],
  [{ proxyProtocol: 'v3' }, 'invalid /spec/proxyProtocol'],
  [{ connectTimeout: '0s' }, 'invalid /spec/connectTimeout'],
  [{ keepAlive: { connections: -1 } }, 'invalid /spec/keepAlive/connections'],
  [{ keepAlive: { requests: -1 } }, 'invalid /spec/keepAlive/requests'],
  [{ protocol: 'tcp', keepAlive: {} }, 'invalid /spec/keepAlive'],
])('a cluster with %j is refused: %s', (spec, refused) => {
  expect(refusals('Cluster', { endpoints: [], ...spec })).toEqual([refused]);
});

test('a backup comes after all priorities that are written', () => {
  const prioritiesOf = (...endpoints: object[]) =>
    specOfCluster({
      endpoints: endpoints.map((one, index) => ({ address: '10.0.0.1', port: index + 1, ...one })),
    }).endpoints.map(({ priority }) => priority);
  expect(prioritiesOf({}, { backup: true })).toEqual([0, 1]);
  expect(prioritiesOf({ backup: true }, { priority: 4 }, {}, { backup: true })).toEqual([5, 4, 0, 5]);
  expect(prioritiesOf({ backup: true }, { backup: true })).toEqual([0, 0]);
});

test('a tcp cluster may bound its connections', () => {
  const spec = specOfCluster({ protocol: 'tcp', endpoints: [], breakers: { connections: 9 } });
  expect(spec.breakers.connections).toBe(9);
});

test('an endpoint written twice is found in any spelling, and beside other faults', () => {
  const endpoints = [
    { address: '::1', port: 80 },
    { address: '0:0::1', port: 80 },
    { address: 'x', port: 0 },
  ];
  expect(refusals('Cluster', { endpoints })).toEqual([
    'invalid /spec/endpoints/2/address',
    'invalid /spec/endpoints/2/port',
    'invalid /spec/endpoints/1',
  ]);
});

test('the remedy of an address that is a name points to dns', () => {
  const checked = checkDocument({ kind: 'Cluster', name: 'a', spec: { endpoints: { address: 'orders', port: 1 } } });
  expect(checked.ok ? '' : checked.problems[0]?.remedy).toContain('names belong in `dns`');
});

test('the documents of docs/grpc.md are accepted', () => {
  const page = readFileSync(new URL('../../../docs/grpc.md', import.meta.url), 'utf8');
  const yaml = /```yaml\n(.*?)```/s.exec(page)?.[1] ?? '';
  const tenant = '{ kind: Tenant, name: checkout, spec: { claims: { host: shop.example.com } } }';
  expect(checkChanges(setOf(tenant), puts(yaml))).toEqual([]);
});

test.each(['http2', 'grpc'])('a cluster of protocol %s goes round where nothing else is said', (protocol) => {
  const balanceOf = (balance: object) => specOfCluster({ protocol, endpoints: [], balance })?.balance.policy;
  expect([{}, { choices: 3 }, { bias: 2 }, { policy: 'least-request' }].map(balanceOf)).toEqual([
    'round-robin',
    'least-request',
    'least-request',
    'least-request',
  ]);
});

test.each(['http1', 'http2', 'grpc', 'same-as-client'])('a cluster of protocol %s keeps connections', (protocol) => {
  const settings = { keepAlive: { idle: '7s' }, breakers: { retryBudget: '5%' }, connectTimeout: '2s' };
  expect(specOfCluster({ protocol, endpoints: [], ...settings })).toMatchObject({
    ...{ protocol, keepAlive: { idleMs: 7_000 }, breakers: { retryBudgetPercent: 5 }, connectTimeoutMs: 2_000 },
  });
});
