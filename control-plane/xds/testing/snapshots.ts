/** Small snapshots for tests: a resource is a name and a content; another number or text is another content. */
import { durationOf, encode } from '../../../proto/codec.ts';
import { ofEachType } from '../../../proto/type-urls.ts';
import { buildSnapshot } from '../../snapshot/build.ts';
import type { Snapshot } from '../../snapshot/snapshot.ts';
import type { XdsType } from '../ports.ts';

/**
 * By type: name to content. A text as the content of routes is a list of the clusters that they lead to (`a b`), of a
 * cluster the name of its endpoints, which are checked within two seconds.
 */
export type Contents = {
  readonly [T in XdsType]?: Readonly<Record<string, T extends 'routes' | 'clusters' ? number | string : number>>;
};

const encoders: Readonly<Record<XdsType, (name: string, content: number) => Uint8Array>> = {
  clusters: (name, content) =>
    encode('envoy.config.cluster.v3.Cluster', { name, type: 'EDS', connect_timeout: durationOf(content) }),
  endpoints: (name, content) =>
    encode('envoy.config.endpoint.v3.ClusterLoadAssignment', {
      cluster_name: name,
      policy: { overprovisioning_factor: { value: content } },
    }),
  listeners: (name, content) => encode('envoy.config.listener.v3.Listener', { name, stat_prefix: String(content) }),
  routes: (name, content) =>
    encode('envoy.config.route.v3.RouteConfiguration', {
      name,
      max_direct_response_body_size_bytes: { value: content },
    }),
  scopedRoutes: (name, content) =>
    encode('envoy.config.route.v3.ScopedRouteConfiguration', { name, route_configuration_name: String(content) }),
  virtualHosts: (name, content) =>
    encode('envoy.config.route.v3.VirtualHost', { name, domains: ['*'], request_headers_to_remove: [`x-${content}`] }),
  secrets: (name, content) =>
    encode('envoy.extensions.transport_sockets.tls.v3.Secret', {
      name,
      generic_secret: { secret: { inline_string: String(content) } },
    }),
  runtimes: (name, content) =>
    encode('envoy.service.runtime.v3.Runtime', { name, layer: { fields: { content: { numberValue: content } } } }),
  extensionConfigs: (name, content) =>
    encode('envoy.config.core.v3.TypedExtensionConfig', {
      name,
      typed_config: { type_url: 'type.googleapis.com/google.protobuf.UInt32Value', value: Buffer.from([8, content]) },
    }),
};

function encodeRoutesTo(name: string, clusters: string): Uint8Array {
  const routes = clusters.split(' ').map((cluster) => ({ match: { prefix: `/${cluster}` }, route: { cluster } }));
  const virtual_hosts = [{ name: 'host', domains: ['*'], routes }];
  return encode('envoy.config.route.v3.RouteConfiguration', { name, virtual_hosts });
}

function encodeChecked(name: string, service_name: string): Uint8Array {
  const health_checks = [{ timeout: durationOf(2_000) }];
  return encode('envoy.config.cluster.v3.Cluster', {
    name,
    type: 'EDS',
    eds_cluster_config: { service_name },
    health_checks,
  });
}

let revisions = 0;

export function snapshotOf(contents: Contents, previous?: Snapshot, group = 'edge', resourceTtlMs = 0): Snapshot {
  const encoded = (type: XdsType, name: string, content: number | string): Uint8Array => {
    if (typeof content === 'number') return encoders[type](name, content);
    return type === 'clusters' ? encodeChecked(name, content) : encodeRoutesTo(name, content);
  };
  const ofType = (type: XdsType): Map<string, Uint8Array> =>
    new Map(Object.entries(contents[type] ?? {}).map(([name, content]) => [name, encoded(type, name, content)]));
  return buildSnapshot(group, ++revisions, ofEachType(ofType), previous, resourceTtlMs);
}
