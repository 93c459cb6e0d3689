/** What the node of a run is configured with: the same listeners in all, clusters as each promise needs them. */
import type { ClusterConfig, EndpointConfig, ListenerConfig } from '../../data-plane/model/config.ts';
import { balanceOf, clusterOf, endpointOf } from '../../data-plane/testing.ts';
import { backendAddress, nodeAddress } from './namespaces.ts';
import type { Flow } from './peer.ts';
import { backendPort, type Configured } from './world.ts';

export const tableSize = 65_537;

const policy = { type: 'maglev', tableSize, useHostname: false, boundedLoadPercent: 0 } as const;

export const toFront: Flow = { protocol: 'tcp', address: nodeAddress[4], port: 8_000 };
export const toFront6: Flow = { protocol: 'tcp', address: nodeAddress[6], port: 8_006 };
export const toDns: Flow = { protocol: 'udp', address: nodeAddress[4], port: 5_300 };

/** @param numbers of backends, from 1 */
export function clusterAt(
  name: string,
  family: 4 | 6,
  numbers: readonly number[],
  more: Partial<EndpointConfig>[] = [],
) {
  const endpoints = numbers.map((number, index) => {
    const address = backendAddress(number - 1, family);
    return endpointOf(backendPort, { key: `${address}:${backendPort}`, address, ...more[index] });
  });
  return clusterOf([], { name, protocol: 'tcp', balance: balanceOf(policy), endpoints });
}

function listenerOf({ protocol, port }: Flow, name: string, address: string, cluster: string): ListenerConfig {
  const common = { statPrefix: name, idleTimeoutMs: 600_000, accessLogs: [], datapath: 'auto' } as const;
  const hash = { type: 'text', format: '', means: 'five-tuple' } as const;
  const tcp = { ...common, to: [{ cluster, weight: 1 }], hash, proxyTlvs: [] };
  const routes = [{ sources: [], cluster }];
  // a session is over when it was quiet for so long, so a stop waits for it
  const udp = {
    ...common,
    type: 'udp',
    idleTimeoutMs: 5_000,
    routes,
    hash: { type: 'five-tuple' },
    perPacket: false,
  } as const;
  return {
    ...{ name, address, port, tls: null, proxyProtocol: null, maxConnections: 10_000 },
    chain:
      protocol === 'udp' ? udp : { type: 'tcp', inspectTls: false, inspectTimeoutMs: 0, chains: [], otherwise: tcp },
  };
}

/** @param front the cluster of TCP and UDP over IPv4 */
export function siteOf(front: ClusterConfig): Configured {
  return {
    listeners: [
      listenerOf(toFront, 'front', '0.0.0.0', front.name),
      listenerOf(toFront6, 'front6', '::', 'team/six'),
      listenerOf(toDns, 'dns', nodeAddress[4], front.name),
    ],
    clusters: [front, clusterAt('team/six', 6, [1, 2, 3])],
  };
}
