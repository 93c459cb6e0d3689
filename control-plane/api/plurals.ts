/** How kinds are called in paths. */
import { type Kind, kinds } from '../model/document.ts';

export const pluralOf: Readonly<Record<Kind, string>> = {
  Tenant: 'tenants',
  NodeGroup: 'nodegroups',
  Listener: 'listeners',
  Cluster: 'clusters',
  Route: 'routes',
  L4Route: 'l4routes',
  HealthPolicy: 'healthpolicies',
  Secret: 'secrets',
};

const plurals: ReadonlySet<string> = new Set(kinds.map((kind) => pluralOf[kind]));

/** The canonical plural of a path segment that may be written `node-groups`, `nodeGroups` or `NodeGroups`. */
export function canonicalPlural(segment: string): string {
  const plain = segment.toLowerCase().replaceAll(/[-_]/g, '');
  return plurals.has(plain) ? plain : segment;
}

/** A URL with the plurals in it written canonically, so that one route serves every spelling. */
export function canonicalUrl(url: string): string {
  const end = url.search(/[?#]/);
  const path = end < 0 ? url : url.slice(0, end);
  const segments = path.split('/');
  if (segments[1] !== 'v1') return url;
  if (segments[2] !== undefined) segments[2] = canonicalPlural(segments[2]);
  if (segments[2] === 'tenants' && segments[4] !== undefined) segments[4] = canonicalPlural(segments[4]);
  return segments.join('/') + (end < 0 ? '' : url.slice(end));
}

/** Where a document lives over REST. */
export function documentPath(kind: Kind, tenant: string | undefined, name: string): string {
  return `/v1/${tenant === undefined ? '' : `tenants/${tenant}/`}${pluralOf[kind]}/${name}`;
}
