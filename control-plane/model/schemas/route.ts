import { limits } from '../limits.ts';
import type { Reference, RouteSpec } from '../specs.ts';
import type { WrittenReference } from '../units.ts';
import { duration, host, names } from './common.ts';
import { about, type Field, type FieldFault, fields, itself, listOf, listOfNames, report, whole } from './fields.ts';
import { retrySchema } from './retry.ts';
import { affinitySchema } from './route-affinity.ts';
import { redirectSchema, respondSchema } from './route-answers.ts';
import { fallbackFault, fallbackSchema, type WrittenFallback } from './route-fallback.ts';
import { filtersSchema, noFilters } from './route-filters.ts';
import { headersSchema, noHeaderChanges } from './route-headers.ts';
import { matchSchema } from './route-match.ts';
import { rewriteSchema } from './route-rewrite.ts';
import { targetSchema, type WrittenDestination } from './route-to.ts';
import { connectFault, upgradesSchema } from './upgrades.ts';

/** A route whose references do not name their owner yet. */
export type WrittenRoute = Omit<RouteSpec, 'to' | 'fallback'> & {
  readonly to: readonly WrittenDestination[];
  readonly fallback: WrittenFallback | null;
};

const later = {
  hedge: '',
  mirror: '',
};

/** What a tenant may write; the platform may also say `*` and `priority`. */
export function routeSchema(owner: 'tenant' | 'platform'): Field<WrittenRoute> {
  const priority = whole(0, 2 ** 31 - 1).superRefine((_, ctx) => {
    if (owner === 'platform') return;
    report(ctx, { detail: 'Only a route of the platform has a `priority`.', remedy: 'Take it out.' });
  });
  return fields(
    {
      listeners: about(names().optional(), 'The listeners it attaches to.', 'which RouteConfiguration carries it', {
        'x-default': 'every one that is open to the tenant',
      }),
      hosts: about(
        listOf(host(owner === 'platform'), {
          least: 1,
          most: limits.hostsPerRoute,
          unique: { what: 'The host', key: itself },
        }),
        'Exact, `*.suffix`, or (platform only) `prefix.*` and `*`; compared without port and letter case.',
        'VirtualHost.domains',
      ),
      match: about(matchSchema.prefault({}), 'Which requests for these hosts.', 'RouteMatch'),
      to: about(
        targetSchema(owner).optional(),
        'Where they go: one cluster, or several by weight. Exactly one of `to`, `redirect` and `respond` is written.',
        'RouteAction.cluster, RouteAction.weighted_clusters or RouteAction.cluster_header',
      ),
      redirect: about(redirectSchema.optional(), 'Sends the client elsewhere.', 'Route.redirect'),
      respond: about(respondSchema.optional(), 'Answers by itself.', 'Route.direct_response'),
      affinity: about(
        affinitySchema.optional(),
        'Which requests go to the same endpoint.',
        'RouteAction.hash_policy and the filter envoy.filters.http.stateful_session',
        { 'x-default': 'none' },
      ),
      rewrite: about(
        rewriteSchema.optional(),
        'Changes host and path on the way to the cluster.',
        'RouteAction.host_rewrite_literal, prefix_rewrite, regex_rewrite',
      ),
      headers: about(
        headersSchema.optional(),
        'Changes headers: removed, then set, then added. Values may hold variables, `%REQ(x-user)%`; `%%` is a percent sign; an empty value is not added.',
        'Route.request_headers_to_add and the like',
      ),
      timeout: about(
        duration().optional(),
        'Until the whole answer is there; `0s`: no end, which exceeds every cap. To grpc clusters the deadline of the client counts, up to this.',
        'RouteAction.timeout',
        { 'x-default': "the tenant's `defaults.timeout`, else 15s; none to grpc clusters, or the tenant's cap" },
      ),
      streamIdleTimeout: about(
        duration().optional(),
        'How long nothing may move on a request; `0s`: for ever.',
        'RouteAction.idle_timeout',
        { 'x-default': '5m' },
      ),
      retry: about(retrySchema.prefault({}), 'When a request is sent again.', 'RouteAction.retry_policy'),
      fallback: about(
        fallbackSchema.optional(),
        'Sends a request to another cluster, once, instead of answering it with an error: one that has come to its end, of 32 KiB at most, before anything of its answer went out. That cluster gets the request as the first one did; its answer, whatever it is, is the answer.',
        'nothing of its own: a node that is an Envoy passes the error on',
        { 'x-default': 'none' },
      ),
      upgrades: about(
        upgradesSchema().optional(),
        'The tunnels that its requests may open: `websocket`, another protocol that requests name in `Upgrade`, or `connect`, which makes it a route for CONNECT requests alone. Such a request has the `timeout` until it is answered; an open tunnel has the `streamIdleTimeout` alone.',
        'RouteAction.upgrade_configs; RouteMatch.connect_matcher for `connect`',
        { 'x-default': 'none' },
      ),
      filters: about(
        filtersSchema.optional(),
        'What else happens to the requests on their way; each off unless written.',
        'Route.typed_per_filter_config',
      ),
      priority: about(
        priority.optional(),
        'Platform only: before all routes with a lower one or none.',
        'the order of VirtualHost.routes',
        { 'x-default': 'none' },
      ),
    },
    { notYet: later, check: actionFault },
  ).transform((written) => ({
    listeners: written.listeners ?? null,
    hosts: written.hosts,
    match: written.match,
    to: written.to?.to ?? [],
    clusterHeader: written.to?.clusterHeader ?? null,
    redirect: written.redirect ?? null,
    respond: written.respond ?? null,
    affinity: written.affinity ?? null,
    rewrite: written.rewrite ?? null,
    headers: written.headers ?? noHeaderChanges,
    timeoutMs: written.timeout ?? null,
    streamIdleTimeoutMs: written.streamIdleTimeout ?? null,
    retry: written.retry,
    fallback: written.fallback ?? null,
    upgrades: written.upgrades ?? [],
    filters: written.filters ?? noFilters,
    priority: written.priority ?? null,
  }));
}

/** A route says one thing to do, and what goes with its match. */
function actionFault(route: Readonly<Record<string, unknown>>): FieldFault | undefined {
  const written = (['to', 'redirect', 'respond'] as const).filter((action) => route[action] !== undefined);
  const [, second] = written;
  if (second !== undefined) {
    const detail = `A route says one of \`to\`, \`redirect\` and \`respond\`; here are ${listOfNames(written, 'and')}.`;
    return { field: second, detail, remedy: 'Keep one of them.' };
  }
  if (written.length === 0) {
    const detail = '`to` is missing: nothing says where these requests go.';
    return { field: 'to', code: 'missing-field', detail, remedy: 'Write `to`, `redirect` or `respond`.' };
  }
  if (route['rewrite'] !== undefined && route['to'] === undefined) {
    const detail = 'Nothing is sent on here, so nothing can be rewritten.';
    return { field: 'rewrite', detail, remedy: 'Take `rewrite` out; a `redirect` has `host`, `path` and `prefix`.' };
  }
  if (route['affinity'] !== undefined && route['to'] === undefined) {
    const detail = 'Nothing is sent on here, so there is no endpoint to stay with.';
    return { field: 'affinity', detail, remedy: 'Take `affinity` out.' };
  }
  const request = (route['headers'] as { request?: unknown } | undefined)?.request;
  if (request !== undefined && request !== noHeaderChanges.request && route['to'] === undefined) {
    const detail = 'Nothing is sent on here, so no request can be changed.';
    return { field: 'headers', detail, remedy: 'Take `headers.request` out.' };
  }
  return (
    fallbackFault(route) ??
    connectFault(route) ??
    fractionOfOne(route) ??
    prefixFault(route, 'redirect') ??
    prefixFault(route, 'rewrite')
  );
}

/** Only a prefix of the path, or a whole plain one, can be replaced by another. */
function prefixFault(route: Readonly<Record<string, unknown>>, field: 'redirect' | 'rewrite'): FieldFault | undefined {
  const action = route[field] as { prefix?: string | null } | undefined;
  const type = (route['match'] as { path?: { type?: string } } | undefined)?.path?.type;
  if ((action?.prefix ?? null) === null || (type !== 'regex' && type !== 'template')) return undefined;
  const detail = `\`${field}.prefix\` stands for a prefix of the path, and this route matches by ${type}.`;
  return { field, detail, remedy: `Write \`${field === 'rewrite' ? 'regex' : 'path'}\`, or match by \`prefix\`.` };
}

/** One random number serves a whole request, so a fraction and weights would not be independent. */
function fractionOfOne({ match, to }: Readonly<Record<string, unknown>>): FieldFault | undefined {
  const fraction = (match as { fractionPercent?: number | null } | null | undefined)?.fractionPercent ?? null;
  const destinations = (to as { to?: unknown } | undefined)?.to ?? to;
  if (fraction === null || !Array.isArray(destinations) || destinations.length < 2) return undefined;
  const detail = '`match.fraction` and several clusters would share one random number.';
  return { field: 'to', detail, remedy: 'Name one cluster, or leave `match.fraction` out.' };
}

export function ownRoute(route: WrittenRoute, own: (written: WrittenReference) => Reference): RouteSpec {
  const { fallback } = route;
  return {
    ...route,
    to: route.to.map(({ cluster, ...rest }) => ({ ...rest, cluster: own(cluster) })),
    fallback: fallback && { ...fallback, cluster: own(fallback.cluster) },
  };
}
