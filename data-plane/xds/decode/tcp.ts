/** envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy. */
import type { TcpProxy } from '../../../proto/envoy.ts';
import type { TcpProxyConfig, WeightedClusterConfig } from '../../model/config.ts';
import { readAccessLogs } from './access-log.ts';
import { checkFields, fieldTable } from './fields.ts';
import type { L4Settings } from './l4-metadata.ts';
import { type Place, unsupported } from './problems.ts';
import { readTlvs } from './proxy-protocol.ts';
import { type FilterState, readHashPolicy } from './set-filter-state.ts';
import { millis, required } from './values.ts';
import { checkWeightSum } from './weights.ts';

const proxy = 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';

const proxyFields = fieldTable(proxy, {
  carried: [
    ...['stat_prefix', 'cluster', 'weighted_clusters', 'idle_timeout', 'access_log', 'hash_policy'],
    ...['proxy_protocol_tlvs', 'proxy_protocol_tlv_merge_policy'],
  ],
  only: {
    // as many endpoints are tried for a connection in any case
    max_connect_attempts: [3],
    upstream_connect_mode: ['IMMEDIATE'],
    check_drain_close: [false],
  },
});
const weightedFields = fieldTable(`${proxy}.WeightedCluster`, { carried: ['clusters'] });
const weightFields = fieldTable(`${proxy}.WeightedCluster.ClusterWeight`, { carried: ['name', 'weight'] });

const defaultIdleTimeoutMs = 3_600_000;

/** What stands around a TCP proxy. */
export interface AroundProxy {
  /** Of its chain's metadata. */
  readonly l4: L4Settings;
  /** Left by the filters in front. */
  readonly states: readonly FilterState[];
  /** The listener reads PROXY headers. */
  readonly behindProxies: boolean;
}

export function readTcpProxy(place: Place, message: TcpProxy, around: AroundProxy): TcpProxyConfig {
  checkFields(place, message, proxyFields);
  checkMerge(place, message, around);
  const { l4, states } = around;
  return {
    statPrefix: message.stat_prefix ?? '',
    to: readTarget(place, message),
    idleTimeoutMs: millis(place.field('idle_timeout'), message.idle_timeout, defaultIdleTimeoutMs),
    accessLogs: readAccessLogs(place, message.access_log),
    hash: readHash(place, message, l4, states),
    proxyTlvs: readTlvs(place, 'proxy_protocol_tlvs', message.proxy_protocol_tlvs),
    datapath: l4.datapath,
  };
}

/** What the listener's documents call it stands in metadata, and has to be the same. */
function readHash(place: Place, message: TcpProxy, { hash: said }: L4Settings, states: readonly FilterState[]) {
  const hash = readHashPolicy(place, message.hash_policy, states);
  const means = hash?.type === 'text' ? hash.means : (hash?.type ?? null);
  if (said !== null && said !== means) place.field('hash_policy').refuse(`must be ${said}, as metadata says`);
  return hash;
}

/** Ours take the place of the client's of the same type, which is no question where clients bring none. */
function checkMerge(place: Place, message: TcpProxy, { behindProxies }: AroundProxy): void {
  const { proxy_protocol_tlvs: tlvs = [], proxy_protocol_tlv_merge_policy: policy = 'ADD_IF_ABSENT' } = message;
  if (!behindProxies || tlvs.length === 0 || policy === 'OVERWRITE_BY_TYPE_IF_EXISTS_OR_ADD') return;
  place
    .field('proxy_protocol_tlv_merge_policy')
    .refuse(`${policy} beside a proxy_protocol filter is ${unsupported}: OVERWRITE_BY_TYPE_IF_EXISTS_OR_ADD`);
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
