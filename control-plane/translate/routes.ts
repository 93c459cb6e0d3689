/** Route documents to envoy.config.route.v3.RouteConfiguration and VirtualHost. */
import { durationOf } from '../../proto/codec.ts';
import type { RouteConfiguration, VirtualHost } from '../../proto/envoy.ts';
import { fallbackMetadata, resourceName, routeConfigurationName, stickyMetadata } from '../../proto/names.ts';
import type { DocumentSet } from '../model/document-set.ts';
import { builtInTimeoutMs } from '../model/schemas/tenant.ts';
import type { RewriteSpec, RouteSpec, Typed } from '../model/specs.ts';
import { hashPolicies } from './hash-policies.ts';
import { headerChanges } from './header-changes.ts';
import { filterSettings } from './http-filters.ts';
import { Memo, sameItems } from './memo.ts';
import { prefixRewrite } from './path-rewrite.ts';
import { commonPolicy, effectiveAttempts, type KeyedPolicy, keyedPolicy } from './retry-policy.ts';
import { directResponse, redirectAction } from './route-answers.ts';
import { routeMatch } from './route-match.ts';
import { nameOf, structOf, uint32 } from './wire.ts';

type Route = NonNullable<VirtualHost['routes']>[number];

const routeMessages = new Memo<Typed<'Route'>, Route>();
const configurations = new Memo<Typed<'Listener'>, RouteConfiguration>();
/** By the first of their routes, then by their names. */
const hosts = new WeakMap<Route, Map<string, MadeHost>>();

interface MadeHost {
  readonly messages: readonly Route[];
  /** Key of the host's retry policy. */
  readonly retries: string;
  readonly message: VirtualHost;
}

/** What stands around the virtual hosts of one listener. */
export function routeConfiguration(listener: Typed<'Listener'>): RouteConfiguration {
  return configurations.get(listener, [], () => ({
    name: routeConfigurationName(listener.document.name),
    ignore_port_in_host_matching: true,
    // a route may arrive a moment before its cluster; it waits for it instead of being refused
    validate_clusters: { value: false },
  }));
}

/**
 * One host's routes, at least one, in the documented order. The same message as before if the routes are the same: who
 * changes one host's routes leaves all others as they are.
 */
export function virtualHost(
  documents: DocumentSet,
  name: string,
  host: string,
  ordered: readonly Typed<'Route'>[],
): VirtualHost {
  const policies = ordered.map((route) => keyedPolicy(route, effectiveAttempts(documents, route)));
  const common = commonPolicy(policies);
  const messages = ordered.map((route, index) => {
    const own = policies[index]?.key === common?.key ? undefined : policies[index];
    return routeMessage(route, effectiveTimeoutMs(documents, route), leadsToGrpc(documents, route), own);
  });
  const [first] = messages;
  if (first === undefined || common === undefined) throw new Error(`the host ${host} has no routes`);
  const byName = hosts.get(first) ?? new Map<string, MadeHost>();
  hosts.set(first, byName);
  const known = byName.get(name);
  if (known?.retries === common.key && sameItems(known.messages, messages)) return known.message;
  const message = { name, domains: [host], routes: messages, retry_policy: common.policy };
  byName.set(name, { messages, retries: common.key, message });
  return message;
}

/** `retries`: where they are not the host's. */
function routeMessage(
  route: Typed<'Route'>,
  timeoutMs: number,
  toGrpc: boolean,
  retries: KeyedPolicy | undefined,
): Route {
  return routeMessages.get(route, [timeoutMs, toGrpc, retries], () => ({
    name: resourceName(route.document.tenant, route.document.name),
    match: routeMatch(route.spec.match, route.spec.upgrades.includes('connect')),
    ...actionOf(route.spec, timeoutMs, toGrpc, retries),
    ...headerChanges(route.spec),
    ...filterSettings(route.spec, toGrpc),
    ...metadataOf(route.spec),
  }));
}

function actionOf(
  spec: RouteSpec,
  timeoutMs: number,
  toGrpc: boolean,
  retries: KeyedPolicy | undefined,
): Partial<Route> {
  if (spec.redirect !== null) return { redirect: redirectAction(spec.redirect, spec.match) };
  if (spec.respond !== null) return { direct_response: directResponse(spec.respond) };
  const rewrite = spec.rewrite === null ? {} : rewriteOf(spec.rewrite, spec.match);
  return {
    route: {
      ...(spec.clusterHeader === null ? targetOf(spec.to) : { cluster_header: spec.clusterHeader }),
      ...rewrite,
      ...hashPolicies(spec.affinity),
      timeout: durationOf(timeoutMs),
      ...(toGrpc && { max_stream_duration: streamDuration(timeoutMs) }),
      ...(spec.streamIdleTimeoutMs !== null && { idle_timeout: durationOf(spec.streamIdleTimeoutMs) }),
      ...(retries && { retry_policy: retries.policy }),
      ...(spec.upgrades.length > 0 && { upgrade_configs: spec.upgrades.map(upgradeConfig) }),
    },
  };
}

/** What Envoy has no words for; it passes over metadata that it does not know. */
function metadataOf({ fallback, affinity }: RouteSpec): Pick<Route, 'metadata'> {
  const isSigned = affinity?.sticky?.signed === true;
  if (fallback === null && !isSigned) return {};
  const filter_metadata = {
    ...(fallback && { [fallbackMetadata]: structOf({ cluster: nameOf(fallback.cluster), on: fallback.on }) }),
    ...(isSigned && { [stickyMetadata]: structOf({ signed: true }) }),
  };
  return { metadata: { filter_metadata } };
}

/** Envoy has its name for the method in upper case. */
function upgradeConfig(upgrade: string) {
  return { upgrade_type: upgrade === 'connect' ? 'CONNECT' : upgrade };
}

/** Takes the place of the timeout: the client's deadline counts, up to that. 0: whatever the deadline is. */
function streamDuration(timeoutMs: number): NonNullable<NonNullable<Route['route']>['max_stream_duration']> {
  return {
    ...(timeoutMs > 0 && { max_stream_duration: durationOf(timeoutMs) }),
    grpc_timeout_header_max: durationOf(timeoutMs),
  };
}

function rewriteOf({ host, prefix, regex }: RewriteSpec, match: RouteSpec['match']): NonNullable<Route['route']> {
  return {
    ...(host !== null && { host_rewrite_literal: host, append_x_forwarded_host: true }),
    ...(prefix !== null && prefixRewrite(match, prefix)),
    ...(regex !== null && { regex_rewrite: { pattern: { regex: regex.pattern }, substitution: regex.to } }),
  };
}

export function targetOf(to: RouteSpec['to']): NonNullable<Route['route']> {
  const [first, ...others] = to;
  if (first !== undefined && others.length === 0) return { cluster: nameOf(first.cluster), ...subsetOf(first) };
  return {
    weighted_clusters: {
      clusters: to.map((one) => ({ name: nameOf(one.cluster), weight: uint32(one.weight), ...subsetOf(one) })),
    },
  };
}

function subsetOf({ subset }: RouteSpec['to'][number]): Pick<NonNullable<Route['route']>, 'metadata_match'> {
  return subset === null ? {} : { metadata_match: { filter_metadata: { 'envoy.lb': structOf(subset) } } };
}

/**
 * What the route says, else its tenant's default, else the built-in one, which is none for grpc clusters. The model keeps
 * all under the tenant's cap. 0: none.
 */
export function effectiveTimeoutMs(documents: DocumentSet, route: Typed<'Route'>): number {
  const { document, spec } = route;
  if (spec.timeoutMs !== null) return spec.timeoutMs;
  const owner = document.tenant === undefined ? undefined : documents.get('Tenant', undefined, document.tenant);
  const said = owner?.spec.defaults.timeoutMs ?? null;
  if (said !== null) return said;
  return leadsToGrpc(documents, route) ? (owner?.spec.caps.timeoutMs ?? 0) : builtInTimeoutMs;
}

function leadsToGrpc(documents: DocumentSet, { spec }: Typed<'Route'>): boolean {
  return spec.to.some(
    ({ cluster: { tenant, name } }) => documents.get('Cluster', tenant, name)?.spec.protocol === 'grpc',
  );
}
