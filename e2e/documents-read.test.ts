/** Where the planes meet without a wire: our own nodes read whatever documents become. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { encodeGroup, translateGroup } from '../control-plane/translate/group.ts';
import { documentSet, documentsOf, typed } from '../control-plane/translate/testing.ts';
import { l4Forms } from '../control-plane/translate/testing-l4.ts';
import { decoders } from '../data-plane/xds/decode/decoders.ts';

/** What nodes of a group would refuse, resource by resource; and how many they would take. */
function readBy(group: string, documents: ReturnType<typeof documentsOf>) {
  const encoded = encodeGroup(translateGroup(documentSet(documents), group));
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
    const { refused, taken } = readBy(group, documents);
    expect(refused).toEqual([]);
    expect(taken).toBeGreaterThan(0);
  }
  expect(groups).not.toEqual([]);
});

test('every form of a listener below HTTP', () => {
  expect(readBy('edge', l4Forms())).toEqual({ refused: [], taken: 15 });
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
  expect(readBy('edge', documents).refused).toEqual([]);
});
