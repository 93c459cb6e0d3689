import { expect, test } from 'vitest';
import { codesOf, puts, removal, setOf } from '../testing.ts';
import { checkChanges } from '../world.ts';

const sockets = `
{ kind: NodeGroup, name: edge }
---
{ kind: Listener, name: public, spec: { groups: edge, port: 0 } }
---
{ kind: Listener, name: raw, spec: { groups: edge, port: 0, protocol: tcp } }
---
{ kind: Cluster, name: web, spec: { endpoints: [] } }
---
{ kind: Cluster, name: g, spec: { endpoints: [], protocol: grpc } }
---
{ kind: Cluster, name: h2, spec: { endpoints: [], protocol: http2 } }
---
{ kind: Cluster, name: raw, spec: { endpoints: [], protocol: tcp } }
---
{ kind: Cluster, name: same, spec: { endpoints: [], protocol: same-as-client } }
---
{ kind: Cluster, name: kept, spec: { endpoints: [], protocol: grpc, keepAlive: { idle: 5s } } }
---
{ kind: Cluster, name: slow, spec: { endpoints: [], protocol: grpc, connectTimeout: 5s } }
---
{ kind: Cluster, name: budget, spec: { endpoints: [], protocol: grpc, breakers: { retryBudget: 5% } } }
---
{ kind: Cluster, name: least, spec: { endpoints: [], protocol: grpc, balance: { policy: least-request } } }
---
{ kind: Cluster, name: checked, spec: { endpoints: [], protocol: grpc, health: { active: { tcp: {}, interval: 1s } } } }
---
{ kind: Cluster, name: ring, spec: { endpoints: { address: 10.0.0.1, port: 1, zone: a, backup: true }, protocol: grpc, balance: { policy: ring-hash, localities: { a: 1 } }, breakers: { requests: 5 } } }
---
{ kind: Cluster, name: murmur, spec: { endpoints: [], protocol: grpc, balance: { policy: ring-hash, function: murmur-hash-2 } } }
---
{ kind: Cluster, name: bounded, spec: { endpoints: [], protocol: grpc, balance: { policy: ring-hash, boundedLoad: 125% } } }
---
{ kind: Cluster, name: zones, spec: { endpoints: [], protocol: grpc, balance: { localities: zone-aware } } }
---
{ kind: Cluster, name: subsets, spec: { endpoints: [], protocol: grpc, balance: { subsets: [[version]] } } }
---
{ kind: Cluster, name: closed, spec: { endpoints: [], protocol: grpc, balance: { failClosed: true } } }
---
{ kind: Cluster, name: headed, spec: { endpoints: [], protocol: grpc, proxyProtocol: v2 } }
---
{ kind: Cluster, name: gentle, spec: { endpoints: [], protocol: grpc, slowStart: {} } }
---
{ kind: Cluster, name: heavy, spec: { endpoints: [{ address: 10.0.0.1, port: 1 }, { address: 10.0.0.1, port: 2, weight: 2 }], protocol: grpc } }
`;
const world = `${sockets}---
{ kind: Listener, name: mesh, spec: { groups: edge, protocol: api } }
---
{ kind: Listener, name: other, spec: { groups: edge, protocol: api } }
`;
const route = (spec: string) => `{ kind: Route, name: r, spec: { hosts: a.example.com, ${spec} } }`;
const problemsOf = (yaml: string, current = world) => checkChanges(setOf(current), puts(yaml));

test.each([
  'to: { cluster: g }',
  'to: [{ cluster: g }, { cluster: h2 }], listeners: [mesh, other]',
  'to: { cluster: web }',
  'to: [{ cluster: web }, { cluster: g }, { cluster: same }]',
  'to: { cluster: g }, listeners: [mesh, public]',
  'to: { cluster: g }, listeners: mesh, retry: { on: [unavailable, internal], attempts: 1 }',
  'to: { cluster: g }, streamIdleTimeout: 5m, retry: { on: [reset, unavailable], perTry: 1s }, rewrite: { prefix: / }',
  'to: { cluster: least }',
  'to: { cluster: ring }, listeners: mesh, affinity: { hash: { header: x-user } }',
  'to: { cluster: g }, listeners: mesh, match: { methods: [GET, POST], headers: { name: x-a, present: true, not: true } }',
])('a route fits the listeners that carry it: %s', (spec) => {
  expect(problemsOf(route(spec))).toEqual([]);
});

test.each([
  ['to: { cluster: raw }', 'conflict /spec/to/cluster'],
  ['to: { cluster: web }, listeners: mesh', 'conflict /spec/to/cluster'],
  ['to: { cluster: same }, listeners: [mesh, public]', 'conflict /spec/to/cluster'],
  ['to: [{ cluster: g }, { cluster: web }], listeners: mesh', 'conflict /spec/to/1/cluster'],
  ['to: [{ cluster: g }, { cluster: checked }], listeners: mesh', 'not-supported-yet /spec/to/1/cluster'],
  ['to: { cluster: kept }, listeners: mesh', 'not-supported-yet /spec/to/cluster'],
  ['to: { cluster: slow }, listeners: mesh', 'not-supported-yet /spec/to/cluster'],
  ['to: { cluster: budget }, listeners: mesh', 'not-supported-yet /spec/to/cluster'],
  ['to: { cluster: least }, listeners: mesh', 'not-supported-yet /spec/to/cluster'],
  ['to: { cluster: heavy }, listeners: mesh', 'not-supported-yet /spec/to/cluster'],
  ...['murmur', 'bounded', 'zones', 'subsets', 'closed', 'gentle', 'headed'].map((name): [string, string] => [
    `to: { cluster: ${name} }, listeners: mesh`,
    'not-supported-yet /spec/to/cluster',
  ]),
  [
    'to: { cluster: g }, listeners: mesh, affinity: { hash: [{ header: a }, { path: true }] }',
    'not-supported-yet /spec/affinity/hash/1',
  ],
  [
    'to: { cluster: g }, listeners: mesh, affinity: { sticky: { cookie: a } }',
    'not-supported-yet /spec/affinity/sticky',
  ],
  ['to: { cluster: g }, listeners: mesh, streamIdleTimeout: 5m', 'not-supported-yet /spec/streamIdleTimeout'],
  ['to: { cluster: g }, listeners: mesh, retry: { on: [unavailable, reset] }', 'not-supported-yet /spec/retry/on/1'],
  ['to: { cluster: g }, listeners: mesh, retry: { perTry: 1s }', 'not-supported-yet /spec/retry/perTry'],
  ['to: { cluster: g }, listeners: mesh, rewrite: { prefix: / }', 'not-supported-yet /spec/rewrite'],
  ['to: { cluster: g }, listeners: mesh, upgrades: websocket', 'not-supported-yet /spec/upgrades'],
  ['to: { cluster: g }, listeners: mesh, fallback: { cluster: h2 }', 'not-supported-yet /spec/fallback'],
  ['to: { cluster: g }, listeners: mesh, match: { methods: GET }', 'conflict /spec/match/methods'],
  [
    'to: { cluster: g }, listeners: mesh, match: { headers: { name: x-a, exact: b, not: true } }',
    'not-supported-yet /spec/match/headers/not',
  ],
])('a route that its listeners cannot carry is refused: %s', (spec, refused) => {
  expect(codesOf(problemsOf(route(spec)))).toEqual([refused]);
});

test('where there is no listener with a socket, a route that names none is for those of gRPC', () => {
  const onlyApi = setOf(world.replace(/\{ kind: Listener, name: public,[^\n]*\n---\n/, ''));
  expect(codesOf(checkChanges(onlyApi, puts(route('to: { cluster: g }, rewrite: { prefix: / }'))))).toEqual([
    'not-supported-yet /spec/rewrite',
  ]);
});

test('an L4Route takes a cluster whatever its endpoints speak, and an api listener takes no L4Route', () => {
  const l4 = (listener: string, cluster: string) =>
    `{ kind: L4Route, name: r, spec: { listener: ${listener}, to: { cluster: ${cluster} } } }`;
  expect(codesOf(problemsOf(l4('raw', 'g')))).toEqual([]);
  expect(codesOf(problemsOf(l4('mesh', 'web')))).toEqual(['conflict /spec/listener']);
});

test('whoever changes what a cluster speaks is told whose routes no longer fit', () => {
  const current = setOf(`${world}---\n${route('to: { cluster: g }, listeners: mesh')}`);
  const changes = ['', 'protocol: grpc, connectTimeout: 3s'].map((spec) =>
    codesOf(checkChanges(current, puts(`{ kind: Cluster, name: g, spec: { endpoints: [], ${spec} } }`))),
  );
  expect(changes).toEqual([['conflict /spec'], ['not-supported-yet /spec/connectTimeout']]);
  expect(checkChanges(setOf(world), [removal('Listener/other')])).toEqual([]);
});
