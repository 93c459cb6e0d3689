/** Every write of documents goes through here: plan under the revision lock, refuse or commit, say what became of it. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { outOfUse } from '../fleet/health-views.ts';
import type { HealthsView } from '../fleet/healths.ts';
import { specOf } from '../model/check.ts';
import { type Change, keyId } from '../model/document.ts';
import type { DocumentSet } from '../model/document-set.ts';
import { endpointsAt, type Placements } from '../model/placements.ts';
import { secretProblems } from '../model/secrets.ts';
import type { ClusterSpec } from '../model/specs.ts';
import { type ClusterChange, type ClusterPreview, previewClusters } from '../preview/preview.ts';
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
  /** Of a dry run: what it would do to those who use the clusters that it changes or makes. */
  readonly preview?: readonly ClusterPreview[];
}

export interface WriteOptions {
  readonly dryRun: boolean;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** How endpoints are, for the preview of a dry run. */
  readonly healths: HealthsView;
  /** Where nodes serve that clusters are made of, for it as well. */
  readonly placements: Placements;
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
    const { changes, applied } = planned;
    return options.dryRun
      ? { changes: [], result: { applied, clusters: clusterChanges(current, changes, options.placements) } }
      : { changes, result: { applied, clusters: [] } };
  });
  const answer = { revision, changes: result.applied, findings: [] };
  if (!options.dryRun) return answer;
  // after the lock is given back: tables take their time
  const changes = await withHealth(result.clusters, options.healths);
  const preview = await previewClusters(changes, nextTurn);
  return { ...answer, dryRun: true, ...(preview.length > 0 && { preview }) };
}

type SpecChange = Omit<ClusterChange, 'unwell'>;

/** One question, however many clusters there are: of other replicas' nodes the database is asked. */
async function withHealth(changes: readonly SpecChange[], healths: HealthsView): Promise<ClusterChange[]> {
  const [first, ...more] = changes;
  if (first === undefined) return [];
  const views = more.length === 0 ? [await healths.ofCluster(first.tenant, first.name)] : await healths.list();
  const unwell = new Map(views.map((view) => [idOf(view), outOfUse(view)]));
  return changes.map((change) => ({ ...change, unwell: unwell.get(idOf(change)) ?? nobody }));
}

const idOf = ({ tenant, name }: Pick<SpecChange, 'tenant' | 'name'>): string =>
  keyId({ kind: 'Cluster', tenant, name });

const nobody: ReadonlySet<string> = new Set();

function clusterChanges(current: DocumentSet, changes: readonly Change[], placements: Placements): SpecChange[] {
  const asServed = (spec: ClusterSpec): ClusterSpec => {
    const { nodes } = spec;
    return nodes === null ? spec : { ...spec, endpoints: endpointsAt(placements.of(nodes.group, nodes.listener)) };
  };
  return changes.flatMap(({ key: { tenant, name }, document }) => {
    if (document?.kind !== 'Cluster') return [];
    const before = current.get('Cluster', tenant, name)?.spec;
    const after = asServed(specOf({ ...document, kind: document.kind }));
    return { tenant, name, before: before === undefined ? null : asServed(before), after };
  });
}
