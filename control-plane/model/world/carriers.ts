/** Which listeners can carry a route's clusters; asked where routes are checked and where they are translated. */
import type { DocumentSet } from '../document-set.ts';
import { forGrpcClients } from '../schemas/cluster.ts';
import type { RouteSpec } from '../specs.ts';

/**
 * True if listeners of `protocol: api` carry these clusters, false if those of `protocol: http` do. A Route's clusters
 * are all of one sort (misfits.ts), so the first that exists says it.
 */
export function carriedByApi(documents: DocumentSet, to: RouteSpec['to']): boolean {
  for (const { cluster } of to) {
    const target = documents.get('Cluster', cluster.tenant, cluster.name);
    if (target !== undefined) return forGrpcClients(target.spec.protocol);
  }
  return false;
}
