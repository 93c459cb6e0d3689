/** The order in which the endpoints of a cluster are picked. Pure: no sockets, no health; a pick allocates nothing. */
import type { PolicyConfig } from '../model/config.ts';
import { EdfQueue } from './edf.ts';

export interface Balancer {
  /** Index into the endpoints given; -1 if there are none. */
  pick(): number;
}

/**
 * @param weights of the endpoints that may be picked, 1 or more each
 * @param active requests (TCP: connections) under way at an endpoint
 * @param random 0 ≤ x < 1
 */
export function createBalancer(
  config: PolicyConfig,
  weights: readonly number[],
  active: (index: number) => number,
  random: () => number,
): Balancer {
  const count = weights.length;
  if (count === 0) return { pick: () => -1 };
  if (count === 1) return { pick: () => 0 };
  const weighted = weights.some((weight) => weight !== weights[0]);
  if (config.type !== 'least-request') {
    return weighted
      ? startAnywhere(new EdfQueue(count, (index) => weights[index]!), count, random)
      : roundRobin(count, random);
  }
  if (!weighted) return leastOfSamples(count, config.choices, active, random);
  const bias = config.activeRequestBias ?? 1;
  const share = (index: number): number => {
    const load = active(index) + 1;
    return weights[index]! / (bias === 1 ? load : load ** bias);
  };
  return startAnywhere(new EdfQueue(count, share), count, random);
}

/** A start that differs from proxy to proxy keeps a fleet that was configured at once from picking in step. */
function startAnywhere(queue: EdfQueue, count: number, random: () => number): EdfQueue {
  for (let skipped = Math.floor(random() * count); skipped > 0; skipped--) queue.pick();
  return queue;
}

function roundRobin(count: number, random: () => number): Balancer {
  let next = Math.floor(random() * count);
  return {
    pick: () => {
      const picked = next;
      next = picked + 1 === count ? 0 : picked + 1;
      return picked;
    },
  };
}

/** The least loaded of a few endpoints sampled with replacement; of equals the first sampled. */
function leastOfSamples(
  count: number,
  choices: number,
  active: (index: number) => number,
  random: () => number,
): Balancer {
  return {
    pick: () => {
      let best = Math.floor(random() * count);
      let least = active(best);
      for (let sample = 1; sample < choices; sample++) {
        const other = Math.floor(random() * count);
        const load = active(other);
        if (load < least) {
          best = other;
          least = load;
        }
      }
      return best;
    },
  };
}
