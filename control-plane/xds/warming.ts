/**
 * Endpoints that a client needs again although they did not change: it builds a cluster anew when the cluster changes,
 * and the new one waits for its endpoints (cases 43, 44, 69).
 */
import { referencesOf } from '../snapshot/references.ts';
import type { EncodedResource, Snapshot } from '../snapshot/snapshot.ts';
import { type Content, type TypeState, wantedOf, wants } from './type-state.ts';

/** The endpoints' state after a response of clusters left. `clusters` is their state before it. */
export function owedAfterClusters(
  endpoints: TypeState,
  clusters: TypeState,
  content: Content,
  snapshot: Snapshot,
): TypeState {
  // first clusters after endpoints: whoever reconnects in that order warms all of them, changed or not
  const all = clusters.told === undefined && endpoints.told !== undefined;
  const touched = all ? wantedOf(clusters.wanted, snapshot.types.clusters) : content.news;
  return oweEndpoints(endpoints, touched, snapshot);
}

/**
 * The endpoints' state after their first request on a stream where clusters were answered already. `heldVersions`: the
 * clusters that the client brought along, which it does not build anew.
 */
export function owedAtFirst(
  endpoints: TypeState,
  clusters: TypeState,
  heldVersions: ReadonlyMap<string, string>,
  snapshot: Snapshot,
): TypeState {
  if (clusters.told === undefined || endpoints.initialVersions.size === 0) return endpoints;
  const sent = wantedOf(clusters.wanted, clusters.told);
  const touched = sent.filter(({ name, version }) => heldVersions.get(name) !== version);
  return oweEndpoints(endpoints, touched, snapshot);
}

function oweEndpoints(endpoints: TypeState, clusters: readonly EncodedResource[], snapshot: Snapshot): TypeState {
  const names = clusters
    .flatMap((cluster) => referencesOf('clusters', cluster).endpoints)
    .filter((name) => wants(endpoints.wanted, name) && snapshot.types.endpoints.resources.has(name));
  return names.length === 0 ? endpoints : { ...endpoints, owed: new Set([...endpoints.owed, ...names]) };
}
