/** The cluster that gets a request which its own has failed. */
import type { FallbackConfig } from '../model/config.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Exchange } from './exchange.ts';
import type { HttpShared } from './http-context.ts';

/**
 * Null: the route names none for this, it is not there, or it is the one that failed.
 * @param failed the cluster that had the request, or should have
 * @param on `any`: it was tried and failed, and then there was nobody to try
 */
export function fallbackOf(
  { route }: Exchange,
  failed: Cluster,
  { clusters }: HttpShared,
  on: FallbackConfig['on'][number] | 'any',
): Cluster | null {
  const { fallback } = route!.config;
  if (fallback === null || (on !== 'any' && !fallback.on.includes(on))) return null;
  const cluster = clusters.get(fallback.cluster) ?? null;
  return cluster === failed ? null : cluster;
}
