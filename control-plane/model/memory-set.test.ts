import { expect, test } from 'vitest';
import { type Change, type Document, type DocumentKey, describeKey, keyId, kinds } from './document.ts';
import type { DocumentSet } from './document-set.ts';
import { MemoryDocumentSet, overlay } from './memory-set.ts';
import { puts, randomFrom, removal, setOf, stored } from './testing.ts';

const seed = 42;

const yaml = `
kind: Tenant
name: checkout
---
kind: NodeGroup
name: edge
---
kind: Listener
name: public
spec: { groups: edge, port: 0 }
---
kind: HealthPolicy
tenant: checkout
name: probes
---
kind: Cluster
tenant: checkout
name: orders
spec: { endpoints: [], health: probes }
---
kind: Route
tenant: checkout
name: orders
spec: { listeners: public, hosts: [a.b, "*.b"], to: { cluster: orders } }
---
kind: Route
name: orders
spec: { hosts: a.b, to: { cluster: checkout/orders } }
`;

const names = (found: Iterable<{ document: DocumentKey }>) =>
  Array.from(found, ({ document }) => describeKey(document)).sort();

test('a set finds documents by kind, owner and name', () => {
  const set = setOf(yaml);
  expect(set.revision).toBe(1);
  expect(set.size).toBe(7);
  expect(set.get('Route', 'checkout', 'orders')?.spec.hosts).toEqual(['a.b', '*.b']);
  expect(set.get('Route', undefined, 'orders')?.spec.hosts).toEqual(['a.b']);
  expect(set.get('Route', 'payments', 'orders')).toBeUndefined();
  expect(set.get('Cluster', undefined, 'orders')).toBeUndefined();
  expect(names(set.all('Route'))).toEqual(['Route checkout/orders', 'Route orders']);
  expect(names(set.ofTenant('Route', 'checkout'))).toEqual(['Route checkout/orders']);
  expect(names(set.ofTenant('Route', undefined))).toEqual(['Route orders']);
});

test('a set knows who names a document, owners included', () => {
  const set = setOf(yaml);
  const referrers = (id: string) => names(set.referrers(removal(id).key));
  expect(referrers('Cluster/checkout/orders')).toEqual(['Route checkout/orders', 'Route orders']);
  expect(referrers('HealthPolicy/checkout/probes')).toEqual(['Cluster checkout/orders']);
  expect(referrers('Listener//public')).toEqual(['Route checkout/orders']);
  expect(referrers('NodeGroup//edge')).toEqual(['Listener public']);
  expect(referrers('Tenant//checkout')).toEqual([
    'Cluster checkout/orders',
    'HealthPolicy checkout/probes',
    'Route checkout/orders',
  ]);
  expect(referrers('Cluster//orders')).toEqual([]);
  expect(names(set.routesOfHost('a.b'))).toEqual(['Route checkout/orders', 'Route orders']);
  expect(names(set.routesOfHost('*.b'))).toEqual(['Route checkout/orders']);
});

test('changes are applied whole: replaced and removed documents leave no trace', () => {
  const set = setOf(yaml);
  const key = { kind: 'Route', tenant: 'checkout', name: 'orders' } as const;
  const spec = { hosts: 'c.d', to: { cluster: 'other' } };
  set.apply(2, [
    { key, document: { ...stored({ ...key, spec }), revision: 2 } },
    { key: { kind: 'Route', name: 'orders' }, document: null },
    { key: { kind: 'Route', name: 'never-there' }, document: null },
  ]);
  expect(set.revision).toBe(2);
  expect(set.size).toBe(6);
  expect(names(set.routesOfHost('a.b'))).toEqual([]);
  expect(names(set.routesOfHost('c.d'))).toEqual(['Route checkout/orders']);
  expect(names(set.referrers({ kind: 'Cluster', tenant: 'checkout', name: 'orders' }))).toEqual([]);
  expect(names(set.referrers({ kind: 'Listener', name: 'public' }))).toEqual([]);
});

test('a document that was never checked leaves a set as it was', () => {
  const set = setOf(yaml);
  const key = { kind: 'NodeGroup', name: 'bad' } as const;
  const good = { kind: 'NodeGroup', name: 'good' } as const;
  const changes = [
    { key: good, document: stored({ ...good, spec: {} }) },
    { key, document: stored({ ...key, spec: { tier: 'l5' } }) },
  ];
  expect(() => set.apply(2, changes)).toThrow('NodeGroup bad');
  expect([set.revision, set.size, names(set.all('NodeGroup'))]).toEqual([1, 7, ['NodeGroup edge']]);
});

test('a proposal shows its changes and leaves the set beneath as it was', () => {
  const set = setOf(yaml);
  const changes = [
    ...puts('{ kind: Route, name: new, spec: { hosts: a.b, to: { cluster: c } } }'),
    removal('Route//orders'),
  ];
  const proposal = overlay(set, changes, 5);
  expect([proposal.revision, proposal.size]).toEqual([5, 7]);
  expect(names(proposal.all('Route'))).toEqual(['Route checkout/orders', 'Route new']);
  expect(proposal.get('Route', undefined, 'orders')).toBeUndefined();
  expect(names(proposal.routesOfHost('a.b'))).toEqual(['Route checkout/orders', 'Route new']);
  expect(names(set.all('Route'))).toEqual(['Route checkout/orders', 'Route orders']);
});

test('a proposed document keeps its age, and a new one has the age of the proposal', () => {
  const set = setOf(yaml);
  const changes = puts('{ kind: NodeGroup, name: edge, spec: { tier: l4 } }\n---\n{ kind: NodeGroup, name: new }\n');
  const proposal = overlay(set, changes, 5);
  const ages = ['edge', 'new'].map((name) => proposal.get('NodeGroup', undefined, name)?.document.createdRevision);
  expect(ages).toEqual([1, 5]);
});

test('proposals lie on proposals', () => {
  const first = overlay(setOf(yaml), [removal('Route//orders')], 2);
  const second = overlay(first, puts('{ kind: Route, name: orders, spec: { hosts: x.y, to: { cluster: c } } }'), 3);
  expect(second.size).toBe(7);
  expect(names(second.routesOfHost('a.b'))).toEqual(['Route checkout/orders']);
  expect(names(second.routesOfHost('x.y'))).toEqual(['Route orders']);
});

/** Everything that a set can be asked about some keys. */
function shown(set: DocumentSet, keys: readonly DocumentKey[]) {
  const specs = (found: Iterable<{ document: DocumentKey; spec: unknown }>) =>
    Array.from(found, ({ document, spec }) => [keyId(document), spec]).sort();
  return {
    size: set.size,
    all: kinds.map((kind) => specs(set.all(kind))),
    owned: kinds.flatMap((kind) => [undefined, 't1', 't2'].map((tenant) => specs(set.ofTenant(kind, tenant)))),
    got: keys.map(({ kind, tenant, name }) => set.get(kind, tenant, name)?.spec),
    referrers: keys.map((key) => specs(set.referrers(key))),
    hosts: ['a', 'b', 'c'].map((host) => specs(set.routesOfHost(host))),
  };
}

test(`a set, a proposal over it, and a set built afresh show the same (seed ${seed})`, () => {
  const random = randomFrom(seed);
  const any = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  const candidates = (): Document => {
    const tenant = any([undefined, 't1', 't2']);
    const name = any(['a', 'b', 'c']);
    const to = [{ cluster: any(['a', 'b']) }, { cluster: any(['t1/a', 't2/b']) }];
    return any<Document>([
      { kind: 'Tenant', name: any(['t1', 't2']), spec: {} },
      { kind: 'Cluster', tenant, name, spec: { endpoints: [], ...(random() < 0.5 ? { health: 'a' } : {}) } },
      { kind: 'HealthPolicy', tenant, name, spec: {} },
      { kind: 'Route', tenant, name, spec: { hosts: [...new Set([any(['a', 'b']), any(['b', 'c'])])], to } },
      { kind: 'L4Route', tenant, name, spec: { listener: any(['a', 'b']), to } },
    ]);
  };
  const living = new MemoryDocumentSet();
  const documents = new Map<string, Document>();
  for (let revision = 1; revision <= 200; revision++) {
    const changes = Array.from({ length: 1 + Math.floor(random() * 4) }, (): Change => {
      const document = candidates();
      const { kind, tenant, name } = document;
      return { key: { kind, tenant, name }, document: random() < 0.4 ? null : document };
    });
    const keys = changes.map(({ key }) => key);
    const proposal = overlay(living, changes, revision);
    for (const { key, document } of changes) {
      if (document === null) documents.delete(keyId(key));
      else documents.set(keyId(key), document);
    }
    const fresh = shown(
      new MemoryDocumentSet(
        revision,
        Array.from(documents.values(), (one) => stored(one)),
      ),
      keys,
    );
    expect(shown(proposal, keys)).toEqual(fresh);
    living.apply(
      revision,
      changes.map(({ key, document }) => ({ key, document: document && stored(document) })),
    );
    expect(shown(living, keys)).toEqual(fresh);
  }
});
