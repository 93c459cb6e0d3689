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
  'to: { cluster: g }, retry: { on: [unavailable, internal], attempts: 1 }',
  'to: { cluster: web }, streamIdleTimeout: 5m, retry: { on: [reset, unavailable], perTry: 1s }',
  'to: { cluster: g }, match: { methods: [GET, POST], headers: { name: x-a, present: true, not: true } }',
])('a route fits the listeners that carry its clusters: %s', (spec) => {
  expect(problemsOf(route(spec))).toEqual([]);
});

test.each([
  ['to: { cluster: g }, listeners: public', 'not-supported-yet /spec/to/cluster'],
  ['to: { cluster: h2 }, listeners: [mesh, public]', 'not-supported-yet /spec/to/cluster'],
  ['to: { cluster: web }, listeners: mesh', 'conflict /spec/to/cluster'],
  ['to: [{ cluster: web }, { cluster: g }]', 'not-supported-yet /spec/to/1/cluster'],
  ['to: [{ cluster: g }, { cluster: web }]', 'conflict /spec/to/1/cluster'],
  ['to: { cluster: g }, streamIdleTimeout: 5m', 'not-supported-yet /spec/streamIdleTimeout'],
  ['to: { cluster: g }, retry: { on: [unavailable, reset] }', 'not-supported-yet /spec/retry/on/1'],
  ['to: { cluster: g }, retry: { perTry: 1s }', 'not-supported-yet /spec/retry/perTry'],
  ['to: { cluster: g }, upgrades: websocket', 'not-supported-yet /spec/upgrades'],
  ['to: { cluster: g }, match: { methods: GET }', 'conflict /spec/match/methods'],
  [
    'to: { cluster: g }, match: { headers: { name: x-a, exact: b, not: true } }',
    'not-supported-yet /spec/match/headers/not',
  ],
])('a route that its listeners cannot carry is refused: %s', (spec, refused) => {
  expect(codesOf(problemsOf(route(spec)))).toEqual([refused]);
});

test('without an api listener nothing would carry a grpc cluster, so it is refused', () => {
  expect(codesOf(problemsOf(route('to: { cluster: g }'), sockets))).toEqual(['not-supported-yet /spec/to/cluster']);
});

test('an L4Route does not take a grpc cluster, and an api listener takes no L4Route', () => {
  const l4 = (listener: string, cluster: string) =>
    `{ kind: L4Route, name: r, spec: { listener: ${listener}, to: { cluster: ${cluster} } } }`;
  expect(codesOf(problemsOf(l4('raw', 'g')))).toEqual(['conflict /spec/to/cluster']);
  expect(codesOf(problemsOf(l4('mesh', 'web')))).toEqual(['conflict /spec/listener']);
});

test('whoever changes what a cluster speaks is told whose routes no longer fit', () => {
  const current = setOf(`${world}---\n${route('to: { cluster: g }, listeners: mesh')}`);
  const changed = puts('{ kind: Cluster, name: g, spec: { endpoints: [] } }');
  expect(codesOf(checkChanges(current, changed))).toEqual(['conflict /spec']);
  expect(checkChanges(setOf(world), [removal('Listener/other')])).toEqual([]);
});
