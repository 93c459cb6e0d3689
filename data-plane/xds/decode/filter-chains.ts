/** envoy.config.listener.v3.FilterChain: one that ends in HTTP, or any number that end in TCP proxies. */
import type { Listener } from '../../../proto/envoy.ts';
import type { ListenerConfig, TcpChainConfig, TcpListenerConfig, TcpProxyConfig } from '../../model/config.ts';
import { checkTransportSocket } from './address.ts';
import {
  checkOverlaps,
  checkPorts,
  commonDirectSources,
  type ReadMatch,
  readMatch,
  refuseHellos,
} from './chain-match.ts';
import { checkFields, fieldTable } from './fields.ts';
import { readL4Metadata } from './l4-metadata.ts';
import { type ListenerFilters, readListenerFilters } from './listener-filters.ts';
import { readFilters, type Terminal } from './network-filters.ts';
import { type Place, unsupported } from './problems.ts';
import { readUntrusted } from './proxy-protocol.ts';
import type { HttpChainResource, TlsResource } from './resources.ts';
import { isDownstreamTls, readDownstreamTls } from './tls.ts';

type FilterChain = NonNullable<Listener['filter_chains']>[number];

const chainFields = fieldTable('envoy.config.listener.v3.FilterChain', {
  // the time to connect is about handshakes, of which plain text has none
  carried: ['filters', 'filter_chain_match', 'transport_socket', 'transport_socket_connect_timeout', 'metadata'],
  ignored: ['name'],
  only: { use_proxy_proto: [false] },
});

export interface ReadChains extends Pick<ListenerConfig, 'maxConnections' | 'proxyProtocol'> {
  readonly chain: HttpChainResource | TcpListenerConfig;
  readonly tls: TlsResource | null;
}

interface ReadChain extends ReadMatch {
  readonly terminal: Terminal;
  readonly tls: TlsResource | null;
  readonly maxConnections: number;
}

/** Of a listener that is not of UDP. Null after reporting a problem. */
export function readChains(place: Place, message: Listener, port: number): ReadChains | null {
  const filters = readListenerFilters(place, message);
  const behindProxies = filters.proxyProtocol !== null;
  const at = place.field('filter_chains');
  const told = (message.filter_chains ?? []).map((chain, index) => readChain(at.index(index), chain, behindProxies));
  const last = message.default_filter_chain;
  const otherwise = last ? readChain(place.field('default_filter_chain'), last, behindProxies, true) : null;
  const chains = told.filter((one) => one !== null);
  const all = otherwise === null ? chains : [...chains, otherwise];
  if (told.length === 0 && !last) at.refuse('must hold a filter chain');
  checkOverlaps(at, chains);
  if (!filters.inspectTls) refuseHellos(chains);
  checkPorts(chains, port, behindProxies);
  const trust = behindProxies ? commonDirectSources(all) : null;
  const untrusted = readUntrusted(place, message.metadata);
  const { proxyProtocol: said, timeoutMs } = filters;
  const proxyProtocol = said === null ? null : { ...said, trust, untrusted, timeoutMs };
  const maxConnections = commonLimit(at, all);
  const http = all.find(({ terminal }) => terminal.type === 'http');
  if (http?.terminal.type === 'http') {
    if (all.length > 1) at.refuse(`more than one, and HTTP among them, is ${unsupported}`);
    return { chain: http.terminal, tls: http.tls, maxConnections, proxyProtocol };
  }
  if (all.length === 0) return null;
  return { chain: readTcpListener(chains, otherwise, filters, trust), tls: null, maxConnections, proxyProtocol };
}

/** Null after reporting a problem. */
function readChain(place: Place, chain: FilterChain, behindProxies: boolean, isDefault = false): ReadChain | null {
  checkFields(place, chain, chainFields);
  const tls = isDownstreamTls(chain) ? readDownstreamTls(place, chain) : null;
  if (!isDownstreamTls(chain)) checkTransportSocket(place.field('transport_socket'), chain.transport_socket);
  const { terminal, maxConnections } = readFilters(place, chain.filters ?? [], {
    asksForCertificates: tls !== null && tls.client !== null,
    behindProxies,
    l4: readL4Metadata(place, chain.metadata, 'chain'),
  });
  const httpKind = behindProxies ? 'http-behind-proxies' : 'http';
  const kind = terminal?.type === 'http' ? httpKind : 'tcp';
  const match = readMatch(
    place.field('filter_chain_match'),
    chain.filter_chain_match ?? {},
    isDefault ? 'what-others-leave' : kind,
  );
  if (terminal === null) return null;
  if (terminal.type === 'tcp' && tls !== null) {
    place.field('transport_socket').refuse(`TLS in front of a TCP proxy is ${unsupported}`);
  }
  return { ...match, terminal, tls, maxConnections };
}

/** It holds for the listener, so all chains have to say the same. */
function commonLimit(place: Place, chains: readonly ReadChain[]): number {
  const limits = new Set(chains.map(({ maxConnections }) => maxConnections));
  if (limits.size > 1) place.refuse(`limits of connections that differ from chain to chain are ${unsupported}`);
  return [...limits][0] ?? 0;
}

/** @param trust what all chains ask of who connects, which is looked at before any of them is chosen */
function readTcpListener(
  chains: readonly ReadChain[],
  otherwise: ReadChain | null,
  { inspectTls, timeoutMs }: ListenerFilters,
  trust: readonly string[] | null,
): TcpListenerConfig {
  const read = chains.map(({ match, terminal }): TcpChainConfig => {
    return { match: trust === null ? match : { ...match, directSources: [] }, proxy: proxyOf(terminal) };
  });
  const around = { type: 'tcp', inspectTls, inspectTimeoutMs: timeoutMs } as const;
  const [only] = read;
  if (otherwise === null && read.length === 1 && only !== undefined && takesAll(only)) {
    return { ...around, chains: [], otherwise: only.proxy };
  }
  return { ...around, chains: read, otherwise: otherwise === null ? null : proxyOf(otherwise.terminal) };
}

function proxyOf(terminal: Terminal): TcpProxyConfig {
  if (terminal.type === 'http') throw new Error('HTTP in a listener of TCP');
  return terminal.proxy;
}

function takesAll({ match }: TcpChainConfig): boolean {
  const { serverNames, alpn, transport, sources, directSources } = match;
  return transport === null && serverNames.length + alpn.length + sources.length + directSources.length === 0;
}
