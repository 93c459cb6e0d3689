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
