import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { checkDocument, specOf } from '../check.ts';
import { puts, refusals, setOf } from '../testing.ts';
import { checkChanges } from '../world.ts';

const endpoint = { address: '10.0.1.11', port: 8080 };
const specOfCluster = (spec: unknown, tenant?: string) => specOf({ kind: 'Cluster', tenant, name: 'orders', spec });

test('a cluster that says its endpoints has every default', () => {
  expect(specOfCluster({ endpoints: [endpoint] })).toEqual({
    protocol: 'http1',
    endpoints: [{ ...endpoint, weight: 1, zone: '', labels: {}, state: 'enabled' }],
    balance: { policy: 'least-request', choices: 2, panicPercent: 50 },
    health: null,
    connectTimeoutMs: 1000,
    keepAlive: { idleMs: 60_000, requests: 0 },
    retryBudgetPercent: 20,
  });
});

test('a cluster that says everything is read whole', () => {
  const labels = { version: 'v2' };
  const full = { address: 'FD00::0A', port: 1, weight: 128, zone: 'a', priority: 0, labels, state: 'draining' };
  expect(
    specOfCluster({
      protocol: 'http1',
      endpoints: full,
      balance: { policy: 'round-robin', panic: '12.5%' },
      health: { active: { tcp: {} } },
      connectTimeout: '250ms',
      keepAlive: { idle: '0s', requests: 1000 },
      breakers: { retryBudget: '0%' },
    }),
  ).toEqual({
    protocol: 'http1',
    endpoints: [{ address: 'fd00::a', port: 1, weight: 128, zone: 'a', labels: { version: 'v2' }, state: 'draining' }],
    balance: { policy: 'round-robin', panicPercent: 12.5 },
    health: {
      inline: {
        active: {
          check: { tcp: { send: null, receive: null } },
          intervalMs: 5000,
          timeoutMs: 2000,
          unhealthyAfter: 3,
          healthyAfter: 2,
          jitterPercent: 10,
        },
      },
    },
    connectTimeoutMs: 250,
    keepAlive: { idleMs: 0, requests: 1000 },
    retryBudgetPercent: 0,
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

test('dns and nodes are not supported yet, and nobody is asked for endpoints beside them', () => {
  expect(refusals('Cluster', { dns: { host: 'orders.internal' } })).toEqual(['not-supported-yet /spec/dns']);
  expect(refusals('Cluster', { nodes: { group: 'edge' } })).toEqual(['not-supported-yet /spec/nodes']);
});

test.each([
  [{ protocol: 'udp' }, 'not-supported-yet /spec/protocol'],
  [{ protocol: 'http' }, 'invalid /spec/protocol'],
  [{ endpoints: [{ address: 'orders.internal', port: 80 }] }, 'invalid /spec/endpoints/0/address'],
  [{ endpoints: { address: 'orders.internal', port: 80 } }, 'invalid /spec/endpoints/address'],
  [{ endpoints: [{ address: '10.0.0.1' }] }, 'missing-field /spec/endpoints/0/port'],
  [{ endpoints: [{ ...endpoint, port: 0 }] }, 'invalid /spec/endpoints/0/port'],
  [{ endpoints: [{ ...endpoint, weight: 129 }] }, 'invalid /spec/endpoints/0/weight'],
  [{ endpoints: [{ ...endpoint, weight: 0 }] }, 'invalid /spec/endpoints/0/weight'],
  [{ endpoints: [{ ...endpoint, priority: 1 }] }, 'not-supported-yet /spec/endpoints/0/priority'],
  [{ endpoints: [{ ...endpoint, backup: true }] }, 'not-supported-yet /spec/endpoints/0/backup'],
  [{ endpoints: [{ ...endpoint, state: 'on' }] }, 'invalid /spec/endpoints/0/state'],
  [{ endpoints: [{ ...endpoint, labels: { version: 2 } }] }, 'invalid /spec/endpoints/0/labels/version'],
  [{ endpoints: [{ ...endpoint, labels: { 'a b': 'c' } }] }, 'invalid /spec/endpoints/0/labels/a b'],
  [{ endpoints: [{ ...endpoint, ip: '10.0.0.1' }] }, 'unknown-field /spec/endpoints/0/ip'],
  [{ endpoints: [endpoint, endpoint] }, 'invalid /spec/endpoints/1'],
  [{ balance: { policy: 'random' } }, 'not-supported-yet /spec/balance/policy'],
  [{ balance: { policy: 'ring-hash' } }, 'not-supported-yet /spec/balance/policy'],
  [{ balance: { policy: 'maglev' } }, 'not-supported-yet /spec/balance/policy'],
  [{ balance: { policy: 'utilization' } }, 'not-supported-yet /spec/balance/policy'],
  [{ balance: { choices: 1 } }, 'invalid /spec/balance/choices'],
  [{ balance: { choices: 11 } }, 'invalid /spec/balance/choices'],
  [{ balance: { policy: 'round-robin', choices: 2 } }, 'invalid /spec/balance/choices'],
  [{ balance: { panic: 50 } }, 'invalid /spec/balance/panic'],
  [{ balance: { failClosed: false } }, 'not-supported-yet /spec/balance/failClosed'],
  [{ balance: { localities: 'zone-aware' } }, 'not-supported-yet /spec/balance/localities'],
  [{ balance: { subsets: [['version']] } }, 'not-supported-yet /spec/balance/subsets'],
  [{ balance: { boundedLoad: '125%' } }, 'not-supported-yet /spec/balance/boundedLoad'],
  [{ balance: { tableSize: 65_537 } }, 'not-supported-yet /spec/balance/tableSize'],
  [{ balance: { function: 'xx-hash' } }, 'not-supported-yet /spec/balance/function'],
  [{ balance: { minSize: 1024 } }, 'not-supported-yet /spec/balance/minSize'],
  [{ balance: { maxSize: 1024 } }, 'not-supported-yet /spec/balance/maxSize'],
  [{ health: 'Orders' }, 'invalid /spec/health'],
  [{ health: { active: { tcp: {}, interval: '5' } } }, 'invalid /spec/health/active/interval'],
  [{ health: 5 }, 'invalid /spec/health'],
  [{ breakers: { connections: 1 } }, 'not-supported-yet /spec/breakers/connections'],
  [{ breakers: { retryBudget: 20 } }, 'invalid /spec/breakers/retryBudget'],
  [{ protocol: 'tcp', breakers: {} }, 'invalid /spec/breakers'],
  [{ slowStart: { window: '60s' } }, 'not-supported-yet /spec/slowStart'],
  [{ tls: { sni: 'a' } }, 'not-supported-yet /spec/tls'],
  [{ proxyProtocol: 'v2' }, 'not-supported-yet /spec/proxyProtocol'],
  [{ connectTimeout: '0s' }, 'invalid /spec/connectTimeout'],
  [{ keepAlive: { connections: 128 } }, 'not-supported-yet /spec/keepAlive/connections'],
  [{ keepAlive: { requests: -1 } }, 'invalid /spec/keepAlive/requests'],
  [{ protocol: 'tcp', keepAlive: {} }, 'invalid /spec/keepAlive'],
])('a cluster with %j is refused: %s', (spec, refused) => {
  expect(refusals('Cluster', { endpoints: [], ...spec })).toEqual([refused]);
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
  expect([{}, { choices: 3 }, { policy: 'least-request' }].map(balanceOf)).toEqual([
    'round-robin',
    'least-request',
    'least-request',
  ]);
});

test.each(['http1', 'http2', 'grpc', 'same-as-client'])('a cluster of protocol %s keeps connections', (protocol) => {
  const settings = { keepAlive: { idle: '7s' }, breakers: { retryBudget: '5%' }, connectTimeout: '2s' };
  expect(specOfCluster({ protocol, endpoints: [], ...settings })).toMatchObject({
    ...{ protocol, keepAlive: { idleMs: 7_000 }, retryBudgetPercent: 5, connectTimeoutMs: 2_000 },
  });
});
