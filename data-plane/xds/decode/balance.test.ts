import { expect, test } from 'vitest';
import type { Cluster, MessageName, MessageTypes } from '../../../proto/envoy.ts';
import { balanceOf } from '../../testing.ts';
import { decodeCluster } from './cluster.ts';
import { any, edsCluster, problemsOf, refusals, seconds, taken } from './testing.ts';

const policies = 'envoy.extensions.load_balancing_policies';
const leastRequest = `${policies}.least_request.v3.LeastRequest` as const;
const roundRobin = `${policies}.round_robin.v3.RoundRobin` as const;
const random = `${policies}.random.v3.Random` as const;
const ringHash = `${policies}.ring_hash.v3.RingHash` as const;
const maglev = `${policies}.maglev.v3.Maglev` as const;
const subset = `${policies}.subset.v3.Subset` as const;
const wrrLocality = `${policies}.wrr_locality.v3.WrrLocality` as const;
const utilization = 'fairlead.load_balancing_policies.utilization.v1.Utilization';
const struct = 'xds.type.v3.TypedStruct';
const unknownPolicy = { name: 'newer', typed_config: { type_url: 'type.googleapis.com/x.Newer', value: Buffer.of() } };

const balance = (patch: Partial<Cluster>) => taken(decodeCluster(edsCluster(patch))).config.balance;

function policy<N extends MessageName>(name: N, message: MessageTypes[N]) {
  return { typed_extension_config: { name: 'p', typed_config: any(name, message) } };
}

const only = <N extends MessageName>(name: N, message: MessageTypes[N]): Partial<Cluster> => ({
  load_balancing_policy: { policies: [policy(name, message)] },
});

/** Our own, as those say it who write for Envoys too. */
const asJson = (fields: Readonly<Record<string, object>>) =>
  policy(struct, { type_url: `type.googleapis.com/${utilization}`, value: { fields } } as never);

const plainLeast = { type: 'least-request', choices: 2, fullScan: false, activeRequestBias: null } as const;
const plainRing = { type: 'ring-hash', function: 'xx-hash', minSize: 1_024, maxSize: 8_388_608 } as const;
const plainHash = { useHostname: false, boundedLoadPercent: 0 };
const zoneAware = { type: 'zone-aware', routingPercent: 100, minEndpoints: 6, failOnPanic: false } as const;
const slow = { slow_start_window: seconds(60), aggression: { default_value: 0.5, runtime_key: 'x' } };
const slowStart = { windowMs: 60_000, aggression: 0.5, minWeightPercent: 10 };
const sizes = { minimum_ring_size: { value: 10 }, maximum_ring_size: { value: 20 } };
const bounded = { use_hostname_for_hashing: true, hash_balance_factor: { value: 150 } };
const boundedHash = { useHostname: true, boundedLoadPercent: 150 };

test.each<[string, Partial<Cluster>, Parameters<typeof balanceOf>]>([
  ['round robin', { lb_policy: 'ROUND_ROBIN' }, [{ type: 'round-robin' }]],
  ['random', { lb_policy: 'RANDOM' }, [{ type: 'random' }]],
  ['choice of two', { lb_policy: 'LEAST_REQUEST' }, [plainLeast]],
  [
    'choice of five with a bias',
    {
      lb_policy: 'LEAST_REQUEST',
      least_request_lb_config: {
        ...{ choice_count: { value: 5 }, active_request_bias: { default_value: 0.5 }, slow_start_config: slow },
      },
    },
    [{ ...plainLeast, choices: 5, activeRequestBias: 0.5 }, { slowStart }],
  ],
  ['slow start', { round_robin_lb_config: { slow_start_config: slow } }, [{ type: 'round-robin' }, { slowStart }]],
  [
    'slow start without a window is none, and one for another policy says nothing',
    { round_robin_lb_config: { slow_start_config: {} } },
    [{ type: 'round-robin' }],
  ],
  ['a ring', { lb_policy: 'RING_HASH' }, [{ ...plainRing, ...plainHash }]],
  [
    'a ring that says everything',
    {
      lb_policy: 'RING_HASH',
      ring_hash_lb_config: { ...sizes, hash_function: 'MURMUR_HASH_2' },
      common_lb_config: { consistent_hashing_lb_config: bounded, locality_weighted_lb_config: {} },
    },
    [
      { type: 'ring-hash', function: 'murmur-hash-2', minSize: 10, maxSize: 20, ...boundedHash },
      { localities: { type: 'weighted' } },
    ],
  ],
  ['Maglev', { lb_policy: 'MAGLEV' }, [{ type: 'maglev', tableSize: 65_537, ...plainHash }]],
  [
    'Maglev with another table; rings and tables know no zones',
    {
      lb_policy: 'MAGLEV',
      maglev_lb_config: { table_size: { value: 5_000_011 } },
      common_lb_config: { zone_aware_lb_config: {}, consistent_hashing_lb_config: bounded },
    },
    [{ type: 'maglev', tableSize: 5_000_011, ...boundedHash }],
  ],
  [
    'zones, and no panic',
    { common_lb_config: { zone_aware_lb_config: {}, healthy_panic_threshold: {} } },
    [{ type: 'round-robin' }, { panicPercent: 0, localities: zoneAware }],
  ],
  [
    'zones that fail on panic',
    {
      common_lb_config: {
        zone_aware_lb_config: {
          ...{ routing_enabled: { value: 50 }, min_cluster_size: { value: 3 }, fail_traffic_on_panic: true },
        },
      },
    },
    [
      { type: 'round-robin' },
      { failOnPanic: true, localities: { ...zoneAware, routingPercent: 50, minEndpoints: 3, failOnPanic: true } },
    ],
  ],
  [
    'weighted localities',
    { common_lb_config: { locality_weighted_lb_config: {} } },
    [{ type: 'round-robin' }, { localities: { type: 'weighted' } }],
  ],
  [
    'subsets: labels sorted, each list once; localities are not weighted within them',
    {
      lb_subset_config: {
        fallback_policy: 'DEFAULT_SUBSET',
        default_subset: { fields: { version: { stringValue: 'v1' } } } as never,
        subset_selectors: [
          { keys: ['version', 'canary', 'version'], fallback_policy: 'ANY_ENDPOINT' },
          { keys: ['canary', 'version'], fallback_policy: 'ANY_ENDPOINT' },
          { keys: ['stage'] },
        ],
      },
      common_lb_config: { locality_weighted_lb_config: {} },
    },
    [
      { type: 'round-robin' },
      {
        subsets: {
          fallback: 'default',
          defaultSubset: { version: 'v1' },
          selectors: [
            { keys: ['canary', 'version'], fallback: 'any' },
            { keys: ['stage'], fallback: null },
          ],
        },
      },
    ],
  ],
  ['subsets without selectors are none', { lb_subset_config: {} }, [{ type: 'round-robin' }]],
  [
    'the first known policy of a list',
    {
      load_balancing_policy: {
        policies: [
          { typed_extension_config: unknownPolicy },
          policy(leastRequest, { choice_count: { value: 3 }, slow_start_config: slow }),
          policy(roundRobin, {}),
        ],
      },
      lb_policy: 'MAGLEV',
      common_lb_config: { healthy_panic_threshold: { value: 30 } },
    },
    [
      { ...plainLeast, choices: 3 },
      { slowStart, panicPercent: 30 },
    ],
  ],
  ['a full scan', only(leastRequest, { selection_method: 'FULL_SCAN' }), [{ ...plainLeast, fullScan: true }]],
  [
    'a full scan, as it was said before',
    only(leastRequest, { enable_full_scan: { value: true } }),
    [{ ...plainLeast, fullScan: true }],
  ],
  [
    'round robin by zones',
    only(roundRobin, { locality_lb_config: { zone_aware_lb_config: {} }, slow_start_config: slow }),
    [{ type: 'round-robin' }, { localities: zoneAware, slowStart }],
  ],
  [
    'random by weights of localities',
    only(random, { locality_lb_config: { locality_weighted_lb_config: {} } }),
    [{ type: 'random' }, { localities: { type: 'weighted' } }],
  ],
  ['a ring of a list', only(ringHash, {}), [{ ...plainRing, ...plainHash }]],
  [
    'a ring of a list, bounded as it was said before',
    only(ringHash, { ...sizes, ...bounded, hash_function: 'MURMUR_HASH_2', locality_weighted_lb_config: {} }),
    [
      { type: 'ring-hash', function: 'murmur-hash-2', minSize: 10, maxSize: 20, ...boundedHash },
      { localities: { type: 'weighted' } },
    ],
  ],
  [
    'a ring of a list, bounded',
    only(ringHash, { hash_function: 'XX_HASH', consistent_hashing_lb_config: bounded }),
    [{ ...plainRing, ...boundedHash }],
  ],
  [
    'Maglev of a list',
    only(maglev, { table_size: { value: 7 }, consistent_hashing_lb_config: bounded }),
    [{ type: 'maglev', tableSize: 7, ...boundedHash }],
  ],
  [
    'subsets of a list, localities weighted within them',
    only(subset, {
      subset_selectors: [{ keys: ['version'], fallback_policy: 'NO_FALLBACK' }],
      ...{ fallback_policy: 'ANY_ENDPOINT', locality_weight_aware: true },
      subset_lb_policy: { policies: [policy(maglev, { locality_weighted_lb_config: {} })] },
    }),
    [
      { type: 'maglev', tableSize: 65_537, ...plainHash },
      {
        localities: { type: 'weighted' },
        subsets: { fallback: 'any', defaultSubset: {}, selectors: [{ keys: ['version'], fallback: 'none' }] },
      },
    ],
  ],
  [
    'weights of localities around a policy',
    only(wrrLocality, {
      endpoint_picking_policy: { policies: [{ typed_extension_config: unknownPolicy }, policy(roundRobin, {})] },
    }),
    [{ type: 'round-robin' }, { localities: { type: 'weighted' } }],
  ],
  [
    'clients that stay with whoever drains',
    { common_lb_config: { override_host_status: { statuses: ['DRAINING', 'HEALTHY', 'UNKNOWN', 'DEGRADED'] } } },
    [{ type: 'round-robin' }, { boundStates: ['healthy', 'degraded', 'draining'] }],
  ],
  [
    'clients that stay with nobody',
    { common_lb_config: { override_host_status: {} } },
    [{ type: 'round-robin' }, { boundStates: [] }],
  ],
  [
    'our own, before one that others know',
    { load_balancing_policy: { policies: [policy(utilization, {}), policy(leastRequest, {})] } },
    [{ type: 'utilization', choices: 2, reportExpiryMs: 10_000, probationMs: 10_000, probationRequests: 1 }],
  ],
  [
    'our own, saying everything',
    only(utilization, {
      ...{ choice_count: { value: 3 }, report_expiry: seconds(5), probation: seconds(20) },
      ...{ probation_requests: { value: 2 }, slow_start_config: slow },
      locality_lb_config: { zone_aware_lb_config: {} },
    }),
    [
      { type: 'utilization', choices: 3, reportExpiryMs: 5_000, probationMs: 20_000, probationRequests: 2 },
      { slowStart, localities: zoneAware },
    ],
  ],
  [
    'our own as JSON, behind one that nobody knows',
    {
      load_balancing_policy: {
        policies: [
          policy(struct, { type_url: 'type.googleapis.com/x.Newer', value: {} }),
          asJson({ choice_count: { numberValue: 3 }, report_expiry: { stringValue: '5s' } }),
        ],
      },
    },
    [{ type: 'utilization', choices: 3, reportExpiryMs: 5_000, probationMs: 10_000, probationRequests: 1 }],
  ],
])('balancing: %s', (_law, patch, expected) => {
  expect(balance(patch)).toEqual(balanceOf(...expected));
});

const unsupported = 'not supported by this data plane';
const at = 'load_balancing_policy.policies[0].typed_extension_config.typed_config';
test.each(
  refusals<Partial<Cluster>>(
    [
      { lb_policy: 'LEAST_REQUEST', least_request_lb_config: { choice_count: { value: 129 } } },
      ['least_request_lb_config.choice_count: must be between 2 and 128'],
    ],
    [
      { lb_policy: 'LEAST_REQUEST', least_request_lb_config: { active_request_bias: { default_value: -1 } } },
      ['least_request_lb_config.active_request_bias: must be 0 or more'],
    ],
    [
      { round_robin_lb_config: { slow_start_config: { aggression: { default_value: 0 } } } },
      ['round_robin_lb_config.slow_start_config.aggression: must be more than 0'],
    ],
    [
      { common_lb_config: { override_host_status: { statuses: ['HEALTHY', 'DRAINING'] } } },
      [`common_lb_config.override_host_status: one of UNKNOWN and HEALTHY alone is ${unsupported}`],
    ],
    [{ lb_policy: 'CLUSTER_PROVIDED' }, [`lb_policy: CLUSTER_PROVIDED is ${unsupported}`]],
    [
      { common_lb_config: { ignore_new_hosts_until_first_hc: true, close_connections_on_host_set_change: true } },
      [`common_lb_config.close_connections_on_host_set_change: ${unsupported}`],
    ],
    [
      {
        lb_subset_config: {
          ...{ panic_mode_any: true, list_as_any: true, scale_locality_weight: true },
          metadata_fallback_policy: 'FALLBACK_LIST',
          default_subset: { fields: { a: { numberValue: 1 } } } as never,
          subset_selectors: [
            { keys: [] },
            { keys: ['a'], single_host_per_subset: true },
            { keys: ['a'], fallback_policy: 'NO_FALLBACK' },
            { keys: ['b'], fallback_policy: 'KEYS_SUBSET', fallback_keys_subset: ['a'] },
          ],
        },
      },
      [
        ...['scale_locality_weight', 'panic_mode_any', 'list_as_any', 'metadata_fallback_policy'].map(
          (field) => `lb_subset_config.${field}: ${unsupported}`,
        ),
        'lb_subset_config.subset_selectors[0].keys: must name a label',
        `lb_subset_config.subset_selectors[1].single_host_per_subset: ${unsupported}`,
        'lb_subset_config.subset_selectors[2]: has the keys of another one, which falls back differently',
        `lb_subset_config.subset_selectors[3].fallback_keys_subset: ${unsupported}`,
        `lb_subset_config.subset_selectors[3].fallback_policy: KEYS_SUBSET is ${unsupported}`,
        `lb_subset_config.default_subset.a: anything but a text is ${unsupported}`,
      ],
    ],
    [
      { load_balancing_policy: { policies: [{ typed_extension_config: unknownPolicy }] } },
      ['load_balancing_policy.policies: no policy of x.Newer is supported by this data plane'],
    ],
    [only(leastRequest, { choice_count: { value: 1 } }), [`${at}.choice_count: must be between 2 and 128`]],
    [
      only(subset, {
        allow_redundant_keys: true,
        subset_lb_policy: { policies: [policy(subset, { subset_lb_policy: { policies: [policy(random, {})] } })] },
      }),
      [
        `${at}.allow_redundant_keys: ${unsupported}`,
        `${at}.subset_lb_policy: subsets within subsets are ${unsupported}`,
      ],
    ],
    [
      only(wrrLocality, {
        endpoint_picking_policy: {
          policies: [policy(random, { locality_lb_config: { locality_weighted_lb_config: {} } })],
        },
      }),
      [`${at}.endpoint_picking_policy: must not speak of localities itself`],
    ],
    [
      { load_balancing_policy: { policies: [asJson({ choices: { numberValue: 3 } })] } },
      [`${at}.value: choices: is unknown`],
    ],
    [
      only(utilization, { report_expiry: seconds(0), probation: seconds(0), probation_requests: {} }),
      [
        `${at}.report_expiry: must be more than 0`,
        `${at}.probation: must be more than 0`,
        `${at}.probation_requests: must be between 1 and 4294967295`,
      ],
    ],
  ),
)('balancing is refused: $law', ({ patch, expected }) => {
  expect(problemsOf(decodeCluster(edsCluster(patch)))).toEqual(expected);
});
