import { expect, test } from 'vitest';
import { encode, packAny, toJson } from './codec.ts';
import { fromJson } from './from-json.ts';

const name = 'fairlead.load_balancing_policies.utilization.v1.Utilization';
const value = (value: number) => ({ value });
const message = {
  choice_count: value(3),
  report_expiry: { seconds: 2, nanos: 500_000_000 },
  probation: { seconds: 10 },
  slow_start_config: {
    slow_start_window: { seconds: 30 },
    aggression: { default_value: 1.5, runtime_key: 'a' },
    min_weight_percent: value(12.5),
  },
  locality_lb_config: {
    zone_aware_lb_config: { routing_enabled: value(50), min_cluster_size: value(6), fail_traffic_on_panic: true },
  },
};

test('what was written as JSON is read as the same message', () => {
  const { '@type': _, ...json } = toJson(packAny(name, message));
  expect(encode(name, fromJson(name, json))).toEqual(encode(name, message));
});

test('words and lists are read', () => {
  const type = 'envoy.extensions.load_balancing_policies.subset.v3.Subset';
  const subset = { fallback_policy: 'ANY_ENDPOINT', subset_selectors: [{ keys: ['a', 'b'] }] } as const;
  expect(fromJson(type, subset)).toEqual(subset);
});

test.each([
  [5, ': is no object'],
  [{ choices: 3 }, 'choices: is unknown'],
  [{ choice_count: '3a' }, 'choice_count: is no number'],
  [{ report_expiry: '2' }, 'report_expiry: is no duration'],
  [{ slow_start_config: [] }, 'slow_start_config: is no object'],
  [{ slow_start_config: { aggression: { runtime_key: 1 } } }, 'slow_start_config.aggression.runtime_key: is no string'],
  [
    { locality_lb_config: { zone_aware_lb_config: { constructor: 1 } } },
    'zone_aware_lb_config.constructor: is unknown',
  ],
])('%j is refused: %s', (json, words) => {
  expect(() => fromJson(name, json)).toThrow(words);
});

test('a wrong word, and what is no list, are refused', () => {
  const type = 'envoy.extensions.load_balancing_policies.subset.v3.Subset';
  expect(() => fromJson(type, { fallback_policy: 'ALL' })).toThrow('fallback_policy: is no word of');
  expect(() => fromJson(type, { subset_selectors: {} })).toThrow('subset_selectors: is no list');
});
