/** A cluster and its endpoints: part of the frozen configuration (config.ts). */
import type { BalanceConfig } from './balance-config.ts';
import type { BreakersConfig, HealthCheckConfig, OutlierDetectionConfig } from './health-config.ts';
import type { ProxyHeaderConfig } from './l4-config.ts';

export interface ClusterConfig extends AssignmentConfig {
  readonly name: string;
  /** `same-as-client`: the version of HTTP in which the request came. */
  readonly protocol: 'http1' | 'http2' | 'same-as-client' | 'tcp';
  /** What endpoints are told of a client before its first byte; null: nothing. */
  readonly proxyHeader: ProxyHeaderConfig | null;
  readonly connectTimeoutMs: number;
  readonly balance: BalanceConfig;
  /** At most one check is carried out. */
  readonly healthCheck: HealthCheckConfig | null;
  readonly outlierDetection: OutlierDetectionConfig | null;
  readonly breakers: BreakersConfig;
  readonly keepAlive: {
    /** An idle pooled connection; 0: none. */
    readonly idleTimeoutMs: number;
    /** Idle connections that a thread keeps to one endpoint; Infinity: any number. */
    readonly maxIdle: number;
    /** Requests a connection; 0: no limit. */
    readonly maxRequests: number;
  };
  /** Of its HTTP/2 connections. */
  readonly http2: Http2Config;
  /** Retries at a time: a share of the requests under way, and so many in any case. */
  readonly retryBudget: { readonly percent: number; readonly least: number };
  /** Null: its endpoints are told. */
  readonly dns: DnsConfig | null;
}

/** Endpoints that come from names; those of the assignment are what was found last. */
export interface DnsConfig {
  /** `strict`: each address that is found is an endpoint; `logical`: the first one is, of the one name. */
  readonly type: 'strict' | 'logical';
  /** In the order of the message; `hostname` is what is looked up. */
  readonly names: readonly Omit<EndpointConfig, 'key' | 'address' | 'others'>[];
  readonly family: 'auto' | 'v4-only' | 'v6-only' | 'v4-preferred' | 'all';
  readonly refreshMs: number;
  /** Records say how long they hold, instead. */
  readonly respectTtl: boolean;
  /** After a failure: first so long, doubled up to the most. */
  readonly failureRefresh: { readonly baseMs: number; readonly maxMs: number };
  /** Random addition to each refresh. */
  readonly jitterMs: number;
}

/** Where a cluster is. */
export interface AssignmentConfig {
  /** In the order of the message, on which rings depend. */
  readonly endpoints: readonly EndpointConfig[];
  /** How many percent of its load a priority takes before it spills over, for each percent that is well. */
  readonly overprovisioningPercent: number;
  /** Endpoints count by their weights in the health of their priority. */
  readonly weightedPriorityHealth: boolean;
}

export interface Http2Config {
  /** Requests at a time on one connection, if the endpoint allows as many. */
  readonly maxStreams: number;
  /** What an endpoint may send ahead on one request, and on all of a connection together. */
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
}

export interface EndpointConfig {
  /** `ip:port`, `[ip]:port` for IPv6: what names an endpoint across updates. */
  readonly key: string;
  readonly address: string;
  /** Where a connection goes if it is not made there, in this order; of an endpoint that is a name. */
  readonly others?: readonly string[];
  readonly port: number;
  readonly weight: number;
  /** One object for all that stand there. */
  readonly locality: LocalityConfig;
  /** Its name, where it has one; empty: none. */
  readonly hostname: string;
  /** What stands for it in hashing policies; empty: its name or address. */
  readonly hashKey: string;
  /** As the control plane says (EDS health_status); active checks come on top. */
  readonly health: 'healthy' | 'unhealthy' | 'draining' | 'degraded';
  readonly labels: Readonly<Record<string, string>>;
  /** Absent: checked where and as it serves. */
  readonly healthCheck?: EndpointCheckConfig;
}

/** How the active checks of one endpoint differ from those of its cluster; empty or 0: they don't. */
export interface EndpointCheckConfig {
  readonly address: string;
  readonly port: number;
  /** The host that HTTP and gRPC checks ask for. */
  readonly hostname: string;
  /** Not checked at all: it passes. */
  readonly disabled: boolean;
}

/** Endpoints in one place and of one priority. */
export interface LocalityConfig {
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
  /** 0 is the first to be used. */
  readonly priority: number;
  /** Its share where localities are weighted; 0: it takes nothing. */
  readonly weight: number;
}
