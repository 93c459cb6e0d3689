/** How long clients need to learn how the endpoints of a cluster are. Read once a resource. */
import { decode, durationMs } from '../../proto/codec.ts';
import type { EncodedResource } from './snapshot.ts';

const known = new WeakMap<EncodedResource, number>();

/** Milliseconds after which the first active health check of every endpoint is decided; 0: none are made. */
export function firstChecksMs(cluster: EncodedResource): number {
  let longestMs = known.get(cluster);
  if (longestMs === undefined) {
    const { health_checks: checks } = decode('envoy.config.cluster.v3.Cluster', cluster.value);
    longestMs = Math.max(0, ...(checks ?? []).map(({ timeout }) => durationMs(timeout ?? {})));
    known.set(cluster, longestMs);
  }
  return longestMs;
}
