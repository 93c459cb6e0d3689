/** A listener's HTTP configuration, compiled: routes, access logs, limits. */
import type { HttpContext } from '../l7/http-context.ts';
import { requestLimitsOf } from '../l7/request-limits.ts';
import type { HttpChainConfig } from '../model/config.ts';
import { RouteTable } from '../route/table.ts';
import type { AccessLoggers } from '../telemetry/access-loggers.ts';
import { compileFilters, type FilterModules } from './filters.ts';

/** Keeps of the compiled routes of `previous` what did not change. */
export function compileHttp(
  chain: HttpChainConfig,
  logs: AccessLoggers,
  modules: FilterModules,
  previous: HttpContext | null,
): HttpContext {
  return {
    chain,
    table: previous?.chain.routes === chain.routes ? previous.table : new RouteTable(chain.routes, previous?.table),
    filters: previous?.chain.filters === chain.filters ? previous.filters : compileFilters(modules, chain.filters),
    logs: logs.loggers,
    loggedHeaders: logs.requestHeaders,
    requestLimits: requestLimitsOf(chain),
  };
}
