/** What decode tests share: valid messages of each type, and problems as one text each. */
import { makeCertificate } from '../../../e2e/support/certificates.ts';
import { durationOf, encode, packAny } from '../../../proto/codec.ts';
import type {
  Cluster,
  ClusterLoadAssignment,
  HttpConnectionManager,
  Listener,
  MessageName,
  MessageTypes,
  RouteConfiguration,
  TcpProxy,
  VirtualHost,
} from '../../../proto/envoy.ts';
import { type Decoded, formatProblem } from './problems.ts';
import type { RoutesResource } from './resources.ts';
import { decodeRoutes } from './route.ts';

export const ads = { ads: {}, resource_api_version: 'V3' } as const;

/** The texts of all problems; none if the value was taken. */
export function problemsOf(decoded: Decoded<unknown>): string[] {
  return decoded.ok ? [] : decoded.problems.map(formatProblem);
}

/** The value, or an error that names the problems. */
export function taken<T>(decoded: Decoded<T>): T {
  if (!decoded.ok) throw new Error(problemsOf(decoded).join('\n'));
  return decoded.value;
}

/** Cases of refusal, each called by what it is refused with. */
export function refusals<P>(...cases: readonly (readonly [P, readonly string[]])[]) {
  return cases.map(([patch, expected]) => ({ law: expected.join('; '), patch, expected }));
}

/** An Any in the shape that the message types want. */
export function any<N extends MessageName>(name: N, message: MessageTypes[N]): { type_url: string; value: Buffer } {
  const { type_url, value } = packAny(name, message);
  return { type_url, value: Buffer.from(value) };
}

export const routerFilter = {
  name: 'envoy.filters.http.router',
  typed_config: any('envoy.extensions.filters.http.router.v3.Router', {}),
};

export const httpOptionsName = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

export function edsCluster(patch: Partial<Cluster> = {}): Uint8Array {
  return encode('envoy.config.cluster.v3.Cluster', {
    name: 'checkout/orders',
    type: 'EDS',
    eds_cluster_config: { eds_config: ads },
    ...patch,
  });
}

export function assignment(patch: Partial<ClusterLoadAssignment> = {}): Uint8Array {
  return encode('envoy.config.endpoint.v3.ClusterLoadAssignment', {
    cluster_name: 'checkout/orders',
    endpoints: [{ lb_endpoints: [lbEndpoint('10.0.0.1', 80)] }],
    ...patch,
  });
}

export function lbEndpoint(address: string, port: number) {
  return { endpoint: { address: { socket_address: { address, port_value: port } } } };
}

export function httpManager(patch: Partial<HttpConnectionManager> = {}): HttpConnectionManager {
  return {
    stat_prefix: 'public',
    rds: { config_source: ads, route_config_name: 'public' },
    http_filters: [routerFilter],
    ...patch,
  };
}

export function listener(
  filter: { http: HttpConnectionManager } | { tcp: TcpProxy },
  patch: Partial<Listener> = {},
): Uint8Array {
  const manager = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
  const proxy = 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';
  const typed_config = 'http' in filter ? any(manager, filter.http) : any(proxy, filter.tcp);
  return encode('envoy.config.listener.v3.Listener', {
    name: 'public',
    address: { socket_address: { address: '127.0.0.1', port_value: 8080 } },
    filter_chains: [{ filters: [{ name: 'terminal', typed_config }] }],
    ...patch,
  });
}

export type Route = NonNullable<VirtualHost['routes']>[number];

export function routes(patch: Partial<RouteConfiguration> = {}): Uint8Array {
  return encode('envoy.config.route.v3.RouteConfiguration', {
    name: 'public',
    virtual_hosts: [virtualHost({})],
    ...patch,
  });
}

export function virtualHost(patch: Partial<VirtualHost>): VirtualHost {
  return { name: 'shop', domains: ['shop.example.com'], routes: [route({})], ...patch };
}

/** A virtual host as a resource of its own. */
export function hostBytes(host: VirtualHost): Uint8Array {
  return encode('envoy.config.route.v3.VirtualHost', host);
}

export function route(patch: Partial<Route>): Route {
  return { name: 'orders', match: { prefix: '/' }, route: { cluster: 'checkout/orders' }, ...patch };
}

/** The one route of a table. */
export function decodeRoute(patch: Partial<Route>): Decoded<RoutesResource> {
  return decodeRoutes(routes({ virtual_hosts: [virtualHost({ routes: [route(patch)] })] }));
}

export const seconds = (count: number) => durationOf(count * 1000);

/** A certificate and its key, for `hosts`. */
export function pairFor(...hosts: string[]): { readonly chain: string; readonly key: string } {
  const { certificate, key } = makeCertificate({ hosts });
  return { chain: certificate, key };
}

export function secretBytes(
  name: string,
  { chain, key }: { readonly chain: string; readonly key: string },
): Uint8Array {
  return encode('envoy.extensions.transport_sockets.tls.v3.Secret', {
    name,
    tls_certificate: { certificate_chain: { inline_string: chain }, private_key: { inline_string: key } },
  });
}

type TlsContext = MessageTypes['envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'];

/** The transport socket of a filter chain that serves these secrets. */
export function tlsSocket(
  secrets: readonly string[],
  patch: TlsContext = {},
  common: TlsContext['common_tls_context'] = {},
) {
  const common_tls_context = {
    tls_certificate_sds_secret_configs: secrets.map((name) => ({ name, sds_config: ads })),
    ...common,
  };
  const name = 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
  return { name: 'tls', typed_config: any(name, { common_tls_context, ...patch }) };
}

/** A listener that ends TLS with these secrets. */
export function tlsListener(
  secrets: readonly string[],
  patch: Partial<Listener> = {},
  socket = tlsSocket(secrets),
): Uint8Array {
  const typed_config = any(
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    httpManager(),
  );
  const chain = { filters: [{ name: 'terminal', typed_config }], transport_socket: socket };
  return listener({ http: httpManager() }, { filter_chains: [chain], ...patch });
}
