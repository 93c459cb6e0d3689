/** How much stays in this node's own zone, and where the rest goes: Envoy's zone-aware routing. Pure. */

export interface ZoneRouting {
  /** Of 10,000 picks so many stay; the own zone is the first. */
  readonly ownShare: number;
  /** What each zone can take beyond its own nodes' requests, added up from the first on. */
  readonly residual: readonly number[];
}

/** Shares are of so many. */
const whole = 10_000;

/**
 * Every node sends as much to each endpoint if no zone's endpoints get more than their part of what all nodes have. A zone
 * with the same part of the nodes as of the endpoints keeps to itself; one with fewer endpoints sends away what is too much
 * for them, to the zones that have more than they need.
 * @param upstream healthy endpoints of each zone
 * @param local nodes of each zone; their sum is above 0
 * @param hasOwn the first zone is this node's own
 */
export function zoneRouting(upstream: readonly number[], local: readonly number[], hasOwn: boolean): ZoneRouting {
  const upstreamShares = sharesOf(upstream);
  const localShares = sharesOf(local);
  const [own = 0] = upstreamShares;
  const [needed = 0] = localShares;
  const residual: number[] = [];
  if (hasOwn && own > 0 && own >= needed) return { ownShare: whole, residual };
  let sum = 0;
  for (const [index, share] of upstreamShares.entries()) {
    if (index > 0 || !hasOwn) sum += Math.max(0, share - localShares[index]!);
    residual.push(sum);
  }
  return { ownShare: hasOwn && needed > 0 ? Math.floor((own * whole) / needed) : 0, residual };
}

function sharesOf(counts: readonly number[]): number[] {
  const sum = counts.reduce((total, count) => total + count, 0);
  return counts.map((count) => (sum === 0 ? 0 : Math.floor((count * whole) / sum)));
}

/** The zone that a number in [0, 1) falls on by residual capacity; -1: there is none. */
export function residualZone({ residual }: ZoneRouting, random: number): number {
  const sum = residual[residual.length - 1] ?? 0;
  if (sum === 0) return -1;
  const threshold = Math.floor(random * sum);
  let index = 0;
  while (threshold >= residual[index]!) index++;
  return index;
}

/** Of 10,000: true for so many of the numbers in [0, 1). */
export function staysHere({ ownShare }: ZoneRouting, random: number): boolean {
  return Math.floor(random * whole) < ownShare;
}
