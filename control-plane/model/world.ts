/** What holds across documents, checked for a proposal before anything of it is stored. */
import { type Change, describeKey, keyId, type Problem } from './document.ts';
import type { DocumentSet } from './document-set.ts';
import { overlay } from './memory-set.ts';
import { pointerInto, problemAt } from './problems.ts';
import type { Typed } from './specs.ts';
import { routeConflicts } from './world/conflicts.ts';
import { l4Conflicts } from './world/l4-conflicts.ts';
import { danglingReferences, stillNamed } from './world/links.ts';
import { portClashes } from './world/listeners.ts';
import { brokenByChange, misfitsOf } from './world/misfits.ts';
import type { Proposal } from './world/proposal.ts';
import { quotaProblems } from './world/quotas.ts';

/**
 * All that would be wrong with `current` after `changes`; empty if nothing. The documents in `changes` are checked ones
 * (`checkDocument`). Costs what the changes touch, not what exists.
 */
export function checkChanges(current: DocumentSet, changes: readonly Change[]): Problem[] {
  const proposal = propose(current, changes);
  const problems = writtenTwice(changes);
  for (const put of proposal.put) {
    problems.push(...danglingReferences(proposal.after, put));
    problems.push(...misfitProblems(proposal, put));
    problems.push(...brokenByChange(proposal, put));
  }
  problems.push(
    ...stillNamed(proposal),
    ...portClashes(proposal),
    ...l4Conflicts(proposal),
    ...routeConflicts(proposal),
    ...quotaProblems(proposal),
  );
  return problems.map((problem) => ({ ...problem, document: problem.document && bareKey(problem.document) }));
}

/** What does not fit two others at one place is told once. */
function misfitProblems({ after }: Proposal, put: Typed): Problem[] {
  const found = misfitsOf(after, put).map(({ path, fault }) =>
    problemAt(put.document, pointerInto(put.document.spec, path), fault),
  );
  return [...new Map(found.map((problem) => [`${problem.pointer} ${problem.detail}`, problem])).values()];
}

function propose(before: DocumentSet, changes: readonly Change[]): Proposal {
  const after = overlay(before, changes, before.revision + 1);
  const changed = new Map(changes.map((change) => [keyId(change.key), change]));
  const put = [...changed.values()].flatMap(({ key, document }): Typed[] => {
    const typed = document === null ? undefined : after.get(key.kind, key.tenant, key.name);
    return typed === undefined ? [] : [typed];
  });
  return { before, after, changed, put };
}

function writtenTwice(changes: readonly Change[]): Problem[] {
  const seen = new Set<string>();
  return changes.flatMap(({ key }) => {
    const id = keyId(key);
    const again = seen.has(id);
    seen.add(id);
    if (!again) return [];
    const detail = `${describeKey(key)} occurs twice in this write.`;
    return [problemAt(key, '', { code: 'duplicate-document', detail, remedy: 'Keep one of them.' })];
  });
}

/** Only the key of what may be a whole document. */
function bareKey({ kind, tenant, name }: NonNullable<Problem['document']>): NonNullable<Problem['document']> {
  return tenant === undefined ? { kind, name } : { kind, tenant, name };
}
