/** Which cluster serves a client, by its address. */
import net from 'node:net';
import type { UdpRouteConfig } from '../model/config.ts';

export interface UdpRoutes {
  /** @param address without the mapping of IPv4 into IPv6 @returns null: none */
  clusterFor(address: string): string | null;
}

export function compileUdpRoutes(routes: readonly UdpRouteConfig[]): UdpRoutes {
  const compiled = routes.map(({ sources, cluster }) => ({
    list: sources.length === 0 ? null : listOf(sources),
    cluster,
  }));
  return {
    clusterFor: (address) => {
      const family = address.includes(':') ? 'ipv6' : 'ipv4';
      for (const { list, cluster } of compiled) if (list === null || list.check(address, family)) return cluster;
      return null;
    },
  };
}

function listOf(sources: readonly string[]): net.BlockList {
  const list = new net.BlockList();
  for (const source of sources) {
    const slash = source.indexOf('/');
    const address = source.slice(0, slash);
    list.addSubnet(address, Number(source.slice(slash + 1)), net.isIPv6(address) ? 'ipv6' : 'ipv4');
  }
  return list;
}
