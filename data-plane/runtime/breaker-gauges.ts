/** Which circuit breakers of a cluster are open: nothing more is let through. Counted for the whole node. */
import type { TotalledGauge } from '../telemetry/registry.ts';
import type { Cluster } from '../upstream/cluster.ts';

/** What all threads count under a name, that of the gauge. */
export type TotalOf = (gauge: TotalledGauge, stat: string) => number;

export function measureBreakers(cluster: Cluster, totalOf: TotalOf): void {
  const { scope, cxActive, rqActive, rqPendingActive, rqWaiting, retriesActive } = cluster.stats;
  const total = (gauge: TotalledGauge, stat: string): number => totalOf(gauge, scope.nameOf(stat));
  const show = (stat: string, help: string, isOpen: () => boolean): void =>
    scope.measured(`circuit_breakers.default.${stat}`, help, () => (isOpen() ? 1 : 0));
  const requests = (): number => total(rqActive, 'upstream_rq_active');
  show('cx_open', '1 while no more connections are made than one a thread', () => {
    return total(cxActive, 'upstream_cx_active') >= cluster.config.breakers.connections;
  });
  show('rq_pending_open', '1 while no request may wait for a connection', () => {
    return total(rqPendingActive, 'upstream_rq_pending_active') >= cluster.config.breakers.pending;
  });
  show('rq_open', '1 while no request is sent', () => {
    return requests() - total(rqWaiting, 'rq_waiting') >= cluster.config.breakers.requests;
  });
  show('rq_retry_open', '1 while nothing is retried', () => {
    return total(retriesActive, 'retries_active') >= cluster.retriesAllowed(requests());
  });
}
