import type { EndpointConfig } from '../model/config.ts';

/** The keys of those endpoints of a checked cluster that are to be checked. */
export function checkedKeys(endpoints: readonly EndpointConfig[]): ReadonlySet<string> {
  return new Set(endpoints.flatMap(({ key, healthCheck }) => (healthCheck?.disabled === true ? [] : key)));
}
