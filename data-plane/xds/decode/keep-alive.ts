/** What stands in a cluster's metadata under `fairlead.keep-alive`: of no message of Envoy's, so it is read by hand. */
import type { Cluster } from '../../../proto/envoy.ts';
import { keepAliveMetadata } from '../../../proto/names.ts';
import { type StructMessage, structToJson } from './messages.ts';
import { type Place, unsupported } from './problems.ts';

/** Idle connections to an endpoint; Infinity where nothing is said. */
export function readMaxIdle(place: Place, metadata: Cluster['metadata']): number {
  const said = metadata?.filter_metadata?.[keepAliveMetadata] as StructMessage | undefined;
  if (said === undefined) return Number.POSITIVE_INFINITY;
  const at = place.field('metadata').entry('filter_metadata', keepAliveMetadata);
  const { connections, ...others } = structToJson(said);
  for (const name of Object.keys(others)) at.field(name).refuse(unsupported);
  if (Number.isSafeInteger(connections) && Number(connections) >= 0) return Number(connections);
  at.field('connections').refuse('must be a whole number of 0 or more');
  return 0;
}
