/** A cluster and its endpoints: part of the frozen configuration (config.ts). */

export interface ClusterConfig {
  readonly name: string;
  /** `same-as-client`: the version of HTTP in which the request came. */
  readonly protocol: 'http1' | 'http2' | 'same-as-client' | 'tcp';
  readonly connectTimeoutMs: number;
  readonly balance: BalanceConfig;
  /** Percent of healthy endpoints under which all are used; 0: off. */
  readonly panicPercent: number;
  /** At most one check is carried out. */
  readonly healthCheck: HealthCheckConfig | null;
  readonly keepAlive: {
    /** An idle pooled connection; 0: none. */
    readonly idleTimeoutMs: number;
    /** Requests a connection; 0: no limit. */
    readonly maxRequests: number;
  };
  /** Of its HTTP/2 connections. */
  readonly http2: Http2Config;
  /** Retries at a time: a share of the requests under way, and so many in any case. */
  readonly retryBudget: { readonly percent: number; readonly least: number };
  /** Sorted by address and port, as sent. */
  readonly endpoints: readonly EndpointConfig[];
}

export interface Http2Config {
  /** Requests at a time on one connection, if the endpoint allows as many. */
  readonly maxStreams: number;
  /** What an endpoint may send ahead on one request, and on all of a connection together. */
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
}

export type BalanceConfig =
  | { readonly policy: 'round-robin' }
  | { readonly policy: 'least-request'; readonly choices: number; readonly activeRequestBias: number };

export interface EndpointConfig {
  /** `ip:port`, `[ip]:port` for IPv6: what names an endpoint across updates. */
  readonly key: string;
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly zone: string;
  /** As the control plane says (EDS health_status); active checks come on top. */
  readonly health: 'healthy' | 'unhealthy' | 'draining' | 'degraded';
  readonly labels: Readonly<Record<string, string>>;
}

export interface HealthCheckConfig {
  readonly check:
    | {
        readonly type: 'http';
        readonly path: string;
        readonly host: string;
        /** In HTTP/2, else in HTTP/1.1. */
        readonly http2: boolean;
        /** Half-open ranges. */
        readonly expect: readonly { readonly start: number; readonly end: number }[];
      }
    | { readonly type: 'tcp'; readonly send: Uint8Array | null; readonly receive: readonly Uint8Array[] };
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
  /** Random addition to each interval, percent of it. */
  readonly jitterPercent: number;
}
