import { expect, test } from 'vitest';
import { codesOf, puts, removal, setOf } from '../testing.ts';
import { checkChanges } from '../world.ts';

const header = (accept: string) => `proxyProtocol: { accept: ${accept}, trust: 10.0.0.0/8 }`;
const listener = (name: string, spec: string) =>
  `{ kind: Listener, name: ${name}, spec: { groups: [edge, inner], port: 0, ${spec} } }`;
const world = [
  '{ kind: NodeGroup, name: edge }',
  '{ kind: NodeGroup, name: inner }',
  '{ kind: NodeGroup, name: front }',
  '{ kind: Tenant, name: a }',
  listener('http', ''),
  listener('closed', 'tenants: [b]'),
  listener('tcp', 'protocol: tcp'),
  listener('udp', 'protocol: udp'),
  listener('tls', 'protocol: tls-passthrough'),
  listener('required', header('required')),
  listener('optional', header('optional')),
  '{ kind: Listener, name: api, spec: { groups: edge, protocol: api } }',
].join('\n---\n');

const cluster = (nodes: string, spec = '', tenant = '') =>
  `{ kind: Cluster, ${tenant}name: c, spec: { nodes: { group: edge, listener: ${nodes} }, ${spec} } }`;
const problemsOf = (yaml: string, current = world) => checkChanges(setOf(current), puts(yaml));

test.each([
  cluster('http'),
  cluster('http', '', 'tenant: a, '),
  cluster('tcp', 'protocol: tcp'),
  cluster('tcp', 'protocol: tcp, proxyProtocol: v2'),
  cluster('tls', 'protocol: tcp'),
  cluster('udp', 'protocol: udp'),
  cluster('required', 'protocol: tcp, proxyProtocol: v2'),
  cluster('optional', 'protocol: tcp'),
  cluster('optional', 'protocol: tcp, proxyProtocol: v1'),
])('nodes serve what they are sent: %s', (yaml) => {
  expect(problemsOf(yaml)).toEqual([]);
});

test.each([
  [cluster('htp'), 'missing-reference /spec/nodes/listener', 'Listener htp does not exist.'],
  [cluster('http').replace('edge', 'egde'), 'missing-reference /spec/nodes/group', 'NodeGroup egde does not exist.'],
  [cluster('http').replace('edge', 'front'), 'conflict /spec/nodes/listener', 'it is of edge and inner'],
  [cluster('closed', '', 'tenant: a, '), 'not-allowed /spec/nodes/listener', 'is not open to tenant a'],
  [cluster('api', 'protocol: http2'), 'conflict /spec/nodes/listener', 'it is no socket'],
  [cluster('udp', 'protocol: tcp'), 'conflict /spec/protocol', 'speaks udp, and the cluster tcp'],
  [cluster('tcp', 'protocol: udp'), 'conflict /spec/protocol', 'speaks tcp, and the cluster udp'],
  [cluster('tls', 'protocol: http2'), 'conflict /spec/protocol', 'it waits for TLS'],
  [cluster('required', 'protocol: tcp'), 'conflict /spec', 'takes only connections with a PROXY header'],
  [cluster('http', 'protocol: tcp, proxyProtocol: v2'), 'conflict /spec/proxyProtocol', 'reads no PROXY headers'],
])('a cluster whose nodes would not is refused: %s', (yaml, refused, detail) => {
  const problems = problemsOf(yaml);
  expect(codesOf(problems)).toContain(refused);
  expect(problems.map((problem) => problem.detail).join()).toContain(detail);
});

test('a listener that nodes are asked for stays, and stays what it is', () => {
  const current = [world, cluster('http', 'protocol: tcp')].join('\n---\n');
  expect(codesOf(checkChanges(setOf(current), [removal('Listener//http')]))).toEqual(['in-use ']);
  expect(codesOf(problemsOf(listener('http', header('required')), current))).toEqual(['conflict /spec/proxyProtocol']);
  const moved = '{ kind: Listener, name: http, spec: { groups: inner, port: 0 } }';
  expect(codesOf(problemsOf(moved, current))).toEqual(['conflict /spec/groups']);
});
