/** The phases route and pick: from a request to its route, and from there to the endpoint that it will be sent to. */

import type { WeightedClusterConfig } from '../model/config.ts';
import type { RouteAnswer } from '../route/answer.ts';
import type { Session } from '../route/sticky-session.ts';
import type { CompiledRoute } from '../route/table.ts';
import type { Cluster } from '../upstream/cluster.ts';
import { chooseCluster } from '../upstream/weighted.ts';
import { admits, versionTo } from './connect.ts';
import type { Exchange } from './exchange.ts';
import { fallbackOf } from './fallback.ts';
import type { HttpContext, HttpListener, HttpShared } from './http-context.ts';
import { type LocalReply, localReplies } from './local-reply.ts';
import type { RequestTarget } from './request-target.ts';
import { isAllowed } from './upgrade.ts';

/** What a request is refused with that can't be read safely. */
export function counted(refused: LocalReply, stats: HttpListener['stats']): LocalReply {
  if (refused === localReplies.badPath) stats.rqFailedPathNormalization.value++;
  else if (refused === localReplies.badTarget) stats.rqNonRelativePath.value++;
  return refused;
}

/**
 * Notes the route in `exchange`, if there is one. A LocalReply: its path sends the client elsewhere, there is too much to
 * do for it, or its route does not allow the tunnel that it asks for.
 */
export function findRoute(
  target: RequestTarget,
  { shared, stats }: HttpListener,
  exchange: Exchange,
): LocalReply | null {
  const { context } = exchange;
  if (target.redirect) {
    return { ...localReplies.pathRedirect, headers: [['location', target.path + target.query]] };
  }
  if (shared.load.refusedShare > 0 && shared.random() < shared.load.refusedShare) {
    stats.rqOverloadClose.value++;
    return localReplies.overloaded;
  }
  // one number for all that chance decides, as in Envoy
  target.random = shared.random();
  const route = context.table.find(target) ?? null;
  exchange.route = route;
  exchange.responseChanges = route?.responseHeaders?.(target) ?? null;
  if (route === null || target.upgrade === null) return null;
  if (isAllowed(target.upgrade.type, route.config.upgrades, context.chain.upgrades)) return null;
  if (!target.upgrade.optional) return localReplies.upgradeFailed;
  target.upgrade = null;
  return null;
}

/** Notes in `exchange` how far it came. A LocalReply: no endpoint gets the request, this is its answer. */
export function pickEndpoint(
  target: RequestTarget,
  { shared, stats }: HttpListener,
  exchange: Exchange,
): LocalReply | null {
  const { route } = exchange;
  if (route === null) {
    stats.noRoute.value++;
    return localReplies.notFound;
  }
  if (route.answer !== null) return directReply(route.answer, target);
  const { ask } = exchange;
  const session = sessionOf(route, exchange.context);
  if (session !== null) ask.readSession(session, target, shared);
  const to = destinationOf(target, route, exchange, shared);
  const cluster = shared.clusters.get(to.cluster);
  if (cluster === undefined) {
    stats.noCluster.value++;
    return localReplies.clusterNotFound;
  }
  if (route.requestHeaders !== null) target.changeHeaders(route.requestHeaders(target));
  if (!rewrite(target, route)) return localReplies.uriTooLong;
  ask.subset = to.subset ?? null;
  ask.readHash(route, target, cluster);
  const answer = pickIn(cluster, exchange);
  if (answer !== localReplies.noHealthyUpstream) return answer;
  const fallback = fallbackOf(exchange, cluster, shared, 'no-healthy');
  if (fallback === null) return answer;
  exchange.fellBack = true;
  ask.leave();
  return pickIn(fallback, exchange);
}

/** As in Envoy a route may say what it likes where its chain has no filter for it. */
function sessionOf({ config, session }: CompiledRoute, { chain, session: ofChain }: HttpContext): Session | null {
  if (chain.stickySession === null) return null;
  return config.stickySession === null ? ofChain : session;
}

function pickIn(cluster: Cluster, exchange: Exchange): LocalReply | null {
  if (exchange.isGrpc && exchange.version === 'HTTP/2' && versionTo(cluster, 'HTTP/2') !== 'HTTP/2') {
    return localReplies.grpcNeedsHttp2;
  }
  const host = cluster.pick(exchange.ask);
  if (host === null) {
    cluster.stats.cxNoneHealthy.value++;
    return localReplies.noHealthyUpstream;
  }
  if (!admits(cluster, host, versionTo(cluster, exchange.version), exchange.client)) {
    exchange.cluster = cluster;
    return localReplies.overflow;
  }
  exchange.sentTo(cluster, host);
  return null;
}

/** Of several clusters the one that has the endpoint to which the client is bound, if it may get any request. */
function destinationOf(
  target: RequestTarget,
  { config: { to, clusterHeader } }: CompiledRoute,
  { ask: { bound } }: Exchange,
  { clusters }: HttpShared,
): WeightedClusterConfig {
  if (clusterHeader !== '') return { cluster: target.headerLines(clusterHeader)[0] ?? '', weight: 1 };
  if (to.length === 1) return to[0]!;
  const chosen = chooseCluster(to, target.random);
  if (bound === '' || holds(chosen, bound, clusters)) return chosen;
  return to.find((other) => other.weight > 0 && holds(other, bound, clusters)) ?? chosen;
}

function holds({ cluster, subset }: WeightedClusterConfig, key: string, clusters: HttpShared['clusters']): boolean {
  const host = clusters.get(cluster)?.hostOf(key);
  if (host === undefined) return false;
  return subset === undefined || Object.entries(subset).every(([name, value]) => host.config.labels[name] === value);
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
function directReply({ status, body, location }: RouteAnswer, target: RequestTarget): LocalReply {
  const to = location(target, target.client.scheme);
  if (to === undefined) return localReplies.uriTooLong;
  const reply = { status, flag: '', details: 'direct_response', body, close: false };
  return to === '' ? reply : { ...reply, headers: [['location', to]] };
}
