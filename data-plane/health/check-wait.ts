/** How long an endpoint waits for its next check. Pure. */
import type { HealthCheckConfig } from '../model/config.ts';

export interface WaitFacts {
  /** The cluster has had traffic, once. */
  readonly hasTraffic: boolean;
  /** 0 ≤ x < 1 */
  readonly random: () => number;
}

type Waits = Pick<HealthCheckConfig, 'intervalMs' | 'noTrafficIntervalMs' | 'jitterPercent' | 'jitterMs'>;

/** After an outcome. */
export function waitMs(config: Waits, { hasTraffic, random }: WaitFacts): number {
  const { intervalMs, noTrafficIntervalMs, jitterPercent, jitterMs } = config;
  const baseMs = hasTraffic ? intervalMs : (noTrafficIntervalMs ?? intervalMs);
  return baseMs + ((baseMs * jitterPercent) / 100) * random() + jitterMs * random();
}
