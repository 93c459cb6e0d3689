import { expect, test } from 'vitest';
import { codesOf, puts, setOf } from '../testing.ts';
import { checkChanges } from '../world.ts';

const cluster = (protocol: string, health: string) =>
  `{ kind: Cluster, name: c, spec: { endpoints: [], protocol: ${protocol}, health: ${health} } }`;
const policy = (check: string) => `{ kind: HealthPolicy, name: probes, spec: { active: { ${check}: {} } } }`;

test.each([
  ['grpc', '{ active: { grpc: {} } }', []],
  ['http2', 'probes', []],
  ['http1', '{ active: { tcp: {} } }', []],
  ['http1', '{ passive: off }', []],
  ['http1', '{ active: { grpc: {} } }', ['conflict /spec/health/active/grpc']],
  ['same-as-client', 'probes', ['conflict /spec/health']],
  ['tcp', 'probes', ['conflict /spec/health']],
])('a cluster of protocol %s with health %s: %j', (protocol, health, refused) => {
  expect(codesOf(checkChanges(setOf(policy('grpc')), puts(cluster(protocol, health))))).toEqual(refused);
});

test('whoever makes a policy ask by gRPC is told which clusters cannot answer', () => {
  const current = setOf(`${policy('tcp')}\n---\n${cluster('http1', 'probes')}`);
  expect(codesOf(checkChanges(current, puts(policy('grpc'))))).toEqual(['conflict /spec/active/grpc']);
});
