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

export function clusterViews(clusters: Clusters, nowMs: number): ClusterView[] {
  return clusters.list().map(({ name, hosts }) => ({
    name,
    hosts: hosts.map((host) => ({
      address: host.address,
      port: host.port,
      hostname: host.config.hostname,
      weight: host.config.weight,
      region: host.config.locality.region,
      zone: host.config.locality.zone,
      subZone: host.config.locality.subZone,
      priority: host.config.locality.priority,
      state: host.state(nowMs),
      edsHealth: host.config.health,
      checked: host.checked,
      isEjected: host.ejected,
      connections: host.connections,
      activeRequests: host.active,
    })),
  }));
}
