import { expect, test } from 'vitest';
import { balancing } from './balance.ts';
import { asJson, typed } from './testing.ts';

const sessions = { override_host_status: { statuses: ['UNKNOWN', 'HEALTHY', 'DEGRADED', 'DRAINING'] } };
const panic = { healthy_panic_threshold: { value: 50 }, ...sessions };

test.each([
  [{ policy: 'round-robin' }, { common_lb_config: panic }],
  [{ policy: 'random' }, { lb_policy: 'RANDOM', common_lb_config: panic }],
  [
    { policy: 'least-request', choices: 5, bias: 0.5 },
    {
      lb_policy: 'LEAST_REQUEST',
      least_request_lb_config: {
        choice_count: 5,
        active_request_bias: { default_value: 0.5, runtime_key: 'fairlead.least_request.bias' },
      },
      common_lb_config: panic,
    },
  ],
  [
    { policy: 'ring-hash', function: 'murmur-hash-2', minSize: 8, boundedLoad: '125%' },
    {
      lb_policy: 'RING_HASH',
      ring_hash_lb_config: {
        ...{ hash_function: 'MURMUR_HASH_2', minimum_ring_size: '8', maximum_ring_size: '8388608' },
      },
      common_lb_config: { ...panic, consistent_hashing_lb_config: { hash_balance_factor: 125 } },
    },
  ],
  [
    { policy: 'maglev', tableSize: 7 },
    { lb_policy: 'MAGLEV', maglev_lb_config: { table_size: '7' }, common_lb_config: panic },
  ],
  [{ policy: 'round-robin', localities: 'zone-aware' }, { common_lb_config: { ...panic, zone_aware_lb_config: {} } }],
  [
    { policy: 'random', failClosed: true, panic: '20%' },
    {
      lb_policy: 'RANDOM',
      common_lb_config: {
        ...sessions,
        healthy_panic_threshold: { value: 20 },
        zone_aware_lb_config: { routing_enabled: {}, fail_traffic_on_panic: true },
      },
    },
  ],
  [
    { policy: 'random', localities: { a: 3 }, subsets: [['version', 'stage']] },
    {
      lb_policy: 'RANDOM',
      common_lb_config: { ...panic, locality_weighted_lb_config: {} },
      lb_subset_config: {
        fallback_policy: 'ANY_ENDPOINT',
        subset_selectors: [{ keys: ['stage', 'version'], fallback_policy: 'NO_FALLBACK' }],
        locality_weight_aware: true,
      },
    },
  ],
])("%j in Envoy's words", (balance, words) => {
  const { '@type': _, ...json } = asJson('clusters', balancing(typed('Cluster', 'orders', { balance }).spec));
  expect(json).toEqual(words);
});

const slowStart = { window: '30s', aggression: 1.5, minWeight: '25%' };
const slowly = {
  slow_start_config: {
    slow_start_window: '30s',
    aggression: { default_value: 1.5, runtime_key: 'fairlead.slow_start.aggression' },
    min_weight_percent: { value: 25 },
  },
};
/** A message that Envoys do not know. */
const asStruct = (words: object) => ({
  '@type': 'type.googleapis.com/xds.type.v3.TypedStruct',
  ...{ type_url: ours, value: words },
});
const ours = 'type.googleapis.com/fairlead.load_balancing_policies.utilization.v1.Utilization';
const theirs = 'type.googleapis.com/envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest';

type Policies = { policies: { typed_extension_config: { typed_config: object } }[] };

const extensionsFor = (spec: Readonly<Record<string, unknown>>) => {
  const json = asJson('clusters', balancing(typed('Cluster', 'orders', spec).spec));
  expect(json['common_lb_config']).toEqual(panic);
  expect(json).not.toHaveProperty('lb_policy');
  return configsOf(json['load_balancing_policy'] as Policies);
};
const configsOf = ({ policies }: Policies) => policies.map((one) => one.typed_extension_config.typed_config);

test('utilization stands before what plain Envoys take in its place', () => {
  const words = { choice_count: 3, locality_lb_config: {} };
  expect(extensionsFor({ balance: { policy: 'utilization', choices: 3 } })).toEqual([
    asStruct(words),
    { '@type': theirs, ...words },
  ]);
  const zones = { locality_lb_config: { locality_weighted_lb_config: {} } };
  const all = extensionsFor({ balance: { policy: 'utilization', localities: { a: 1 } }, slowStart });
  expect(all).toMatchObject([asStruct({ ...zones, ...slowly }), { '@type': theirs, ...zones, ...slowly }]);
});

test('a full scan is an extension, and so are subsets around it', () => {
  const scan = { '@type': theirs, selection_method: 'FULL_SCAN', locality_lb_config: {} };
  expect(extensionsFor({ balance: { fullScan: true } })).toEqual([scan]);
  const [subset] = extensionsFor({ balance: { fullScan: true, subsets: [['version']] } });
  expect(subset).toMatchObject({
    fallback_policy: 'ANY_ENDPOINT',
    subset_selectors: [{ keys: ['version'], fallback_policy: 'NO_FALLBACK' }],
  });
  expect(configsOf((subset as { subset_lb_policy: Policies }).subset_lb_policy)).toEqual([scan]);
});

test.each(['round-robin', 'least-request'])('%s gives new endpoints their share little by little', (policy) => {
  const cluster = typed('Cluster', 'orders', { balance: { policy }, slowStart });
  const json = asJson('clusters', balancing(cluster.spec));
  expect(json[`${policy.replace('-', '_')}_lb_config`]).toMatchObject(slowly);
});
