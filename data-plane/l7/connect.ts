/** The phase connect: from an endpoint to what carries a request there. */
import type { Cluster } from '../upstream/cluster.ts';
import type { Host } from '../upstream/host.ts';
import { H1Upstream } from './h1-upstream.ts';
import type { HttpShared } from './http-context.ts';
import type { UpstreamRequest } from './upstream-request.ts';

/** From the pool where there is one. */
export function takeConnection(cluster: Cluster, host: Host, shared: HttpShared): UpstreamRequest {
  return (host.takeIdle() as H1Upstream | undefined) ?? freshConnection(cluster, host, shared);
}

export function freshConnection(cluster: Cluster, host: Host, shared: HttpShared): UpstreamRequest {
  return new H1Upstream(cluster, host, shared);
}
