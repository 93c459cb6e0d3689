/** Every write of documents goes through here: plan under the revision lock, refuse or commit, say what became of it. */
import type { DocumentSet } from '../model/document-set.ts';
import { secretProblems } from '../model/secrets.ts';
import type { Store } from '../store/store.ts';
import type { Identity } from './authenticate.ts';
import { type AppliedChange, type Plan, type Proposal, plan } from './plan.ts';
import { refusal } from './problems.ts';

/** The answer to a write, and to a dry run. */
export interface Applied {
  /** The revision that shows the changes; of a dry run, the current one. */
  readonly revision: number;
  readonly dryRun?: true;
  readonly changes: readonly AppliedChange[];
  readonly findings: readonly unknown[];
}

export interface WriteOptions {
  readonly dryRun: boolean;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Throws where the current documents are not what the writer thought, or not the writer's to change. */
  readonly check?: (current: DocumentSet, plan: Plan) => void;
}

/** `propose` is asked with the documents as they are under the lock. */
export async function writeDocuments(
  store: Store,
  identity: Identity,
  propose: (current: DocumentSet) => Proposal,
  options: WriteOptions,
): Promise<Applied> {
  const { revision, result } = await store.write(identity.author, (current) => {
    const planned = plan(current, propose(current));
    options.check?.(current, planned);
    const problems = [...planned.problems, ...secretProblems(current, planned.changes, store.hasKey, options.now())];
    if (problems.length > 0) throw refusal(problems);
    return { changes: options.dryRun ? [] : planned.changes, result: planned.applied };
  });
  return { revision, ...(options.dryRun && { dryRun: true }), changes: result, findings: [] };
}
