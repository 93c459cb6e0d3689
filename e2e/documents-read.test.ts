/** Where the planes meet without a wire: our own nodes read whatever documents become. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { DocumentSet } from '../control-plane/model/document-set.ts';
import { staticBootstrap } from '../control-plane/translate/envoy-testing.ts';
import { encodeGroup, translateGroup } from '../control-plane/translate/group.ts';
import { documentSet, documentsOf, typed } from '../control-plane/translate/testing.ts';
import { l4Forms } from '../control-plane/translate/testing-l4.ts';
import { randomL4 } from '../control-plane/translate/testing-random-l4.ts';
import { planOf } from '../data-plane/l4/kernel/plan.ts';
import { seededRandom } from '../data-plane/testing.ts';
import { decoders } from '../data-plane/xds/decode/decoders.ts';
import { validateBootstrap } from './support/envoy.ts';
import { requirePeer } from './support/peers.ts';

const seed = Number(process.env['SEED'] ?? 7);
const envoy = requirePeer('envoy');

/** What nodes of a group would refuse, resource by resource; and how many they would take. */
function readBy(group: string, documents: DocumentSet) {
  const encoded = encodeGroup(translateGroup(documents, group));
  const refused: object[] = [];
  let taken = 0;
  for (const [type, decode] of Object.entries(decoders)) {
    for (const { name, value } of encoded[type as keyof typeof decoders]) {
      const read = decode(value);
      if (read.ok) taken++;
      else refused.push({ type, name, problems: read.problems });
    }
  }
  return { refused, taken };
}

const folder = new URL('../examples/features/', import.meta.url);

test.each(readdirSync(folder))('examples/features/%s', (name) => {
  const documents = documentsOf(readFileSync(new URL(name, folder), 'utf8'));
  const groups = documents.filter(({ kind }) => kind === 'NodeGroup').map(({ document }) => document.name);
  for (const group of groups) {
    const { refused, taken } = readBy(group, documentSet(documents));
    expect(refused).toEqual([]);
    expect(taken).toBeGreaterThan(0);
  }
  expect(groups).not.toEqual([]);
});

test('every form of a listener below HTTP', () => {
  expect(readBy('edge', documentSet(l4Forms()))).toEqual({ refused: [], taken: 15 });
});

test.each([
  [{ protocol: 'http1', proxyProtocol: 'v1' }],
  [{ protocol: 'http2', proxyProtocol: 'v2' }],
  [{ protocol: 'same-as-client', proxyProtocol: 'v2' }],
])('a cluster of %j', (spec) => {
  const documents = [
    typed('Listener', 'public', { proxyProtocol: { accept: 'optional', trust: '10.0.0.0/8' } }),
    typed('Cluster', 'orders', spec),
    typed('Route', 'orders'),
  ];
  expect(readBy('edge', documentSet(documents)).refused).toEqual([]);
});

test('what asks for nothing that a kernel cannot do is left to it, where nobody says otherwise', () => {
  const spec = {
    endpoints: { address: '10.0.0.1', port: 1 },
    balance: { policy: 'maglev' },
    health: { passive: 'off' },
  };
  const planned = (protocol: string) => {
    const documents = [
      typed('Listener', 'front', { protocol, accessLog: 'off' }),
      typed('L4Route', 'front', { listener: 'front', to: { cluster: 'edge' }, hash: 'five-tuple' }),
      typed('Cluster', 'edge', { protocol, ...spec }),
    ];
    const { listeners, clusters, endpoints } = encodeGroup(translateGroup(documentSet(documents), 'edge'));
    const listener = decoders.listeners(listeners[0]!.value);
    const cluster = decoders.clusters(clusters[0]!.value);
    const found = decoders.endpoints(endpoints[0]!.value);
    if (!listener.ok || !cluster.ok || !found.ok || listener.value.chain.type === 'http') throw new Error('not read');
    const config = { ...listener.value.config, chain: listener.value.chain, tls: null };
    return planOf(config, new Map([['edge', { ...cluster.value.config, ...found.value.assignment }]]));
  };
  for (const protocol of ['tcp', 'udp'])
    expect(planned(protocol)).toMatchObject({ reasons: [], ways: [{ to: { cluster: 'edge', hash: 'five-tuple' } }] });
});

test(`whatever is accepted of random documents below HTTP is taken by our nodes and by Envoy (seed ${seed})`, async () => {
  const set = randomL4(seededRandom(seed), 150);
  expect(readBy('edge', set).refused).toEqual([]);
  const { notes, listeners } = translateGroup(set, 'edge');
  expect(notes.filter(({ document }) => document.kind !== 'Listener')).toEqual([]);
  expect([...set.all('L4Route')].length).toBeGreaterThan(100);
  expect(listeners.length).toBeGreaterThan(50);
  if (envoy !== undefined) expect(await validateBootstrap(staticBootstrap(set, 'edge'))).toBeUndefined();
});
