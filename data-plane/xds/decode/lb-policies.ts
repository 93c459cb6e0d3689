/** envoy.config.cluster.v3.LoadBalancingPolicy: a list of policies, of which the first known one counts. */
import { decode, messageNameOf, packAny } from '../../../proto/codec.ts';
import type { Cluster, MessageTypes } from '../../../proto/envoy.ts';
import { fromJson } from '../../../proto/from-json.ts';
import type { PolicyConfig, RingHashConfig } from '../../model/config.ts';
import {
  hashingOf,
  leastRequestOf,
  localityPolicyOf,
  type PolicyChoice,
  plainChoice,
  readChoices,
  readConsistentHashing,
  readMaglevSize,
  readRingSizes,
  readSlowStart,
} from './balance-parts.ts';
import { checkFields, type FieldTable, fieldTable } from './fields.ts';
import { anyName, type StructMessage, structToJson, unpackAny } from './messages.ts';
import { type Place, unsupported } from './problems.ts';
import { readSubsets, withSubsets } from './subsets.ts';
import { bool, positiveMillis, uint32Within } from './values.ts';

type Policies = NonNullable<Cluster['load_balancing_policy']>;

const policies = 'envoy.extensions.load_balancing_policies';
const names = {
  roundRobin: `${policies}.round_robin.v3.RoundRobin`,
  random: `${policies}.random.v3.Random`,
  leastRequest: `${policies}.least_request.v3.LeastRequest`,
  ringHash: `${policies}.ring_hash.v3.RingHash`,
  maglev: `${policies}.maglev.v3.Maglev`,
  subset: `${policies}.subset.v3.Subset`,
  wrrLocality: `${policies}.wrr_locality.v3.WrrLocality`,
  utilization: 'fairlead.load_balancing_policies.utilization.v1.Utilization',
} as const;

const ordered = ['slow_start_config', 'locality_lb_config'];
const hashed = ['consistent_hashing_lb_config', 'locality_weighted_lb_config'];
const localityFields = fieldTable(`${policies}.common.v3.LocalityLbConfig`, {
  carried: ['zone_aware_lb_config', 'locality_weighted_lb_config'],
});
const roundRobinFields = fieldTable(names.roundRobin, { carried: ordered });
const randomFields = fieldTable(names.random, { carried: ['locality_lb_config'] });
const leastRequestFields = fieldTable(names.leastRequest, {
  carried: [...ordered, 'choice_count', 'active_request_bias', 'enable_full_scan', 'selection_method'],
});
const ringFields = fieldTable(names.ringHash, {
  carried: [
    ...[...hashed, 'hash_function', 'minimum_ring_size', 'maximum_ring_size', 'use_hostname_for_hashing'],
    'hash_balance_factor',
  ],
});
const maglevFields = fieldTable(names.maglev, { carried: [...hashed, 'table_size'] });
const wrrLocalityFields = fieldTable(names.wrrLocality, { carried: ['endpoint_picking_policy'] });
const utilizationFields = fieldTable(names.utilization, {
  carried: [...ordered, 'choice_count', 'report_expiry', 'probation', 'probation_requests'],
});

/** Envoy takes the first policy that it knows; so servers may put newer ones before a fallback. */
export function readPolicies(place: Place, { policies: list = [] }: Policies): PolicyChoice {
  for (const [index, policy] of list.entries()) {
    const at = place.item('policies', index).field('typed_extension_config').field('typed_config');
    const any = policy.typed_extension_config?.typed_config;
    const name = policyName(any);
    const read = readers[name];
    if (read !== undefined) return read(at, anyName(any) === name ? any : fromStruct(at, name as Known, any));
  }
  const said = list.map((policy) => policyName(policy.typed_extension_config?.typed_config) || 'none');
  place.field('policies').refuse(`no policy of ${said.join(', ') || 'an empty list'} is supported by this data plane`);
  return plainChoice;
}

const structName = 'xds.type.v3.TypedStruct';
type Known = (typeof names)[keyof typeof names];

/** Servers say what receivers may not know as JSON (gRPC's A52), since an Envoy cannot show a message that it does not know. */
function policyName(any: unknown): string {
  const name = anyName(any);
  if (name !== structName) return name;
  try {
    return messageNameOf(unpacked(any).type_url ?? '');
  } catch {
    return name;
  }
}

function unpacked(any: unknown): MessageTypes[typeof structName] {
  return decode(structName, (any as { value?: Uint8Array }).value ?? new Uint8Array());
}

/** The same message in its own form; an empty one after reporting a problem. */
function fromStruct(place: Place, name: Known, any: unknown): unknown {
  try {
    return packAny(name, fromJson(name, structToJson((unpacked(any).value ?? {}) as StructMessage)));
  } catch (error) {
    place.field('value').refuse(error instanceof Error ? error.message : String(error));
    return packAny(name, {});
  }
}

/** By the name of the message. */
const readers: Readonly<Record<string, (place: Place, any: unknown) => PolicyChoice>> = {
  [names.roundRobin]: reader(names.roundRobin, roundRobinFields, (place, message) =>
    orderedChoice(place, message, { type: 'round-robin' }),
  ),
  [names.random]: reader(names.random, randomFields, (place, message) =>
    orderedChoice(place, message, { type: 'random' }),
  ),
  [names.leastRequest]: reader(names.leastRequest, leastRequestFields, (place, message) => {
    const method = message.selection_method ?? 'N_CHOICES';
    const known = method === 'N_CHOICES' || method === 'FULL_SCAN';
    if (!known) place.field('selection_method').refuse(`${method} is ${unsupported}`);
    const fullScan = method === 'FULL_SCAN' || bool(message.enable_full_scan, false);
    return orderedChoice(place, message, leastRequestOf(place, message, fullScan));
  }),
  [names.ringHash]: reader(names.ringHash, ringFields, (place, message) => {
    const hash = `${message.hash_function ?? 'DEFAULT_HASH'}`;
    const known = hashFunctions[hash];
    if (known === undefined) place.field('hash_function').refuse(`${hash} is ${unsupported}`);
    const hashing = message.consistent_hashing_lb_config
      ? readConsistentHashing(place, message)
      : hashingOf(place, message);
    const sizes = readRingSizes(place, message);
    return hashedChoice(message, { type: 'ring-hash', function: known ?? 'xx-hash', ...sizes, ...hashing });
  }),
  [names.maglev]: reader(names.maglev, maglevFields, (place, message) =>
    hashedChoice(message, {
      type: 'maglev',
      tableSize: readMaglevSize(place, message),
      ...readConsistentHashing(place, message),
    }),
  ),
  [names.utilization]: reader(names.utilization, utilizationFields, (place, message) =>
    orderedChoice(place, message, {
      type: 'utilization',
      choices: readChoices(place, message),
      reportExpiryMs: positiveMillis(place.field('report_expiry'), message.report_expiry, 10_000),
      probationMs: positiveMillis(place.field('probation'), message.probation, 10_000),
      probationRequests: uint32Within(place.field('probation_requests'), message.probation_requests, 1, 1),
    }),
  ),
  [names.subset]: (place, any) => {
    const message = unpackAny(place, names.subset, any);
    if (message === null) return plainChoice;
    const subsets = readSubsets(place, message);
    const at = place.field('subset_lb_policy');
    const inner = readPolicies(at, message.subset_lb_policy ?? {});
    if (inner.subsets !== null) at.refuse(`subsets within subsets are ${unsupported}`);
    return withSubsets(inner, subsets);
  },
  [names.wrrLocality]: reader(names.wrrLocality, wrrLocalityFields, (place, message) => {
    const at = place.field('endpoint_picking_policy');
    const inner = readPolicies(at, message.endpoint_picking_policy ?? {});
    if (inner.localities.type !== 'none') at.refuse('must not speak of localities itself');
    return { ...inner, localities: { type: 'weighted' } };
  }),
};

const hashFunctions: Readonly<Record<string, RingHashConfig['function']>> = {
  DEFAULT_HASH: 'xx-hash',
  XX_HASH: 'xx-hash',
  MURMUR_HASH_2: 'murmur-hash-2',
};

function reader<N extends (typeof names)[keyof typeof names]>(
  name: N,
  fields: FieldTable,
  read: (place: Place, message: MessageTypes[N]) => PolicyChoice,
): (place: Place, any: unknown) => PolicyChoice {
  return (place, any) => {
    const message = unpackAny(place, name, any);
    if (message === null) return plainChoice;
    checkFields(place, message, fields);
    return read(place, message);
  };
}

type Ordered = MessageTypes[typeof names.roundRobin];

function orderedChoice(place: Place, message: Ordered, policy: PolicyConfig): PolicyChoice {
  const at = place.field('locality_lb_config');
  checkFields(at, message.locality_lb_config ?? {}, localityFields);
  const localities = localityPolicyOf(at, message.locality_lb_config ?? {});
  return { policy, localities, slowStart: readSlowStart(place, message), subsets: null };
}

function hashedChoice(
  message: { readonly locality_weighted_lb_config?: object | null },
  policy: PolicyConfig,
): PolicyChoice {
  return { ...plainChoice, policy, localities: { type: message.locality_weighted_lb_config ? 'weighted' : 'none' } };
}
