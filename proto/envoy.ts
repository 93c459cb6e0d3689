/**
 * The one door to Envoy's messages. They come from the .proto files that `@grpc/grpc-js-xds` ships; nothing of them is
 * copied into this repository. Field names stay as in the .proto files (snake_case), so messages read like Envoy's docs.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import type { Cluster as ShippedCluster } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/cluster/v3/Cluster.js';
import type { HealthCheck } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/core/v3/HealthCheck.js';
import type { Node } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/core/v3/Node.js';
import type { TypedExtensionConfig } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/core/v3/TypedExtensionConfig.js';
import type { ClusterLoadAssignment } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/endpoint/v3/ClusterLoadAssignment.js';
import type { Listener } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/listener/v3/Listener.js';
import type { FilterConfig } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/route/v3/FilterConfig.js';
import type { RouteConfiguration } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/route/v3/RouteConfiguration.js';
import type { ScopedRouteConfiguration } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/route/v3/ScopedRouteConfiguration.js';
import type { VirtualHost } from '@grpc/grpc-js-xds/build/src/generated/envoy/config/route/v3/VirtualHost.js';
import type { HTTPFault } from '@grpc/grpc-js-xds/build/src/generated/envoy/extensions/filters/http/fault/v3/HTTPFault.js';
import type { HttpConnectionManager } from '@grpc/grpc-js-xds/build/src/generated/envoy/extensions/filters/network/http_connection_manager/v3/HttpConnectionManager.js';
import type { RingHash } from '@grpc/grpc-js-xds/build/src/generated/envoy/extensions/load_balancing_policies/ring_hash/v3/RingHash.js';
import type { WrrLocality } from '@grpc/grpc-js-xds/build/src/generated/envoy/extensions/load_balancing_policies/wrr_locality/v3/WrrLocality.js';
import type { DownstreamTlsContext } from '@grpc/grpc-js-xds/build/src/generated/envoy/extensions/transport_sockets/tls/v3/DownstreamTlsContext.js';
import type { Secret } from '@grpc/grpc-js-xds/build/src/generated/envoy/extensions/transport_sockets/tls/v3/Secret.js';
import type { DeltaDiscoveryRequest } from '@grpc/grpc-js-xds/build/src/generated/envoy/service/discovery/v3/DeltaDiscoveryRequest.js';
import type { DeltaDiscoveryResponse } from '@grpc/grpc-js-xds/build/src/generated/envoy/service/discovery/v3/DeltaDiscoveryResponse.js';
import type { DiscoveryRequest } from '@grpc/grpc-js-xds/build/src/generated/envoy/service/discovery/v3/DiscoveryRequest.js';
import type { DiscoveryResponse } from '@grpc/grpc-js-xds/build/src/generated/envoy/service/discovery/v3/DiscoveryResponse.js';
import type { Resource } from '@grpc/grpc-js-xds/build/src/generated/envoy/service/discovery/v3/Resource.js';
import type { LoadStatsRequest } from '@grpc/grpc-js-xds/build/src/generated/envoy/service/load_stats/v3/LoadStatsRequest.js';
import type { LoadStatsResponse } from '@grpc/grpc-js-xds/build/src/generated/envoy/service/load_stats/v3/LoadStatsResponse.js';
import type { ClientStatusRequest } from '@grpc/grpc-js-xds/build/src/generated/envoy/service/status/v3/ClientStatusRequest.js';
import type { ClientStatusResponse } from '@grpc/grpc-js-xds/build/src/generated/envoy/service/status/v3/ClientStatusResponse.js';
import type { Duration } from '@grpc/grpc-js-xds/build/src/generated/google/protobuf/Duration.js';
import protobuf from 'protobufjs';
import type {
  ConnectionLimit,
  CookieBasedSessionState,
  FileAccessLog,
  HeaderBasedSessionState,
  HealthReport,
  HealthReportRequest,
  HttpProtocolOptions,
  IpMatcher,
  LeastRequest,
  Maglev,
  NodeOrders,
  NodeState,
  ProxyProtocol,
  ProxyProtocolUpstreamTransport,
  Random,
  RoundRobin,
  Router,
  Runtime,
  SetFilterState,
  StatefulSession,
  StatefulSessionPerRoute,
  StreamAccessLog,
  Subset,
  TcpProxy,
  TlsInspector,
  TypedStruct,
  UdpProxyConfig,
  UdpRoute,
  UriTemplateMatchConfig,
  Utilization,
} from './envoy-extensions.ts';
import { addNewerFields } from './newer-fields.ts';

export type {
  ClientStatusRequest,
  ClientStatusResponse,
  ClusterLoadAssignment,
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
  Duration,
  FileAccessLog,
  HealthCheck,
  HealthReport,
  HealthReportRequest,
  HTTPFault,
  HttpConnectionManager,
  HttpProtocolOptions,
  IpMatcher,
  Listener,
  LoadStatsRequest,
  LoadStatsResponse,
  Node,
  NodeOrders,
  NodeState,
  ProxyProtocol,
  ProxyProtocolUpstreamTransport,
  RouteConfiguration,
  Router,
  Secret,
  SetFilterState,
  StatefulSession,
  StatefulSessionPerRoute,
  TcpProxy,
  TlsInspector,
  UdpProxyConfig,
  VirtualHost,
};

export interface Cluster extends ShippedCluster {
  dns_jitter?: Duration | null;
}

/** Every message type that code names, with its TypeScript shape (all fields optional, enums by name). */
export interface MessageTypes {
  'envoy.config.cluster.v3.Cluster': Cluster;
  'envoy.config.core.v3.TypedExtensionConfig': TypedExtensionConfig;
  'envoy.config.endpoint.v3.ClusterLoadAssignment': ClusterLoadAssignment;
  'envoy.config.listener.v3.Listener': Listener;
  'envoy.config.route.v3.FilterConfig': FilterConfig;
  'envoy.config.route.v3.RouteConfiguration': RouteConfiguration;
  'envoy.config.route.v3.ScopedRouteConfiguration': ScopedRouteConfiguration;
  'envoy.config.route.v3.VirtualHost': VirtualHost;
  'envoy.extensions.access_loggers.file.v3.FileAccessLog': FileAccessLog;
  'envoy.extensions.access_loggers.stream.v3.StderrAccessLog': StreamAccessLog;
  'envoy.extensions.access_loggers.stream.v3.StdoutAccessLog': StreamAccessLog;
  'envoy.extensions.filters.http.fault.v3.HTTPFault': HTTPFault;
  'envoy.extensions.filters.http.grpc_web.v3.GrpcWeb': Record<never, never>;
  'envoy.extensions.filters.http.router.v3.Router': Router;
  'envoy.extensions.filters.http.stateful_session.v3.StatefulSession': StatefulSession;
  'envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute': StatefulSessionPerRoute;
  'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol': ProxyProtocol;
  'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector': TlsInspector;
  'envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit': ConnectionLimit;
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager': HttpConnectionManager;
  'envoy.extensions.filters.network.set_filter_state.v3.Config': SetFilterState;
  'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy': TcpProxy;
  'envoy.extensions.filters.udp.udp_proxy.v3.Route': UdpRoute;
  'envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig': UdpProxyConfig;
  'envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState': CookieBasedSessionState;
  'envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState': HeaderBasedSessionState;
  'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest': LeastRequest;
  'envoy.extensions.load_balancing_policies.maglev.v3.Maglev': Maglev;
  'envoy.extensions.load_balancing_policies.random.v3.Random': Random;
  'envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash': RingHash;
  'envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin': RoundRobin;
  'envoy.extensions.load_balancing_policies.subset.v3.Subset': Subset;
  'envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality': WrrLocality;
  'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate': Record<never, never>;
  'envoy.extensions.matching.common_inputs.network.v3.SourceIPInput': Record<never, never>;
  'envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig': UriTemplateMatchConfig;
  'envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport': ProxyProtocolUpstreamTransport;
  'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer': Record<never, never>;
  'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext': DownstreamTlsContext;
  'envoy.extensions.transport_sockets.tls.v3.Secret': Secret;
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': HttpProtocolOptions;
  'envoy.service.discovery.v3.DeltaDiscoveryRequest': DeltaDiscoveryRequest;
  'envoy.service.discovery.v3.DeltaDiscoveryResponse': DeltaDiscoveryResponse;
  'envoy.service.discovery.v3.DiscoveryRequest': DiscoveryRequest;
  'envoy.service.discovery.v3.DiscoveryResponse': DiscoveryResponse;
  'envoy.service.discovery.v3.Resource': Resource;
  'envoy.service.load_stats.v3.LoadStatsRequest': LoadStatsRequest;
  'envoy.service.load_stats.v3.LoadStatsResponse': LoadStatsResponse;
  'envoy.service.runtime.v3.Runtime': Runtime;
  'envoy.service.status.v3.ClientStatusRequest': ClientStatusRequest;
  'envoy.service.status.v3.ClientStatusResponse': ClientStatusResponse;
  'fairlead.load_balancing_policies.utilization.v1.Utilization': Utilization;
  'fairlead.report.v1.HealthReport': HealthReport;
  'fairlead.report.v1.HealthReportRequest': HealthReportRequest;
  'fairlead.report.v1.NodeOrders': NodeOrders;
  'fairlead.report.v1.NodeState': NodeState;
  'xds.type.matcher.v3.IPMatcher': IpMatcher;
  'xds.type.v3.TypedStruct': TypedStruct;
}
export type MessageName = keyof MessageTypes;

/** Ours, in this folder. */
const ownFiles = [
  'fairlead/load_balancing_policies/utilization/v1/utilization.proto',
  'fairlead/report/v1/node_reports.proto',
];

const entryFiles = [
  'envoy/service/discovery/v3/ads.proto',
  'envoy/service/cluster/v3/cds.proto',
  'envoy/service/endpoint/v3/eds.proto',
  'envoy/service/listener/v3/lds.proto',
  'envoy/service/load_stats/v3/lrs.proto',
  'envoy/service/route/v3/rds.proto',
  'envoy/service/route/v3/srds.proto',
  'envoy/service/runtime/v3/rtds.proto',
  'envoy/service/secret/v3/sds.proto',
  'envoy/service/status/v3/csds.proto',
  'envoy/config/cluster/v3/cluster.proto',
  'envoy/config/endpoint/v3/endpoint.proto',
  'envoy/config/core/v3/extension.proto',
  'envoy/config/listener/v3/listener.proto',
  'envoy/config/route/v3/route.proto',
  'envoy/config/route/v3/scoped_route.proto',
  'envoy/extensions/access_loggers/file/v3/file.proto',
  'envoy/extensions/access_loggers/stream/v3/stream.proto',
  'envoy/extensions/filters/http/fault/v3/fault.proto',
  'envoy/extensions/filters/http/grpc_web/v3/grpc_web.proto',
  'envoy/extensions/filters/http/router/v3/router.proto',
  'envoy/extensions/filters/http/stateful_session/v3/stateful_session.proto',
  'envoy/extensions/http/stateful_session/cookie/v3/cookie.proto',
  'envoy/extensions/http/stateful_session/header/v3/header.proto',
  'envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.proto',
  'envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.proto',
  'envoy/extensions/filters/network/connection_limit/v3/connection_limit.proto',
  'envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto',
  'envoy/extensions/filters/network/set_filter_state/v3/set_filter_state.proto',
  'envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.proto',
  'envoy/extensions/filters/udp/udp_proxy/v3/route.proto',
  'envoy/extensions/filters/udp/udp_proxy/v3/udp_proxy.proto',
  'envoy/extensions/load_balancing_policies/least_request/v3/least_request.proto',
  'envoy/extensions/load_balancing_policies/maglev/v3/maglev.proto',
  'envoy/extensions/load_balancing_policies/random/v3/random.proto',
  'envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash.proto',
  'envoy/extensions/load_balancing_policies/round_robin/v3/round_robin.proto',
  'envoy/extensions/load_balancing_policies/subset/v3/subset.proto',
  'envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality.proto',
  'envoy/extensions/matching/common_inputs/network/v3/network_inputs.proto',
  'envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.proto',
  'envoy/extensions/path/match/uri_template/v3/uri_template_match.proto',
  'envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.proto',
  'envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.proto',
  'envoy/extensions/transport_sockets/tls/v3/secret.proto',
  'envoy/extensions/transport_sockets/tls/v3/tls.proto',
  'envoy/extensions/upstreams/http/v3/http_protocol_options.proto',
  'xds/type/matcher/v3/ip.proto',
  'xds/type/v3/typed_struct.proto',
  'google/protobuf/wrappers.proto',
  'google/protobuf/struct.proto',
];

function loadRoot(): protobuf.Root {
  const require = createRequire(import.meta.url);
  const deps = path.join(path.dirname(require.resolve('@grpc/grpc-js-xds/package.json')), 'deps');
  const includes = [
    import.meta.dirname,
    ...['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((dir) => path.join(deps, dir)),
    // google/protobuf/descriptor.proto comes with protobufjs itself
    path.dirname(require.resolve('protobufjs/package.json')),
  ];
  const root = new protobuf.Root();
  const known = new Set(Object.keys(protobuf.common as unknown as Record<string, unknown>));
  root.resolvePath = (_origin, target) => {
    if (known.has(target)) return target;
    for (const dir of includes) {
      const file = path.join(dir, target);
      if (protobuf.util.fs?.existsSync(file)) return file;
    }
    return target;
  };
  root.loadSync([...entryFiles, ...ownFiles], { keepCase: true });
  addNewerFields(root);
  root.resolveAll();
  return root;
}

/** All loaded message types; loading takes about 150 ms, once a process. */
export const root: protobuf.Root = loadRoot();

const types = new Map<string, protobuf.Type>();

/** Reflection type by full name. Throws for a name that is not loaded. */
export function lookupType(name: string): protobuf.Type {
  let type = types.get(name);
  if (type === undefined) {
    type = root.lookupType(name);
    types.set(name, type);
  }
  return type;
}

/** Reflection type by full name, or undefined for a name that is not loaded. */
export function findType(name: string): protobuf.Type | undefined {
  try {
    return lookupType(name);
  } catch {
    return undefined;
  }
}
