import { expect, test } from 'vitest';
import { balancing } from './balance.ts';
import { asJson, typed } from './testing.ts';

const sessions = { override_host_status: { statuses: ['UNKNOWN', 'HEALTHY', 'DEGRADED', 'DRAINING'] } };
const panic = { healthy_panic_threshold: { value: 50 }, ...sessions };

test.each([
  [{ policy: 'round-robin' }, { common_lb_config: panic }],
  [{ policy: 'random' }, { lb_policy: 'RANDOM', common_lb_config: panic }],
  [
    { policy: 'least-request', choices: 5 },
    { lb_policy: 'LEAST_REQUEST', least_request_lb_config: { choice_count: 5 }, common_lb_config: panic },
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

test('utilization stands before what plain Envoys take in its place', () => {
  const cluster = typed('Cluster', 'orders', { balance: { policy: 'utilization', choices: 3 } });
  const { load_balancing_policy: policy } = asJson('clusters', balancing(cluster.spec));
  const configs = (policy as { policies: { typed_extension_config: { typed_config: object } }[] }).policies.map(
    (one) => one.typed_extension_config.typed_config,
  );
  expect(configs).toEqual([
    { '@type': 'type.googleapis.com/fairlead.load_balancing_policies.utilization.v1.Utilization', choice_count: 3 },
    {
      '@type': 'type.googleapis.com/envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest',
      choice_count: 3,
    },
  ]);
});

test.each(['round-robin', 'least-request'])('%s gives new endpoints their share little by little', (policy) => {
  const slowStart = { window: '30s', aggression: 1.5, minWeight: '25%' };
  const cluster = typed('Cluster', 'orders', { balance: { policy }, slowStart });
  const json = asJson('clusters', balancing(cluster.spec));
  expect(json[`${policy.replace('-', '_')}_lb_config`]).toMatchObject({
    slow_start_config: {
      slow_start_window: '30s',
      aggression: { default_value: 1.5, runtime_key: 'fairlead.slow_start.aggression' },
      min_weight_percent: { value: 25 },
    },
  });
});
