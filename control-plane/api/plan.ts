/** What a write would do to the documents as they are: pure, so that a dry run and the real one cannot differ. */

import { type Difference, diffDocuments } from '../model/diff.ts';
import {
  type Change,
  type Document,
  type DocumentKey,
  type Kind,
  keyId,
  kinds,
  type Problem,
} from '../model/document.ts';
import type { DocumentSet } from '../model/document-set.ts';
import { redacted } from '../model/pem.ts';
import { withoutSecrets } from '../model/secrets.ts';
import { checkChanges } from '../model/world.ts';

export interface AppliedChange {
  readonly kind: Kind;
  readonly tenant?: string;
  readonly name: string;
  readonly action: 'created' | 'updated' | 'deleted' | 'unchanged';
  /** Field by field, without secrets; `path` is a JSON pointer into the document. */
  readonly diff: readonly Difference[];
}

/** Documents to put and keys to delete, as somebody asked. */
export interface Proposal {
  readonly put: readonly Document[];
  readonly remove: readonly DocumentKey[];
  /** The apply set that the documents come from. */
  readonly set?: string | undefined;
  /** Also remove what the set brought earlier and does not hold now. */
  readonly prune?: boolean | undefined;
}

export interface Plan {
  /** What must be written; nothing for documents that stay as they are. */
  readonly changes: readonly Change[];
  readonly applied: readonly AppliedChange[];
  /** Why it must not be written; empty if the documents are valid together afterwards. */
  readonly problems: readonly Problem[];
}

/** The part of a document that its author writes. */
export type Written = Pick<Document, 'kind' | 'tenant' | 'name' | 'labels' | 'ignore' | 'spec'>;

export function written({ kind, tenant, name, labels, ignore, spec }: Document): Written {
  return {
    kind,
    ...(tenant !== undefined && { tenant }),
    name,
    ...(labels !== undefined && { labels }),
    ...(ignore !== undefined && { ignore }),
    spec,
  };
}

export function plan(current: DocumentSet, proposal: Proposal): Plan {
  const { set } = proposal;
  const changes: Change[] = [];
  const applied: AppliedChange[] = [];
  for (const document of proposal.put) {
    const previous = current.get(document.kind, document.tenant, document.name)?.document;
    const diff = diffDocuments(previous && written(previous), written(document));
    applied.push({
      ...keyOf(document),
      action: previous ? (diff.length > 0 ? 'updated' : 'unchanged') : 'created',
      diff: diff.map((difference) => shown(document.kind, difference)),
    });
    if (diff.length > 0) changes.push({ key: keyOf(document), document: written(document), set });
  }
  const gone =
    proposal.prune && set !== undefined
      ? [...proposal.remove, ...leftBehind(current, proposal.put, set)]
      : proposal.remove;
  for (const key of gone) {
    const previous = current.get(key.kind, key.tenant, key.name)?.document;
    if (!previous) {
      applied.push({ ...keyOf(key), action: 'unchanged', diff: [] });
      continue;
    }
    const diff = diffDocuments(withoutSecrets(written(previous)), undefined);
    applied.push({ ...keyOf(key), action: 'deleted', diff });
    changes.push({ key: keyOf(key), document: null });
  }
  return { changes, applied, problems: checkChanges(current, changes) };
}

/** A difference without what is secret in it: that it is one stays visible. */
function shown(kind: Kind, difference: Difference): Difference {
  if (kind !== 'Secret') return difference;
  const { path, op, before, after } = difference;
  if (path.startsWith('/spec')) {
    return {
      path,
      op,
      ...(before !== undefined && { before: redacted }),
      ...(after !== undefined && { after: redacted }),
    };
  }
  return path === '' ? { ...difference, after: withoutSecrets(after as Written) } : difference;
}

/** Documents that an earlier apply of the set brought and this one does not hold. */
function leftBehind(current: DocumentSet, put: readonly Document[], set: string): DocumentKey[] {
  const held = new Set(put.map(keyId));
  const left: DocumentKey[] = [];
  for (const kind of kinds) {
    for (const { document } of current.all(kind)) {
      if (document.set === set && !held.has(keyId(document))) left.push(document);
    }
  }
  return left.sort((a, b) => (keyId(a) < keyId(b) ? -1 : 1));
}

/** Two documents of one request that have one name: only one of them could be meant. */
export function duplicates(documents: readonly Document[]): Problem[] {
  const first = new Map<string, number>();
  return documents.flatMap((document, index) => {
    const id = keyId(document);
    const earlier = first.get(id);
    if (earlier === undefined) {
      first.set(id, index);
      return [];
    }
    const problem: Problem = {
      document: keyOf(document),
      index,
      pointer: '/name',
      code: 'duplicate-document',
      detail: `This document has the kind, tenant and name of document ${earlier + 1} of the same request.`,
      remedy: 'Keep one of them, or give one another name.',
    };
    return [problem];
  });
}

function keyOf({ kind, tenant, name }: DocumentKey): { kind: Kind; tenant?: string; name: string } {
  return { kind, ...(tenant !== undefined && { tenant }), name };
}
