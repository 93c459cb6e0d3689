/**
 * Clusters and their endpoints belong together at the client. It builds a cluster anew when the cluster changes, and the
 * new one waits for its endpoints, changed or not (cases 43, 44, 69). A new cluster is of no use to a route before its
 * endpoints have come (case 46).
 */
import type { XdsType } from '../../proto/type-urls.ts';
import { firstChecksMs } from '../snapshot/first-checks.ts';
import { referencesOf } from '../snapshot/references.ts';
import { type EncodedResource, type View, wholeOf } from '../snapshot/snapshot.ts';
import type { TypeStates } from './order.ts';
import { type Added, type Content, seenBy, type TypeState, wantedOf, wants } from './type-state.ts';

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

/**
 * Endpoints that the client asked for, that are gone, and that a cluster it has still names: the next clusters come soon,
 * but have to wait. Told now that there are none, it would take that cluster for whole, and use it without endpoints.
 */
export function askedInVain(endpoints: TypeState, clusters: TypeState | undefined, snapshot: View): string[] {
  const { wanted, owed, told } = endpoints;
  const asked = told === undefined ? wanted.names : owed;
  const gone = [...asked].filter((name) => wanted.names.has(name) && !snapshot.types.endpoints.resources.has(name));
  // an Envoy that asks for endpoints before clusters asks for no clusters until it has heard of its endpoints
  if (gone.length === 0 || clusters === undefined) return [];
  // it has clusters of which no more is known than that it is about to lose them
  if (clusters.lingering.size > 0 || (clusters.told === undefined && clusters.returning)) return gone;
  const sent = clusters.told === undefined ? [] : wantedOf(clusters.wanted, clusters.told);
  const named = new Set(sent.flatMap((cluster) => referencesOf('clusters', cluster).endpoints));
  return gone.filter((name) => named.has(name));
}

/**
 * Until when the routes of a client that comes from another stream wait for its request of clusters: Envoy makes none
 * while clusters of the earlier stream warm, but asks for endpoints and routes. Undefined: no need to wait.
 */
export function clustersAwaitedUntil(
  state: TypeState,
  states: TypeStates,
  snapshot: View,
  nowMs: number,
  ackWaitMs: number,
): number | undefined {
  if (state.told !== undefined || !state.returning || states.has('clusters') || !states.has('endpoints'))
    return undefined;
  let checksMs = 0;
  for (const cluster of snapshot.types.clusters.resources.values())
    checksMs = Math.max(checksMs, firstChecksMs(cluster));
  const untilMs = (state.heldSinceMs ?? nowMs) + ackWaitMs + checksMs;
  return untilMs > nowMs ? untilMs : undefined;
}

/** The clusters that a response brings beside those the client has; older entries are dropped. */
export function addedBy(before: TypeState, content: Content, nowMs: number, ackWaitMs: number): TypeState['added'] {
  const { told, returning, initialVersions } = before;
  const recent = new Map([...before.added].filter(([, { untilMs }]) => nowMs < untilMs));
  // the first response is the beginning, before which nothing is named, unless the client comes from another stream
  if (told === undefined && !returning) return recent;
  const has = (name: string): boolean => (told === undefined ? initialVersions.has(name) : told.resources.has(name));
  // one object serves many names: a client that comes back may get thousands
  const entries = new Map<number, Added>();
  for (const cluster of content.news) {
    // one that changes while it warms begins anew
    if (has(cluster.name) && !recent.has(cluster.name)) continue;
    const checksMs = firstChecksMs(cluster);
    const untilMs = nowMs + ackWaitMs + checksMs;
    const entry = entries.get(checksMs) ?? { sentAtMs: nowMs, untilMs, checked: checksMs > 0 };
    entries.set(checksMs, entry);
    recent.set(cluster.name, entry);
  }
  return recent;
}

/**
 * Until when resources have to wait for new clusters that they name: these are taken once the client has acknowledged
 * their endpoints (themselves, if they have none on this stream). Where endpoints are checked first, Envoy acknowledges
 * the clusters when that is done, and has no such cluster before. Undefined: no need to wait.
 */
export function warmingUntil(
  resources: readonly EncodedResource[],
  type: XdsType,
  states: TypeStates,
  snapshot: View,
  nowMs: number,
): number | undefined {
  const clusters = states.get('clusters');
  if (clusters === undefined || clusters.added.size === 0) return undefined;
  const named = new Set(resources.flatMap((resource) => referencesOf(type, resource).clusters));
  let untilMs: number | undefined;
  for (const [name, added] of clusters.added) {
    if (added.untilMs <= nowMs || !named.has(name)) continue;
    if (isTaken(name, added, clusters, states.get('endpoints'), snapshot)) continue;
    untilMs = Math.max(untilMs ?? added.untilMs, added.untilMs);
  }
  return untilMs;
}

function isTaken(
  name: string,
  added: Added,
  clusters: TypeState,
  endpoints: TypeState | undefined,
  snapshot: View,
): boolean {
  const cluster = wholeOf(snapshot.types.clusters).resources.get(name);
  if (cluster === undefined || !wants(clusters.wanted, name)) return true;
  const [assignment] = referencesOf('clusters', cluster).endpoints;
  if (assignment === undefined || endpoints === undefined) return clusters.unacked.length === 0;
  if (added.checked && clusters.unacked.some(({ sentAtMs }) => sentAtMs <= added.sentAtMs)) return false;
  const wasTold = endpoints.told?.resources.has(assignment) === true && !endpoints.owed.has(assignment);
  return wants(endpoints.wanted, assignment) && wasTold && endpoints.unacked.length === 0;
}
