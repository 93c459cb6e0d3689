/** The phase connect: from an endpoint to what carries a request there. */
import type { Cluster } from '../upstream/cluster.ts';
import type { Host } from '../upstream/host.ts';
import type { ToldClient } from '../upstream/told-client.ts';
import type { Downstream } from './downstream.ts';
import { H1Upstream } from './h1-upstream.ts';
import { H2Request } from './h2-request.ts';
import { H2Upstream } from './h2-upstream.ts';
import type { HttpShared } from './http-context.ts';
import type { UpstreamRequest } from './upstream-request.ts';
import { WaitingRequest } from './waiting-request.ts';

export type HttpVersion = 'HTTP/1.1' | 'HTTP/2';

/** Whose request it is. */
export type Client = Pick<Downstream, 'told'>;

/** Null: connections to the cluster's endpoints serve everybody. */
function toldTo(cluster: Cluster, client: Client): ToldClient | null {
  return cluster.proxyHeaders === null ? null : client.told;
}

/** In which a request that came in `asked` goes on; all of its tries do. */
export function versionTo({ config }: Cluster, asked: Downstream['protocol']): HttpVersion {
  const { protocol } = config;
  return protocol === 'http2' || (protocol === 'same-as-client' && asked === 'HTTP/2') ? 'HTTP/2' : 'HTTP/1.1';
}

/** Whether the cluster bears one more request, at this endpoint; counted where it does not. */
export function admits(cluster: Cluster, host: Host, version: HttpVersion, client: Client): boolean {
  const { breakers } = cluster.config;
  const { rqActive, rqWaiting, rqPendingActive, rqPendingOverflow, rqActiveOverflow } = cluster.stats;
  if (rqPendingActive.total >= breakers.pending && !isReady(host, version, toldTo(cluster, client)))
    rqPendingOverflow.value++;
  else if (rqActive.total - rqWaiting.total >= breakers.requests) rqActiveOverflow.value++;
  else return true;
  return false;
}

/** A request need not wait for a connection. */
function isReady(host: Host, version: HttpVersion, told: ToldClient | null): boolean {
  return version === 'HTTP/1.1' ? host.hasIdle(told) : openTo(host, told)?.isConnected === true;
}

/** From the pool where there is one. */
export function takeConnection(
  cluster: Cluster,
  host: Host,
  shared: HttpShared,
  version: HttpVersion,
  client: Client,
): UpstreamRequest {
  // who waits has been here for longer
  const idle = version === 'HTTP/1.1' && !host.isAwaited ? host.takeIdle(toldTo(cluster, client)) : undefined;
  return (idle as H1Upstream | undefined) ?? freshConnection(cluster, host, shared, version, client);
}

/**
 * On one that has not ended unseen: HTTP/2 says goodbye to those that take no more. Where there are as many as there may
 * be, on the first one that is free: it has just served a request.
 */
export function freshConnection(
  cluster: Cluster,
  host: Host,
  shared: HttpShared,
  version: HttpVersion,
  client: Client,
): UpstreamRequest {
  const ready = host.isAwaited ? null : connectNow(cluster, host, shared, version, client);
  if (ready !== null) return ready;
  cluster.stats.cxOverflow.value++;
  // room that others have left wakes nobody: whoever comes asks for those that wait
  host.wake();
  const isHttp2 = version === 'HTTP/2';
  return new WaitingRequest(cluster, host, shared, isHttp2, () => {
    const idle = isHttp2 ? undefined : (host.takeIdle(toldTo(cluster, client)) as H1Upstream | undefined);
    return idle ?? connectNow(cluster, host, shared, version, client);
  });
}

function connectNow(
  cluster: Cluster,
  host: Host,
  shared: HttpShared,
  version: HttpVersion,
  client: Client,
): H1Upstream | H2Request | null {
  const told = toldTo(cluster, client);
  if (version === 'HTTP/1.1') {
    if (cluster.mayConnect(host)) return new H1Upstream(cluster, host, shared, told);
    const idle = host.takeIdle(told) as H1Upstream | undefined;
    if (idle === undefined) host.makeRoom();
    return idle ?? null;
  }
  const open = openTo(host, told);
  if (open !== undefined) return new H2Request(open);
  if (cluster.mayConnect(host)) return new H2Request(new H2Upstream(cluster, host, shared, told));
  host.makeRoom();
  return null;
}

function openTo(host: Host, told: ToldClient | null): H2Upstream | undefined {
  return host.findShared(told) as H2Upstream | undefined;
}
