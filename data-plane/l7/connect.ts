/** The phase connect: from an endpoint to what carries a request there. */
import type { Cluster } from '../upstream/cluster.ts';
import type { Host } from '../upstream/host.ts';
import { H1Upstream } from './h1-upstream.ts';
import { H2Request } from './h2-request.ts';
import { H2Upstream } from './h2-upstream.ts';
import type { HttpShared } from './http-context.ts';
import type { UpstreamRequest } from './upstream-request.ts';

export type HttpVersion = 'HTTP/1.1' | 'HTTP/2';

/** In which a request that came in `asked` goes on; all of its tries do. */
export function versionTo({ config }: Cluster, asked: HttpVersion): HttpVersion {
  if (config.protocol === 'same-as-client') return asked;
  return config.protocol === 'http2' ? 'HTTP/2' : 'HTTP/1.1';
}

/** From the pool where there is one. */
export function takeConnection(
  cluster: Cluster,
  host: Host,
  shared: HttpShared,
  version: HttpVersion,
): UpstreamRequest {
  const idle = version === 'HTTP/1.1' ? host.takeIdle() : undefined;
  return (idle as H1Upstream | undefined) ?? freshConnection(cluster, host, shared, version);
}

/** On one that has not ended unseen: HTTP/2 says goodbye to those that take no more. */
export function freshConnection(
  cluster: Cluster,
  host: Host,
  shared: HttpShared,
  version: HttpVersion,
): UpstreamRequest {
  if (version === 'HTTP/1.1') return new H1Upstream(cluster, host, shared);
  const open = host.findShared() as H2Upstream | undefined;
  return new H2Request(open ?? new H2Upstream(cluster, host, shared));
}
