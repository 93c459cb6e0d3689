/** What did not change keeps its identity from one form of a resource to the next, so that it is not compiled anew. */
import { isDeepStrictEqual } from 'node:util';
import type { ResourceOf, RoutesResource } from './decode/resources.ts';
import type { NodeType } from './types.ts';

/** `before` itself if `now` says the same; else `now`, with the parts of `before` that say the same. */
export function keepIdentity<T extends NodeType>(type: T, before: ResourceOf[T], now: ResourceOf[T]): ResourceOf[T] {
  return keepers[type](before, now);
}

const keepers: { readonly [T in NodeType]: (before: ResourceOf[T], now: ResourceOf[T]) => ResourceOf[T] } = {
  clusters: whole,
  endpoints: whole,
  listeners: whole,
  routes: hostByHost,
  virtualHosts: whole,
  secrets: whole,
};

function whole<R>(before: R, now: R): R {
  return isDeepStrictEqual(before, now) ? before : now;
}

/** One tenant's change leaves the hosts of all others as they are. */
function hostByHost(before: RoutesResource, now: RoutesResource): RoutesResource {
  const known = new Map(before.hosts.map((host) => [host.name, host]));
  const hosts = now.hosts.map((host) => whole(known.get(host.name) ?? host, host));
  return whole(before, Object.freeze({ ...now, hosts: Object.freeze(hosts) }));
}
