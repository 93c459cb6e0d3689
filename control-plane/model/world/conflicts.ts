/** Two owners' routes for the very same requests: one of them would never be taken. */
import { describeKey, keyId, type Problem } from '../document.ts';
import { compareRoutes } from '../order.ts';
import { pointerInto, problemAt } from '../problems.ts';
import type { RouteSpec, Typed } from '../specs.ts';
import type { Proposal } from './proposal.ts';

type Route = Typed<'Route'>;

/** One problem for each route that comes second, at the first host where it does. */
export function routeConflicts({ after, changed, put }: Proposal): Problem[] {
  const known = new Map<Route, string>();
  const conditionsOf = (route: Route): string => {
    const found = known.get(route) ?? conditions(route.spec);
    known.set(route, found);
    return found;
  };
  const routes = put.filter((document): document is Route => document.kind === 'Route');
  const places = routes.flatMap((route) => route.spec.hosts.map((host, index) => ({ route, host, index })));
  const problems = new Map<Route, Problem>();
  for (const [host, placed] of Map.groupBy(places, ({ host }) => host)) {
    const rivals = Map.groupBy(after.routesOfHost(host), conditionsOf);
    for (const { route, index } of placed) {
      const same = rivals.get(conditionsOf(route)) ?? [];
      const winner = same.find((other) => beats(other, route, changed));
      if (winner === undefined || problems.has(route)) continue;
      const detail = `${describeKey(winner.document)} already takes these requests for ${host}: same path, same conditions.`;
      const remedy = 'Choose another path or condition, or agree with its owner.';
      const pointer = pointerInto(route.document.spec, ['hosts', index]);
      problems.set(route, problemAt(route.document, pointer, { code: 'conflict', detail, remedy }));
    }
  }
  return [...problems.values()];
}

/** Who was there before wins; of two that come together, the one that is tried first. */
function beats(other: Route, route: Route, changed: Proposal['changed']): boolean {
  if (other.document.tenant === route.document.tenant) return false;
  if (!meet(other.spec.listeners, route.spec.listeners)) return false;
  return !changed.has(keyId(other.document)) || compareRoutes(other, route) < 0;
}

/** Whether two routes can stand on one listener. */
function meet(a: RouteSpec['listeners'], b: RouteSpec['listeners']): boolean {
  return a === null || b === null || a.some((name) => b.includes(name));
}

/** Equal for routes that take the same requests and stand at the same place in the order. */
function conditions({ match, priority }: RouteSpec): string {
  const headers = match.headers.map((header) => JSON.stringify(header)).sort();
  const query = match.query.map((parameter) => JSON.stringify(parameter)).sort();
  const { path, ignoreCase, methods, fractionPercent } = match;
  return JSON.stringify([priority, path, ignoreCase, [...methods].sort(), headers, query, fractionPercent]);
}
