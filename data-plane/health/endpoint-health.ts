/** What the outcomes of its checks make of an endpoint. Pure. */
import type { HealthCheckConfig } from '../model/config.ts';
import { isPass, type Outcome } from './outcome.ts';

export interface EndpointHealth {
  /** `pending`: not checked yet, and not used. `degraded`: passes, and says that it would rather not be used. */
  readonly state: 'pending' | 'passing' | 'degraded' | 'failing';
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
  const state = stateOf(outcome);
  if (health.state === 'pending' || outcome.type === 'failed') return { state, against: 0 };
  if ((health.state === 'failing') === (state === 'failing')) {
    return health.state === state && health.against === 0 ? health : { state, against: 0 };
  }
  const against = health.against + 1;
  const needed = state === 'failing' ? thresholds.unhealthyThreshold : thresholds.healthyThreshold;
  return against >= needed ? { state, against: 0 } : { state: health.state, against };
}

function stateOf(outcome: Outcome): EndpointHealth['state'] {
  if (!isPass(outcome)) return 'failing';
  return outcome.type === 'degraded' ? 'degraded' : 'passing';
}
