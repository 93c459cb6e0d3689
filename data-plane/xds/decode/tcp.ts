/** envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy. */
import type { TcpProxy } from '../../../proto/envoy.ts';
import type { TcpProxyConfig, WeightedClusterConfig } from '../../model/config.ts';
import { readAccessLogs } from './access-log.ts';
import { checkFields, fieldTable } from './fields.ts';
import type { Place } from './problems.ts';
import { millis, required } from './values.ts';
import { checkWeightSum } from './weights.ts';

const proxy = 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';

const proxyFields = fieldTable(proxy, {
  carried: ['stat_prefix', 'cluster', 'weighted_clusters', 'idle_timeout', 'access_log'],
  // as many endpoints are tried for a connection in any case
  only: { max_connect_attempts: [3] },
});
const weightedFields = fieldTable(`${proxy}.WeightedCluster`, { carried: ['clusters'] });
const weightFields = fieldTable(`${proxy}.WeightedCluster.ClusterWeight`, { carried: ['name', 'weight'] });

const defaultIdleTimeoutMs = 3_600_000;

export function readTcpProxy(place: Place, message: TcpProxy): TcpProxyConfig {
  checkFields(place, message, proxyFields);
  return {
    statPrefix: message.stat_prefix ?? '',
    to: readTarget(place, message),
    idleTimeoutMs: millis(place.field('idle_timeout'), message.idle_timeout, defaultIdleTimeoutMs),
    accessLogs: readAccessLogs(place, message.access_log),
    hash: null,
    proxyTlvs: [],
    datapath: 'user',
  };
}

function readTarget(place: Place, message: TcpProxy): WeightedClusterConfig[] {
  const weighted = message.weighted_clusters;
  if (weighted === null || weighted === undefined) {
    return [{ cluster: required(place.field('cluster'), message.cluster), weight: 1 }];
  }
  const at = place.field('weighted_clusters');
  checkFields(at, weighted, weightedFields);
  const to = (weighted.clusters ?? []).map((one, index) => {
    const item = at.item('clusters', index);
    checkFields(item, one, weightFields);
    const weight = one.weight ?? 0;
    if (weight < 1) item.field('weight').refuse('must be at least 1');
    return { cluster: required(item.field('name'), one.name), weight };
  });
  checkWeightSum(at, to);
  return to;
}
