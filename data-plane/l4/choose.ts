/** The endpoint that a connection tries next. */
import type { Cluster } from '../upstream/cluster.ts';
import type { Host } from '../upstream/host.ts';

/** Picks that may land on endpoints already tried before they are gone through one by one. */
const maxPicks = 4;

/** The endpoint for the next attempt; `null` where none is left. */
export function chooseHost(cluster: Cluster, tried: readonly Host[]): Host | null {
  for (let pick = 0; pick < maxPicks; pick++) {
    const host = cluster.pick(null);
    if (host === null || !tried.includes(host)) return host;
  }
  // A balancer that looks at load likes the one that just failed, as it has none.
  return cluster.hosts.find((host) => !tried.includes(host) && host.standing === 'healthy') ?? null;
}
