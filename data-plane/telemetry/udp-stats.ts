/** The stats of UDP proxies, named and tagged as Envoy names and tags them. */
import type { StatsRegistry } from './registry.ts';
import type { ClusterStats } from './stats.ts';

export type UdpStats = ReturnType<typeof udpStats>;
export type UdpClusterStats = ReturnType<typeof udpClusterStats>;

/** @param statPrefix of the UDP proxy */
export function udpStats(registry: StatsRegistry, statPrefix: string) {
  const scope = registry.scope(`udp.${statPrefix}.`, 'envoy_udp_', { envoy_udp_prefix: statPrefix });
  return {
    scope,
    sessTotal: scope.counter('downstream_sess_total', 'Sessions begun'),
    sessActive: scope.gauge('downstream_sess_active', 'Sessions'),
    sessNoRoute: scope.counter('downstream_sess_no_route', 'Datagrams dropped because no route takes them'),
    sessDrainReject: scope.counter('downstream_sess_drain_reject', 'Datagrams that came too late to begin a session'),
    sessRxBytes: scope.counter('downstream_sess_rx_bytes', 'Bytes received from clients'),
    sessRxDatagrams: scope.counter('downstream_sess_rx_datagrams', 'Datagrams received from clients'),
    sessRxErrors: scope.counter(
      'downstream_sess_rx_errors',
      'Failed receptions, and datagrams from where nobody can be answered',
    ),
    sessTxBytes: scope.counter('downstream_sess_tx_bytes', 'Bytes sent to clients'),
    sessTxDatagrams: scope.counter('downstream_sess_tx_datagrams', 'Datagrams sent to clients'),
    sessTxErrors: scope.counter('downstream_sess_tx_errors', 'Datagrams that could not be sent to clients'),
    idleTimeout: scope.counter('idle_timeout', 'Sessions ended for being idle'),
  };
}

/** Of a cluster to which a UDP proxy sends; they go when it goes. */
export function udpClusterStats({ scope }: ClusterStats) {
  return {
    sessRxDatagrams: scope.counter('udp.sess_rx_datagrams', 'Datagrams received from endpoints'),
    sessRxDropped: scope.counter(
      'udp.sess_rx_datagrams_dropped',
      'Datagrams dropped because somebody else than the endpoint had sent them',
    ),
    sessRxErrors: scope.counter('udp.sess_rx_errors', 'Failed receptions from endpoints: most often, nobody is there'),
    sessTxDatagrams: scope.counter('udp.sess_tx_datagrams', 'Datagrams sent to endpoints'),
    sessTxErrors: scope.counter('udp.sess_tx_errors', 'Datagrams that could not be sent to endpoints'),
  };
}
