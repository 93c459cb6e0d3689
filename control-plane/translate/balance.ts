/** How a Cluster document chooses endpoints, to the fields of envoy.config.cluster.v3.Cluster that say it. */
import { durationOf, packAny } from '../../proto/codec.ts';
import type { Cluster } from '../../proto/envoy.ts';
import type { BalanceSpec, ClusterSpec, SlowStartSpec } from '../model/specs.ts';
import { uint32 } from './wire.ts';

type Common = NonNullable<Cluster['common_lb_config']>;
type Subsets = NonNullable<Cluster['lb_subset_config']>;

export function balancing({ balance, slowStart, protocol }: ClusterSpec): Partial<Cluster> {
  return {
    ...policy(balance, slowStart),
    common_lb_config: {
      healthy_panic_threshold: { value: balance.panicPercent },
      ...localities(balance),
      ...boundedLoad(balance),
      ...(protocol !== 'tcp' && { override_host_status: whoKeepsSessions }),
    },
    ...(balance.subsets.length > 0 && { lb_subset_config: subsets(balance) }),
  };
}

/** Envoy's default, and those that drain: clients with a sticky session stay until the endpoint is gone. */
const whoKeepsSessions: NonNullable<Common['override_host_status']> = {
  statuses: ['UNKNOWN', 'HEALTHY', 'DEGRADED', 'DRAINING'],
};

function policy(balance: BalanceSpec, slowStart: SlowStartSpec | null): Partial<Cluster> {
  const start = slowStart === null ? null : { slow_start_config: slowStartConfig(slowStart) };
  switch (balance.policy) {
    case 'round-robin':
      return { lb_policy: 'ROUND_ROBIN', ...(start && { round_robin_lb_config: start }) };
    case 'random':
      return { lb_policy: 'RANDOM' };
    case 'least-request':
      return {
        lb_policy: 'LEAST_REQUEST',
        least_request_lb_config: { choice_count: uint32(balance.choices), ...start },
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
      return { load_balancing_policy: utilization(balance.choices) };
  }
}

/** Ours, and the next best for those who do not know it. */
function utilization(choices: number): NonNullable<Cluster['load_balancing_policy']> {
  const ours = 'fairlead.load_balancing_policies.utilization.v1.Utilization';
  const theirs = 'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest';
  const choice_count = uint32(choices);
  return {
    policies: [
      { typed_extension_config: { name: 'fairlead.utilization', typed_config: packAny(ours, { choice_count }) } },
      {
        typed_extension_config: {
          name: 'envoy.load_balancing_policies.least_request',
          typed_config: packAny(theirs, { choice_count }),
        },
      },
    ],
  };
}

function slowStartConfig({ windowMs, aggression, minWeightPercent }: SlowStartSpec) {
  return {
    slow_start_window: durationOf(windowMs),
    // Envoy wants a key by which its operator could change the number
    ...(aggression !== 1 && {
      aggression: { default_value: aggression, runtime_key: 'fairlead.slow_start.aggression' },
    }),
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
