/** Which of several clusters gets a request or a connection. */
import type { WeightedClusterConfig } from '../model/config.ts';

/** What a number in [0, 1) falls on, by weight and in order. `to` holds at least one. */
export function chooseCluster(to: readonly WeightedClusterConfig[], random: number): WeightedClusterConfig {
  let total = 0;
  for (const { weight } of to) total += weight;
  let left = random * total;
  for (const one of to) {
    left -= one.weight;
    if (left < 0) return one;
  }
  return to[to.length - 1]!;
}
