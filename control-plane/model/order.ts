/** Which route wins: the one order in which the routes of a host are tried. */
import { fixedPart } from './fixed-part.ts';
import type { RouteSpec, Typed } from './specs.ts';

type Route = Typed<'Route'>;

const typeRank: Readonly<Record<RouteSpec['match']['path']['type'], number>> = {
  exact: 0,
  prefix: 1,
  rawPrefix: 2,
  template: 3,
  regex: 4,
};

/** Negative if `a` is tried before `b`. Total: 0 only for a route and itself. */
export function compareRoutes(a: Route, b: Route): number {
  const left = a.spec.match;
  const right = b.spec.match;
  return (
    comparePriority(a.spec.priority, b.spec.priority) ||
    fixedPart(right.path).length - fixedPart(left.path).length ||
    typeRank[left.path.type] - typeRank[right.path.type] ||
    Number(left.methods.length === 0) - Number(right.methods.length === 0) ||
    right.headers.length - left.headers.length ||
    right.query.length - left.query.length ||
    Number(left.fractionPercent === null) - Number(right.fractionPercent === null) ||
    compareAge(a, b)
  );
}

/** Any priority before none, the higher first. */
function comparePriority(a: number | null, b: number | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return b - a;
}

/** The older first (what one apply brings is equally old), then by name, then by tenant. */
export function compareAge(a: Typed, b: Typed): number {
  return (
    a.document.createdRevision - b.document.createdRevision ||
    compareText(a.document.name, b.document.name) ||
    compareText(a.document.tenant ?? '', b.document.tenant ?? '')
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A sorted copy: the first that matches wins. */
export function orderRoutes(routes: Iterable<Route>): Route[] {
  return [...routes].sort(compareRoutes);
}
