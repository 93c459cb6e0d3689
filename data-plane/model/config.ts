/**
 * What the proxy believes: a frozen, checked configuration. Decode makes it from xDS messages; nothing here knows
 * protobuf. A part that did not change keeps its identity (===) from one ProxyConfig to the next.
 */
import type { LogSegment } from './log-format.ts';

export interface ProxyConfig {
  /** Only what is warm: a listener whose routes came, a cluster whose endpoints came. */
  readonly listeners: ReadonlyMap<string, ListenerConfig>;
  readonly clusters: ReadonlyMap<string, ClusterConfig>;
}

export interface ListenerConfig {
  readonly name: string;
  /** IP address. */
  readonly address: string;
  /** 0: any free one. */
  readonly port: number;
  readonly chain: HttpChainConfig | TcpChainConfig;
  /** null: plain text. Only in front of HTTP. */
  readonly tls: TlsConfig | null;
}

/** How TLS ends at a listener. */
export interface TlsConfig {
  /** At least one. By the host that a client names; the first where none fits. */
  readonly certificates: readonly CertificateConfig[];
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly maxVersion: 'TLSv1.2' | 'TLSv1.3';
  /** In order of preference; empty: none is negotiated. */
  readonly alpn: readonly string[];
  readonly handshakeTimeoutMs: number;
}

/** A pair that was tried: it can be served. */
export interface CertificateConfig {
  readonly name: string;
  /** PEM, leaf first. */
  readonly chain: string;
  /** PEM. Never shown. */
  readonly key: string;
  /** That the certificate names, lower-case; exact or `*.suffix`. */
  readonly hosts: readonly string[];
}

/** An HTTP connection manager. */
export interface HttpChainConfig {
  readonly type: 'http';
  readonly statPrefix: string;
  readonly routes: RouteTableConfig;
  /** In their order. */
  readonly filters: readonly HttpFilterConfig[];
  readonly accessLogs: readonly AccessLogConfig[];
  /** `server` response header; empty: the upstream's passes. */
  readonly serverName: string;
  /** An edge: the peer is appended to x-forwarded-for, and its word on the client counts as `trustedHops` says. */
  readonly useRemoteAddress: boolean;
  /** Proxies in front: the client is behind so many addresses of x-forwarded-for. */
  readonly trustedHops: number;
  /** An edge keeps the id that a request comes with; elsewhere it is always kept. */
  readonly preserveRequestId: boolean;
  readonly paths: {
    readonly normalize: boolean;
    readonly mergeSlashes: boolean;
    readonly escapedSlashes: 'keep' | 'reject' | 'redirect' | 'unescape';
  };
  readonly limits: {
    readonly headerBytes: number;
    readonly headers: number;
    /** From the first byte of a head to its end; 0: none. */
    readonly headersTimeoutMs: number;
    /** From the start of a request to the end of its body; 0: none. */
    readonly requestTimeoutMs: number;
    /** A connection without a request; 0: none. */
    readonly idleTimeoutMs: number;
    /** A request under way on which nothing moves; 0: none. */
    readonly streamIdleTimeoutMs: number;
  };
}

/** A filter by its name: `fault`, which routes configure, or one that this node was given, with the settings it wants. */
export interface HttpFilterConfig {
  readonly name: string;
  /** JSON. */
  readonly settings: unknown;
}

/** A TCP proxy. */
export interface TcpChainConfig {
  readonly type: 'tcp';
  readonly statPrefix: string;
  readonly to: readonly WeightedClusterConfig[];
  /** No byte either way; 0: none. */
  readonly idleTimeoutMs: number;
  readonly accessLogs: readonly AccessLogConfig[];
}

export interface WeightedClusterConfig {
  readonly cluster: string;
  readonly weight: number;
}

/** Envoy's format language: a text with %OPERATORS%, or a JSON object of such texts. Newline included where meant. */
export interface AccessLogConfig {
  /** `/dev/stdout`, `/dev/stderr` or a file. */
  readonly path: string;
  readonly format:
    | { readonly type: 'text'; readonly text: string }
    | { readonly type: 'json'; readonly fields: Readonly<Record<string, unknown>> };
}

export interface RouteTableConfig {
  readonly name: string;
  readonly hosts: readonly VirtualHostConfig[];
}

export interface VirtualHostConfig {
  readonly name: string;
  /** Lower-case: exact, `*.suffix`, `prefix.*` or `*`. */
  readonly domains: readonly string[];
  /** First match wins. */
  readonly routes: readonly RouteConfig[];
}

export interface RouteConfig {
  readonly name: string;
  readonly match: RouteMatchConfig;
  /** Weights sum to more than 0. Empty: `clusterHeader`, or `answer` is what a client gets. */
  readonly to: readonly WeightedClusterConfig[];
  /** Lower-case name of the request header that names the cluster; empty: none. */
  readonly clusterHeader: string;
  readonly answer: RedirectConfig | RespondConfig | null;
  readonly rewrite: RewriteConfig | null;
  /** Null: nothing changes. */
  readonly requestHeaders: HeaderChangesConfig | null;
  readonly responseHeaders: HeaderChangesConfig | null;
  /** 0: none. */
  readonly timeoutMs: number;
  /** Nothing moves on a request for so long; 0: none; null: the listener's. */
  readonly streamIdleTimeoutMs: number | null;
  readonly retry: RetryConfig | null;
  /** Carried out where the chain has the filter `fault`. */
  readonly fault: FaultConfig | null;
}

/** Shares are from 0 to 1. At least one of the two. */
export interface FaultConfig {
  readonly delay: { readonly ms: number; readonly fraction: number } | null;
  readonly abort: { readonly status: number; readonly fraction: number } | null;
}

export interface RetryConfig {
  /** Ends of a try without an answer: `unsent`, those before the request was sent; `all`, those and every other one. */
  readonly failures: 'none' | 'unsent' | 'all';
  /** Answers that are thrown away, in half-open ranges. */
  readonly statuses: readonly { readonly start: number; readonly end: number }[];
  /** After the first try. */
  readonly attempts: number;
  /** Until the answer to one try begins; less than the route's timeout; 0: none. */
  readonly perTryTimeoutMs: number;
  readonly backoff: { readonly baseMs: number; readonly maxMs: number };
  /** How often another endpoint is drawn in place of one that failed; 0: any will do. */
  readonly hostSelections: number;
  /** Methods of the requests that are tried again; null: all. */
  readonly methods: readonly string[] | null;
}

/** Sends the client elsewhere; what is empty stays as it asked. */
export interface RedirectConfig {
  readonly type: 'redirect';
  readonly status: number;
  readonly scheme: string;
  readonly host: string;
  /** 0: as asked, without one where the host changes. */
  readonly port: number;
  /** With a query or without. */
  readonly path: string;
  /** Where `path` is empty; null: the path as asked. */
  readonly rewrite: PathRewriteConfig | null;
  readonly stripQuery: boolean;
}

export interface RespondConfig {
  readonly type: 'respond';
  readonly status: number;
  /** Bytes, as Latin-1. */
  readonly body: string;
}

/** Names are lower-case. What is empty is not added. */
export interface HeaderChangesConfig {
  readonly remove: readonly string[];
  /** In order; one that replaces takes away what was there, added ones included. */
  readonly add: readonly { readonly name: string; readonly value: readonly LogSegment[]; readonly replace: boolean }[];
}

export interface RewriteConfig {
  /** Empty: as asked. */
  readonly host: string;
  /** The old host goes on as x-forwarded-host. */
  readonly forwardHost: boolean;
  /** Null: as asked. */
  readonly path: PathRewriteConfig | null;
}

/** Instead of what the route matches of the path; or of what RE2's regular expression matches in it. */
export type PathRewriteConfig =
  | { readonly type: 'prefix'; readonly value: string }
  | { readonly type: 'regex'; readonly regex: string; readonly substitution: string };

export interface RouteMatchConfig {
  /** A template is of whole segments, plain ones and `{name}`; a regex is RE2's. */
  readonly path: {
    readonly type: 'exact' | 'prefix' | 'pathSeparatedPrefix' | 'template' | 'regex';
    readonly value: string;
  };
  readonly caseSensitive: boolean;
  readonly headers: readonly HeaderMatchConfig[];
  readonly query: readonly QueryMatchConfig[];
  /** The share that matches, from 0 to 1; null: all. */
  readonly fraction: number | null;
}

/** A condition on the value of a text; a regex is RE2's, of the whole value. */
export type TextConditionConfig =
  | {
      readonly type: 'exact' | 'prefix' | 'suffix' | 'contains';
      readonly value: string;
      readonly ignoreCase: boolean;
    }
  | { readonly type: 'oneOf'; readonly values: readonly string[] }
  | { readonly type: 'regex'; readonly value: string };

/** Of the first occurrence of a parameter, nothing decoded. */
export interface QueryMatchConfig {
  readonly name: string;
  readonly condition: TextConditionConfig | { readonly type: 'present'; readonly present: boolean };
}

export interface HeaderMatchConfig {
  /** Lower-case; `:method`, `:path`, `:authority` name the request's own parts. */
  readonly name: string;
  readonly condition:
    | TextConditionConfig
    | { readonly type: 'present'; readonly present: boolean }
    | { readonly type: 'range'; readonly start: number; readonly end: number };
  readonly invert: boolean;
  readonly treatMissingAsEmpty: boolean;
}

export interface ClusterConfig {
  readonly name: string;
  readonly protocol: 'http1' | 'tcp';
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
  /** Retries at a time: a share of the requests under way, and so many in any case. */
  readonly retryBudget: { readonly percent: number; readonly least: number };
  /** Sorted by address and port, as sent. */
  readonly endpoints: readonly EndpointConfig[];
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
