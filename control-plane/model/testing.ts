/** For the tests of this room: documents and sets written as people write them. */
import { checkDocument } from './check.ts';
import type { Change, Document, DocumentKey, Problem, StoredDocument } from './document.ts';
import { MemoryDocumentSet } from './memory-set.ts';
import { parseDocuments } from './parse.ts';

/** The documents of a YAML text; throws with the problems if they have any. */
export function documentsOf(yaml: string): Document[] {
  const parsed = parseDocuments(yaml, 'yaml');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems, null, 1));
  return parsed.value.map((input) => {
    const checked = checkDocument(input);
    if (!checked.ok) throw new Error(JSON.stringify(checked.problems, null, 1));
    return checked.value;
  });
}

export function stored(document: Document, createdRevision = 1): StoredDocument {
  const at = '2026-01-01T00:00:00.000Z';
  return { ...document, revision: createdRevision, createdRevision, createdAt: at, updatedAt: at, updatedBy: 'test' };
}

/** A set at revision 1 with the documents of a YAML text. */
export function setOf(yaml: string): MemoryDocumentSet {
  return new MemoryDocumentSet(
    1,
    documentsOf(yaml).map((document) => stored(document)),
  );
}

/** A change for each document of a YAML text. */
export function puts(yaml: string): Change[] {
  return documentsOf(yaml).map((document) => ({ key: keyOf(document), document }));
}

/** The removal of `Kind/tenant/name` or `Kind//name`. */
export function removal(id: string): Change {
  const [kind, tenant, name] = id.split('/') as [Document['kind'], string, string];
  return { key: tenant === '' ? { kind, name } : { kind, tenant, name }, document: null };
}

function keyOf({ kind, tenant, name }: Document): DocumentKey {
  return tenant === undefined ? { kind, name } : { kind, tenant, name };
}

/** `code pointer` of each problem, the part of a problem that programs read. */
export function codesOf(problems: readonly Problem[]): string[] {
  return problems.map(({ code, pointer }) => `${code} ${pointer}`);
}

/** The problems of one document, as `codesOf`; empty if it has none. */
export function refusals(kind: string, spec: unknown, tenant?: string): string[] {
  const result = checkDocument({ kind, name: 'x', ...(tenant === undefined ? {} : { tenant }), spec });
  return result.ok ? [] : codesOf(result.problems);
}

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
