/** Which endpoints may be picked, by their health: the healthy ones, unless too few are left. */
import type { EndpointConfig } from '../model/config.ts';

export interface Eligible {
  /** Ascending. */
  readonly indexes: readonly number[];
  /** So few are well that health is disregarded. */
  readonly panic: boolean;
}

/** A cluster takes its whole load as long as 1 of 1.4 endpoints is well (Envoy's overprovisioning factor). */
const overprovisioningPercent = 140;

/**
 * Panic is as in Envoy for one priority: considered only when the cluster has lost more than its overprovisioning, and then
 * all endpoints are used, the unhealthy and the draining too. Otherwise the healthy ones; if there are none, the degraded.
 * @param panicPercent 0: never
 */
export function eligibleEndpoints(health: readonly EndpointConfig['health'][], panicPercent: number): Eligible {
  const total = health.length;
  const healthy = indexesOf(health, 'healthy');
  const degraded = indexesOf(health, 'degraded');
  const capacity = capacityPercent(healthy.length, total) + capacityPercent(degraded.length, total);
  const wellPercent = (100 * (healthy.length + degraded.length)) / total;
  if (total > 0 && capacity < 100 && wellPercent < Math.min(100, panicPercent)) {
    return { indexes: health.map((_, index) => index), panic: true };
  }
  return { indexes: healthy.length > 0 ? healthy : degraded, panic: false };
}

function capacityPercent(well: number, total: number): number {
  return total === 0 ? 0 : Math.min(100, Math.floor((overprovisioningPercent * well) / total));
}

function indexesOf(health: readonly EndpointConfig['health'][], wanted: EndpointConfig['health']): number[] {
  const indexes: number[] = [];
  health.forEach((one, index) => {
    if (one === wanted) indexes.push(index);
  });
  return indexes;
}
