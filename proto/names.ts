/** Names that two xDS types must agree on, each made by one function. */

/** Envoy resource name of a document: `name` for platform-owned ones, `tenant/name` otherwise. */
export function resourceName(tenant: string | undefined, name: string): string {
  return tenant === undefined ? name : `${tenant}/${name}`;
}

/** The inverse of {@link resourceName}. */
export function documentOf(resource: string): { tenant?: string; name: string } {
  const slash = resource.indexOf('/');
  return slash < 0 ? { name: resource } : { tenant: resource.slice(0, slash), name: resource.slice(slash + 1) };
}

/**
 * ClusterLoadAssignment of a cluster. `anchor`: address and port of one of its endpoints, where these are actively
 * checked (see translate/endpoints.ts).
 */
export function assignmentName(cluster: string, anchor: string | undefined): string {
  return anchor === undefined ? cluster : `${cluster}@${anchor}`;
}

/** RouteConfiguration of a listener: one a listener, named as it. */
export function routeConfigurationName(listener: string): string {
  return listener;
}

/**
 * The virtual host of one host behind a RouteConfiguration, as the message calls itself and as the resource is called:
 * Envoy finds the RouteConfiguration by what stands before the slash, and forgets a host only by this very name.
 */
export function virtualHostName(routeConfiguration: string, host: string): string {
  return `${routeConfiguration}/${host}`;
}

/** The key of a route's filter_metadata: `{ cluster, on }`, where requests go that its cluster has failed. */
export const fallbackMetadata = 'fairlead.fallback';

/** The key of a route's filter_metadata: `{ signed: true }`, of a sticky session whose cookies only our own nodes write. */
export const stickyMetadata = 'fairlead.sticky';

/**
 * The key of a cluster's filter_metadata: `{ maxFails, latency }`, ejection that Envoy has no words for. `maxFails` takes
 * the place of what outlier_detection ejects for; what counts as a failure is still said there.
 */
export const passiveMetadata = 'fairlead.passive';

/** The key of a cluster's filter_metadata: `{ connections }`, idle ones that a thread keeps to an endpoint. */
export const keepAliveMetadata = 'fairlead.keep-alive';

/** Of the type of a filter that a node was given, before its name. */
export const filterTypePrefix = 'type.googleapis.com/fairlead.filters.';
