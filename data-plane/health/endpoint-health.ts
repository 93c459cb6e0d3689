/** What the outcomes of its checks make of an endpoint. Pure. */
import type { HealthCheckConfig } from '../model/config.ts';
import type { Outcome } from './probe.ts';

export interface EndpointHealth {
  /** `pending`: not checked yet, and not used. */
  readonly state: 'pending' | 'passing' | 'failing';
  /** Outcomes in a row that speak against the state. */
  readonly against: number;
}

export const unchecked: EndpointHealth = { state: 'pending', against: 0 };

/**
 * As Envoy judges: the first outcome decides at once; later a state changes after as many contrary outcomes in a row as
 * its threshold says, except that an endpoint that answers with a wrong status fails at once.
 */
export function judge(
  health: EndpointHealth,
  outcome: Outcome,
  thresholds: Pick<HealthCheckConfig, 'unhealthyThreshold' | 'healthyThreshold'>,
): EndpointHealth {
  const state = outcome === 'pass' ? 'passing' : 'failing';
  if (health.state === 'pending' || outcome === 'fail') return { state, against: 0 };
  if (health.state === state) return health.against === 0 ? health : { state, against: 0 };
  const against = health.against + 1;
  const needed = state === 'passing' ? thresholds.healthyThreshold : thresholds.unhealthyThreshold;
  return against >= needed ? { state, against: 0 } : { state: health.state, against };
}
