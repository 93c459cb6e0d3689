/** What outlier detection of a cluster does, in Envoy's names; it is done once a node. */
import type { Counter, Gauge, StatsScope } from './registry.ts';

const types = {
  CONSECUTIVE_5XX: ['consecutive_5xx', 'answers of 5xx in a row'],
  CONSECUTIVE_GATEWAY_FAILURE: ['consecutive_gateway_failure', 'gateway failures in a row'],
  CONSECUTIVE_LOCAL_ORIGIN_FAILURE: ['consecutive_local_origin_failure', 'failures of this side in a row'],
  SUCCESS_RATE: ['success_rate', 'a success rate far below that of others'],
  SUCCESS_RATE_LOCAL_ORIGIN: ['local_origin_success_rate', 'a success rate of this side far below that of others'],
  FAILURE_PERCENTAGE: ['failure_percentage', 'too large a share of failures'],
  FAILURE_PERCENTAGE_LOCAL_ORIGIN: ['local_origin_failure_percentage', 'too large a share of failures of this side'],
  MAX_FAILS: ['max_fails', "so many failures as nginx's max_fails allows"],
  LATENCY: ['latency', 'answers much slower than those of others'],
} as const;

export interface OutlierStats {
  readonly active: Gauge;
  readonly enforcedTotal: Counter;
  readonly overflow: Counter;
  readonly detected: Readonly<Record<keyof typeof types, Counter>>;
  readonly enforced: Readonly<Record<keyof typeof types, Counter>>;
}

/** @param scope of the cluster */
export function outlierStats(scope: StatsScope): OutlierStats {
  const counter = (stat: string, help: string): Counter =>
    scope.nodeCounter(`outlier_detection.ejections_${stat}`, help);
  const byType = (prefix: string, what: string) =>
    Object.fromEntries(
      Object.entries(types).map(([type, [stat, why]]) => [type, counter(`${prefix}_${stat}`, `${what} ${why}`)]),
    ) as Record<keyof typeof types, Counter>;
  return {
    active: scope.nodeGauge('outlier_detection.ejections_active', 'Endpoints that are ejected'),
    enforcedTotal: counter('enforced_total', 'Ejections'),
    overflow: counter('overflow', 'Ejections that the maximum percentage did not allow'),
    detected: byType('detected', 'Endpoints found, ejected or not, for'),
    enforced: byType('enforced', 'Ejections for'),
  };
}
