/**
 * Clusters and their endpoints belong together at the client. It builds a cluster anew when the cluster changes, and the
 * new one waits for its endpoints, changed or not (cases 43, 44, 69). A new cluster is of no use to a route before its
 * endpoints have come (case 46).
 */
import type { XdsType } from '../../proto/type-urls.ts';
import { referencesOf } from '../snapshot/references.ts';
import { type EncodedResource, type View, wholeOf } from '../snapshot/snapshot.ts';
import type { TypeStates } from './order.ts';
import { type Content, seenBy, type TypeState, wantedOf, wants } from './type-state.ts';

/**
 * The endpoints' state after a response of clusters left. `clusters` is their state before it; `endpointsToldBefore`:
 * endpoints were answered in an earlier turn.
 */
export function owedAfterClusters(
  endpoints: TypeState,
  endpointsToldBefore: boolean,
  clusters: TypeState,
  content: Content,
  snapshot: View,
): TypeState {
  // first clusters after endpoints: whoever reconnects in that order warms all of them, changed or not
  const all = clusters.told === undefined && endpointsToldBefore;
  const touched = all ? wantedOf(clusters.wanted, seenBy(clusters, snapshot)) : content.news;
  return oweEndpoints(endpoints, touched, snapshot);
}

/**
 * The endpoints' state at their first answer on a stream where clusters were answered already. Clusters that the client
 * brought along in the same version are not built anew.
 */
export function owedAtFirst(endpoints: TypeState, clusters: TypeState, snapshot: View): TypeState {
  const { told, wanted, initialVersions: held } = clusters;
  if (told === undefined || endpoints.initialVersions.size === 0) return endpoints;
  const touched = wantedOf(wanted, told).filter(({ name, version }) => held.get(name) !== version);
  return oweEndpoints(endpoints, touched, snapshot);
}

function oweEndpoints(endpoints: TypeState, clusters: readonly EncodedResource[], snapshot: View): TypeState {
  const names = clusters
    .flatMap((cluster) => referencesOf('clusters', cluster).endpoints)
    .filter((name) => wants(endpoints.wanted, name) && snapshot.types.endpoints.resources.has(name));
  return names.length === 0 ? endpoints : { ...endpoints, owed: new Set([...endpoints.owed, ...names]) };
}

/** The clusters that a response brings beside those the client has; older entries are dropped. */
export function addedBy(before: TypeState, content: Content, nowMs: number, ackWaitMs: number): TypeState['added'] {
  const { told } = before;
  const recent = [...before.added].filter(([, sentAtMs]) => nowMs - sentAtMs < ackWaitMs);
  // the first response of a stream is the beginning, before which nothing is named
  const names =
    told === undefined ? [] : content.news.map(({ name }) => name).filter((name) => !told.resources.has(name));
  return new Map([...recent, ...names.map((name) => [name, nowMs] as const)]);
}

/**
 * Until when resources have to wait for new clusters that they name: these are taken once the client has acknowledged
 * their endpoints (themselves, if they have none on this stream). Undefined: no need to wait.
 */
export function warmingUntil(
  resources: readonly EncodedResource[],
  type: XdsType,
  states: TypeStates,
  snapshot: View,
  nowMs: number,
  ackWaitMs: number,
): number | undefined {
  const clusters = states.get('clusters');
  if (clusters === undefined || clusters.added.size === 0) return undefined;
  const named = new Set(resources.flatMap((resource) => referencesOf(type, resource).clusters));
  let untilMs: number | undefined;
  for (const [name, sentAtMs] of clusters.added) {
    const dueMs = sentAtMs + ackWaitMs;
    if (dueMs <= nowMs || !named.has(name) || isTaken(name, clusters, states.get('endpoints'), snapshot)) continue;
    untilMs = Math.max(untilMs ?? dueMs, dueMs);
  }
  return untilMs;
}

function isTaken(name: string, clusters: TypeState, endpoints: TypeState | undefined, snapshot: View): boolean {
  const cluster = wholeOf(snapshot.types.clusters).resources.get(name);
  if (cluster === undefined || !wants(clusters.wanted, name)) return true;
  const [assignment] = referencesOf('clusters', cluster).endpoints;
  if (assignment === undefined || endpoints === undefined) return clusters.unacked.length === 0;
  const wasTold = endpoints.told?.resources.has(assignment) === true && !endpoints.owed.has(assignment);
  return wants(endpoints.wanted, assignment) && wasTold && endpoints.unacked.length === 0;
}
