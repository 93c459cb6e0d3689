/** A document as it is read back. */
import type { FleetView } from '../fleet/shared-fleet.ts';
import { detectionTime } from '../model/detection-time.ts';
import type { DocumentKey } from '../model/document.ts';
import type { DocumentSet } from '../model/document-set.ts';
import { withoutSecrets } from '../model/secrets.ts';
import type { HealthPolicySpec, Typed } from '../model/specs.ts';
import { formatDuration } from '../model/units.ts';
import type { Publisher } from '../publish/publisher.ts';
import { written } from './plan.ts';

/** The document as its author wrote it, but for secrets, and what the server knows of it. `createdRevision` stays inside. */
export function present(
  typed: Typed,
  documents: DocumentSet,
  groupStatus: (group: string) => Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> & { readonly status: Readonly<Record<string, unknown>> } {
  const { document } = typed;
  const { revision, createdAt, updatedAt, updatedBy, set } = document;
  return {
    ...withoutSecrets(written(document)),
    revision,
    createdAt,
    updatedAt,
    updatedBy,
    ...(set !== undefined && { set }),
    status: statusOf(typed, documents, groupStatus),
  };
}

function statusOf(
  typed: Typed,
  documents: DocumentSet,
  groupStatus: (group: string) => Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  if (typed.kind === 'NodeGroup') return groupStatus(typed.document.name);
  if (typed.kind === 'Secret') return { certificate: typed.spec.facts };
  const active = activeOf(typed, documents);
  if (active === null) return {};
  const { crashMs, hangMs } = detectionTime(active);
  return { detectionTime: { crash: formatDuration(crashMs), hang: formatDuration(hangMs) } };
}

function activeOf(typed: Typed, documents: DocumentSet): HealthPolicySpec['active'] {
  if (typed.kind === 'HealthPolicy') return typed.spec.active;
  if (typed.kind !== 'Cluster' || typed.spec.health === null) return null;
  const { health } = typed.spec;
  if ('inline' in health) return health.inline.active;
  return documents.get('HealthPolicy', health.policy.tenant, health.policy.name)?.spec.active ?? null;
}

/** What is known of a node group: how far it is served, what of its documents is not, and how many nodes it has here. */
export function statusOfGroup(publisher: Publisher, fleet: FleetView, name: string): Readonly<Record<string, unknown>> {
  const group = publisher.status().find((status) => status.group === name);
  const nodes = fleet.list().filter((node) => node.group === name);
  return {
    published: group?.revision ?? null,
    problems: group?.failure?.problems ?? [],
    notes: group?.notes ?? [],
    nodes: { connected: nodes.filter((node) => node.connected).length, known: nodes.length },
  };
}

/** Order of lists: by tenant, the platform's own first, then by name. */
export function compareKeys(a: DocumentKey, b: DocumentKey): number {
  return compareText(a.tenant ?? '', b.tenant ?? '') || compareText(a.name, b.name);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
