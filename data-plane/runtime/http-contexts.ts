/** A listener's HTTP configuration, compiled: routes, access logs, limits. */
import { AnswerLines } from '../l7/answer-lines.ts';
import type { HttpContext } from '../l7/http-context.ts';
import { requestLimitsOf } from '../l7/request-limits.ts';
import type { NodeLimits } from '../limits.ts';
import type { HttpChainConfig } from '../model/config.ts';
import { compileSession } from '../route/sticky-session.ts';
import { RouteTable } from '../route/table.ts';
import type { AccessLoggers } from '../telemetry/access-loggers.ts';
import { compileFilters, type FilterModules } from './filters.ts';

/** Keeps of the compiled routes of `previous` what did not change. */
export function compileHttp(
  chain: HttpChainConfig,
  logs: AccessLoggers,
  limits: NodeLimits,
  modules: FilterModules,
  previous: HttpContext | null,
): HttpContext {
  return {
    chain,
    answerLines: new AnswerLines(chain.serverName),
    table: previous?.chain.routes === chain.routes ? previous.table : new RouteTable(chain.routes, previous?.table),
    filters: previous?.chain.filters === chain.filters ? previous.filters : compileFilters(modules, chain.filters),
    session: compileSession(chain.stickySession),
    logs: logs.loggers,
    loggedHeaders: logs.requestHeaders,
    requestLimits: requestLimitsOf(chain, limits),
  };
}
