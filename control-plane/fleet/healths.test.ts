import { expect, test } from 'vitest';
import type { EndpointState } from '../../proto/endpoint-state.ts';
import type { ClusterReport, NodeIdentity } from '../xds/ports.ts';
import { mergeHealth, outOfUse, unwellOf } from './health-views.ts';
import { Healths } from './healths.ts';
import { limits } from './limits.ts';

const node = (id: string): NodeIdentity => ({ id, group: 'edge', userAgent: '', zone: '' });

type Told = readonly [address: string, state: EndpointState, ageMs?: number, reason?: string];

function report(cluster: string, endpoints: readonly Told[], gone: readonly string[] = []): ClusterReport {
  const reports = endpoints.map(([address, state, ageMs = 0, reason = '']) => ({ address, state, ageMs, reason }));
  return { cluster, endpoints: reports, gone };
}

const iso = (ms: number): string => new Date(ms).toISOString();

function world(nowMs = 100_000) {
  const time = { nowMs };
  const healths = new Healths(() => time.nowMs);
  const told: string[] = [];
  healths.listen((key, clusters) => told.push(`${key} ${[...clusters].join()}`));
  return { time, healths, told };
}

test('each endpoint of a cluster is seen in a state by so many nodes, since the first of them, with a reason', () => {
  const { time, healths } = world();
  const [n1, n2, n3] = ['n1', 'n2', 'n3'].map(node);
  healths.reported(n1!, [report('shop/a', [['10.0.0.9:80', 'unhealthy', 7_000, 'status 503']])]);
  time.nowMs += 1_000;
  healths.reported(n2!, [report('shop/a', [['10.0.0.9:80', 'unhealthy', 2_000, 'no answer']])]);
  healths.reported(n3!, [
    report('shop/a', [
      ['10.0.0.10:80', 'healthy'],
      ['10.0.0.9:80', 'healthy'],
    ]),
  ]);
  expect(healths.ofCluster('shop', 'a')).toEqual({
    tenant: 'shop',
    name: 'a',
    nodes: 3,
    endpoints: [
      {
        endpoint: '10.0.0.9:80',
        states: {
          unhealthy: { nodes: 2, since: iso(93_000), reason: 'no answer' },
          healthy: { nodes: 1, since: iso(101_000) },
        },
      },
      { endpoint: '10.0.0.10:80', states: { healthy: { nodes: 1, since: iso(101_000) } } },
    ],
  });
  expect(unwellOf(healths.ofCluster('shop', 'a')).map(({ endpoint }) => endpoint)).toEqual(['10.0.0.9:80']);
  expect(healths.ofCluster('shop', 'b')).toEqual({ tenant: 'shop', name: 'b', nodes: 0, endpoints: [] });
});

test('out of use is what most of those who know it find failing or have ejected', () => {
  const { healths } = world();
  const states: readonly (readonly EndpointState[])[] = [
    ['unhealthy', 'ejected', 'healthy', 'draining'],
    ['healthy', 'ejected', 'unhealthy', 'draining'],
    ['healthy', 'healthy', 'unhealthy', 'joining'],
  ];
  states.forEach((ofNode, index) => {
    const told = ofNode.map((state, port): Told => [`10.0.0.1:${port}`, state]);
    healths.reported(node(`n${index}`), [report('a', told)]);
  });
  expect([...outOfUse(healths.ofCluster(undefined, 'a'))]).toEqual(['10.0.0.1:1', '10.0.0.1:2']);
});

test('a node tells what changes; the rest stays, and so does since when', () => {
  const { time, healths, told } = world();
  const n1 = node('n1');
  healths.reported(n1, [
    report('a', [
      ['10.0.0.1:80', 'healthy', 50_000],
      ['10.0.0.2:80', 'joining'],
    ]),
    report('b', [['10.0.0.1:80', 'healthy']]),
  ]);
  time.nowMs += 10_000;
  healths.reported(n1, [report('a', [['10.0.0.1:80', 'unhealthy', 500, 'status 500']], ['10.0.0.2:80'])]);
  time.nowMs += 10_000;
  healths.reported(n1, [report('a', [['10.0.0.1:80', 'unhealthy', 9_999, 'no answer']])]);
  expect(healths.ofNode('n1', 'edge')).toEqual([
    {
      name: 'a',
      endpoints: [{ endpoint: '10.0.0.1:80', state: 'unhealthy', since: iso(109_500), reason: 'no answer' }],
    },
    { name: 'b', endpoints: [{ endpoint: '10.0.0.1:80', state: 'healthy', since: iso(100_000) }] },
  ]);
  expect(told).toEqual(['["n1","edge"] a,b', '["n1","edge"] a', '["n1","edge"] a']);
});

test('what a stream told is forgotten with it; of two streams of a node the newer counts', () => {
  const { healths } = world();
  const [older, newer] = [node('n1'), node('n1')];
  healths.reported(older, [report('a', [['10.0.0.1:80', 'unhealthy']])]);
  healths.reported(newer, [report('a', [['10.0.0.1:80', 'healthy']])]);
  healths.reported(older, [report('a', [['10.0.0.1:80', 'ejected']])]);
  healths.ended(older);
  expect(healths.ofNode('n1', 'edge')[0]?.endpoints).toMatchObject([{ state: 'healthy' }]);
  expect(healths.ofCluster(undefined, 'a').nodes).toBe(1);
  healths.ended(newer);
  expect([healths.list(), healths.ofNode('n1', 'edge')]).toEqual([[], []]);
});

test('a node may tell of so many endpoints, and what goes makes room', () => {
  const { healths } = world();
  const n1 = node('n1');
  const many = Array.from({ length: limits.healthEndpoints + 5 }, (_, i): Told => [`10.0.0.1:${i}`, 'healthy']);
  const count = (): number | undefined => healths.ofNode('n1', 'edge')[0]?.endpoints.length;
  healths.reported(n1, [report('a', many)]);
  expect(count()).toBe(limits.healthEndpoints);
  healths.reported(n1, [report('a', [['10.0.0.2:1', 'healthy']], ['10.0.0.1:1', '10.0.0.1:2'])]);
  expect(count()).toBe(limits.healthEndpoints - 1);
});

test('clusters of several replicas are added up, endpoint by endpoint', () => {
  const [a, b] = [world(100_000).healths, world(200_000).healths];
  a.reported(node('n1'), [report('a', [['10.0.0.1:80', 'ejected', 0, 'outlier detection']])]);
  b.reported(node('n2'), [
    report('a', [
      ['10.0.0.1:80', 'ejected', 0, 'outlier detection'],
      ['10.0.0.2:80', 'healthy'],
    ]),
  ]);
  b.reported(node('n3'), [report('b', [['10.0.0.1:80', 'healthy']])]);
  expect(mergeHealth([...b.list(), ...a.list()])).toEqual([
    {
      name: 'a',
      nodes: 2,
      endpoints: [
        {
          endpoint: '10.0.0.1:80',
          states: { ejected: { nodes: 2, since: iso(100_000), reason: 'outlier detection' } },
        },
        { endpoint: '10.0.0.2:80', states: { healthy: { nodes: 1, since: iso(200_000) } } },
      ],
    },
    {
      name: 'b',
      nodes: 1,
      endpoints: [{ endpoint: '10.0.0.1:80', states: { healthy: { nodes: 1, since: iso(200_000) } } }],
    },
  ]);
});
