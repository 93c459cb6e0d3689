/** How a Cluster document chooses endpoints, to the fields of envoy.config.cluster.v3.Cluster that say it. */
import { durationOf, type PackedAny, packAny, toJson } from '../../proto/codec.ts';
import type { Cluster, MessageTypes } from '../../proto/envoy.ts';
import type { BalanceSpec, ClusterSpec, SlowStartSpec } from '../model/specs.ts';
import { structOf, uint32 } from './wire.ts';

type Common = NonNullable<Cluster['common_lb_config']>;
type Subsets = NonNullable<Cluster['lb_subset_config']>;
type Policies = NonNullable<Cluster['load_balancing_policy']>;
type Policy = NonNullable<Policies['policies']>[number];

const utilizationName = 'fairlead.load_balancing_policies.utilization.v1.Utilization';
const leastRequestName = 'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest';

export function balancing({ balance, slowStart, protocol }: ClusterSpec): Partial<Cluster> {
  const common: Common = {
    healthy_panic_threshold: { value: balance.panicPercent },
    ...(protocol !== 'tcp' && { override_host_status: whoKeepsSessions }),
  };
  const extensions = extensionsOf(balance, slowStart);
  if (extensions !== null) return { load_balancing_policy: extensions, common_lb_config: common };
  return {
    ...policy(balance, slowStart),
    common_lb_config: { ...common, ...localities(balance), ...boundedLoad(balance) },
    ...(balance.subsets.length > 0 && { lb_subset_config: subsets(balance) }),
  };
}

/** Envoy's default, and those that drain: clients with a sticky session stay until the endpoint is gone. */
const whoKeepsSessions: NonNullable<Common['override_host_status']> = {
  statuses: ['UNKNOWN', 'HEALTHY', 'DEGRADED', 'DRAINING'],
};

function policy(balance: BalanceSpec, slowStart: SlowStartSpec | null): Partial<Cluster> {
  const start = slowStartOf(slowStart);
  switch (balance.policy) {
    case 'round-robin':
      return { lb_policy: 'ROUND_ROBIN', ...(slowStart && { round_robin_lb_config: start }) };
    case 'random':
      return { lb_policy: 'RANDOM' };
    case 'least-request':
      return {
        lb_policy: 'LEAST_REQUEST',
        least_request_lb_config: { choice_count: uint32(balance.choices), ...biasOf(balance.bias), ...start },
      };
    case 'ring-hash':
      return {
        lb_policy: 'RING_HASH',
        ring_hash_lb_config: {
          hash_function: balance.function === 'xx-hash' ? 'XX_HASH' : 'MURMUR_HASH_2',
          minimum_ring_size: { value: balance.minSize },
          maximum_ring_size: { value: balance.maxSize },
        },
      };
    case 'maglev':
      return { lb_policy: 'MAGLEV', maglev_lb_config: { table_size: { value: balance.tableSize } } };
    case 'utilization':
      return {};
  }
}

/** What the older fields have no words for: ours, before the next best for those who do not know it, and a full scan. */
function extensionsOf(balance: BalanceSpec, slowStart: SlowStartSpec | null): Policies | null {
  const shared = { ...slowStartOf(slowStart), locality_lb_config: localities(balance) };
  const list: Policy[] = [];
  if (balance.policy === 'utilization') {
    const choice_count = uint32(balance.choices);
    list.push(extension('fairlead.utilization', utilization({ choice_count, ...shared })));
    list.push(leastRequest({ choice_count, ...shared }));
  } else if (balance.policy === 'least-request' && balance.fullScan) {
    list.push(leastRequest({ selection_method: 'FULL_SCAN', ...biasOf(balance.bias), ...shared }));
  } else return null;
  if (balance.subsets.length === 0) return { policies: list };
  const subset = 'envoy.extensions.load_balancing_policies.subset.v3.Subset';
  const message = { ...subsets(balance), subset_lb_policy: { policies: list } };
  return { policies: [extension('envoy.load_balancing_policies.subset', packAny(subset, message))] };
}

/** As JSON: an Envoy passes over a message that it does not know, but could not show its configuration any more. */
function utilization(message: MessageTypes[typeof utilizationName]): PackedAny {
  const { '@type': type_url, ...json } = toJson(packAny(utilizationName, message));
  return packAny('xds.type.v3.TypedStruct', { type_url: String(type_url), value: structOf(json) });
}

function leastRequest(message: MessageTypes[typeof leastRequestName]): Policy {
  return extension('envoy.load_balancing_policies.least_request', packAny(leastRequestName, message));
}

function extension(name: string, typed_config: PackedAny): Policy {
  return { typed_extension_config: { name, typed_config } };
}

function slowStartOf(slowStart: SlowStartSpec | null) {
  return slowStart === null ? {} : { slow_start_config: slowStartConfig(slowStart) };
}

/** Envoy wants a key by which its operator could change the number. */
function runtimeDouble(value: number, key: string) {
  return { default_value: value, runtime_key: `fairlead.${key}` };
}

function biasOf(bias: number | null) {
  return bias === null ? {} : { active_request_bias: runtimeDouble(bias, 'least_request.bias') };
}

function slowStartConfig({ windowMs, aggression, minWeightPercent }: SlowStartSpec) {
  return {
    slow_start_window: durationOf(windowMs),
    ...(aggression !== 1 && { aggression: runtimeDouble(aggression, 'slow_start.aggression') }),
    min_weight_percent: { value: minWeightPercent },
  };
}

/** What happens in panic is a setting of zone-aware routing, which does nothing else at 0 %. */
function localities({ localities, failClosed }: BalanceSpec): Common {
  if (localities === 'zone-aware') {
    return { zone_aware_lb_config: failClosed ? { fail_traffic_on_panic: true } : {} };
  }
  if (localities !== null) return { locality_weighted_lb_config: {} };
  return failClosed ? { zone_aware_lb_config: { routing_enabled: { value: 0 }, fail_traffic_on_panic: true } } : {};
}

function boundedLoad(balance: BalanceSpec): Common {
  if (balance.policy !== 'ring-hash' && balance.policy !== 'maglev') return {};
  const percent = balance.boundedLoadPercent;
  return percent === null ? {} : { consistent_hashing_lb_config: { hash_balance_factor: uint32(percent) } };
}

/** Who chooses nothing gets any endpoint; who chooses by labels that nobody bears gets none. */
function subsets({ subsets, localities }: BalanceSpec): Subsets {
  return {
    fallback_policy: 'ANY_ENDPOINT',
    subset_selectors: subsets.map((keys) => ({ keys: [...keys], fallback_policy: 'NO_FALLBACK' })),
    ...(localities !== null && localities !== 'zone-aware' && { locality_weight_aware: true }),
  };
}
