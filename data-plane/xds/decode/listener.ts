/** envoy.config.listener.v3.Listener: an address and one filter chain that ends in HTTP or TCP, perhaps behind limits. */
import type { Listener } from '../../../proto/envoy.ts';
import type { ListenerConfig, TcpListenerConfig, TcpProxyConfig } from '../../model/config.ts';
import { limits } from '../limits.ts';
import { checkTransportSocket, readAddress } from './address.ts';
import { connectionLimit, readConnectionLimit } from './connection-limit.ts';
import { checkFields, fieldTable } from './fields.ts';
import { readHttpConnectionManager } from './http.ts';
import { anyName, decodeWith, unpackAny } from './messages.ts';
import { type Decoded, type Place, unsupported } from './problems.ts';
import type { HttpChainResource, ListenerResource } from './resources.ts';
import { readTcpProxy } from './tcp.ts';
import { isDownstreamTls, readDownstreamTls } from './tls.ts';
import { required } from './values.ts';

type FilterChain = NonNullable<Listener['filter_chains']>[number];
type Filter = NonNullable<FilterChain['filters']>[number];
type Chain = HttpChainResource | TcpListenerConfig;
type ReadChain = Pick<ListenerResource, 'chain' | 'tls'> & Pick<ListenerConfig, 'maxConnections'>;

const listenerFields = fieldTable('envoy.config.listener.v3.Listener', {
  carried: ['name', 'address', 'filter_chains', 'default_filter_chain'],
  ignored: [
    ...['stat_prefix', 'metadata', 'traffic_direction', 'drain_type'],
    // tuning of sockets and buffers, which have their own bounds here
    ...['per_connection_buffer_limit_bytes', 'tcp_fast_open_queue_length', 'tcp_backlog_size'],
    ...['max_connections_to_accept_per_socket_event', 'connection_balance_config', 'reuse_port', 'enable_reuse_port'],
    // about listener filters, of which there are none, and about an overload manager that is not ours
    ...['listener_filters_timeout', 'continue_on_listener_filters_timeout'],
    ...['ignore_global_conn_limit', 'bypass_overload_manager'],
  ],
  only: { bind_to_port: [true], use_original_dst: [false], transparent: [false], freebind: [false] },
});

const chainFields = fieldTable('envoy.config.listener.v3.FilterChain', {
  // the time to connect is about handshakes, of which plain text has none
  carried: ['filters', 'filter_chain_match', 'transport_socket', 'transport_socket_connect_timeout'],
  ignored: ['name', 'metadata'],
  only: { use_proxy_proto: [false] },
});

const chainMatchFields = fieldTable('envoy.config.listener.v3.FilterChainMatch', {});

const filterFields = fieldTable('envoy.config.listener.v3.Filter', { carried: ['typed_config'], ignored: ['name'] });

export function decodeListener(bytes: Uint8Array): Decoded<ListenerResource> {
  return decodeWith('envoy.config.listener.v3.Listener', bytes, (place, message) => {
    checkFields(place, message, listenerFields);
    const name = required(place.field('name'), message.name);
    const { address, port } = readAddress(place.field('address'), message.address, { minPort: 0 });
    const read = readOnlyChain(place, message);
    if (read === null) return null;
    const { chain, tls, maxConnections } = read;
    return { name, config: { name, address, port, maxConnections, proxyProtocol: null }, chain, tls };
  });
}

function readOnlyChain(place: Place, listener: Listener): ReadChain | null {
  const chains = (listener.filter_chains ?? []).map((chain, index) => ({
    at: place.item('filter_chains', index),
    chain,
  }));
  const last = listener.default_filter_chain;
  if (last !== null && last !== undefined) chains.push({ at: place.field('default_filter_chain'), chain: last });
  const [first, ...others] = chains;
  if (first === undefined) {
    place.field('filter_chains').refuse('must hold a filter chain');
    return null;
  }
  if (others.length > 0) place.field('filter_chains').refuse(`more than one filter chain is ${unsupported}`);
  return readChain(first.at, first.chain);
}

function readChain(place: Place, chain: FilterChain): ReadChain | null {
  checkFields(place, chain, chainFields);
  checkFields(place.field('filter_chain_match'), chain.filter_chain_match ?? {}, chainMatchFields);
  const tls = isDownstreamTls(chain) ? readDownstreamTls(place, chain) : null;
  if (!isDownstreamTls(chain)) checkTransportSocket(place.field('transport_socket'), chain.transport_socket);
  const filters = chain.filters ?? [];
  if (filters.length === 0) place.field('filters').refuse('must end in an HTTP connection manager or a TCP proxy');
  const { terminal, maxConnections } = readFilters(place, filters, tls !== null && tls.client !== null);
  if (terminal?.type === 'tcp' && tls !== null) {
    place.field('transport_socket').refuse(`TLS in front of a TCP proxy is ${unsupported}`);
  }
  return terminal === null ? null : { chain: terminal, tls, maxConnections };
}

function readFilters(
  place: Place,
  filters: readonly Filter[],
  asksForCertificates: boolean,
): { terminal: Chain | null; maxConnections: number } {
  let terminal: Chain | null = null;
  const most: number[] = [];
  filters.forEach((filter, index) => {
    const at = place.item('filters', index);
    checkFields(at, filter, filterFields);
    const read = readFilter(at.field('typed_config'), filter, asksForCertificates);
    const last = index === filters.length - 1;
    if (typeof read === 'number') {
      most.push(read);
      if (last) at.refuse('must stand before the filter that ends the chain');
    } else if (last) terminal = read;
    else if (read !== null) at.refuse('ends the chain and must be its last filter');
  });
  return { terminal, maxConnections: most.length === 0 ? limits.connections : Math.min(...most) };
}

/** A number is a limit of connections. */
function readFilter(place: Place, { typed_config: any }: Filter, asksForCertificates: boolean): Chain | number | null {
  const name = anyName(any);
  switch (name) {
    case connectionLimit: {
      const message = unpackAny(place, name, any);
      return message === null ? null : readConnectionLimit(place, message);
    }
    case 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager': {
      const message = unpackAny(place, name, any);
      return message === null ? null : readHttpConnectionManager(place, message, asksForCertificates);
    }
    case 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy': {
      const message = unpackAny(place, name, any);
      return message === null ? null : alone(readTcpProxy(place, message));
    }
    default:
      place.refuse(`filter ${name || 'without a type'} is ${unsupported}`);
      return null;
  }
}

function alone(proxy: TcpProxyConfig): TcpListenerConfig {
  return { type: 'tcp', inspectTls: false, chains: [], otherwise: proxy };
}
