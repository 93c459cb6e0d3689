/** The state of an endpoint, in one word, from all that is known of it. Pure. */
import type { EndpointState } from '../../proto/endpoint-state.ts';
import type { EndpointConfig } from '../model/config.ts';

export interface EndpointFacts {
  /** As the control plane says. */
  readonly told: EndpointConfig['health'];
  /** What active checks say; `passing` where none are made. */
  readonly checked: 'pending' | 'passing' | 'degraded' | 'failing';
  /** By outlier detection. */
  readonly ejected: boolean;
  readonly onProbation: boolean;
  readonly inSlowStart: boolean;
}

/** Why it is so, where the state does not say it all. `found`: what active checks met last, or why it was ejected. */
export function stateReason(state: EndpointState, told: EndpointFacts['told'], found: string): string {
  switch (state) {
    case 'draining':
      return byControlPlane;
    case 'unhealthy':
      return told === 'unhealthy' ? byControlPlane : `health check: ${found}`;
    case 'joining':
      return 'not checked yet';
    case 'degraded':
      return told === 'degraded' ? byControlPlane : 'health check: it calls itself degraded';
    case 'ejected':
      return `outlier detection: ${found}`;
    default:
      return '';
  }
}

const byControlPlane = 'the control plane says so';

export function endpointState({ told, checked, ejected, onProbation, inSlowStart }: EndpointFacts): EndpointState {
  if (told === 'draining') return 'draining';
  if (told === 'unhealthy' || checked === 'failing') return 'unhealthy';
  if (checked === 'pending') return 'joining';
  if (ejected) return 'ejected';
  if (told === 'degraded' || checked === 'degraded') return 'degraded';
  if (onProbation) return 'probation';
  return inSlowStart ? 'slow-start' : 'healthy';
}
