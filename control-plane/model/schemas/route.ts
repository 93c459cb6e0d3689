import { limits } from '../limits.ts';
import type { Reference, RouteSpec } from '../specs.ts';
import type { WrittenReference } from '../units.ts';
import { destinations, duration, host, names } from './common.ts';
import { about, type Field, type FieldFault, fields, itself, listOf, report, whole } from './fields.ts';
import { matchSchema } from './route-match.ts';

export type WrittenDestination = { readonly cluster: WrittenReference; readonly weight: number };
/** A route whose references do not name their owner yet. */
export type WrittenRoute = Omit<RouteSpec, 'to'> & { readonly to: readonly WrittenDestination[] };

const later = {
  redirect: 'to',
  respond: 'to',
  streamIdleTimeout: '',
  retry: '',
  hedge: '',
  mirror: '',
  fallback: '',
  affinity: '',
  rewrite: '',
  headers: '',
  upgrades: '',
  filters: '',
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
        'Exact, `*.suffix`, or `*` (platform only); compared without port and letter case.',
        'VirtualHost.domains',
      ),
      match: about(matchSchema.prefault({}), 'Which requests for these hosts.', 'RouteMatch'),
      to: about(
        destinations('WeightedCluster.clusters', ['subset', 'clusterHeader']),
        'Where they go: one cluster, or several by weight.',
        'RouteAction.cluster or RouteAction.weighted_clusters',
      ),
      timeout: about(
        duration().optional(),
        'Until the whole answer is there; `0s`: no end, which exceeds every cap.',
        'RouteAction.timeout',
        { 'x-default': "the tenant's `defaults.timeout`, else 15s" },
      ),
      priority: about(
        priority.optional(),
        'Platform only: before all routes with a lower one or none.',
        'the order of VirtualHost.routes',
        { 'x-default': 'none' },
      ),
    },
    { notYet: later, check: fractionOfOne },
  ).transform(({ listeners, hosts, match, to, timeout, priority }) => ({
    listeners: listeners ?? null,
    hosts,
    match,
    to,
    timeoutMs: timeout ?? null,
    priority: priority ?? null,
  }));
}

/** One random number serves a whole request, so a fraction and weights would not be independent. */
function fractionOfOne({ match, to }: Readonly<Record<string, unknown>>): FieldFault | undefined {
  const fraction = (match as { fractionPercent?: number | null } | null | undefined)?.fractionPercent ?? null;
  if (fraction === null || !Array.isArray(to) || to.length < 2) return undefined;
  const detail = '`match.fraction` and several clusters would share one random number.';
  return { field: 'to', detail, remedy: 'Name one cluster, or leave `match.fraction` out.' };
}

export function ownRoute(route: WrittenRoute, own: (written: WrittenReference) => Reference): RouteSpec {
  return { ...route, to: route.to.map(({ cluster, weight }) => ({ cluster: own(cluster), weight })) };
}
