/** Load reports off the wire: messages to plain values. */
import type { LoadStatsRequest } from '../../proto/envoy.ts';
import type { ClusterLoad, LocalityLoad } from './ports.ts';

type ClusterStats = NonNullable<LoadStatsRequest['cluster_stats']>[number];
type LocalityStats = NonNullable<ClusterStats['upstream_locality_stats']>[number];

/** Of the clusters that `isServed` knows: a node speaks for no others. */
export function loadsOf(
  { cluster_stats = [] }: LoadStatsRequest,
  isServed: (cluster: string) => boolean,
): ClusterLoad[] {
  return cluster_stats
    .filter(({ cluster_name = '' }) => isServed(cluster_name))
    .map(({ cluster_name = '', upstream_locality_stats = [], total_dropped_requests }) => ({
      cluster: cluster_name,
      localities: upstream_locality_stats.map(localityLoad),
      dropped: Number(total_dropped_requests ?? 0),
    }));
}

function localityLoad(stats: LocalityStats): LocalityLoad {
  const { locality } = stats;
  return {
    region: locality?.region ?? '',
    zone: locality?.zone ?? '',
    subZone: locality?.sub_zone ?? '',
    issued: Number(stats.total_issued_requests ?? 0),
    successful: Number(stats.total_successful_requests ?? 0),
    errors: Number(stats.total_error_requests ?? 0),
    inProgress: Number(stats.total_requests_in_progress ?? 0),
  };
}
