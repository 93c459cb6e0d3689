/** The discovery services: their paths, and what a stream on each speaks. */
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import type { Variant, XdsType } from './ports.ts';
import { encodeResponse, type Response } from './responses.ts';

export interface StreamKind {
  readonly variant: Variant;
  /** ADS, or the one type of a per-type service. */
  readonly service: 'ads' | XdsType;
}

const discovery = 'envoy.service.discovery.v3.AggregatedDiscoveryService';

/** By gRPC method path. */
export const streamKinds: Readonly<Record<string, StreamKind>> = {
  [`/${discovery}/StreamAggregatedResources`]: { variant: 'sotw', service: 'ads' },
  [`/${discovery}/DeltaAggregatedResources`]: { variant: 'delta', service: 'ads' },
  '/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters': { variant: 'sotw', service: 'clusters' },
  '/envoy.service.cluster.v3.ClusterDiscoveryService/DeltaClusters': { variant: 'delta', service: 'clusters' },
  '/envoy.service.endpoint.v3.EndpointDiscoveryService/StreamEndpoints': { variant: 'sotw', service: 'endpoints' },
  '/envoy.service.endpoint.v3.EndpointDiscoveryService/DeltaEndpoints': { variant: 'delta', service: 'endpoints' },
  '/envoy.service.listener.v3.ListenerDiscoveryService/StreamListeners': { variant: 'sotw', service: 'listeners' },
  '/envoy.service.listener.v3.ListenerDiscoveryService/DeltaListeners': { variant: 'delta', service: 'listeners' },
  '/envoy.service.route.v3.RouteDiscoveryService/StreamRoutes': { variant: 'sotw', service: 'routes' },
  '/envoy.service.route.v3.RouteDiscoveryService/DeltaRoutes': { variant: 'delta', service: 'routes' },
};

/** Bytes pass through: requests are decoded, and responses put together, by the streams. */
export const discoveryServices: ServiceDefinition = Object.fromEntries(
  Object.keys(streamKinds).map((path) => [path, methodOf(path)]),
);

function methodOf(path: string): MethodDefinition<Buffer, Response> {
  return {
    path,
    requestStream: true,
    responseStream: true,
    requestSerialize: (bytes) => bytes,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: encodeResponse,
    responseDeserialize: (bytes) => ({ parts: [bytes], bytes: bytes.length }),
  };
}
