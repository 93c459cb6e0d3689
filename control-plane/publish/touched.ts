/** Which groups a change can matter to, as far as that is cheap to know. */
import type { DocumentKey } from '../model/document.ts';
import type { DocumentSet } from '../model/document-set.ts';
import type { Placements } from '../model/placements.ts';
import type { SpecOf } from '../model/specs.ts';
import { dependsOn, dependsOnMoved } from '../translate/group.ts';
import type { GroupResources } from '../translate/resources.ts';

/**
 * Groups that may be served something else now that `changed` have changed, and nodes are where `placements` says.
 * `served`: what each group's last good translation gave.
 */
export function touchedGroups(
  documents: DocumentSet,
  changed: readonly DocumentKey[],
  served: ReadonlyMap<string, GroupResources>,
  placements: Placements,
): Set<string> {
  const touched = new Set<string>();
  for (const [group, resources] of served) {
    const moved = dependsOnMoved(resources, placements);
    if (moved || changed.some((key) => dependsOn(resources, key))) touched.add(group);
  }
  for (const key of changed) for (const group of reachedGroups(documents, key)) touched.add(group);
  return touched;
}

/** Groups that a document reaches as it stands now, whether or not it did before. */
function reachedGroups(documents: DocumentSet, { kind, tenant, name }: DocumentKey): Iterable<string> {
  switch (kind) {
    case 'NodeGroup':
      return [name];
    case 'Listener':
      return documents.get(kind, tenant, name)?.spec.groups ?? [];
    case 'Route': {
      const route = documents.get(kind, tenant, name);
      return route === undefined ? [] : groupsOfListeners(documents, route.spec.listeners);
    }
    case 'L4Route': {
      const route = documents.get(kind, tenant, name);
      return route === undefined ? [] : groupsOfListeners(documents, [route.spec.listener]);
    }
    case 'Tenant':
    case 'Cluster':
    case 'HealthPolicy':
    case 'Secret':
      // these reach a group only through something that the group has read already
      return [];
  }
}

function groupsOfListeners(documents: DocumentSet, names: SpecOf['Route']['listeners']): string[] {
  if (names !== null) return names.flatMap((name) => documents.get('Listener', undefined, name)?.spec.groups ?? []);
  return [...documents.all('Listener')].flatMap(({ spec }) => spec.groups);
}
