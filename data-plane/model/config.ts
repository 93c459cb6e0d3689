/**
 * What the proxy believes: a frozen, checked configuration. Decode makes it from xDS messages; nothing here knows
 * protobuf. A part that did not change keeps its identity (===) from one ProxyConfig to the next.
 */
import type { ClusterConfig } from './cluster-config.ts';
import type { ProxyProtocolConfig, TcpListenerConfig, UdpChainConfig } from './l4-config.ts';
import type { RouteTableConfig, StickySessionConfig, UpgradeConfig } from './route-config.ts';

export type * from './balance-config.ts';
export type * from './cluster-config.ts';
export type * from './health-config.ts';
export type * from './l4-config.ts';
export type * from './route-config.ts';

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
  /** What the control plane says of both, where a node has put its own in their place. */
  readonly said?: { readonly address: string; readonly port: number };
  readonly chain: HttpChainConfig | TcpListenerConfig | UdpChainConfig;
  /** null: plain text. Only in front of HTTP. */
  readonly tls: TlsConfig | null;
  /** null: none are read. Not for UDP. */
  readonly proxyProtocol: ProxyProtocolConfig | null;
  /** Connections, or UDP sessions, that are open at once; what comes beyond is closed. */
  readonly maxConnections: number;
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
  /** Null: clients are not asked for certificates. */
  readonly client: ClientCertificatesConfig | null;
  /** Of the session tickets, where several threads end TLS: one resumes what another one began. */
  readonly ticketKeys?: Uint8Array;
}

/** What clients have to show. */
export interface ClientCertificatesConfig {
  /** Nobody is let in without one; else only those are refused who show a bad one. */
  readonly required: boolean;
  /** PEM texts of those who may sign. */
  readonly authorities: string;
  /** One of a certificate's names has to be among these; empty: any will do. */
  readonly names: readonly SubjectNameConfig[];
}

/** An alternative name of a certificate. */
export interface SubjectNameConfig {
  readonly type: 'uri' | 'dns';
  readonly value: string;
  /** The name only begins so. */
  readonly prefix: boolean;
}

/** Who may sign the certificates of others. */
export interface AuthoritiesConfig {
  readonly name: string;
  /** PEM, in any order. */
  readonly authorities: string;
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

/** The parts of x-forwarded-client-cert. */
export interface ForwardClientCertConfig {
  readonly subject: boolean;
  readonly uri: boolean;
  readonly dns: boolean;
}

/** An HTTP connection manager. */
export interface HttpChainConfig {
  readonly type: 'http';
  readonly statPrefix: string;
  readonly routes: RouteTableConfig;
  /** In their order. */
  readonly filters: readonly HttpFilterConfig[];
  readonly accessLogs: readonly AccessLogConfig[];
  /** What clients speak; `auto`: their first bytes, or what TLS has agreed on, tell. */
  readonly codec: 'auto' | 'http1' | 'http2';
  /** What an HTTP/2 client is allowed at once. */
  readonly http2: {
    /** Clients may ask for upgrades (RFC 8441). */
    readonly extendedConnect: boolean;
    readonly maxConcurrentStreams: number;
    /** Bytes of one request that are under way or wait here, and of all of a connection. */
    readonly streamWindowBytes: number;
    readonly connectionWindowBytes: number;
  };
  /** `server` response header; empty: the upstream's passes. */
  readonly serverName: string;
  /** An edge: the peer is appended to x-forwarded-for, and its word on the client counts as `trustedHops` says. */
  readonly useRemoteAddress: boolean;
  /** Proxies in front: the client is behind so many addresses of x-forwarded-for. */
  readonly trustedHops: number;
  /** An edge keeps the id that a request comes with; elsewhere it is always kept. */
  readonly preserveRequestId: boolean;
  /** What endpoints are told of a client's certificate besides its hash; null: nothing at all. */
  readonly forwardClientCert: ForwardClientCertConfig | null;
  /** For routes that say nothing of a type. */
  readonly upgrades: readonly UpgradeConfig[];
  /** For routes that say nothing of it; null: clients stay nowhere, whatever routes say. */
  readonly stickySession: StickySessionConfig | 'none' | null;
  /** Of gRPC-Web: whether it is translated where a route says nothing; null: nowhere, whatever routes say. */
  readonly grpcWeb: boolean | null;
  readonly paths: {
    readonly normalize: boolean;
    readonly mergeSlashes: boolean;
    readonly escapedSlashes: 'keep' | 'reject' | 'redirect' | 'unescape';
    /** Header names with `_`. */
    readonly underscores: 'keep' | 'reject' | 'drop';
    /** HTTP/1.0 is spoken, with the host that its requests without one ask for (empty: they are refused); null: it is not. */
    readonly http10: { readonly host: string } | null;
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

export interface WeightedClusterConfig {
  readonly cluster: string;
  readonly weight: number;
  /** Only endpoints with these labels. */
  readonly subset?: Readonly<Record<string, string>>;
}

/** Envoy's format language: a text with %OPERATORS%, or a JSON object of such texts. Newline included where meant. */
export interface AccessLogConfig {
  /** `/dev/stdout`, `/dev/stderr` or a file. */
  readonly path: string;
  readonly format:
    | { readonly type: 'text'; readonly text: string }
    | { readonly type: 'json'; readonly fields: Readonly<Record<string, unknown>> };
  /** Absent: all are logged. */
  readonly sample?: LogSampleConfig;
}

/** Which share is logged: `numerator` of `denominator`. */
export interface LogSampleConfig {
  readonly numerator: number;
  readonly denominator: number;
  /** Drawn anew for each log, whatever the id says. */
  readonly independent: boolean;
}
