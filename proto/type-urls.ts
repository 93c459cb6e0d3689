/** The xDS resource types that Fairlead speaks, and the order in which one update's types are pushed. */

export const typeUrls = {
  clusters: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoints: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  listeners: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  routes: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  scopedRoutes: 'type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration',
  virtualHosts: 'type.googleapis.com/envoy.config.route.v3.VirtualHost',
  secrets: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
  runtimes: 'type.googleapis.com/envoy.service.runtime.v3.Runtime',
  extensionConfigs: 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig',
} as const;

/** Short names: what `fairlead status`, REST and metrics call a type. */
export type XdsType = keyof typeof typeUrls;

/** Make-before-break order inside one update (xDS protocol, "Eventual consistency considerations"). */
export const pushOrder: readonly XdsType[] = [
  ...(['clusters', 'endpoints', 'listeners', 'routes', 'scopedRoutes', 'virtualHosts'] as const),
  ...(['secrets', 'runtimes', 'extensionConfigs'] as const),
];

/** Something for each type. */
export function ofEachType<V>(make: (type: XdsType) => V): Record<XdsType, V> {
  return {
    clusters: make('clusters'),
    endpoints: make('endpoints'),
    listeners: make('listeners'),
    routes: make('routes'),
    scopedRoutes: make('scopedRoutes'),
    virtualHosts: make('virtualHosts'),
    secrets: make('secrets'),
    runtimes: make('runtimes'),
    extensionConfigs: make('extensionConfigs'),
  };
}

const byUrl = new Map<string, XdsType>(pushOrder.map((type) => [typeUrls[type], type]));

/** The short name of a type URL, or undefined for a type that Fairlead does not serve. */
export function xdsTypeOf(url: string): XdsType | undefined {
  return byUrl.get(url);
}

/** Listener and Cluster responses carry the full set; absence there means removal (SotW). */
export function isFullStateType(type: XdsType): boolean {
  return type === 'clusters' || type === 'listeners';
}

/** Whether a first request without names asks for all (case 30): Envoy asks so for these, for the others by name. */
export function hasLegacyWildcard(type: XdsType): boolean {
  return isFullStateType(type) || type === 'scopedRoutes' || type === 'virtualHosts';
}

/** The last segment of the path by which Envoy asks for a type over REST; virtual hosts come by streams alone. */
export const restMethods: readonly (readonly [path: string, type: XdsType])[] = [
  ['discovery:clusters', 'clusters'],
  ['discovery:endpoints', 'endpoints'],
  ['discovery:listeners', 'listeners'],
  ['discovery:routes', 'routes'],
  ['discovery:scoped-routes', 'scopedRoutes'],
  ['discovery:secrets', 'secrets'],
  ['discovery:runtime', 'runtimes'],
  ['discovery:extension_configs', 'extensionConfigs'],
];
