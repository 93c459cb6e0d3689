/** Names that two xDS types must agree on, each made by one function. */

/** Envoy resource name of a document: `name` for platform-owned ones, `tenant/name` otherwise. */
export function resourceName(tenant: string | undefined, name: string): string {
  return tenant === undefined ? name : `${tenant}/${name}`;
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

/** Name of the virtual host that holds one host's routes. */
export function virtualHostName(host: string): string {
  return host;
}
