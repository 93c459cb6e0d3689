/** What the node of a run is configured with: the same listeners in all, clusters as each promise needs them. */
import type { ClusterConfig, Datapath, EndpointConfig, ListenerConfig } from '../../data-plane/model/config.ts';
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

interface Listening extends Pick<ListenerConfig, 'name' | 'address'> {
  readonly cluster: string;
  readonly datapath: Datapath;
}

function listenerOf({ protocol, port }: Flow, { name, address, cluster, datapath }: Listening): ListenerConfig {
  const common = { statPrefix: name, idleTimeoutMs: 600_000, accessLogs: [], datapath };
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
export function siteOf(front: ClusterConfig, datapath: Datapath = 'auto'): Configured {
  return {
    listeners: [
      listenerOf(toFront, { name: 'front', address: '0.0.0.0', cluster: front.name, datapath }),
      listenerOf(toFront6, { name: 'front6', address: '::', cluster: 'team/six', datapath }),
      listenerOf(toDns, { name: 'dns', address: nodeAddress[4], cluster: front.name, datapath }),
    ],
    clusters: [front, clusterAt('team/six', 6, [1, 2, 3])],
  };
}
