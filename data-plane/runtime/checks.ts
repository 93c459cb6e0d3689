/** The health checks of a cluster as its user sees them, wherever they are made. */
import { ClusterHealthChecker, type HealthDeps } from '../health/active.ts';
import type { EndpointHealth } from '../health/endpoint-health.ts';
import { isPass, type Outcome } from '../health/outcome.ts';
import type { ClusterConfig, EndpointConfig, HealthCheckConfig } from '../model/config.ts';
import type { ClusterStats } from '../telemetry/stats.ts';
import type { Logger } from './logger.ts';

export interface EndpointChecks {
  /** Kept when each endpoint, as they are then, had its first outcome (or left). */
  readonly firstRound: Promise<void>;
  update(check: HealthCheckConfig, endpoints: readonly EndpointConfig[]): void;
  /** `undefined`: no such endpoint. */
  stateOf(key: string): EndpointHealth['state'] | undefined;
  /** Why an endpoint failed the last time; empty: it never did, or that is known elsewhere. */
  failureOf(key: string): string;
  stop(): void;
}

/** @param onOutcome told of an endpoint whose state may have changed, before `firstRound` is kept */
export type MakeChecks = (
  config: ClusterConfig & { readonly healthCheck: HealthCheckConfig },
  stats: ClusterStats,
  onOutcome: (key: string, passed: boolean) => void,
) => EndpointChecks;

export interface OwnChecksDeps extends HealthDeps {
  /** The cluster has had traffic, in whichever thread. */
  readonly hasTraffic: (stats: ClusterStats) => boolean;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

/** Checks that this thread makes itself. */
export function ownChecks(deps: OwnChecksDeps): MakeChecks {
  return ({ name, healthCheck, endpoints }, stats, onOutcome) =>
    new ClusterHealthChecker(
      {
        healthCheck,
        endpoints,
        hasTraffic: () => deps.hasTraffic(stats),
        onOutcome: (key, outcome, before, after) => {
          onOutcome(key, isPass(outcome));
          count(stats, outcome);
          if (before.state !== after.state) logChange(deps.logger, { cluster: name, endpoint: key }, before, outcome);
        },
      },
      deps,
    );
}

function count(stats: ClusterStats, outcome: Outcome): void {
  stats.healthCheckAttempt.value++;
  if (isPass(outcome)) stats.healthCheckSuccess.value++;
  else stats.healthCheckFailure.value++;
  if (outcome.type === 'network' || outcome.type === 'timeout') stats.healthCheckNetworkFailure.value++;
}

/** The outcome is the last of those that changed the state; that an endpoint passes from the start goes without saying. */
function logChange(
  logger: OwnChecksDeps['logger'],
  endpoint: { readonly cluster: string; readonly endpoint: string },
  before: EndpointHealth,
  { type, reason }: Outcome,
): void {
  const fields = { event: 'health_check', ...endpoint };
  if (type === 'degraded') logger.warn({ ...fields, state: type }, 'endpoint passes its health checks, degraded');
  else if (type !== 'passed') logger.warn({ ...fields, state: 'failing', reason }, 'endpoint fails its health checks');
  else if (before.state !== 'pending')
    logger.info({ ...fields, state: 'passing' }, 'endpoint passes its health checks');
}
