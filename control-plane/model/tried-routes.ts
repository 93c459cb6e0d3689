/** The routes that requests for one host are tried against. */
import type { DocumentSet } from './document-set.ts';
import { orderRoutes } from './order.ts';
import type { Typed } from './specs.ts';

/**
 * In the order in which they are tried: those of the most specific host that names it, and of no other.
 * @param host as a request says it: in any case, with a port or without
 */
export function triedRoutes(documents: DocumentSet, host: string): Typed<'Route'>[] {
  for (const one of hostsFor(host.toLowerCase().replace(/:[0-9]+$/, ''))) {
    const routes = orderRoutes(documents.routesOfHost(one));
    if (routes.length > 0) return routes;
  }
  return [];
}

/** Exact, then the longest suffix, then the longest prefix, then all. */
function hostsFor(name: string): string[] {
  const labels = name.split('.');
  const suffixes = labels.map((_, index) => `*.${labels.slice(index + 1).join('.')}`).slice(0, -1);
  const prefixes = labels.map((_, index) => `${labels.slice(0, labels.length - 1 - index).join('.')}.*`).slice(0, -1);
  return [name, ...suffixes, ...prefixes, '*'];
}
