import { expect, test } from 'vitest';
import { outlierDetection, passiveWords } from './outlier-detection.ts';
import { asJson, typed } from './testing.ts';

const wordsFor = (passive: object) => {
  const { spec } = typed('HealthPolicy', 'probes', { passive });
  if (spec.passive === null) throw new Error('off');
  const words = passiveWords(spec.passive);
  const metadata = Object.keys(words).length > 0 && { metadata: { filter_metadata: words } };
  const { '@type': _, ...json } = asJson('clusters', { ...outlierDetection(spec.passive), ...metadata });
  return json;
};

test('what Envoy would do by itself and nobody asked for is off', () => {
  expect(wordsFor({ consecutive5xx: 0, maxEjected: '0%' })).toEqual({
    outlier_detection: {
      ...{ interval: '10s', base_ejection_time: '30s', max_ejection_time: '300s', max_ejection_percent: 0 },
      ...{ always_eject_one_host: false, enforcing_consecutive_5xx: 0, enforcing_success_rate: 0 },
    },
  });
});

test('failures in a row, and statistics, are said with their thresholds', () => {
  const passive = {
    ...{ consecutiveGateway: 3, ejectJitter: '1s', successRate: { stdevFactor: 1.5 } },
    failurePercentage: { threshold: '40%', minimumHosts: 2, requestVolume: 10 },
  };
  const words = {
    ...{ consecutive_5xx: 5, enforcing_consecutive_5xx: 100, max_ejection_time_jitter: '1s' },
    ...{ consecutive_gateway_failure: 3, enforcing_consecutive_gateway_failure: 100 },
    ...{ enforcing_success_rate: 100, success_rate_minimum_hosts: 5, success_rate_request_volume: 100 },
    ...{ success_rate_stdev_factor: 1500, enforcing_failure_percentage: 100, failure_percentage_threshold: 40 },
    ...{ failure_percentage_minimum_hosts: 2, failure_percentage_request_volume: 10 },
  };
  const said = wordsFor(passive);
  expect(said).toMatchObject({ outlier_detection: words });
  expect(said['outlier_detection']).not.toHaveProperty('split_external_local_origin_errors');
  // what has no answer is judged by itself where it is counted by itself
  expect(wordsFor({ ...passive, consecutiveLocalOrigin: 4 })).toMatchObject({
    outlier_detection: {
      ...words,
      ...{ split_external_local_origin_errors: true, consecutive_local_origin_failure: 4 },
      ...{ enforcing_consecutive_local_origin_failure: 100, enforcing_local_origin_success_rate: 100 },
      enforcing_failure_percentage_local_origin: 100,
    },
  });
});

test('what Envoy has no words for is metadata of ours', () => {
  const metadata = (words: object) => ({ filter_metadata: { 'fairlead.passive': words } });
  expect(wordsFor({ latency: { factor: 2.5, atLeast: '20ms' } })['metadata']).toEqual(
    metadata({ latency: { factor: 2.5, leastMs: 20, minimumHosts: 5, requestVolume: 100 } }),
  );
  const nginx = wordsFor({ maxFails: 3, failTimeout: '30s' });
  expect(nginx['metadata']).toEqual(metadata({ maxFails: { fails: 3, windowMs: 30_000 } }));
  expect(nginx['outlier_detection']).toMatchObject({
    ...{ consecutive_local_origin_failure: 3, enforcing_consecutive_5xx: 0, max_ejection_percent: 100 },
    ...{ base_ejection_time: '30s', max_ejection_time: '30s', interval: '1s' },
  });
});
