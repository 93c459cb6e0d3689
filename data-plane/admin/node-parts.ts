/** The parts that are asked of the proxy itself. */
import type { ProxyNode } from '../runtime/node.ts';
import type { ServerState } from '../telemetry/stats.ts';
import type { AdminParts } from './parts.ts';

const states: Readonly<Record<ProxyNode['state'], ServerState>> = {
  initializing: 'PRE_INITIALIZING',
  live: 'LIVE',
  draining: 'DRAINING',
};

export function nodeParts(node: ProxyNode): Pick<AdminParts, 'state' | 'clusters' | 'listeners' | 'connectionCount'> {
  return {
    state: () => states[node.state],
    clusters: () =>
      node.clusters.list().map(({ name, hosts }) => ({
        name,
        hosts: hosts.map((host) => ({
          address: host.address,
          port: host.port,
          weight: host.config.weight,
          zone: host.config.zone,
          edsHealth: host.config.health,
          failsChecks: !host.passesChecks,
          connections: host.connections,
          activeRequests: host.active,
        })),
      })),
    listeners: () => node.listeners.list(),
    connectionCount: () => node.listeners.connectionCount,
  };
}
