/** What a HealthPolicy says of ejection, to envoy.config.cluster.v3.OutlierDetection and our own words beside it. */
import { durationOf } from '../../proto/codec.ts';
import type { Cluster } from '../../proto/envoy.ts';
import { passiveMetadata } from '../../proto/names.ts';
import type { PassiveSpec } from '../model/specs.ts';
import { structOf, uint32 } from './wire.ts';

type Detection = NonNullable<Cluster['outlier_detection']>;

const always = uint32(100);
const never = uint32(0);

/** Everything that Envoy would do by itself is said, or said to be off. */
export function outlierDetection(passive: PassiveSpec): Pick<Cluster, 'outlier_detection'> {
  return {
    outlier_detection: {
      interval: durationOf(passive.intervalMs),
      base_ejection_time: durationOf(passive.ejectForMs),
      max_ejection_time: durationOf(passive.maxEjectForMs),
      ...(passive.ejectJitterMs > 0 && { max_ejection_time_jitter: durationOf(passive.ejectJitterMs) }),
      max_ejection_percent: uint32(passive.maxEjectedPercent),
      always_eject_one_host: { value: passive.alwaysOne && passive.maxEjectedPercent > 0 },
      ...inARow(passive),
      ...statistics(passive),
    },
  };
}

function inARow({ consecutive5xx, consecutiveGateway, consecutiveLocalOrigin }: PassiveSpec): Detection {
  return {
    ...(consecutive5xx > 0 && { consecutive_5xx: uint32(consecutive5xx) }),
    enforcing_consecutive_5xx: consecutive5xx > 0 ? always : never,
    ...(consecutiveGateway > 0 && {
      consecutive_gateway_failure: uint32(consecutiveGateway),
      enforcing_consecutive_gateway_failure: always,
    }),
    ...(consecutiveLocalOrigin > 0 && {
      split_external_local_origin_errors: true,
      consecutive_local_origin_failure: uint32(consecutiveLocalOrigin),
      enforcing_consecutive_local_origin_failure: always,
    }),
  };
}

/** Where what has no answer is counted by itself, its share is judged by itself as well. */
function statistics({ successRate, failurePercentage, consecutiveLocalOrigin }: PassiveSpec): Detection {
  const split = consecutiveLocalOrigin > 0;
  return {
    enforcing_success_rate: successRate === null ? never : always,
    ...(split && { enforcing_local_origin_success_rate: successRate === null ? never : always }),
    ...(successRate !== null && {
      success_rate_minimum_hosts: uint32(successRate.minimumHosts),
      success_rate_request_volume: uint32(successRate.requestVolume),
      // Envoy counts thousandths
      success_rate_stdev_factor: uint32(Math.round(successRate.stdevFactor * 1000)),
    }),
    ...(failurePercentage !== null && {
      enforcing_failure_percentage: always,
      ...(split && { enforcing_failure_percentage_local_origin: always }),
      failure_percentage_threshold: uint32(failurePercentage.thresholdPercent),
      failure_percentage_minimum_hosts: uint32(failurePercentage.minimumHosts),
      failure_percentage_request_volume: uint32(failurePercentage.requestVolume),
    }),
  };
}

/** What stands beside it in the metadata of the cluster. */
export function passiveWords({ maxFails, latency }: PassiveSpec) {
  if (maxFails === null && latency === null) return {};
  const { atLeastMs: leastMs, ...rest } = latency ?? { atLeastMs: 0 };
  const words = { ...(maxFails !== null && { maxFails }), ...(latency !== null && { latency: { ...rest, leastMs } }) };
  return { [passiveMetadata]: structOf(words) };
}
