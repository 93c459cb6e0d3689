/** How long an endpoint waits for its next check. Pure. */
import type { HealthCheckConfig } from '../model/config.ts';
import type { EndpointHealth } from './endpoint-health.ts';

export interface WaitFacts {
  /** After the last outcome. */
  readonly health: EndpointHealth;
  /** The cluster has had traffic, once. */
  readonly hasTraffic: boolean;
  /** 0 ≤ x < 1 */
  readonly random: () => number;
}

type Waits = Pick<HealthCheckConfig, 'intervalMs' | 'intervals' | 'noTrafficIntervalMs' | 'jitterPercent' | 'jitterMs'>;

/** After an outcome. */
export function waitMs(config: Waits, { health, hasTraffic, random }: WaitFacts): number {
  const { noTrafficIntervalMs, jitterPercent, jitterMs } = config;
  const baseMs = hasTraffic || noTrafficIntervalMs === null ? intervalMsOf(config, health) : noTrafficIntervalMs;
  return baseMs + ((baseMs * jitterPercent) / 100) * random() + jitterMs * random();
}

function intervalMsOf({ intervalMs, intervals }: Waits, { state, against }: EndpointHealth): number {
  if (intervals === undefined) return intervalMs;
  if (state === 'failing') return against > 0 ? intervals.healthyEdgeMs : intervals.unhealthyMs;
  return against > 0 ? intervals.unhealthyEdgeMs : intervalMs;
}

/** Whether a wait that is under way would be another one now, whatever chance says. */
export function waitsChanged(before: Waits, after: Waits): boolean {
  return JSON.stringify(intervalsOf(before)) !== JSON.stringify(intervalsOf(after));
}

function intervalsOf({ intervalMs, noTrafficIntervalMs, intervals }: Waits) {
  return [
    intervalMs,
    noTrafficIntervalMs,
    intervals?.unhealthyMs,
    intervals?.unhealthyEdgeMs,
    intervals?.healthyEdgeMs,
  ];
}
