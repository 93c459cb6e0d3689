/** The health checks of a cluster as its user sees them, wherever they are made. */
import { ClusterHealthChecker, type HealthDeps } from '../health/active.ts';
import type { EndpointHealth } from '../health/endpoint-health.ts';
import type { ClusterConfig, EndpointConfig, HealthCheckConfig } from '../model/config.ts';
import type { ClusterStats } from '../telemetry/stats.ts';

export interface EndpointChecks {
  /** Kept when each endpoint, as they are then, had its first outcome (or left). */
  readonly firstRound: Promise<void>;
  update(check: HealthCheckConfig, endpoints: readonly EndpointConfig[]): void;
  /** `undefined`: no such endpoint. */
  stateOf(key: string): EndpointHealth['state'] | undefined;
  stop(): void;
}

/** @param onOutcome told of an endpoint whose state may have changed, and whether its check has passed, before `firstRound` is kept */
export type MakeChecks = (
  config: ClusterConfig & { readonly healthCheck: HealthCheckConfig },
  stats: ClusterStats,
  onOutcome: (key: string, passed: boolean) => void,
) => EndpointChecks;

/** Checks that this thread makes itself. */
export function ownChecks(deps: HealthDeps): MakeChecks {
  return ({ healthCheck, endpoints }, stats, onOutcome) =>
    new ClusterHealthChecker(healthCheck, endpoints, deps, {
      onChange: () => {},
      onOutcome: (key, outcome) => {
        onOutcome(key, outcome === 'pass');
        stats.healthCheckAttempt.value++;
        if (outcome === 'pass') stats.healthCheckSuccess.value++;
        else stats.healthCheckFailure.value++;
        if (outcome === 'network') stats.healthCheckNetworkFailure.value++;
      },
    });
}
