/** Listeners that forward bytes, tcp and tls-passthrough, to envoy.config.listener.v3.Listener. */
import { durationOf, packAny } from '../../proto/codec.ts';
import type { Listener, TcpProxy } from '../../proto/envoy.ts';
import { hashFormats, hashStateKey, keptTlvs, l4Metadata } from '../../proto/l4.ts';
import type { L4RouteSpec, ListenerSpec, Typed } from '../model/specs.ts';
import { accessLogs, passthroughLogFields, tcpLogFields } from './access-log.ts';
import { type L4Chain, l4Chains } from './l4-chains.ts';
import { type Filter, type FilterChain, type FilterChainMatch, filterChain, tcpSocket } from './listener-frame.ts';
import { Memo } from './memo.ts';
import { readProxyHeaders, trustedAlone } from './proxy-protocol.ts';
import { cidrRange, nameOf, structOf } from './wire.ts';

const idleTimeoutMs = 3_600_000;

const listeners = new Memo<Typed<'Listener'>, Listener>();

/** A listener that hands each connection to the clusters of the route that takes it; `routes` is not empty. */
export function tcpListener(listener: Typed<'Listener'>, routes: readonly Typed<'L4Route'>[]): Listener {
  return listeners.get(listener, routes, () => {
    const { spec } = listener;
    const { listener_filters: headers = [], ...words } = readProxyHeaders(spec, 'DYNAMIC_METADATA');
    const filters = [...headers, ...(spec.protocol === 'tls-passthrough' ? [tlsInspector] : [])];
    return {
      ...tcpSocket(listener),
      ...words,
      ...(filters.length > 0 && { listener_filters: filters }),
      filter_chains: l4Chains(routes).map((chain) => tcpChain(listener, chain)),
    };
  });
}

const tlsInspector = {
  name: 'envoy.filters.listener.tls_inspector',
  typed_config: packAny('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector', {}),
};

function tcpChain(listener: Typed<'Listener'>, chain: L4Chain): FilterChain {
  const { document, spec } = listener;
  const { datapath, hash } = chain.route.spec;
  return {
    ...filterChain(listener, matchOf(spec, chain), [
      ...hashText(hash),
      {
        name: 'envoy.filters.network.tcp_proxy',
        typed_config: packAny(
          'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
          tcpProxy(document.name, spec, chain.route.spec),
        ),
      },
    ]),
    metadata: { filter_metadata: { [l4Metadata]: structOf({ datapath, hash }) } },
  };
}

function matchOf(spec: ListenerSpec, { serverNames, alpn, sources }: L4Chain): FilterChainMatch {
  return {
    ...trustedAlone(spec),
    ...(spec.protocol === 'tls-passthrough' && { transport_protocol: 'tls' }),
    ...(serverNames.length > 0 && { server_names: [...serverNames] }),
    ...(alpn.length > 0 && { application_protocols: [...alpn] }),
    ...(sources.length > 0 && { source_prefix_ranges: sources.map(cidrRange) }),
  };
}

function tcpProxy(name: string, { protocol, accessLog }: ListenerSpec, route: L4RouteSpec): TcpProxy {
  const fields = protocol === 'tls-passthrough' ? passthroughLogFields : tcpLogFields;
  return {
    stat_prefix: name,
    ...tcpTarget(route.to),
    idle_timeout: durationOf(route.idleTimeoutMs ?? idleTimeoutMs),
    // an endpoint that does not answer is no reason to fail: the next ones are tried, as our own node does
    max_connect_attempts: { value: 3 },
    hash_policy: [route.hash === 'source' ? { source_ip: {} } : { filter_state: { key: hashStateKey } }],
    // of clusters that send PROXY headers; what stands in the one that came in is another connection's
    proxy_protocol_tlvs: [{ type: keptTlvs.unique_id, format_string: textFormat('%STREAM_ID%') }],
    proxy_protocol_tlv_merge_policy: 'OVERWRITE_BY_TYPE_IF_EXISTS_OR_ADD',
    access_log: accessLogs(accessLog, fields),
  };
}

function textFormat(inline_string: string) {
  return { text_format_source: { inline_string } };
}

/** A hash policy has no words but for the source: it takes what stands here. */
function hashText(hash: L4RouteSpec['hash']): Filter[] {
  if (hash === 'source') return [];
  const value = {
    object_key: hashStateKey,
    factory_key: 'envoy.hashable_string',
    format_string: textFormat(hashFormats[hash]),
  };
  const typed_config = packAny('envoy.extensions.filters.network.set_filter_state.v3.Config', {
    on_new_connection: [value],
  });
  return [{ name: 'envoy.filters.network.set_filter_state', typed_config }];
}

function tcpTarget(to: L4RouteSpec['to']): Pick<TcpProxy, 'cluster' | 'weighted_clusters'> {
  const [first, ...others] = to;
  if (first !== undefined && others.length === 0) return { cluster: nameOf(first.cluster) };
  // unlike in HTTP routes, Envoy refuses a weight of 0 here
  const clusters = to
    .filter(({ weight }) => weight > 0)
    .map(({ cluster, weight }) => ({ name: nameOf(cluster), weight }));
  return { weighted_clusters: { clusters } };
}
