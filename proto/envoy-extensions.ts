/** Shapes of the Envoy extension messages that the package ships as .proto files but not as TypeScript types. */

import type { AccessLog } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/accesslog/v3/AccessLog.js';
import type { Cluster } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/cluster/v3/Cluster.js';
import type { Http1ProtocolOptions } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/core/v3/Http1ProtocolOptions.js';
import type { HttpProtocolOptions as CommonHttpProtocolOptions } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/core/v3/HttpProtocolOptions.js';
import type { Node } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/core/v3/Node.js';
import type { RuntimeDouble } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/core/v3/RuntimeDouble.js';
import type { RuntimeFeatureFlag } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/core/v3/RuntimeFeatureFlag.js';
import type { SubstitutionFormatString } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/core/v3/SubstitutionFormatString.js';
import type { ConsistentHashingLbConfig } from '@grpc/grpc-js-xds/build/src/generated/envoy/extensions/load_balancing_policies/common/v3/ConsistentHashingLbConfig.js';
import type { LocalityLbConfig } from '@grpc/grpc-js-xds/build/src/generated/envoy/extensions/load_balancing_policies/common/v3/LocalityLbConfig.js';
import type { SlowStartConfig } from '@grpc/grpc-js-xds/build/src/generated/envoy/extensions/load_balancing_policies/common/v3/SlowStartConfig.js';
import type { Duration } from '@grpc/grpc-js-xds/build/src/generated/google/protobuf/Duration.js';
import type { Struct } from '@grpc/grpc-js-xds/build/src/generated/google/protobuf/Struct.js';
import type { UInt32Value } from '@grpc/grpc-js-xds/build/src/generated/google/protobuf/UInt32Value.js';

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
