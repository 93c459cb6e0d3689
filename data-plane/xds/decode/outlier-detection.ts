/** envoy.config.cluster.v3.OutlierDetection, and what a cluster's metadata adds to it. */
import type { Cluster } from '../../../proto/envoy.ts';
import { passiveMetadata } from '../../../proto/names.ts';
import type { LatencyEjectionConfig, OutlierDetectionConfig } from '../../model/config.ts';
import { checkFields, fieldTable } from './fields.ts';
import { type StructMessage, structToJson } from './messages.ts';
import { type Place, unsupported } from './problems.ts';
import { bool, millis, positiveMillis, uint32, uint32Within } from './values.ts';

type OutlierDetection = NonNullable<Cluster['outlier_detection']>;

const outlierFields = fieldTable('envoy.config.cluster.v3.OutlierDetection', {
  carried: [
    ...['interval', 'base_ejection_time', 'max_ejection_time', 'max_ejection_time_jitter', 'max_ejection_percent'],
    ...['always_eject_one_host', 'successful_active_health_check_uneject_host', 'split_external_local_origin_errors'],
    ...['consecutive_5xx', 'enforcing_consecutive_5xx'],
    ...['consecutive_gateway_failure', 'enforcing_consecutive_gateway_failure'],
    ...['consecutive_local_origin_failure', 'enforcing_consecutive_local_origin_failure'],
    ...['success_rate_minimum_hosts', 'success_rate_request_volume', 'success_rate_stdev_factor'],
    ...['enforcing_success_rate', 'enforcing_local_origin_success_rate'],
    ...['failure_percentage_threshold', 'failure_percentage_minimum_hosts', 'failure_percentage_request_volume'],
    ...['enforcing_failure_percentage', 'enforcing_failure_percentage_local_origin'],
  ],
});

/** Of a cluster that is watched for our own rules only; `maxFails` takes the place of all of Envoy's. */
const nothingElse: OutlierDetection = {
  ...{ consecutive_5xx: {}, consecutive_gateway_failure: {}, consecutive_local_origin_failure: {} },
  ...{ enforcing_success_rate: {}, enforcing_local_origin_success_rate: {} },
  ...{ enforcing_failure_percentage: {}, enforcing_failure_percentage_local_origin: {} },
};

/** Null: nobody watches. */
export function readOutlierDetection(place: Place, cluster: Cluster): OutlierDetectionConfig | null {
  const own = readOwn(place, cluster.metadata);
  const said = cluster.outlier_detection;
  if (!said && own === null) return null;
  const none = { latency: null, maxFails: null };
  // what stands beside it says the same to an Envoy, as nearly as it can be told
  const rules = own?.maxFails ? { ...said, ...nothingElse } : (said ?? nothingElse);
  return { ...readRules(place.field('outlier_detection'), rules), ...(own ?? none) };
}

type Own = Pick<OutlierDetectionConfig, 'latency' | 'maxFails'>;

function readRules(place: Place, message: OutlierDetection): Omit<OutlierDetectionConfig, keyof Own> {
  checkFields(place, message, outlierFields);
  const percent = (field: PercentField, fallback: number): number =>
    uint32Within(place.field(field), message[field], fallback, 0, 100);
  return {
    intervalMs: positiveMillis(place.field('interval'), message.interval, 10_000),
    ...readEjectionTimes(place, message),
    maxEjectionPercent: percent('max_ejection_percent', 10),
    alwaysEjectOne: bool(message.always_eject_one_host, false),
    consecutive5xx: uint32(message.consecutive_5xx, 5),
    enforcing5xxPercent: percent('enforcing_consecutive_5xx', 100),
    consecutiveGatewayFailure: uint32(message.consecutive_gateway_failure, 5),
    enforcingGatewayPercent: percent('enforcing_consecutive_gateway_failure', 0),
    splitLocalOrigin: message.split_external_local_origin_errors ?? false,
    consecutiveLocalOriginFailure: uint32(message.consecutive_local_origin_failure, 5),
    enforcingLocalOriginPercent: percent('enforcing_consecutive_local_origin_failure', 100),
    successRate: {
      minimumHosts: uint32(message.success_rate_minimum_hosts, 5),
      requestVolume: uint32(message.success_rate_request_volume, 100),
      stdevFactor: uint32(message.success_rate_stdev_factor, 1_900),
      enforcingPercent: percent('enforcing_success_rate', 100),
      enforcingLocalOriginPercent: percent('enforcing_local_origin_success_rate', 100),
    },
    failurePercentage: {
      threshold: percent('failure_percentage_threshold', 85),
      minimumHosts: uint32(message.failure_percentage_minimum_hosts, 5),
      requestVolume: uint32(message.failure_percentage_request_volume, 50),
      enforcingPercent: percent('enforcing_failure_percentage', 0),
      enforcingLocalOriginPercent: percent('enforcing_failure_percentage_local_origin', 0),
    },
    healthyCheckUnejects: bool(message.successful_active_health_check_uneject_host, true),
  };
}

type PercentField =
  | Extract<keyof OutlierDetection, `enforcing_${string}` | 'max_ejection_percent'>
  | 'failure_percentage_threshold';
type EjectionTimes = Pick<OutlierDetectionConfig, 'baseEjectionMs' | 'maxEjectionMs' | 'maxEjectionJitterMs'>;

function readEjectionTimes(place: Place, message: OutlierDetection): EjectionTimes {
  const baseEjectionMs = positiveMillis(place.field('base_ejection_time'), message.base_ejection_time, 30_000);
  const at = place.field('max_ejection_time');
  const maxEjectionMs = positiveMillis(at, message.max_ejection_time, Math.max(300_000, baseEjectionMs));
  if (maxEjectionMs < baseEjectionMs) at.refuse('must not be less than base_ejection_time');
  const jitter = message.max_ejection_time_jitter;
  return {
    baseEjectionMs,
    maxEjectionMs,
    maxEjectionJitterMs: millis(place.field('max_ejection_time_jitter'), jitter, 0),
  };
}

/** `{ maxFails: { fails, windowMs }, latency: { factor, leastMs, minimumHosts, requestVolume } }`, of which one may lack. */
function readOwn(place: Place, metadata: Cluster['metadata']): Own | null {
  const said = metadata?.filter_metadata?.[passiveMetadata] as StructMessage | undefined;
  if (said === undefined) return null;
  const at = place.field('metadata').entry('filter_metadata', passiveMetadata);
  const { maxFails, latency, ...others } = structToJson(said);
  for (const name of Object.keys(others)) at.field(name).refuse(unsupported);
  return {
    maxFails: maxFails === undefined ? null : readNumbers(at.field('maxFails'), maxFails, maxFailsLeast),
    latency: latency === undefined ? null : readNumbers(at.field('latency'), latency, latencyLeast),
  };
}

/** The least that each number may be. */
const maxFailsLeast = { fails: 1, windowMs: 1 };
const latencyLeast: LatencyEjectionConfig = { factor: 1, leastMs: 0, minimumHosts: 2, requestVolume: 1 };

/** An object of just these numbers; all but factors are whole. */
function readNumbers<N extends Readonly<Record<keyof N, number>>>(place: Place, said: unknown, least: N): N {
  const numbers = (typeof said === 'object' && said !== null ? said : {}) as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(numbers)) if (!Object.hasOwn(least, name)) place.field(name).refuse(unsupported);
  for (const [name, min] of Object.entries<number>(least)) {
    const value = numbers[name];
    const whole = name !== 'factor';
    const fits = typeof value === 'number' && value >= min && value <= 4_294_967_295;
    if (!fits || (whole && !Number.isInteger(value))) {
      place.field(name).refuse(`must be a ${whole ? 'whole ' : ''}number of ${min} or more`);
    }
  }
  return Object.fromEntries(Object.keys(least).map((name) => [name, numbers[name]])) as unknown as N;
}
