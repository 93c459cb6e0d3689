/** For tests: clusters and listeners that the kernel can carry, and a system whose nft only keeps what it was told. */
import type { ClusterConfig, ListenerConfig, TcpProxyConfig, UdpChainConfig } from '../../model/config.ts';
import { balanceOf, clusterOf, endpointOf } from '../../testing.ts';
import { NoTable, type System } from './nft.ts';
import type { Table } from './ruleset.ts';

/** @param addresses of its endpoints, all at port 9000 */
export function kernelCluster(name: string, addresses: readonly string[] = ['10.0.0.1', '10.0.0.2']): ClusterConfig {
  const policy = { type: 'maglev', tableSize: 7, useHostname: false, boundedLoadPercent: 0 } as const;
  const endpoints = addresses.map((address) => endpointOf(9000, { key: `${address}:9000`, address }));
  return { ...clusterOf([], { name, protocol: 'tcp', balance: balanceOf(policy), endpoints }) };
}

export function tcpProxyOf(cluster: string, rest: Partial<TcpProxyConfig> = {}): TcpProxyConfig {
  return {
    ...{ statPrefix: 't', to: [{ cluster, weight: 1 }], idleTimeoutMs: 60_000, accessLogs: [], proxyTlvs: [] },
    ...{ hash: { type: 'text', format: '', means: 'five-tuple' }, datapath: 'auto' },
    ...rest,
  };
}

export function udpChainOf(cluster: string, rest: Partial<UdpChainConfig> = {}): UdpChainConfig {
  return {
    ...{ type: 'udp', statPrefix: 'u', routes: [{ sources: [], cluster }], idleTimeoutMs: 30_000, hash: null },
    ...{ perPacket: false, accessLogs: [], datapath: 'auto' },
    ...rest,
  };
}

/** TCP to cluster `c`, unless another chain is given. */
export function kernelListener({
  name = 'front',
  address = '0.0.0.0',
  port = 8000,
  proxy = tcpProxyOf('c'),
  chain = { type: 'tcp', inspectTls: false, inspectTimeoutMs: 0, chains: [], otherwise: proxy },
}: Partial<Pick<ListenerConfig, 'name' | 'address' | 'port' | 'chain'>> & { proxy?: TcpProxyConfig }): ListenerConfig {
  return { name, address, port, chain, tls: null, proxyProtocol: null, maxConnections: 10 };
}

/** Keeps the scripts that nft was to carry out, and tells what it was given to tell. */
export class TestSystem implements System {
  readonly scripts: string[] = [];
  /** By what is listed; sets are empty otherwise. */
  readonly tells = new Map<string, string>();
  /** A table was made, and is still there. */
  stands = false;
  /** What the next runs end with. */
  refuses: string | null = null;
  missing: string | null = null;
  passesOn = true;
  conntrack: string | null = '';

  fault(): string | null {
    return this.missing;
  }

  async nft(args: readonly string[], script?: string): Promise<string> {
    if (this.refuses !== null) throw new Error(this.refuses);
    if (script !== undefined) {
      this.scripts.push(script);
      this.stands ||= script.startsWith('add table');
      return '';
    }
    const [, , kind] = args;
    const told = this.tells.get(args.slice(2).join(' '));
    if (told === undefined && kind === 'set' && this.stands) return listedCounts('', new Map());
    if (told === undefined) throw new NoTable('Error: No such file or directory');
    return told;
  }

  forwards(): boolean {
    return this.passesOn;
  }

  async flows(): Promise<string> {
    if (this.conntrack === null) throw new Error('no such file');
    return this.conntrack;
  }
}

/** `nft -j list table`, where that stands. */
export function listedTable({ slots, counted, timeouts, marks }: Table): string {
  const elements = (map: readonly string[]) => map.map((endpoint, slot) => [slot, { concat: wordsOf(endpoint) }]);
  return JSON.stringify({
    nftables: [
      { metainfo: { version: '1.0.6' } },
      { table: { family: 'inet', name: 't' } },
      ...[...timeouts].map((name) => ({ 'ct timeout': { name } })),
      { set: { name: 'alive', elem: [{ elem: { val: 'ipv4', timeout: 60 } }] } },
      ...[...slots].map(([name, map]) => ({ map: { name, elem: elements(map) } })),
      ...[...counted].map(([name, keys]) => ({ set: listedSet(name, new Map([...keys].map((key) => [key, 0]))) })),
      ...[...marks.keys()].map((name) => ({ chain: { name } })),
      ...[...marks].flatMap(([chain, all]) => all.map((comment) => ({ rule: { chain, comment } }))),
    ],
  });
}

/** `nft -j list set`. @param counts packets and bytes alike, by key */
export function listedCounts(name: string, counts: ReadonlyMap<string, number>): string {
  return JSON.stringify({ nftables: [{ metainfo: {} }, { set: listedSet(name, counts) }] });
}

function listedSet(name: string, counts: ReadonlyMap<string, number>) {
  const elem = [...counts].map(([key, count]) => {
    return { elem: { val: { concat: wordsOf(key) }, counter: { packets: count, bytes: count } } };
  });
  return { name, elem };
}

function wordsOf(key: string): readonly (string | number)[] {
  return key.split(' . ').map((word) => (/^\d+$/.test(word) ? Number(word) : word));
}
