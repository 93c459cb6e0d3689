/** The endpoint that a connection tries next. */
import type { Hash64 } from '../../proto/hashing/hash64.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Host } from '../upstream/host.ts';
import type { PickAsk } from '../upstream/pick-ask.ts';

/** Picks that may land on endpoints already tried before they are gone through one by one. */
const maxPicks = 4;

const nobody: readonly Host[] = [];

/** Written over for each pick. */
const ask: { -readonly [Key in keyof PickAsk]: PickAsk[Key] } = {
  hash: null,
  subset: null,
  bound: '',
  boundOnly: false,
  tried: nobody,
  hostSelections: maxPicks - 1,
};

/** Elsewhere there is no use for the hash of a connection. */
export function goesByHashes({ config }: Cluster): boolean {
  const { type } = config.balance.policy;
  return type === 'maglev' || type === 'ring-hash';
}

/** The endpoint for the next attempt; `null` where none is left. @param hash what hashing clusters go by; null: chance */
export function chooseHost(cluster: Cluster, tried: readonly Host[], hash: Hash64 | null): Host | null {
  if (hash !== null) {
    const host = pickHashed(cluster, tried, hash);
    if (host === null || !tried.includes(host)) return host;
  } else {
    for (let pick = 0; pick < maxPicks; pick++) {
      const host = cluster.pick(null);
      if (host === null || !tried.includes(host)) return host;
    }
  }
  // A balancer that looks at load likes the one that just failed, as it has none.
  return cluster.hosts.find((host) => !tried.includes(host) && host.standing === 'healthy') ?? null;
}

function pickHashed(cluster: Cluster, tried: readonly Host[], hash: Hash64): Host | null {
  ask.hash = hash;
  ask.tried = tried;
  const host = cluster.pick(ask);
  ask.hash = null;
  ask.tried = nobody;
  return host;
}
