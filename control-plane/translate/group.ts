/** All that one node group is served, from the documents: the listeners that name it and what those need, no more. */
import { encode } from '../../proto/codec.ts';
import type { XdsType } from '../../proto/type-urls.ts';
import { type DocumentKey, keyId } from '../model/document.ts';
import type { DocumentSet } from '../model/document-set.ts';
import { noPlacements, type Placements } from '../model/placements.ts';
import { carriageOf } from '../model/world/carriers.ts';
import { clusterMessage, isChecked } from './clusters.ts';
import { clusterLoadAssignment } from './endpoints.ts';
import { Memo } from './memo.ts';
import {
  compareText,
  Findings,
  type Front,
  type GroupResource,
  type GroupResources,
  keyOf,
  messageNames,
  type PlacementRead,
  type Routing,
  type Targets,
  type TranslatedType,
} from './resources.ts';
import { translateRouting } from './routing.ts';
import { translateRoutingAgain } from './routing-again.ts';
import { secretsOf } from './secrets.ts';

/**
 * Pure: equal documents and placements give equal messages, and those that kept their identity give identical (===)
 * ones. A route to a cluster that does not exist is translated as it stands: the reference check of the snapshot finds it.
 * Throws `TranslationError` for a document that cannot be translated.
 */
export function translateGroup(
  documents: DocumentSet,
  group: string,
  placements: Placements = noPlacements,
): GroupResources {
  const routing = translateRouting(documents, group);
  return { ...routing, ...translateTargets(documents, routing, placements) };
}

/**
 * The same as `translateGroup`, from what it gave before `changed` changed. Endpoints come and go, and tenants change
 * their routes, all day: then only what they touch is looked at. So do nodes, which are endpoints of other nodes.
 */
export function translateGroupAgain(
  documents: DocumentSet,
  group: string,
  previous: GroupResources,
  changed: readonly DocumentKey[],
  placements: Placements = noPlacements,
): GroupResources {
  const routes = changed.filter(({ kind }) => kind === 'Route');
  const targets = changed.filter(({ kind }) => kind === 'Cluster' || kind === 'HealthPolicy');
  const secrets = changed.filter(({ kind }) => kind === 'Secret');
  const { fronts } = previous;
  if (
    routes.length + targets.length + secrets.length < changed.length ||
    !targets.every((key) => isCarriedAsBefore(documents, previous, key)) ||
    (routes.length + secrets.length > 0 && fronts === undefined)
  ) {
    return translateGroup(documents, group, placements);
  }
  const routing =
    routes.length > 0 && fronts !== undefined
      ? translateRoutingAgain(documents, { ...previous, fronts }, routes)
      : previous;
  const sameTargets =
    targets.length === 0 && routing.targets === previous.targets && !dependsOnMoved(previous, placements);
  return {
    ...previous,
    ...routing,
    ...(sameTargets ? {} : translateTargets(documents, routing, placements)),
    ...(secrets.length > 0 && fronts !== undefined && { secrets: secretsOfFronts(documents, fronts) }),
  };
}

/** The same names as before: it is the listeners that name them. */
function secretsOfFronts(documents: DocumentSet, fronts: readonly Front[]): Routing['secrets'] {
  const listeners = fronts.map(({ listener }) => listener);
  return secretsOf(documents, listeners, new Findings());
}

/** False for a cluster whose routes may have to stand on other listeners now. */
function isCarriedAsBefore(documents: DocumentSet, { carriages }: Routing, key: DocumentKey): boolean {
  const id = keyId(key);
  if (key.kind !== 'Cluster' || !carriages.has(id)) return true;
  const cluster = documents.get('Cluster', key.tenant, key.name);
  return carriages.get(id) === (cluster && carriageOf(cluster));
}

/** Whether a change of this document could change the resources made before it. */
export function dependsOn({ routingReads, targetReads, carriages }: GroupResources, key: DocumentKey): boolean {
  const id = keyId(key);
  return routingReads.has(id) || targetReads.has(id) || carriages.has(id);
}

/** Whether nodes that clusters are made of came, went, moved or drain since. */
export function dependsOnMoved({ placementReads }: Targets, placements: Placements): boolean {
  return placementReads.some(({ group, listener, placed }) => placements.of(group, listener) !== placed);
}

function translateTargets(documents: DocumentSet, { targets, grpcTargets }: Routing, placements: Placements): Targets {
  const findings = new Findings();
  const placementReads: PlacementRead[] = [];
  const clusters: GroupResource<'clusters'>[] = [];
  const endpoints: GroupResource<'endpoints'>[] = [];
  for (const [name, reference] of [...targets].toSorted(([a], [b]) => compareText(a, b))) {
    findings.read({ kind: 'Cluster', ...reference });
    const cluster = documents.get('Cluster', reference.tenant, reference.name);
    if (cluster === undefined) continue;
    const { health } = cluster.spec;
    if (health !== null && 'policy' in health) findings.read({ kind: 'HealthPolicy', ...health.policy });
    const source = keyOf(cluster.document);
    const byName = grpcTargets.has(name);
    clusters.push({ name, message: clusterMessage(documents, cluster), source, ...(byName && { byName }) });
    if (cluster.spec.dns !== null) continue;
    const { nodes } = cluster.spec;
    const placed = nodes === null ? undefined : placements.of(nodes.group, nodes.listener);
    if (nodes !== null && placed !== undefined) placementReads.push({ ...nodes, placed });
    const message = clusterLoadAssignment(cluster, isChecked(documents, cluster), placed);
    endpoints.push({ name: message.cluster_name ?? name, message, source });
  }
  return { clusters, endpoints, targetReads: findings.reads, placementReads };
}

export interface EncodedGroupResource {
  readonly name: string;
  /** The message's bytes; the same object for as long as the message is the same. */
  readonly value: Uint8Array;
  readonly byName: boolean;
  readonly hosts?: readonly string[];
}

export type EncodedGroup = { readonly [T in TranslatedType]: readonly EncodedGroupResource[] };

const encodings = new Memo<object, Uint8Array>();

/** Hears of every message that is really encoded, not of those whose bytes are remembered. */
export type OnEncoded = (type: XdsType) => void;

export function encodeGroup(
  { clusters, endpoints, listeners, routes, virtualHosts, secrets }: GroupResources,
  onEncoded: OnEncoded = () => {},
): EncodedGroup {
  return {
    clusters: encodeAll('clusters', clusters, onEncoded),
    endpoints: encodeAll('endpoints', endpoints, onEncoded),
    listeners: encodeAll('listeners', listeners, onEncoded),
    routes: encodeAll('routes', routes, onEncoded),
    virtualHosts: encodeAll('virtualHosts', virtualHosts, onEncoded),
    secrets: encodeAll('secrets', secrets, onEncoded),
  };
}

function encodeAll<T extends TranslatedType>(
  type: T,
  resources: readonly GroupResource<T>[],
  onEncoded: OnEncoded,
): EncodedGroupResource[] {
  return resources.map(({ name, message, hosts, byName = false }) => ({
    name,
    byName,
    ...(hosts && { hosts }),
    value: encodings.get(message, [], () => {
      onEncoded(type);
      return encode(messageNames[type], message);
    }),
  }));
}
