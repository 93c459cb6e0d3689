import { expect, test } from 'vitest';
import type { StoredDocument } from '../model/document.ts';
import { MemoryDocumentSet } from '../model/memory-set.ts';
import type { NodeView } from './node.ts';
import { sightingsOf } from './sightings.ts';

const at = '2026-11-22T00:00:00.000Z';
const added = { revision: 1, createdRevision: 1, createdAt: at, updatedAt: at, updatedBy: 'test' };
const listener = (name: string, spec: object): StoredDocument => ({
  ...{ kind: 'Listener', name, ...added },
  spec: { groups: ['edge'], address: '0.0.0.0', port: 8080, protocol: 'http', ...spec },
});
const documents = new MemoryDocumentSet(1, [
  listener('public', {}),
  listener('near', { address: '127.0.0.1', port: 8081 }),
  listener('any', { port: 0 }),
  listener('elsewhere', { groups: ['mesh'] }),
]);

const view: NodeView = {
  ...{ id: 'n1', group: 'edge', connected: true, userAgent: 'fairlead 0.1.0', zone: 'a', variant: 'delta' },
  ...{ peer: '10.0.0.1:5000', since: at, types: {} },
};
const bound = { name: 'public', address: '10.1.1.1', port: 8080, udp: false };
const live: NodeView = { ...view, phase: 'live', listeners: [bound], connections: 0 };
const envoy: NodeView = {
  ...view,
  userAgent: 'envoy 1.40.0',
  types: { listeners: { state: 'synced', acknowledgedVersion: 'v1' } },
};

function placesOf(node: NodeView, out: readonly string[] = []) {
  return sightingsOf([node], documents, (id) => out.includes(id)).map(({ listeners, draining }) => [
    ...listeners.map(({ name, address, port }) => `${name} ${address} ${port}`),
    ...(draining ? ['draining'] : []),
  ]);
}

test.each([
  ['as it is bound', bound, 'public 10.1.1.1 8080'],
  ['bound to every address, where it connected from', { ...bound, address: '0.0.0.0' }, 'public 10.0.0.1 8080'],
  ['the same in IPv6', { ...bound, address: '::' }, 'public 10.0.0.1 8080'],
])('a node that is live serves where its listener is: %s', (_, one, place) => {
  expect(placesOf({ ...live, listeners: [one] })).toEqual([[place]]);
});

test.each([
  ['::1:5000', '::1'],
  ['::ffff:10.0.0.7:5000', '10.0.0.7'],
])('a peer at %s is reached at %s', (peer, address) => {
  expect(placesOf({ ...live, peer, listeners: [{ ...bound, address: '::' }] })).toEqual([[`public ${address} 8080`]]);
});

test('a node that is not connected, not ready, or of ours and silent, does not serve', () => {
  expect(placesOf({ ...live, connected: false })).toEqual([]);
  expect(placesOf({ ...live, phase: 'initializing' })).toEqual([]);
  expect(placesOf(view)).toEqual([]);
});

test('a node that leaves, or shall, drains', () => {
  expect(placesOf({ ...live, phase: 'leaving' })).toEqual([['public 10.1.1.1 8080', 'draining']]);
  expect(placesOf(live, ['n1'])).toEqual([['public 10.1.1.1 8080', 'draining']]);
});

test('an Envoy that took its listeners serves where the documents of its group say, if they name a port', () => {
  expect(placesOf(envoy)).toEqual([['public 10.0.0.1 8080', 'near 127.0.0.1 8081']]);
  expect(placesOf({ ...envoy, types: { listeners: { state: 'stale', acknowledgedVersion: '' } } })).toEqual([]);
  expect(placesOf({ ...envoy, userAgent: 'gRPC Go' })).toEqual([]);
});
