/** For tests: listeners of TCP and UDP, and what stands in them. */
import { encode } from '../../../proto/codec.ts';
import type {
  Cluster,
  IpMatcher,
  Listener,
  ProxyProtocol,
  ProxyProtocolUpstreamTransport,
  SetFilterState,
  TcpProxy,
  TlsInspector,
  UdpProxyConfig,
} from '../../../proto/envoy.ts';
import { any, edsCluster, lbEndpoint } from './testing.ts';

type FilterChain = NonNullable<Listener['filter_chains']>[number];
export type Match = NonNullable<FilterChain['filter_chain_match']>;
export type ListenerFilter = NonNullable<Listener['listener_filters']>[number];
export type OnMatch = NonNullable<NonNullable<UdpProxyConfig['matcher']>['on_no_match']>;
type FilterState = NonNullable<SetFilterState['on_new_connection']>[number];

export const tcpFilter = (patch: TcpProxy = {}) => ({
  name: 'tcp',
  typed_config: any('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
    ...{ stat_prefix: 's', cluster: 'c' },
    ...patch,
  }),
});

/** A chain that ends in a TCP proxy. */
export const tcpChain = (match: Match | null, patch: FilterChain = {}): FilterChain => ({
  filters: [tcpFilter()],
  ...(match && { filter_chain_match: match }),
  ...patch,
});

/** At a port that is free; with a TLS inspector where a match needs one. */
export function chainListener(chains: readonly FilterChain[], patch: Partial<Listener> = {}): Uint8Array {
  const asks = chains.some(({ filter_chain_match: match }) => {
    return match?.server_names || match?.application_protocols || match?.transport_protocol === 'tls';
  });
  return encode('envoy.config.listener.v3.Listener', {
    name: 'l4',
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [...chains],
    ...(asks && { listener_filters: [inspector()] }),
    ...patch,
  });
}

export const inspector = (patch: TlsInspector = {}): ListenerFilter => ({
  name: 'envoy.filters.listener.tls_inspector',
  typed_config: any('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector', patch),
});

export const proxyFilter = (patch: ProxyProtocol = {}): ListenerFilter => ({
  name: 'envoy.filters.listener.proxy_protocol',
  typed_config: any('envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol', patch),
});

export const text = (inline_string: string) => ({ text_format_source: { inline_string } });

export const setState = (...on_new_connection: FilterState[]) => ({
  name: 'envoy.filters.network.set_filter_state',
  typed_config: any('envoy.extensions.filters.network.set_filter_state.v3.Config', { on_new_connection }),
});

/** A text that may be hashed. */
export const hashState = (patch: FilterState = {}): FilterState => ({
  ...{ object_key: 'k', factory_key: 'envoy.hashable_string', format_string: text('%DOWNSTREAM_REMOTE_ADDRESS%') },
  ...patch,
});

export const byState = (key: string): TcpProxy => ({ hash_policy: [{ filter_state: { key } }] });

export const range = (address_prefix: string, bits: number) => ({ address_prefix, prefix_len: { value: bits } });

export const metadata = (key: string, fields: Record<string, unknown>): NonNullable<Listener['metadata']> => ({
  filter_metadata: {
    [key]: {
      fields: Object.fromEntries(
        Object.entries(fields).map(([name, value]) => [
          name,
          typeof value === 'number' ? { numberValue: value } : { stringValue: value },
        ]),
      ),
    },
  } as never,
});

export const udpRoute = (cluster: string): OnMatch => ({
  action: { name: 'route', typed_config: any('envoy.extensions.filters.udp.udp_proxy.v3.Route', { cluster }) },
});

type Matcher = NonNullable<UdpProxyConfig['matcher']>;

export function byRange(...range_matchers: NonNullable<IpMatcher['range_matchers']>): Matcher {
  const input = any('envoy.extensions.matching.common_inputs.network.v3.SourceIPInput', {});
  return {
    matcher_tree: {
      input: { name: 'source', typed_config: input },
      custom_match: { name: 'ip', typed_config: any('xds.type.matcher.v3.IPMatcher', { range_matchers }) },
    },
  };
}

export const udpFilter = (patch: UdpProxyConfig = {}): ListenerFilter => ({
  name: 'envoy.filters.udp_listener.udp_proxy',
  typed_config: any('envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig', {
    ...{ stat_prefix: 's', matcher: { on_no_match: udpRoute('c') } },
    ...patch,
  }),
});

export function udpListener(filters: readonly ListenerFilter[], patch: Partial<Listener> = {}): Uint8Array {
  return chainListener([], {
    address: { socket_address: { protocol: 'UDP', address: '127.0.0.1', port_value: 0 } },
    udp_listener_config: {},
    listener_filters: [...filters],
    ...patch,
  });
}

export const rawBuffer: NonNullable<Cluster['transport_socket']> = {
  name: 'envoy.transport_sockets.raw_buffer',
  typed_config: any('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer', {}),
};

/** A cluster whose endpoints get PROXY headers. */
export function headedCluster(patch: ProxyProtocolUpstreamTransport = {}, around: Partial<Cluster> = {}): Uint8Array {
  const name = 'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport';
  const transport = { transport_socket: rawBuffer, config: { version: 'V2' as const }, ...patch };
  return edsCluster({
    ...{ name: 'headed', type: 'STATIC', eds_cluster_config: null },
    load_assignment: { cluster_name: 'headed', endpoints: [{ lb_endpoints: [lbEndpoint('10.0.0.1', 80)] }] },
    transport_socket: { name: 'envoy.transport_sockets.upstream_proxy_protocol', typed_config: any(name, transport) },
    ...around,
  });
}
