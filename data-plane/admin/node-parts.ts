/** The parts that are asked of the proxy itself. */
import type { Clusters } from '../runtime/clusters.ts';
import type { ProxyNode } from '../runtime/node.ts';
import type { ServerState } from '../telemetry/stats.ts';
import type { ClusterView } from './parts.ts';

const states: Readonly<Record<ProxyNode['state'], ServerState>> = {
  initializing: 'PRE_INITIALIZING',
  live: 'LIVE',
  draining: 'DRAINING',
};

export function serverState(node: ProxyNode): ServerState {
  return states[node.state];
}

export function clusterViews(clusters: Clusters): ClusterView[] {
  return clusters.list().map(({ name, hosts }) => ({
    name,
    hosts: hosts.map((host) => ({
      address: host.address,
      port: host.port,
      weight: host.config.weight,
      zone: host.config.locality.zone,
      edsHealth: host.config.health,
      failsChecks: !host.passesChecks,
      isDegraded: host.checked === 'degraded',
      isEjected: host.ejected,
      connections: host.connections,
      activeRequests: host.active,
    })),
  }));
}
