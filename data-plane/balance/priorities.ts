/** What of the endpoints of a priority counts for its load and its panic. Pure. */
import type { PriorityHealth } from '../../proto/balance/spill.ts';
import type { Candidate } from './candidate.ts';

export function healthOf(
  candidates: readonly Pick<Candidate, 'config' | 'standing'>[],
  byWeight: boolean,
): PriorityHealth {
  const count = { healthy: 0, degraded: 0, excluded: 0, out: 0 };
  const weight = { healthy: 0, degraded: 0, excluded: 0, out: 0 };
  for (const { standing, config } of candidates) {
    count[standing]++;
    weight[standing] += config.weight;
  }
  const { healthy, degraded, out } = byWeight ? weight : count;
  return {
    hosts: candidates.length,
    excluded: count.excluded,
    healthy: count.healthy,
    degraded: count.degraded,
    capacity: { healthy, degraded, whole: healthy + degraded + out },
  };
}
