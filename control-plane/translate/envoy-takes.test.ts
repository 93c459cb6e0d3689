/** Every form of balancing, asked of the real Envoy in one go: what it would refuse, all of its clusters would miss. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { startEnvoy, validateBootstrap } from '../../e2e/support/envoy.ts';
import { requirePeer } from '../../e2e/support/peers.ts';
import { MemoryDocumentSet } from '../model/memory-set.ts';
import type { Typed } from '../model/specs.ts';
import { puts } from '../model/testing.ts';
import { checkChanges } from '../model/world.ts';
import { staticBootstrap } from './envoy-testing.ts';
import { translateGroup } from './group.ts';
import { documentSet, documentsOf, typed } from './testing.ts';
import { l4Forms } from './testing-l4.ts';

type Written = Readonly<Record<string, unknown>>;

const endpoints = [
  { address: '127.0.0.1', port: 1, zone: 'a', labels: { version: 'v1', hash_key: 'one' } },
  { address: '127.0.0.1', port: 2, zone: 'b', weight: 3, priority: 5 },
  { address: '127.0.0.1', port: 3, zone: 'a', backup: true },
];

const breakers = { connections: 9, pending: 8, requests: 7, retryBudget: '0%', perEndpoint: { connections: 3 } };
const slowStart = { window: '30s', aggression: 1.5, minWeight: '25%' };

const everything = {
  ...{ consecutive5xx: 0, consecutiveGateway: 3, interval: '10ms', ejectFor: '1ms', maxEjectFor: '1ms' },
  ...{ ejectJitter: '5s', maxEjected: '0%', latency: {}, successRate: { stdevFactor: 0 } },
  failurePercentage: { threshold: '100%', minimumHosts: 1, requestVolume: 1 },
};

const clusters: readonly Written[] = [
  { balance: { policy: 'round-robin', localities: 'zone-aware', failClosed: true }, slowStart },
  { balance: { policy: 'random', localities: { a: 3, b: 1 }, subsets: [['version'], ['version', 'stage']] }, breakers },
  { balance: { policy: 'least-request', choices: 10, bias: 0, failClosed: true, panic: '12.5%' }, slowStart },
  { balance: { fullScan: true, bias: 2.5, failClosed: true, subsets: [['version']] }, slowStart },
  { balance: { policy: 'ring-hash', function: 'murmur-hash-2', minSize: 3, maxSize: 9, boundedLoad: '125%' } },
  { balance: { policy: 'ring-hash', localities: { a: 1, b: 0 }, subsets: [['version']] } },
  { balance: { policy: 'maglev', tableSize: 5_000_011, localities: { a: 1, b: 2 }, boundedLoad: '100%' } },
  {
    health: {
      active: { http: { path: '/', method: 'POST', headers: { a: 'b' }, receive: ['c', 'd'] } },
      passive: 'off',
    },
  },
  { protocol: 'grpc', health: { active: { grpc: { service: 's' }, noTrafficInterval: '1m', initialJitter: '1s' } } },
  { protocol: 'http2', health: { active: { grpc: {} }, passive: { maxFails: 3, failTimeout: '500ms' } } },
  { health: { passive: everything } },
  { endpoints: undefined, dns: { host: 'localhost', port: 1 }, balance: { policy: 'maglev' } },
  { endpoints: undefined, dns: { host: 'localhost', port: 1, resolve: 'logical', refresh: '1m' }, protocol: 'tcp' },
  { health: { passive: { consecutiveLocalOrigin: 3, successRate: {}, failurePercentage: {}, alwaysOne: false } } },
  { protocol: 'tcp', breakers: { connections: 5 }, balance: { policy: 'maglev' } },
  { proxyProtocol: 'v1' },
  { protocol: 'grpc', proxyProtocol: 'v2', health: { active: { grpc: {} } } },
  { protocol: 'tcp', proxyProtocol: 'v2', health: { active: { tcp: {} } } },
];

const folder = new URL('../../examples/features/', import.meta.url);
const examples = readdirSync(folder);

test.each(examples)('the documents of examples/features/%s are accepted', (name) => {
  expect(checkChanges(new MemoryDocumentSet(1), puts(readFileSync(new URL(name, folder), 'utf8')))).toEqual([]);
});

test.each([
  'affinity',
  'balancing',
  'grpc',
  'health',
  'kernel-datapath',
  'l4',
  'old-clients',
  'proxy-protocol',
  'two-tiers',
])('what docs/%s.md shows are documents', (page) => {
  const text = readFileSync(new URL(`../../docs/${page}.md`, import.meta.url), 'utf8');
  const shown = [...text.matchAll(/```yaml\n(.*?)```/gs)].map(([, yaml = '']) => puts(yaml));
  expect(shown).not.toEqual([]);
});

describe.skipIf(requirePeer('envoy') === undefined)('a real Envoy', () => {
  test('takes every form of a cluster', async () => {
    const documents = clusters.flatMap((spec, index): Typed[] => [
      typed('Cluster', `c${index}`, { endpoints, ...spec }),
      typed('Route', `r${index}`, { hosts: `c${index}.example.com`, to: { cluster: `c${index}` } }),
    ]);
    const bootstrap = staticBootstrap(documentSet([typed('Listener', 'public'), ...documents]), 'edge');
    expect(await validateBootstrap(bootstrap)).toBeUndefined();
  });

  test('takes every form of a listener below HTTP', async () => {
    const set = documentSet(l4Forms());
    const { notes, listeners } = translateGroup(set, 'edge');
    expect([notes, listeners.length]).toEqual([[], 9]);
    expect(await validateBootstrap(staticBootstrap(set, 'edge'))).toBeUndefined();
  });

  test.each(examples)('takes examples/features/%s', async (name) => {
    const documents = documentsOf(readFileSync(new URL(name, folder), 'utf8'));
    expect(await validateBootstrap(staticBootstrap(documentSet(documents), 'edge'))).toBeUndefined();
  });

  test('passes over our own policy to the one behind it, and can still show what it has', async () => {
    const balance = { policy: 'utilization', choices: 3, localities: 'zone-aware', subsets: [['version']] };
    const documents = documentSet([
      typed('Listener', 'public'),
      typed('Cluster', 'c', { endpoints, balance, slowStart, breakers }),
      typed('Route', 'r', { hosts: 'a.example.com', to: { cluster: 'c' } }),
    ]);
    const envoy = await startEnvoy({ bootstrap: staticBootstrap(documents, 'edge') });
    try {
      expect(await envoy.admin('/clusters')).toContain('c::127.0.0.1:2::weight::3');
      expect(await envoy.admin('/config_dump')).toContain('fairlead.load_balancing_policies.utilization');
    } finally {
      await envoy.stop();
    }
  });
});
