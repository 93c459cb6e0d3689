import { expect, test } from 'vitest';
import type { Cluster } from '../../../proto/envoy.ts';
import { decodeCluster } from './cluster.ts';
import { edsCluster, problemsOf, refusals, seconds, taken } from './testing.ts';

const outliers = (patch: Partial<Cluster>) => taken(decodeCluster(edsCluster(patch))).config.outlierDetection;

const defaults = {
  ...{ intervalMs: 10_000, baseEjectionMs: 30_000, maxEjectionMs: 300_000, maxEjectionJitterMs: 0 },
  ...{ maxEjectionPercent: 10, alwaysEjectOne: false, healthyCheckUnejects: true },
  ...{ consecutive5xx: 5, enforcing5xxPercent: 100 },
  ...{ consecutiveGatewayFailure: 5, enforcingGatewayPercent: 0 },
  ...{ splitLocalOrigin: false, consecutiveLocalOriginFailure: 5, enforcingLocalOriginPercent: 100 },
  successRate: {
    ...{ minimumHosts: 5, requestVolume: 100, stdevFactor: 1_900 },
    ...{ enforcingPercent: 100, enforcingLocalOriginPercent: 100 },
  },
  failurePercentage: {
    ...{ threshold: 85, minimumHosts: 5, requestVolume: 50 },
    ...{ enforcingPercent: 0, enforcingLocalOriginPercent: 0 },
  },
  ...{ latency: null, maxFails: null },
};

test("outlier detection that says nothing has Envoy's defaults", () => {
  expect(outliers({ outlier_detection: {} })).toEqual(defaults);
});

test('a base over five minutes is the longest ejection, too', () => {
  expect(outliers({ outlier_detection: { base_ejection_time: seconds(400) } })?.maxEjectionMs).toBe(400_000);
});

test('outlier detection may say everything', () => {
  const outlier_detection = {
    ...{ interval: seconds(1), base_ejection_time: seconds(2), max_ejection_time: seconds(3) },
    ...{
      max_ejection_time_jitter: seconds(4),
      max_ejection_percent: { value: 5 },
      always_eject_one_host: { value: true },
    },
    ...{ successful_active_health_check_uneject_host: {}, split_external_local_origin_errors: true },
    ...{ consecutive_5xx: {}, enforcing_consecutive_5xx: { value: 6 } },
    ...{ consecutive_gateway_failure: { value: 7 }, enforcing_consecutive_gateway_failure: { value: 8 } },
    ...{ consecutive_local_origin_failure: { value: 9 }, enforcing_consecutive_local_origin_failure: { value: 10 } },
    ...{ success_rate_minimum_hosts: { value: 11 }, success_rate_request_volume: { value: 12 } },
    ...{ success_rate_stdev_factor: { value: 13 }, enforcing_success_rate: { value: 14 } },
    ...{ enforcing_local_origin_success_rate: { value: 15 }, failure_percentage_threshold: { value: 16 } },
    ...{ failure_percentage_minimum_hosts: { value: 17 }, failure_percentage_request_volume: { value: 18 } },
    ...{ enforcing_failure_percentage: { value: 19 }, enforcing_failure_percentage_local_origin: { value: 20 } },
  };
  expect(outliers({ outlier_detection })).toEqual({
    ...{ intervalMs: 1_000, baseEjectionMs: 2_000, maxEjectionMs: 3_000, maxEjectionJitterMs: 4_000 },
    ...{ maxEjectionPercent: 5, alwaysEjectOne: true, healthyCheckUnejects: false },
    ...{ consecutive5xx: 0, enforcing5xxPercent: 6 },
    ...{ consecutiveGatewayFailure: 7, enforcingGatewayPercent: 8 },
    ...{ splitLocalOrigin: true, consecutiveLocalOriginFailure: 9, enforcingLocalOriginPercent: 10 },
    successRate: {
      ...{ minimumHosts: 11, requestVolume: 12, stdevFactor: 13 },
      ...{ enforcingPercent: 14, enforcingLocalOriginPercent: 15 },
    },
    failurePercentage: {
      ...{ threshold: 16, minimumHosts: 17, requestVolume: 18 },
      ...{ enforcingPercent: 19, enforcingLocalOriginPercent: 20 },
    },
    ...{ latency: null, maxFails: null },
  });
});

type Numbers = Readonly<Record<string, number>>;

/** The cluster's metadata of ours. */
function metadata(said: Readonly<Record<string, Numbers>>): NonNullable<Cluster['metadata']> {
  const struct = (fields: object) => ({ structValue: { fields } });
  const numbers = (values: Numbers) =>
    struct(Object.fromEntries(Object.entries(values).map(([name, numberValue]) => [name, { numberValue }])));
  const fields = Object.fromEntries(Object.entries(said).map(([name, values]) => [name, numbers(values)]));
  return { filter_metadata: { 'fairlead.passive': { fields } } } as never;
}

const latency = { factor: 2.5, leastMs: 0, minimumHosts: 5, requestVolume: 100 };
const maxFails = { fails: 3, windowMs: 30_000 };

test('our own rules stand in the metadata, beside those of Envoy', () => {
  expect(outliers({ outlier_detection: {}, metadata: metadata({ latency }) })).toEqual({ ...defaults, latency });
});

const noneOfEnvoys = {
  ...{ ...defaults, consecutive5xx: 0, consecutiveGatewayFailure: 0, consecutiveLocalOriginFailure: 0 },
  successRate: { ...defaults.successRate, enforcingPercent: 0, enforcingLocalOriginPercent: 0 },
};

test('our own rules may stand alone', () => {
  expect(outliers({ metadata: metadata({ latency }) })).toEqual({ ...noneOfEnvoys, latency });
  expect(outliers({ metadata: metadata({ maxFails }) })).toEqual({ ...noneOfEnvoys, maxFails });
});

test("nginx's rule takes the place of those of Envoy, which say the nearest to it to an Envoy", () => {
  const outlier_detection = {
    ...{ split_external_local_origin_errors: true, consecutive_local_origin_failure: { value: 3 } },
    ...{ enforcing_failure_percentage: { value: 100 }, interval: seconds(1) },
  };
  expect(outliers({ outlier_detection, metadata: metadata({ maxFails, latency }) })).toEqual({
    ...{ ...noneOfEnvoys, maxFails, latency, splitLocalOrigin: true, intervalMs: 1_000 },
  });
});

const at = 'metadata.filter_metadata["fairlead.passive"]';
test.each(
  refusals<Partial<Cluster>>(
    [{ outlier_detection: { monitors: [{}] } }, ['outlier_detection.monitors: not supported by this data plane']],
    [
      { metadata: metadata({ maxFails: { fails: 0.5, windowMs: 0 }, other: {} }) },
      [
        `${at}.other: not supported by this data plane`,
        `${at}.maxFails.fails: must be a whole number of 1 or more`,
        `${at}.maxFails.windowMs: must be a whole number of 1 or more`,
      ],
    ],
    [
      { metadata: metadata({ latency: { factor: 0.9, leastMs: -1, requestVolume: 1, more: 1 } }) },
      [
        `${at}.latency.more: not supported by this data plane`,
        `${at}.latency.factor: must be a number of 1 or more`,
        `${at}.latency.leastMs: must be a whole number of 0 or more`,
        `${at}.latency.minimumHosts: must be a whole number of 2 or more`,
      ],
    ],
  ),
)('outlier detection is refused: $law', ({ patch, expected }) => {
  expect(problemsOf(decodeCluster(edsCluster(patch)))).toEqual(expected);
});
