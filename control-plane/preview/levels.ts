/** The endpoints of a cluster as nodes see them: by priority, in the order of the assignment, well or not. Pure. */
import type { ClusterSpec, EndpointSpec } from '../model/specs.ts';

/** All of one priority. */
export interface Level {
  /** As it is written. */
  readonly priority: number;
  readonly endpoints: readonly EndpointSpec[];
  /** Of them, those that drain: nobody misses them. */
  readonly draining: number;
  /** Those that take new requests. */
  readonly well: readonly EndpointSpec[];
}

/**
 * Disabled endpoints are not there for nodes; draining ones are, and take nothing.
 * @param unwell as nodes report, `ip:port`
 */
export function levelsOf(spec: ClusterSpec, unwell: ReadonlySet<string>): Level[] {
  const used = spec.endpoints.filter(({ state }) => state !== 'disabled').sort(asAssigned);
  return [...Map.groupBy(used, ({ priority }) => priority)].map(([priority, endpoints]) => ({
    priority,
    endpoints,
    draining: endpoints.filter(({ state }) => state === 'draining').length,
    well: endpoints.filter((one) => one.state === 'enabled' && !unwell.has(endpointKey(one))),
  }));
}

/** What is hashed of it, and what nodes call it. */
export function endpointKey({ address, port }: EndpointSpec): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** As translate/endpoints.ts tells nodes of them; rings depend on it. */
function asAssigned(a: EndpointSpec, b: EndpointSpec): number {
  return a.priority - b.priority || compareText(a.zone, b.zone) || compareText(a.address, b.address) || a.port - b.port;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
