/** The discovery services: their paths, and what a stream on each speaks. */
import { pushOrder } from '../../proto/type-urls.ts';
import type { StreamKind, XdsType } from './ports.ts';

const discovery = 'envoy.service.discovery.v3.AggregatedDiscoveryService';

/** Service, and what its two methods call the resources. */
const perType: Readonly<Record<XdsType, readonly [service: string, noun: string]>> = {
  clusters: ['envoy.service.cluster.v3.ClusterDiscoveryService', 'Clusters'],
  endpoints: ['envoy.service.endpoint.v3.EndpointDiscoveryService', 'Endpoints'],
  listeners: ['envoy.service.listener.v3.ListenerDiscoveryService', 'Listeners'],
  routes: ['envoy.service.route.v3.RouteDiscoveryService', 'Routes'],
  scopedRoutes: ['envoy.service.route.v3.ScopedRoutesDiscoveryService', 'ScopedRoutes'],
  virtualHosts: ['envoy.service.route.v3.VirtualHostDiscoveryService', 'VirtualHosts'],
  secrets: ['envoy.service.secret.v3.SecretDiscoveryService', 'Secrets'],
  runtimes: ['envoy.service.runtime.v3.RuntimeDiscoveryService', 'Runtime'],
  extensionConfigs: ['envoy.service.extension.v3.ExtensionConfigDiscoveryService', 'ExtensionConfigs'],
};

/** By gRPC method path. */
export const streamKinds: Readonly<Record<string, StreamKind>> = Object.fromEntries([
  ...kindsOf('ads', discovery, 'AggregatedResources'),
  ...pushOrder.flatMap((type) => kindsOf(type, ...perType[type])),
]);

/** Virtual hosts come by the incremental variant alone. */
function kindsOf(service: StreamKind['service'], name: string, noun: string): [string, StreamKind][] {
  const delta: [string, StreamKind] = [`/${name}/Delta${noun}`, { variant: 'delta', service }];
  if (service === 'virtualHosts') return [delta];
  return [[`/${name}/Stream${noun}`, { variant: 'sotw', service }], delta];
}
