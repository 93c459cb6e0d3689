/** What decoding yields for each xDS type: parts of the model that do not know yet what arrives under other names. */
import type {
  AssignmentConfig,
  AuthoritiesConfig,
  CertificateConfig,
  ClientCertificatesConfig,
  ClusterConfig,
  HttpChainConfig,
  ListenerConfig,
  RouteTableConfig,
  TcpListenerConfig,
  TlsConfig,
  UdpChainConfig,
  VirtualHostConfig,
} from '../../model/config.ts';

/** A resource that is asked for by name over the same stream. */
export interface Subscribed {
  readonly name: string;
  /** How long initialisation waits for it; 0: for ever; null: nothing said. */
  readonly fetchTimeoutMs: number | null;
}

export interface ClusterResource {
  readonly name: string;
  readonly config: Omit<ClusterConfig, keyof AssignmentConfig>;
  readonly endpoints:
    | { readonly type: 'inline'; readonly assignment: AssignmentConfig }
    | { readonly type: 'eds'; readonly from: Subscribed };
}

export interface EndpointsResource {
  readonly name: string;
  readonly assignment: AssignmentConfig;
}

export interface HttpChainResource {
  readonly type: 'http';
  readonly config: Omit<HttpChainConfig, 'type' | 'routes'>;
  readonly routes:
    | { readonly type: 'inline'; readonly table: RouteTableConfig }
    | { readonly type: 'rds'; readonly from: Subscribed };
}

export interface ListenerResource {
  readonly name: string;
  readonly config: Omit<ListenerConfig, 'chain' | 'tls'>;
  readonly chain: HttpChainResource | TcpListenerConfig | UdpChainConfig;
  readonly tls: TlsResource | null;
}

export interface TlsResource extends Omit<TlsConfig, 'certificates' | 'client'> {
  readonly certificates: readonly Subscribed[];
  readonly client: (Omit<ClientCertificatesConfig, 'authorities'> & { readonly authorities: Subscribed }) | null;
}

export type SecretResource = CertificateConfig | AuthoritiesConfig;

export interface RoutesResource extends RouteTableConfig {
  /** Further hosts come as resources of their own; `fetchTimeoutMs` as in {@link Subscribed}. Null: none do. */
  readonly vhds: { readonly fetchTimeoutMs: number | null } | null;
}

/** Its name begins with that of its route configuration and a slash. */
export type VirtualHostResource = VirtualHostConfig;

/** Keyed by xDS type. */
export interface ResourceOf {
  clusters: ClusterResource;
  endpoints: EndpointsResource;
  listeners: ListenerResource;
  routes: RoutesResource;
  virtualHosts: VirtualHostResource;
  secrets: SecretResource;
}
