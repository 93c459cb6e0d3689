/** The routes that every contender is given, and the requests that the load sends through them. */

export interface BenchRoute {
  readonly host: string;
  /** Of whole path segments; begins and ends with a slash. */
  readonly prefix: string;
}

export interface BenchRequest {
  readonly host: string;
  readonly path: string;
}

export interface RouteTable {
  /** Those of one host stand together. All lead to the one backend. */
  readonly routes: readonly BenchRoute[];
  /** Sent in turn, each through another route. */
  readonly requests: readonly BenchRequest[];
}

/** Everything that is routed stands under it, so the backend needs no table. */
export const routedPrefix = '/api/';
/** No contender has a route for it. */
export const unroutedPath = '/elsewhere';

const routesPerHost = 100;
/** Requests of a large table; more of them would only tell how large the caches of the processor are. */
const requestsOfLargeTable = 64;

/** One route for one host; of more, a hundred a host, with requests to routes spread evenly over all of them. */
export function routeTable(count: number): RouteTable {
  const routes =
    count === 1
      ? [{ host: 'shop.example.com', prefix: routedPrefix }]
      : Array.from({ length: count }, (_, index) => manyth(index));
  const requests = Math.min(count, requestsOfLargeTable);
  return { routes, requests: Array.from({ length: requests }, (_, i) => requestOf(routes, (i + 1) / requests)) };
}

/** Hosts of a table, each with its routes in order. */
export function byHost({ routes }: RouteTable): ReadonlyMap<string, readonly BenchRoute[]> {
  return Map.groupBy(routes, (route) => route.host);
}

function manyth(index: number): BenchRoute {
  const host = String(Math.floor(index / routesPerHost)).padStart(3, '0');
  return { host: `h${host}.example.com`, prefix: `${routedPrefix}r${String(index).padStart(5, '0')}/` };
}

/** @param part how far down the table, above 0 to 1 */
function requestOf(routes: readonly BenchRoute[], part: number): BenchRequest {
  const route = routes[Math.ceil(part * routes.length) - 1];
  if (route === undefined) throw new RangeError(`A table has no route at ${part} of its length.`);
  return { host: route.host, path: `${route.prefix}v1/orders/1017` };
}
