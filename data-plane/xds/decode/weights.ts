/** The rules that weights share. */
import type { WeightedClusterConfig } from '../../model/config.ts';
import type { Place } from './problems.ts';

/** Envoy keeps the sum in 32 bits. */
export const maxWeightSum = 4_294_967_295;

export function checkWeightSum(place: Place, to: readonly WeightedClusterConfig[]): void {
  if (to.length === 0) {
    place.refuse('names no cluster');
    return;
  }
  const sum = to.reduce((total, { weight }) => total + weight, 0);
  if (sum === 0) place.refuse('weights sum to 0');
  else if (sum > maxWeightSum) place.refuse(`weights sum to more than ${maxWeightSum}`);
}
