/** The phases route, pick and connect: from a request to the connection that will carry it. */

import type { RouteAnswer } from '../route/answer.ts';
import type { CompiledRoute } from '../route/table.ts';
import { chooseCluster } from '../upstream/weighted.ts';
import type { Exchange } from './exchange.ts';
import { H1Upstream } from './h1-upstream.ts';
import type { HttpListener } from './http-context.ts';
import { type LocalReply, localReplies } from './local-reply.ts';
import type { RequestTarget } from './request-target.ts';

/** Notes in `exchange` how far it came; a LocalReply says why no endpoint gets the request. */
export function routeRequest(
  target: RequestTarget,
  { context, shared, stats, scheme }: HttpListener,
  exchange: Exchange,
): H1Upstream | LocalReply {
  // one number for all that chance decides, as in Envoy
  target.random = shared.random();
  const route = context.table.find(target);
  if (route === undefined) {
    stats.noRoute.value++;
    return localReplies.notFound;
  }
  exchange.route = route;
  exchange.responseChanges = route.responseHeaders?.(target) ?? null;
  if (route.answer !== null) return directReply(route.answer, target, scheme, exchange.responseChanges?.lines ?? '');
  const { to } = route.config;
  const name = to.length === 1 ? to[0]!.cluster : chooseCluster(to, target.random);
  const cluster = shared.clusters.get(name);
  if (cluster === undefined) {
    stats.noCluster.value++;
    return localReplies.clusterNotFound;
  }
  const host = cluster.pick();
  if (host === null) {
    cluster.stats.cxNoneHealthy.value++;
    return localReplies.noHealthyUpstream;
  }
  if (route.requestHeaders !== null) target.changeHeaders(route.requestHeaders(target));
  if (!rewrite(target, route)) return localReplies.uriTooLong;
  exchange.sentTo(cluster, host);
  return (host.takeIdle() as H1Upstream | undefined) ?? new H1Upstream(cluster, host, shared);
}

/** False: the path is more work than one path is worth. */
function rewrite(target: RequestTarget, { config, rewritePath }: CompiledRoute): boolean {
  if (config.rewrite === null) return true;
  const { host, forwardHost } = config.rewrite;
  if (host !== '') target.rewriteAuthority(host, forwardHost);
  if (rewritePath === null) return true;
  const path = rewritePath(target.path);
  if (path === undefined) return false;
  // whatever a regular expression has left of it, a path begins with a slash
  target.rewritePath(path.startsWith('/') ? path : `/${path}`);
  return true;
}

/** What the route answers without a cluster. */
function directReply(
  { status, body, location }: RouteAnswer,
  target: RequestTarget,
  scheme: HttpListener['scheme'],
  more: string,
): LocalReply {
  const to = location(target, scheme);
  if (to === undefined) return localReplies.uriTooLong;
  const lines = to === '' ? more : `location: ${to}\r\n${more}`;
  return { status, flag: '', details: 'direct_response', body, close: false, lines };
}
