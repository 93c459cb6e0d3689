/** Parts that the older and the newer messages about balancing share; their fields have the same names. */
import type {
  BalanceConfig,
  LeastRequestConfig,
  LocalityPolicyConfig,
  MaglevConfig,
  RingHashConfig,
  SlowStartConfig,
} from '../../model/config.ts';
import { limits } from '../limits.ts';
import { checkFields, fieldTable } from './fields.ts';
import type { Place } from './problems.ts';
import { millis, percent, runtimeDouble, uint32Within, uint64Within, type Wrapped } from './values.ts';

/** What a policy says; the threshold for panic is the cluster's. */
export type PolicyChoice = Omit<BalanceConfig, 'panicPercent' | 'failOnPanic' | 'boundStates'>;

export const plainChoice: PolicyChoice = Object.freeze({
  policy: { type: 'round-robin' },
  localities: { type: 'none' },
  slowStart: null,
  subsets: null,
});

const common = 'envoy.extensions.load_balancing_policies.common.v3';
const slowStartFields = fieldTable(`${common}.SlowStartConfig`, {
  carried: ['slow_start_window', 'aggression', 'min_weight_percent'],
});
const zoneAwareFields = fieldTable(`${common}.LocalityLbConfig.ZoneAwareLbConfig`, {
  carried: ['routing_enabled', 'min_cluster_size', 'fail_traffic_on_panic'],
});
const hashingFields = fieldTable(`${common}.ConsistentHashingLbConfig`, {
  carried: ['use_hostname_for_hashing', 'hash_balance_factor'],
});

type Duration = Parameters<typeof millis>[1];
type Double = Parameters<typeof runtimeDouble>[0];

interface SlowStart {
  readonly slow_start_window?: Duration;
  readonly aggression?: Double;
  readonly min_weight_percent?: Wrapped<number | string>;
}

/** Of a policy; a window of 0 turns it off. */
export function readSlowStart(
  place: Place,
  { slow_start_config: message }: { readonly slow_start_config?: SlowStart | null },
): SlowStartConfig | null {
  if (!message) return null;
  const at = place.field('slow_start_config');
  checkFields(at, message, slowStartFields);
  const windowMs = millis(at.field('slow_start_window'), message.slow_start_window, 0);
  const aggression = runtimeDouble(message.aggression, 1);
  if (!(aggression > 0 && Number.isFinite(aggression))) at.field('aggression').refuse('must be more than 0');
  const minWeightPercent = percent(at.field('min_weight_percent'), message.min_weight_percent, 10);
  return windowMs === 0 ? null : { windowMs, aggression, minWeightPercent };
}

interface LocalityLb {
  readonly zone_aware_lb_config?: {
    readonly routing_enabled?: Wrapped<number | string>;
    readonly min_cluster_size?: Wrapped<unknown>;
    readonly fail_traffic_on_panic?: boolean;
  } | null;
  readonly locality_weighted_lb_config?: object | null;
}

/** Where nothing is said Envoy prefers the zone of the node if it was told of the node's own cluster, which ours is not. */
export function localityPolicyOf(place: Place, message: LocalityLb): LocalityPolicyConfig {
  if (message.locality_weighted_lb_config) return { type: 'weighted' };
  const zone = message.zone_aware_lb_config;
  if (!zone) return { type: 'none' };
  const at = place.field('zone_aware_lb_config');
  checkFields(at, zone, zoneAwareFields);
  return {
    type: 'zone-aware',
    routingPercent: percent(at.field('routing_enabled'), zone.routing_enabled, 100),
    minEndpoints: uint64Within(at.field('min_cluster_size'), zone.min_cluster_size, 6, 0),
    failOnPanic: zone.fail_traffic_on_panic ?? false,
  };
}

interface LeastRequest {
  readonly choice_count?: Wrapped<number>;
  readonly active_request_bias?: Double;
}

export function readChoices(place: Place, { choice_count: said }: Pick<LeastRequest, 'choice_count'>): number {
  return uint32Within(place.field('choice_count'), said, 2, 2, limits.balanceChoices);
}

export function leastRequestOf(place: Place, message: LeastRequest, fullScan: boolean): LeastRequestConfig {
  const bias = runtimeDouble(message.active_request_bias, 1);
  if (!(bias >= 0 && Number.isFinite(bias))) place.field('active_request_bias').refuse('must be 0 or more');
  const activeRequestBias = message.active_request_bias ? bias : null;
  return { type: 'least-request', choices: readChoices(place, message), fullScan, activeRequestBias };
}

/** Envoy's. */
const largestRing = 8_388_608;
const largestTable = 5_000_011;

interface RingSizes {
  readonly minimum_ring_size?: Wrapped<unknown>;
  readonly maximum_ring_size?: Wrapped<unknown>;
}

export function readRingSizes(place: Place, message: RingSizes): Pick<RingHashConfig, 'minSize' | 'maxSize'> {
  const at = place.field('minimum_ring_size');
  const minSize = uint64Within(at, message.minimum_ring_size, 1_024, 1, largestRing);
  const maxSize = uint64Within(
    place.field('maximum_ring_size'),
    message.maximum_ring_size,
    largestRing,
    0,
    largestRing,
  );
  if (minSize > maxSize) at.refuse(`${minSize} must not be more than maximum_ring_size, ${maxSize}`);
  return { minSize, maxSize };
}

export function readMaglevSize(place: Place, message: { readonly table_size?: Wrapped<unknown> }): number {
  const at = place.field('table_size');
  const size = uint64Within(at, message.table_size, 65_537, 2, largestTable);
  if (size > 1 && size <= largestTable && !isPrime(size)) at.refuse(`${size} must be a prime number`);
  return size;
}

/** Of 2 and more. */
function isPrime(number: number): boolean {
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return true;
}

export interface ConsistentHashing {
  readonly use_hostname_for_hashing?: boolean;
  readonly hash_balance_factor?: Wrapped<number>;
}

type Hashing = Pick<MaglevConfig, 'useHostname' | 'boundedLoadPercent'>;

/** Of what stands around it. */
export function readConsistentHashing(
  place: Place,
  { consistent_hashing_lb_config: said }: { readonly consistent_hashing_lb_config?: ConsistentHashing | null },
): Hashing {
  const at = place.field('consistent_hashing_lb_config');
  checkFields(at, said ?? {}, hashingFields);
  return hashingOf(at, said ?? {});
}

export function hashingOf(place: Place, message: ConsistentHashing): Hashing {
  const factor = message.hash_balance_factor;
  return {
    useHostname: message.use_hostname_for_hashing ?? false,
    boundedLoadPercent: factor ? uint32Within(place.field('hash_balance_factor'), factor, 0, 100) : 0,
  };
}
