/** The arithmetic of outlier detection, as Envoy does it. Pure. */
import type { OutlierDetectionConfig } from '../model/config.ts';

/** Percent below which a success rate is an outlier's. @param rates percent, at least one */
export function successRateThreshold(
  rates: readonly number[],
  stdevFactor: number,
): { mean: number; threshold: number } {
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
  return { mean, threshold: mean - (stdevFactor / 1000) * Math.sqrt(variance) };
}

/** Whether one more of `hosts` may be ejected where `ejected` are. */
export function mayEject(
  ejected: number,
  hosts: number,
  { maxEjectionPercent, alwaysEjectOne }: Pick<OutlierDetectionConfig, 'maxEjectionPercent' | 'alwaysEjectOne'>,
): boolean {
  return (alwaysEjectOne && ejected === 0) || (100 * (ejected + 1)) / hosts <= Math.min(100, maxEjectionPercent);
}

type Times = Pick<OutlierDetectionConfig, 'baseEjectionMs' | 'maxEjectionMs'>;

/** @param multiplier ejections of late, as `nextMultiplier` counts them */
export function ejectionMs(multiplier: number, { baseEjectionMs, maxEjectionMs }: Times, jitterMs: number): number {
  return Math.min(baseEjectionMs * multiplier, maxEjectionMs) + jitterMs;
}

/** After one more ejection. */
export function nextMultiplier(multiplier: number, { baseEjectionMs, maxEjectionMs }: Times): number {
  return multiplier * baseEjectionMs < maxEjectionMs + baseEjectionMs ? multiplier + 1 : multiplier;
}

/** @param values at least one */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
