/** Shapes of the Envoy extension messages that the package ships as .proto files but not as TypeScript types. */

import type { AccessLog } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/accesslog/v3/AccessLog.js';
import type { Cluster } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/cluster/v3/Cluster.js';
import type { Http1ProtocolOptions } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/core/v3/Http1ProtocolOptions.js';
import type { HttpProtocolOptions as CommonHttpProtocolOptions } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/core/v3/HttpProtocolOptions.js';
import type { Node } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/core/v3/Node.js';
import type { ProxyProtocolPassThroughTLVs } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/core/v3/ProxyProtocolPassThroughTLVs.js';
import type { RuntimeDouble } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/core/v3/RuntimeDouble.js';
import type { RuntimeFeatureFlag } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/core/v3/RuntimeFeatureFlag.js';
import type { SubstitutionFormatString } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/core/v3/SubstitutionFormatString.js';
import type { ConsistentHashingLbConfig } from '@grpc/grpc-js-xds/build/src/generated/envoy/extensions/load_balancing_policies/common/v3/ConsistentHashingLbConfig.js';
import type { LocalityLbConfig } from '@grpc/grpc-js-xds/build/src/generated/envoy/extensions/load_balancing_policies/common/v3/LocalityLbConfig.js';
import type { SlowStartConfig } from '@grpc/grpc-js-xds/build/src/generated/envoy/extensions/load_balancing_policies/common/v3/SlowStartConfig.js';
import type { Duration } from '@grpc/grpc-js-xds/build/src/generated/google/protobuf/Duration.js';
import type { Struct } from '@grpc/grpc-js-xds/build/src/generated/google/protobuf/Struct.js';
import type { UInt32Value } from '@grpc/grpc-js-xds/build/src/generated/google/protobuf/UInt32Value.js';
import type { Matcher } from '@grpc/grpc-js-xds/build/src/generated/xds/type/matcher/v3/Matcher.js';

export interface FileAccessLog {
  path?: string;
  log_format?: SubstitutionFormatString | null;
  /** Deprecated, as are the next two. */
  format?: string;
  json_format?: Struct | null;
  typed_json_format?: Struct | null;
}

/** StdoutAccessLog and StderrAccessLog. */
export interface StreamAccessLog {
  log_format?: SubstitutionFormatString | null;
}

/** What the policies of one endpoint after the other share. */
interface OrderedPolicy {
  slow_start_config?: SlowStartConfig | null;
  locality_lb_config?: LocalityLbConfig | null;
}

export type RoundRobin = OrderedPolicy;

export interface LeastRequest extends OrderedPolicy {
  choice_count?: UInt32Value | null;
  active_request_bias?: RuntimeDouble | null;
  enable_full_scan?: { value?: boolean } | null;
  selection_method?: 'N_CHOICES' | 'FULL_SCAN' | 0 | 1;
}

export interface Random {
  locality_lb_config?: LocalityLbConfig | null;
}

export interface Maglev {
  table_size?: { value?: number | string } | null;
  consistent_hashing_lb_config?: ConsistentHashingLbConfig | null;
  locality_weighted_lb_config?: Record<never, never> | null;
}

/** As Cluster.LbSubsetConfig, and who picks within a subset. */
export interface Subset extends LbSubsetConfig {
  allow_redundant_keys?: boolean;
  subset_lb_policy?: LoadBalancingPolicy | null;
}

type LbSubsetConfig = NonNullable<Cluster['lb_subset_config']>;
type LoadBalancingPolicy = NonNullable<Cluster['load_balancing_policy']>;

export interface Router {
  suppress_envoy_headers?: boolean;
}

export interface ConnectionLimit {
  stat_prefix?: string;
  max_connections?: { value?: number } | null;
  delay?: Duration | null;
  runtime_enabled?: RuntimeFeatureFlag | null;
}

export interface TcpProxy {
  stat_prefix?: string;
  cluster?: string;
  weighted_clusters?: { clusters?: { name?: string; weight?: number }[] } | null;
  idle_timeout?: Duration | null;
  access_log?: AccessLog[];
  max_connect_attempts?: { value?: number } | null;
  /** At most one. */
  hash_policy?: { source_ip?: Record<never, never> | null; filter_state?: { key?: string } | null }[];
  /** Of the PROXY v2 header to the endpoint. */
  proxy_protocol_tlvs?: TlvEntry[];
  /** What becomes of them where the client's own header brought some; the first is what holds where none is said. */
  proxy_protocol_tlv_merge_policy?: 'ADD_IF_ABSENT' | 'OVERWRITE_BY_TYPE_IF_EXISTS_OR_ADD' | 'APPEND_IF_EXISTS_OR_ADD';
}

/** Either the value, or a text that yields it. */
export interface TlvEntry {
  type?: number;
  value?: Uint8Array;
  format_string?: SubstitutionFormatString | null;
}

/** envoy.filters.network.set_filter_state. */
export interface SetFilterState {
  on_new_connection?: {
    object_key?: string;
    /** Empty: the object's key. */
    factory_key?: string;
    format_string?: SubstitutionFormatString | null;
    read_only?: boolean;
    shared_with_upstream?: string;
    skip_if_empty?: boolean;
  }[];
}

/** envoy.filters.listener.tls_inspector. */
export interface TlsInspector {
  enable_ja3_fingerprinting?: { value?: boolean } | null;
  enable_ja4_fingerprinting?: { value?: boolean } | null;
  initial_read_buffer_size?: UInt32Value | null;
  close_connection_on_client_hello_parsing_errors?: boolean;
  max_client_hello_size?: UInt32Value | null;
}

/** envoy.filters.listener.proxy_protocol. */
export interface ProxyProtocol {
  rules?: {
    tlv_type?: number;
    on_tlv_present?: {
      /** Empty: the filter's name. */
      metadata_namespace?: string;
      key?: string;
      value_string_encoding?: 'UNSPECIFIED' | 'SANITIZED_UTF8' | 'BASE64';
    } | null;
  }[];
  allow_requests_without_proxy_protocol?: boolean;
  /** Those that PROXY headers to endpoints may take on. */
  pass_through_tlvs?: ProxyProtocolPassThroughTLVs | null;
  disallowed_versions?: ('V1' | 'V2')[];
  stat_prefix?: string;
  tlv_location?: 'DYNAMIC_METADATA' | 'FILTER_STATE';
}

/** envoy.transport_sockets.upstream_proxy_protocol. */
export interface ProxyProtocolUpstreamTransport {
  config?: {
    version?: 'V1' | 'V2';
    pass_through_tlvs?: ProxyProtocolPassThroughTLVs | null;
    added_tlvs?: TlvEntry[];
  } | null;
  transport_socket?: Cluster['transport_socket'];
  allow_unspecified_address?: boolean;
  tlv_as_pool_key?: boolean;
}

/** envoy.filters.udp_listener.udp_proxy. */
export interface UdpProxyConfig {
  stat_prefix?: string;
  /** Deprecated: Envoy wants a matcher. */
  cluster?: string;
  matcher?: Matcher | null;
  idle_timeout?: Duration | null;
  /** At most one. */
  hash_policies?: { source_ip?: boolean; key?: string }[];
  use_per_packet_load_balancing?: boolean;
  upstream_socket_config?: { max_rx_datagram_size?: { value?: string } };
  /** One line a session. */
  access_log?: AccessLog[];
}

/** What a UDP proxy's matcher decides. */
export interface UdpRoute {
  cluster?: string;
}

/** The custom matcher of a tree: of the ranges that hold the address, the longest decides. */
export interface IpMatcher {
  range_matchers?: {
    ranges?: { address_prefix?: string; prefix_len?: { value?: number } | null }[];
    on_match?: Matcher['on_no_match'];
    exclusive?: boolean;
  }[];
}

interface HttpVersions {
  http_protocol_options?: Http1ProtocolOptions | null;
  http2_protocol_options?: Cluster['http2_protocol_options'];
}

export interface HttpProtocolOptions {
  common_http_protocol_options?: CommonHttpProtocolOptions | null;
  explicit_http_config?: HttpVersions | null;
  use_downstream_protocol_config?: HttpVersions | null;
}

export interface UriTemplateMatchConfig {
  path_template?: string;
}

/** Our own: proto/fairlead/load_balancing_policies/utilization/v1. */
export interface Utilization extends OrderedPolicy {
  choice_count?: UInt32Value | null;
  report_expiry?: Duration | null;
  probation?: Duration | null;
  probation_requests?: UInt32Value | null;
}

export interface StatefulSession {
  session_state?: { name?: string; typed_config?: unknown } | null;
  strict?: boolean;
}

export interface StatefulSessionPerRoute {
  disabled?: boolean;
  stateful_session?: StatefulSession | null;
}

export interface CookieBasedSessionState {
  cookie?: {
    name?: string;
    ttl?: Duration | null;
    path?: string;
    attributes?: { name?: string; value?: string }[];
  } | null;
}

export interface HeaderBasedSessionState {
  name?: string;
}

/** A layer of runtime values (RTDS). */
export interface Runtime {
  name?: string;
  layer?: Struct | null;
}

/** A message that only its receiver knows, as JSON. */
export interface TypedStruct {
  type_url?: string;
  value?: Struct | null;
}

/** Our own: proto/fairlead/report/v1. */
export interface HealthReport {
  node?: Node | null;
  clusters?: ClusterHealth[];
}

/** How a node is: all of it, each time. */
export interface NodeState {
  node?: Node | null;
  phase?: string | number;
  listeners?: { name?: string; address?: string; port?: number; udp?: boolean }[];
  connections?: number;
}

/** What a node shall do: all of it, each time. */
export interface NodeOrders {
  drain?: boolean;
  timeout?: Duration | null;
}

export interface HealthReportRequest {
  interval?: Duration | null;
}

export interface ClusterHealth {
  name?: string;
  endpoints?: EndpointHealth[];
  gone?: string[];
}

export interface EndpointHealth {
  address?: string;
  /** A name; a number that is none of them comes as it is. */
  state?: string | number;
  age?: Duration | null;
  reason?: string;
}
