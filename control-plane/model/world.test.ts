import { expect, test } from 'vitest';
import type { Kind } from './document.ts';
import { MemoryDocumentSet } from './memory-set.ts';
import type { Typed } from './specs.ts';
import { codesOf, puts, removal, setOf, stored } from './testing.ts';
import { checkChanges } from './world.ts';

/** A small world in which everything fits. */
const world = `
{ kind: NodeGroup, name: edge }
---
{ kind: NodeGroup, name: inner }
---
{ kind: Listener, name: public, spec: { groups: edge, port: 8080 } }
---
{ kind: Listener, name: redis, spec: { groups: [edge, inner], address: 10.0.0.1, port: 6379, protocol: tcp } }
---
{ kind: Listener, name: closed, spec: { groups: edge, port: 0, tenants: payments } }
---
kind: Tenant
name: checkout
spec:
  claims: [{ host: shop.example.com, path: /api/v1/orders }, { host: "*.checkout.example.com" }]
  quotas: { routes: 2, clusters: 2, endpoints: 3 }
  caps: { timeout: 60s, listeners: [public, closed, redis] }
---
{ kind: Tenant, name: payments, spec: { claims: { host: shop.example.com } } }
---
{ kind: HealthPolicy, tenant: checkout, name: probes, spec: { active: { tcp: {} } } }
---
{ kind: HealthPolicy, name: standard, spec: { active: { tcp: {} } } }
---
{ kind: Cluster, tenant: checkout, name: orders, spec: { endpoints: { address: 10.0.0.1, port: 1 }, health: probes } }
---
{ kind: Cluster, name: shared, spec: { endpoints: [], health: checkout/probes } }
---
{ kind: Cluster, name: redis, spec: { endpoints: [], protocol: tcp } }
---
kind: Route
tenant: checkout
name: orders
spec: { listeners: public, hosts: shop.example.com, match: { path: { prefix: /api/v1/orders } }, to: { cluster: orders }, timeout: 30s }
---
{ kind: L4Route, name: redis, spec: { listener: redis, to: { cluster: redis } } }
`;

function problemsOf(yaml: string, ...removed: string[]) {
  return checkChanges(setOf(world), [...(yaml === '' ? [] : puts(yaml)), ...removed.map(removal)]);
}

/** A route of checkout, laid over one that is right. */
function route(fields: string, name = 'more', tenant = 'checkout'): string {
  const base = { hosts: 'hosts: a.checkout.example.com', to: 'to: { cluster: orders }' };
  const parts = [fields.includes('hosts:') ? '' : base.hosts, fields.includes('to:') ? '' : base.to, fields];
  return `{ kind: Route, tenant: ${tenant}, name: ${name}, spec: { ${parts.filter((part) => part !== '').join(', ')} } }`;
}

test('a world that fits has no problems, in one apply or document by document', () => {
  expect(checkChanges(setOf(''), puts(world))).toEqual([]);
  const current = setOf(world);
  for (const change of puts(world)) expect(checkChanges(current, [change])).toEqual([]);
});

test.each([
  [route('to: { cluster: ordres }'), 'missing-reference /spec/to/cluster', 'Did you mean `orders`?'],
  [route('to: [{ cluster: orders }, { cluster: zebra }]'), 'missing-reference /spec/to/1/cluster', 'in the same apply'],
  [route('listeners: [publik]'), 'missing-reference /spec/listeners/0', 'Did you mean `public`?'],
  [route('', 'a', 'nobody'), 'missing-reference /tenant', 'in the same apply'],
  ['{ kind: Listener, name: a, spec: { groups: [egde], port: 0 } }', 'missing-reference /spec/groups/0', '`edge`'],
  ['{ kind: Listener, name: a, spec: { groups: egde, port: 0 } }', 'missing-reference /spec/groups', '`edge`'],
  ['{ kind: Cluster, name: a, spec: { endpoints: [], health: probes } }', 'missing-reference /spec/health', ''],
  ['{ kind: L4Route, name: a, spec: { listener: x, to: { cluster: redis } } }', 'missing-reference /spec/listener', ''],
  [
    '{ kind: L4Route, name: redis, spec: { listener: redis, to: { cluster: x } } }',
    'missing-reference /spec/to/cluster',
    '',
  ],
])('a reference that leads nowhere is refused where it stands: %s', (yaml, refused, remedy) => {
  const problems = problemsOf(yaml);
  expect(codesOf(problems)).toContain(refused);
  expect(problems.find(({ code }) => code === 'missing-reference')?.remedy).toContain(remedy);
});

test.each([
  [route('to: { cluster: payments/ledger }'), '/spec/to/cluster', 'Cluster payments/ledger is of tenant payments'],
  [route('to: { cluster: shared }'), '/spec/to/cluster', 'Cluster shared is of the platform'],
  [
    '{ kind: Cluster, tenant: checkout, name: more, spec: { endpoints: [], health: standard } }',
    '/spec/health',
    'HealthPolicy standard is of the platform',
  ],
])("naming what is another owner's needs a Grant, which is not supported yet: %s", (yaml, pointer, detail) => {
  const problems = problemsOf(yaml);
  expect(codesOf(problems)).toEqual([`not-supported-yet ${pointer}`]);
  expect(problems[0]?.detail).toContain(detail);
  expect(problems[0]?.detail).toContain('not supported yet');
});

test('the platform may name the objects of every tenant', () => {
  expect(problemsOf('{ kind: Route, name: a, spec: { hosts: "*", to: { cluster: checkout/orders } } }')).toEqual([]);
});

test.each([
  ['Cluster/checkout/orders', 'Cluster checkout/orders is still named by Route checkout/orders.'],
  ['Listener//public', 'Listener public is still named by Route checkout/orders.'],
  ['Listener//redis', 'Listener redis is still named by L4Route redis.'],
  ['NodeGroup//inner', 'NodeGroup inner is still named by Listener redis.'],
  [
    'HealthPolicy/checkout/probes',
    'HealthPolicy checkout/probes is still named by Cluster checkout/orders and Cluster shared.',
  ],
  [
    'Tenant//checkout',
    'Tenant checkout still owns HealthPolicy checkout/probes, Cluster checkout/orders and Route checkout/orders.',
  ],
])('%s cannot go while others need it', (id, detail) => {
  const problems = problemsOf('', id);
  expect(codesOf(problems)).toEqual(['in-use ']);
  expect(problems[0]?.detail).toBe(detail);
  expect(problems[0]?.document).toEqual(removal(id).key);
});

test('what is named goes together with what names it', () => {
  expect(problemsOf('', 'Route/checkout/orders', 'Cluster/checkout/orders')).toEqual([]);
  const owned = ['HealthPolicy/checkout/probes', 'Cluster/checkout/orders', 'Route/checkout/orders'];
  expect(problemsOf('', 'Tenant//checkout', ...owned, 'Cluster//shared')).toEqual([]);
  expect(problemsOf('', 'Cluster/checkout/never-there')).toEqual([]);
});

test('a document that still names what goes is told so itself', () => {
  const problems = problemsOf(
    route('hosts: shop.example.com, match: { path: { exact: /api/v1/orders } }', 'orders'),
    'Cluster/checkout/orders',
  );
  expect(codesOf(problems)).toEqual(['missing-reference /spec/to/cluster']);
});

test('a document that occurs twice in one write is refused', () => {
  const twice = '{ kind: NodeGroup, name: a }\n---\n{ kind: NodeGroup, name: a }';
  expect(codesOf(problemsOf(twice))).toEqual(['duplicate-document ']);
});

test.each([
  [route('listeners: redis'), 'conflict /spec/listeners', 'Listener redis speaks tcp'],
  [
    '{ kind: L4Route, name: a, spec: { listener: public, to: { cluster: redis } } }',
    'conflict /spec/listener',
    'speaks http',
  ],
  ['{ kind: Route, name: a, spec: { hosts: "*", to: { cluster: redis } } }', 'conflict /spec/to/cluster', 'speaks tcp'],
])('kinds and protocols must fit: %s', (yaml, refused, detail) => {
  const problems = problemsOf(yaml);
  expect(codesOf(problems)).toEqual([refused]);
  expect(problems[0]?.detail).toContain(detail);
});

test('an L4 route may take an http1 cluster: it moves bytes', () => {
  expect(problemsOf('{ kind: L4Route, name: redis, spec: { listener: redis, to: { cluster: shared } } }')).toEqual([]);
});

test.each([
  [
    '{ kind: Cluster, tenant: checkout, name: orders, spec: { endpoints: [], protocol: tcp } }',
    'conflict /spec/protocol',
    'This no longer fits Route checkout/orders.',
  ],
  [
    '{ kind: Listener, name: public, spec: { groups: edge, port: 8080, protocol: tcp } }',
    'conflict /spec/protocol',
    'This no longer fits Route checkout/orders.',
  ],
  [
    '{ kind: Listener, name: public, spec: { groups: edge, port: 8080, tenants: payments } }',
    'not-allowed /spec/tenants',
    'This no longer fits Route checkout/orders.',
  ],
  [
    '{ kind: Tenant, name: checkout, spec: { claims: { host: shop.example.com, path: /api/v2 } } }',
    'not-claimed /spec/claims',
    'This no longer fits Route checkout/orders.',
  ],
  ['{ kind: Tenant, name: checkout }', 'not-claimed /spec', 'it claims nothing'],
  [
    '{ kind: Tenant, name: checkout, spec: { claims: { host: shop.example.com }, caps: { timeout: 20s } } }',
    'cap /spec/caps/timeout',
    'A timeout of 30s is over the cap of 20s',
  ],
  [
    '{ kind: Tenant, name: checkout, spec: { claims: { host: shop.example.com }, caps: { listeners: [] } } }',
    'cap /spec/caps/listeners',
    'it may to none',
  ],
])('a change that would break others is refused, naming them: %s', (yaml, refused, detail) => {
  const problems = problemsOf(yaml);
  expect(codesOf(problems)).toEqual([refused]);
  expect(problems[0]?.detail).toContain(detail);
});

test('a change that breaks others passes together with theirs', () => {
  const moved = route('hosts: shop.example.com, match: { path: { prefix: /api/v2/x } }', 'orders');
  const tenant = '{ kind: Tenant, name: checkout, spec: { claims: { host: shop.example.com, path: /api/v2 } } }';
  expect(problemsOf(`${tenant}\n---\n${moved}`)).toEqual([]);
});

test('of two that come together and do not fit, the one that names the other is told', () => {
  const outside = route('hosts: shop.example.com, match: { path: { prefix: /api/v1/orders } }', 'orders');
  const tenant = '{ kind: Tenant, name: checkout, spec: { claims: { host: shop.example.com, path: /api/v2 } } }';
  const problems = problemsOf(`${tenant}\n---\n${outside}`);
  expect(problems.map(({ document }) => document?.kind)).toEqual(['Route']);
});

test.each([
  ['0.0.0.0', 8080, 'edge', 'Listener public (0.0.0.0)'],
  ['127.0.0.1', 8080, 'edge', 'Listener public (0.0.0.0)'],
  ['::1', 8080, '[inner, edge]', 'Listener public (0.0.0.0)'],
  ['::', 6379, 'inner', 'Listener redis (10.0.0.1)'],
  ['10.0.0.1', 6379, 'inner', 'Listener redis (10.0.0.1)'],
  ['::ffff:10.0.0.1', 6379, 'inner', 'Listener redis (10.0.0.1)'],
])('a listener on %s:%d in %s clashes, and is told with whom', (address, port, groups, other) => {
  const problems = problemsOf(
    `{ kind: Listener, name: a, spec: { groups: ${groups}, address: "${address}", port: ${port} } }`,
  );
  expect(codesOf(problems)).toEqual(['conflict /spec/port']);
  expect(problems[0]?.detail).toContain(other);
  expect(problems[0]?.document?.name).toBe('a');
});

test.each([
  ['0.0.0.0', 8081, 'edge'],
  ['0.0.0.0', 8080, 'inner'],
  ['10.0.0.2', 6379, 'edge'],
  ['0.0.0.0', 0, 'edge'],
])('a listener on %s:%d in %s clashes with none', (address, port, groups) => {
  expect(
    problemsOf(`{ kind: Listener, name: a, spec: { groups: ${groups}, address: ${address}, port: ${port} } }`),
  ).toEqual([]);
});

test('a port of udp and the same of tcp are two', () => {
  const udp = (name: string, port: number) =>
    `{ kind: Listener, name: ${name}, spec: { groups: edge, port: ${port}, protocol: udp } }`;
  expect(problemsOf(udp('a', 8080))).toEqual([]);
  expect(codesOf(problemsOf(`${udp('a', 53)}\n---\n${udp('b', 53)}`))).toEqual(['conflict /spec/port']);
});

test('of two listeners that come together and clash, one is told', () => {
  const listener = (name: string) => `{ kind: Listener, name: ${name}, spec: { groups: edge, port: 9 } }`;
  const problems = problemsOf(`${listener('z')}\n---\n${listener('a')}`);
  expect(problems.map(({ document }) => document?.name)).toEqual(['a']);
});

test('a listener that moves away makes room in the same apply', () => {
  const moved = '{ kind: Listener, name: public, spec: { groups: edge, port: 8081 } }';
  expect(problemsOf(`{ kind: Listener, name: a, spec: { groups: edge, port: 8080 } }\n---\n${moved}`)).toEqual([]);
});

test('a tcp listener has one L4 route; the other is told who', () => {
  const second = '{ kind: L4Route, name: a, spec: { listener: redis, to: { cluster: redis } } }';
  const problems = problemsOf(second);
  expect(codesOf(problems)).toEqual(['conflict /spec/listener']);
  expect(problems[0]?.detail).toContain('L4Route redis');
  const both = checkChanges(setOf(world), [...puts(second), removal('L4Route//redis')]);
  expect(both).toEqual([]);
  const third = '{ kind: L4Route, name: b, spec: { listener: redis, to: { cluster: redis } } }';
  const together = checkChanges(setOf(world), [...puts(`${third}\n---\n${second}`), removal('L4Route//redis')]);
  expect(together.map(({ document }) => document?.name)).toEqual(['b']);
});

test('a problem carries the key of its document and nothing else of it', () => {
  expect(problemsOf(route('listeners: redis'))[0]?.document).toEqual({
    kind: 'Route',
    tenant: 'checkout',
    name: 'more',
  });
});

test('a check costs what the change touches: it never walks all routes or clusters', () => {
  class Guarded extends MemoryDocumentSet {
    override all<K extends Kind>(kind: K): Iterable<Typed<K>> {
      if (kind !== 'Listener') throw new Error(`walked all of ${kind}`);
      return super.all(kind);
    }
  }
  const documents = puts(world).flatMap(({ document }) => (document === null ? [] : [stored(document)]));
  const current = new Guarded(1, documents);
  for (const change of puts(world)) expect(checkChanges(current, [change])).toEqual([]);
  expect(codesOf(checkChanges(current, [removal('NodeGroup//edge')]))).toEqual(['in-use ']);
});
