/** What is forwarded without a look at requests: TCP, TLS that is not ended here, UDP. Part of the frozen configuration (config.ts). */
import type { AccessLogConfig, WeightedClusterConfig } from './config.ts';

/** TCP proxies, each for the connections that its match names. */
export interface TcpListenerConfig {
  readonly type: 'tcp';
  /** A ClientHello, if there is one, is read before a chain is chosen: its server name and protocols are known then. */
  readonly inspectTls: boolean;
  /** From the accept on, for all that is read before a chain is chosen; 0: none. */
  readonly inspectTimeoutMs: number;
  /** In the order of the message. Of those that match, the most specific serves, by Envoy's rules. */
  readonly chains: readonly TcpChainConfig[];
  /** For connections that no chain matches; null: they are closed. */
  readonly otherwise: TcpProxyConfig | null;
}

export interface TcpChainConfig {
  readonly match: ChainMatchConfig;
  readonly proxy: TcpProxyConfig;
}

/** An empty list matches everything. */
export interface ChainMatchConfig {
  /** Lower-case; exact or `*.suffix`. */
  readonly serverNames: readonly string[];
  /** One of them is among those that the client offers. */
  readonly alpn: readonly string[];
  readonly transport: 'tls' | 'raw_buffer' | null;
  /** `address/bits`: the client, as a PROXY header names it where there is one. */
  readonly sources: readonly string[];
  /** `address/bits`: who has connected, whatever a PROXY header says. */
  readonly directSources: readonly string[];
}

/** envoy.filters.network.tcp_proxy. */
export interface TcpProxyConfig {
  readonly statPrefix: string;
  readonly to: readonly WeightedClusterConfig[];
  /** No byte either way; 0: none. */
  readonly idleTimeoutMs: number;
  readonly accessLogs: readonly AccessLogConfig[];
  /** What hashing clusters go by; null: chance. */
  readonly hash: TcpHashConfig | null;
  /** Of PROXY v2 headers to endpoints, beside those of their cluster. */
  readonly proxyTlvs: readonly ProxyTlvConfig[];
  readonly datapath: Datapath;
}

export type TcpHashConfig =
  /** The client's address, as a text. */
  | { readonly type: 'source' }
  /** A text in the language of access logs. `means` is set where it is one of ours (proto/l4.ts). */
  | { readonly type: 'text'; readonly format: string; readonly means: L4Hash | null };

export type L4Hash = 'five-tuple' | 'source' | 'destination-port' | 'authority';

/** Who moves the bytes: this process, the system's kernel, or the kernel where it can do all that is asked. */
export type Datapath = 'user' | 'kernel' | 'auto';

/** envoy.filters.udp_listener.udp_proxy. */
export interface UdpChainConfig {
  readonly type: 'udp';
  readonly statPrefix: string;
  /** The first whose sources hold the client serves it; a datagram that finds none is dropped. */
  readonly routes: readonly UdpRouteConfig[];
  /** Of a session without a datagram either way; 0: none. */
  readonly idleTimeoutMs: number;
  /** What hashing clusters go by; null: chance. `key`: the same for all. */
  readonly hash: { readonly type: L4Hash } | { readonly type: 'key'; readonly key: string } | null;
  /** Each datagram chooses its endpoint anew. */
  readonly perPacket: boolean;
  readonly accessLogs: readonly AccessLogConfig[];
  readonly datapath: Datapath;
}

export interface UdpRouteConfig {
  /** `address/bits`; empty: all. */
  readonly sources: readonly string[];
  readonly cluster: string;
}

/** envoy.filters.listener.proxy_protocol: what a listener makes of PROXY headers. */
export interface ProxyProtocolConfig {
  /** A connection without one is closed. */
  readonly required: boolean;
  /** `address/bits` of those whose header is believed; null: everybody's. */
  readonly trust: readonly string[] | null;
  /** What others may do: nothing, or connect without a header. */
  readonly untrusted: 'closed' | 'plain';
  /** Values of TLVs that are kept, each under the name by which access logs find it. */
  readonly tlvs: readonly { readonly type: number; readonly name: string }[];
  /** TLVs that PROXY headers to endpoints may take on, where these are to have them. */
  readonly passTlvs: 'all' | readonly number[];
  /** From the accept on, for all that is read before a chain is chosen; 0: none. */
  readonly timeoutMs: number;
}

/** The PROXY header that endpoints of a cluster get before anything else. */
export interface ProxyHeaderConfig {
  readonly version: 1 | 2;
  /** Those of the client's own header that go on. */
  readonly passTlvs: 'all' | readonly number[];
  readonly tlvs: readonly ProxyTlvConfig[];
}

/** A value, or a text in the language of access logs. */
export interface ProxyTlvConfig {
  readonly type: number;
  readonly value: { readonly bytes: Uint8Array } | { readonly format: string };
}
