/** Which of several clusters gets a request or a connection. */
import type { WeightedClusterConfig } from '../model/config.ts';

/** The cluster that a number in [0, 1) falls on, by weight and in order. `to` holds at least one. */
export function chooseCluster(to: readonly WeightedClusterConfig[], random: number): string {
  let total = 0;
  for (const { weight } of to) total += weight;
  let left = random * total;
  for (const { cluster, weight } of to) {
    left -= weight;
    if (left < 0) return cluster;
  }
  return to[to.length - 1]!.cluster;
}
