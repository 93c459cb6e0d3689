/** Route documents to envoy.config.route.v3.RouteConfiguration. */
import { durationOf } from '../../proto/codec.ts';
import type { RouteConfiguration } from '../../proto/envoy.ts';
import { resourceName, routeConfigurationName, virtualHostName } from '../../proto/names.ts';
import type { DocumentSet } from '../model/document-set.ts';
import { orderRoutes } from '../model/order.ts';
import { builtInTimeoutMs } from '../model/schemas/tenant.ts';
import type { RouteSpec, Typed } from '../model/specs.ts';
import { Memo } from './memo.ts';
import { compareText } from './resources.ts';
import { routeMatch } from './route-match.ts';
import { nameOf, uint32 } from './wire.ts';

type VirtualHost = NonNullable<RouteConfiguration['virtual_hosts']>[number];
type Route = NonNullable<VirtualHost['routes']>[number];

const routeMessages = new Memo<Typed<'Route'>, Route>();
const configurations = new Memo<Typed<'Listener'>, RouteConfiguration>();

/** All routes of one listener: a virtual host for each host, its routes in the documented order. */
export function routeConfiguration(
  documents: DocumentSet,
  listener: Typed<'Listener'>,
  attached: readonly Typed<'Route'>[],
): RouteConfiguration {
  const ordered = orderRoutes(attached);
  const messages = ordered.map((route) => routeMessage(route, effectiveTimeoutMs(documents, route)));
  // a message stays the same one while its document does, and a document says its hosts
  return configurations.get(listener, messages, () => ({
    name: routeConfigurationName(listener.document.name),
    virtual_hosts: virtualHosts(ordered, messages),
    ignore_port_in_host_matching: true,
    // a route may arrive a moment before its cluster; it waits for it instead of being refused
    validate_clusters: { value: false },
  }));
}

function virtualHosts(ordered: readonly Typed<'Route'>[], messages: readonly Route[]): VirtualHost[] {
  const routesByHost = new Map<string, Route[]>();
  ordered.forEach(({ spec }, index) => {
    for (const host of spec.hosts) {
      const routes = routesByHost.get(host) ?? [];
      routesByHost.set(host, routes);
      routes.push(messages[index]!);
    }
  });
  return [...routesByHost]
    .toSorted(([a], [b]) => compareText(a, b))
    .map(([host, routes]) => ({ name: virtualHostName(host), domains: [host], routes }));
}

function routeMessage(route: Typed<'Route'>, timeoutMs: number): Route {
  return routeMessages.get(route, [timeoutMs], () => ({
    name: resourceName(route.document.tenant, route.document.name),
    match: routeMatch(route.spec.match),
    route: { ...targetOf(route.spec.to), timeout: durationOf(timeoutMs) },
  }));
}

export function targetOf(to: RouteSpec['to']): NonNullable<Route['route']> {
  const [first, ...others] = to;
  if (first !== undefined && others.length === 0) return { cluster: nameOf(first.cluster) };
  return {
    weighted_clusters: {
      clusters: to.map(({ cluster, weight }) => ({ name: nameOf(cluster), weight: uint32(weight) })),
    },
  };
}

/**
 * What the route says, else its tenant's default, else the built-in one, which is none for grpc clusters. The model keeps
 * all under the tenant's cap. 0: none.
 */
export function effectiveTimeoutMs(documents: DocumentSet, { document, spec }: Typed<'Route'>): number {
  if (spec.timeoutMs !== null) return spec.timeoutMs;
  const owner = document.tenant === undefined ? undefined : documents.get('Tenant', undefined, document.tenant);
  const said = owner?.spec.defaults.timeoutMs ?? null;
  if (said !== null) return said;
  const toGrpc = spec.to.some(
    ({ cluster: { tenant, name } }) => documents.get('Cluster', tenant, name)?.spec.protocol === 'grpc',
  );
  return toGrpc ? (owner?.spec.caps.timeoutMs ?? 0) : builtInTimeoutMs;
}
