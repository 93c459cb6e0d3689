/** Load balancing of a cluster: by its older fields, or by the first known one of `load_balancing_policy`. */
import type { Cluster } from '../../../proto/envoy.ts';
import type { BalanceConfig } from '../../model/config.ts';
import {
  leastRequestOf,
  localityPolicyOf,
  type PolicyChoice,
  plainChoice,
  readConsistentHashing,
  readMaglevSize,
  readRingSizes,
  readSlowStart,
} from './balance-parts.ts';
import { checkFields, fieldTable } from './fields.ts';
import { readPolicies } from './lb-policies.ts';
import { type Place, unsupported } from './problems.ts';
import { readSubsets, withSubsets } from './subsets.ts';
import { percent } from './values.ts';

const cluster = 'envoy.config.cluster.v3.Cluster';
const roundRobinFields = fieldTable(`${cluster}.RoundRobinLbConfig`, { carried: ['slow_start_config'] });
const leastRequestFields = fieldTable(`${cluster}.LeastRequestLbConfig`, {
  carried: ['choice_count', 'active_request_bias', 'slow_start_config'],
});
const ringFields = fieldTable(`${cluster}.RingHashLbConfig`, {
  carried: ['minimum_ring_size', 'maximum_ring_size', 'hash_function'],
});
const maglevFields = fieldTable(`${cluster}.MaglevLbConfig`, { carried: ['table_size'] });
const commonFields = fieldTable(`${cluster}.CommonLbConfig`, {
  carried: [
    ...['healthy_panic_threshold', 'zone_aware_lb_config', 'locality_weighted_lb_config'],
    ...['consistent_hashing_lb_config', 'override_host_status'],
  ],
  // how updates are batched; and new endpoints count nowhere before their first check, whatever is said
  ignored: ['update_merge_window', 'ignore_new_hosts_until_first_hc'],
});

/** What speaks of the older fields only, and must not stand beside the list. */
const notBesideList = ['zone_aware_lb_config', 'locality_weighted_lb_config', 'consistent_hashing_lb_config'] as const;

export function readBalance(place: Place, message: Cluster): BalanceConfig {
  const common = message.common_lb_config ?? {};
  const at = place.field('common_lb_config');
  checkFields(at, common, commonFields);
  const panicPercent = percent(at.field('healthy_panic_threshold'), common.healthy_panic_threshold, 50);
  const choice = message.load_balancing_policy ? readList(place, message) : readOlder(place, message);
  const failOnPanic = choice.localities.type === 'zone-aware' && choice.localities.failOnPanic;
  const boundStates = readBoundStates(at.field('override_host_status'), common.override_host_status);
  return { panicPercent, failOnPanic, boundStates, ...choice };
}

type States = BalanceConfig['boundStates'];
type StatusSet = NonNullable<Cluster['common_lb_config']>['override_host_status'];

/** What the control plane calls an endpoint, by what that makes of it here. */
const statusesOf = {
  healthy: ['UNKNOWN', 'HEALTHY'],
  degraded: ['DEGRADED'],
  draining: ['DRAINING'],
  unhealthy: ['UNHEALTHY', 'TIMEOUT'],
} as const satisfies Record<States[number], readonly string[]>;

/** Envoy's default: whoever may be picked as well. */
const wellStates: States = ['healthy', 'degraded'];

function readBoundStates(place: Place, message: StatusSet): States {
  if (!message) return wellStates;
  const said = new Set((message.statuses ?? []).map(String));
  const states = Object.keys(statusesOf) as States[number][];
  return states.filter((state) => {
    const statuses = statusesOf[state];
    const count = statuses.filter((status) => said.has(status)).length;
    if (count > 0 && count < statuses.length) place.refuse(`one of ${statuses.join(' and ')} alone is ${unsupported}`);
    return count > 0;
  });
}

function readList(place: Place, message: Cluster): PolicyChoice {
  const clash = 'must not stand beside load_balancing_policy';
  if (message.lb_subset_config) place.field('lb_subset_config').refuse(clash);
  for (const field of notBesideList) {
    if (message.common_lb_config?.[field]) place.field('common_lb_config').field(field).refuse(clash);
  }
  return readPolicies(place.field('load_balancing_policy'), message.load_balancing_policy ?? {});
}

function readOlder(place: Place, message: Cluster): PolicyChoice {
  const choice = readPolicy(place, message);
  const at = place.field('lb_subset_config');
  const subset = message.lb_subset_config;
  if (!subset?.subset_selectors?.length) return choice;
  if (subset.locality_weight_aware && !message.common_lb_config?.locality_weighted_lb_config) {
    at.field('locality_weight_aware').refuse('needs common_lb_config.locality_weighted_lb_config');
  }
  return withSubsets(choice, readSubsets(at, subset));
}

/** The settings of other policies than the one asked for say nothing. */
function readPolicy(place: Place, message: Cluster): PolicyChoice {
  const common = place.field('common_lb_config');
  const { least_request_lb_config: least, round_robin_lb_config: round } = message;
  const localities = localityPolicyOf(common, message.common_lb_config ?? {});
  const hashLocalities = localities.type === 'weighted' ? localities : plainChoice.localities;
  const policy = message.lb_policy ?? 'ROUND_ROBIN';
  switch (policy) {
    case 'ROUND_ROBIN': {
      const at = place.field('round_robin_lb_config');
      checkFields(at, round ?? {}, roundRobinFields);
      return { ...plainChoice, localities, slowStart: readSlowStart(at, round ?? {}) };
    }
    case 'LEAST_REQUEST': {
      const at = place.field('least_request_lb_config');
      checkFields(at, least ?? {}, leastRequestFields);
      const slowStart = readSlowStart(at, least ?? {});
      return { ...plainChoice, policy: leastRequestOf(at, least ?? {}, false), localities, slowStart };
    }
    case 'RANDOM':
      return { ...plainChoice, policy: { type: 'random' }, localities };
    case 'RING_HASH': {
      const at = place.field('ring_hash_lb_config');
      const ring = message.ring_hash_lb_config ?? {};
      checkFields(at, ring, ringFields);
      const known = { XX_HASH: 'xx-hash', MURMUR_HASH_2: 'murmur-hash-2' } as const;
      const said = `${ring.hash_function ?? 'XX_HASH'}` as keyof typeof known;
      if (known[said] === undefined) at.field('hash_function').refuse(`${said} is ${unsupported}`);
      const hashing = readConsistentHashing(common, message.common_lb_config ?? {});
      const hash = { function: known[said], ...readRingSizes(at, ring), ...hashing };
      return { ...plainChoice, policy: { type: 'ring-hash', ...hash }, localities: hashLocalities };
    }
    case 'MAGLEV': {
      const at = place.field('maglev_lb_config');
      checkFields(at, message.maglev_lb_config ?? {}, maglevFields);
      const tableSize = readMaglevSize(at, message.maglev_lb_config ?? {});
      const hashing = readConsistentHashing(common, message.common_lb_config ?? {});
      return { ...plainChoice, policy: { type: 'maglev', tableSize, ...hashing }, localities: hashLocalities };
    }
    case 'LOAD_BALANCING_POLICY_CONFIG':
      place.field('load_balancing_policy').refuse('must be set');
      return plainChoice;
    default:
      place.field('lb_policy').refuse(`${policy} is ${unsupported}`);
      return plainChoice;
  }
}
