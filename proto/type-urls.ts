/** The xDS resource types that Fairlead speaks, and the order in which one update's types are pushed. */

export const typeUrls = {
  clusters: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoints: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  listeners: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  routes: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
} as const;

/** Short names: what `fairlead status`, REST and metrics call a type. */
export type XdsType = keyof typeof typeUrls;
export type TypeUrl = (typeof typeUrls)[XdsType];

/** Make-before-break order inside one update (xDS protocol, "Eventual consistency considerations"). */
export const pushOrder: readonly XdsType[] = ['clusters', 'endpoints', 'listeners', 'routes'];

const byUrl = new Map<string, XdsType>(pushOrder.map((type) => [typeUrls[type], type]));

/** The short name of a type URL, or undefined for a type that Fairlead does not serve. */
export function xdsTypeOf(url: string): XdsType | undefined {
  return byUrl.get(url);
}

/** Listener and Cluster responses carry the full set; absence there means removal (SotW). */
export function isFullStateType(type: XdsType): boolean {
  return type === 'clusters' || type === 'listeners';
}

/** The last segment of the path by which Envoy asks for a type over REST, and the type's URL, served here or not. */
export const restMethods: readonly (readonly [path: string, typeUrl: string])[] = [
  ['discovery:clusters', typeUrls.clusters],
  ['discovery:endpoints', typeUrls.endpoints],
  ['discovery:listeners', typeUrls.listeners],
  ['discovery:routes', typeUrls.routes],
  ['discovery:scoped-routes', 'type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration'],
  ['discovery:secrets', 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret'],
  ['discovery:runtime', 'type.googleapis.com/envoy.service.runtime.v3.Runtime'],
  ['discovery:extension_configs', 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig'],
];
