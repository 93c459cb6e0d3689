/** Documents for the tests of translation and publishing: written as people write them, read by the model itself. */
import { makeCertificate } from '../../e2e/support/certificates.ts';
import { encode } from '../../proto/codec.ts';
import { checkDocument, typed as typedOf } from '../model/check.ts';
import type { Kind } from '../model/document.ts';
import type { DocumentSet } from '../model/document-set.ts';
import { MemoryDocumentSet } from '../model/memory-set.ts';
import { parseDocuments } from '../model/parse.ts';
import type { Typed } from '../model/specs.ts';
import { resourceJson } from './json.ts';
import { type MessageOf, messageNames, type TranslatedType } from './resources.ts';

/** What each kind's spec cannot do without. */
const leastSpecs: Record<Kind, Readonly<Record<string, unknown>>> = {
  Tenant: {},
  NodeGroup: {},
  Listener: { groups: 'edge', address: '127.0.0.1', port: 0 },
  Cluster: { endpoints: [] },
  Route: { hosts: 'shop.example.com', to: { cluster: 'orders' } },
  L4Route: { listener: 'redis', to: { cluster: 'redis' } },
  HealthPolicy: {},
  Secret: certificateOf('shop.example.com'),
};

/** The spec of a Secret. */
export function certificateOf(...hosts: string[]): { certificate: string; key: string } {
  const { certificate, key } = makeCertificate({ hosts });
  return { certificate, key };
}

/** A document called `name` or `tenant/name`; `spec` is laid over the least that the kind needs. */
export function typed<K extends Kind>(
  kind: K,
  id: string,
  spec: Readonly<Record<string, unknown>> = {},
  revision = 1,
): Typed<K> {
  const slash = id.indexOf('/');
  const tenant = slash < 0 ? undefined : id.slice(0, slash);
  const input = { kind, tenant, name: id.slice(slash + 1), spec: { ...leastSpecs[kind], ...spec } };
  return typedFrom(JSON.parse(JSON.stringify(input)), revision) as Typed<K>;
}

/** All documents of a YAML text, as brought by one apply. */
export function documentsOf(yaml: string, revision = 1): Typed[] {
  const parsed = parseDocuments(yaml, 'yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value.map((input) => typedFrom(input, revision));
}

function typedFrom(input: unknown, revision: number): Typed {
  const checked = checkDocument(input);
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  const at = '2026-01-01T00:00:00.000Z';
  const added = { revision, createdRevision: revision, createdAt: at, updatedAt: at, updatedBy: 'test' };
  return typedOf({ ...checked.value, ...added });
}

export function documentSet(documents: readonly Typed[], revision = 1): DocumentSet {
  const set = new MemoryDocumentSet(revision);
  for (const document of documents) set.put(document);
  return set;
}

/** A message as Envoy's admin would show it: encoded, decoded, every Any unpacked. */
export function asJson<T extends TranslatedType>(type: T, message: MessageOf<T>): Record<string, unknown> {
  return resourceJson(type, encode(messageNames[type], message));
}
