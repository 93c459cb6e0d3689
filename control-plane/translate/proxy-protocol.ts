/** PROXY headers: what listeners make of those that come in, and which clusters send them out. */
import { durationOf, packAny } from '../../proto/codec.ts';
import type { Cluster, Listener } from '../../proto/envoy.ts';
import { keptTlvs, proxyProtocolFilter, proxyProtocolMetadata } from '../../proto/l4.ts';
import type { ClusterSpec, ListenerSpec } from '../model/specs.ts';
import { limits } from './limits.ts';
import { cidrRange, structOf } from './wire.ts';

type FilterChainMatch = NonNullable<NonNullable<Listener['filter_chains']>[number]['filter_chain_match']>;

/** Numbers of TLVs that whoever uses them has for itself: 0xE0 to 0xEF. */
const customTlvs = Array.from({ length: 16 }, (_, index) => 0xe0 + index);

/** ALPN, authority, unique id, SSL and custom ones. A checksum is of the header that it stood in, the others are local. */
const passedTlvs = { match_type: 'INCLUDE' as const, tlv_type: [0x01, 0x02, 0x05, 0x20, ...customTlvs] };

/** `keep`: in front of HTTP, logs find the TLVs in filter state alone. */
export function readProxyHeaders(
  { protocol, proxyProtocol }: ListenerSpec,
  keep: 'DYNAMIC_METADATA' | 'FILTER_STATE',
): Pick<Listener, 'listener_filters' | 'listener_filters_timeout' | 'metadata'> {
  if (proxyProtocol === null) return {};
  const rules = Object.entries(keptTlvs).map(([key, tlv_type]) => ({ tlv_type, on_tlv_present: { key } }));
  const isOptional = proxyProtocol.accept === 'optional';
  const typed_config = packAny('envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol', {
    rules,
    allow_requests_without_proxy_protocol: isOptional,
    pass_through_tlvs: passedTlvs,
    tlv_location: keep,
  });
  const words = { [proxyProtocolMetadata]: structOf({ untrusted: 'plain' }) };
  return {
    listener_filters: [{ name: proxyProtocolFilter, typed_config }],
    // a ClientHello comes from further away, and has Envoy's own 15 s
    ...(protocol !== 'tls-passthrough' && { listener_filters_timeout: durationOf(limits.proxyHeaderTimeoutMs) }),
    ...(isOptional && { metadata: { filter_metadata: words } }),
  };
}

/** Of every filter chain: whoever is not trusted finds none. */
export function trustedAlone({ proxyProtocol }: ListenerSpec): FilterChainMatch {
  return proxyProtocol === null ? {} : { direct_source_prefix_ranges: proxyProtocol.trust.map(cidrRange) };
}

export function proxyHeaderSocket({ proxyProtocol }: ClusterSpec): Pick<Cluster, 'transport_socket'> {
  if (proxyProtocol === null) return {};
  const socket = 'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport';
  const raw = packAny('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer', {});
  const typed_config = packAny(socket, {
    // unlike its name says, this lets through what a TCP proxy adds, too
    config: proxyProtocol === 'v1' ? { version: 'V1' } : { version: 'V2', pass_through_tlvs: passedTlvs },
    transport_socket: { name: 'envoy.transport_sockets.raw_buffer', typed_config: raw },
  });
  return { transport_socket: { name: 'envoy.transport_sockets.upstream_proxy_protocol', typed_config } };
}
