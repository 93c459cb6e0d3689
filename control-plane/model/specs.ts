/**
 * What each kind means once its schema was checked: every default filled in, durations in milliseconds, lists as lists,
 * references as `{ tenant, name }`. `schemas/` turns what people write into these; `translate/` reads only these.
 */
import type { ClusterSpec, HealthPolicySpec } from './cluster-specs.ts';
import type { StoredDocument } from './document.ts';
import type { AffinitySpec, DestinationSpec } from './route-specs.ts';

export type * from './cluster-specs.ts';
export type * from './route-specs.ts';

/** A resolved reference: the tenant is the referring document's own unless written `tenant/name`. */
export interface Reference {
  readonly tenant?: string | undefined;
  readonly name: string;
}

export interface TenantSpec {
  /** What it may route; `host` lower-case, exact or `*.suffix`; `path` a segment-wise prefix. */
  readonly claims: readonly { readonly host: string; readonly path: string }[];
  readonly quotas: {
    readonly routes: number;
    readonly clusters: number;
    readonly endpoints: number;
    readonly secrets: number;
  };
  /** `null`: no cap of the tenant's own. */
  readonly caps: {
    readonly timeoutMs: number | null;
    readonly retries: number | null;
    readonly listeners: readonly string[] | null;
  };
  readonly defaults: { readonly timeoutMs: number | null };
}

export interface NodeGroupSpec {
  readonly tier: 'l4' | 'l7';
  /** How long a node keeps a resource that is not confirmed; 0: for ever. */
  readonly resourceTtlMs: number;
  /** `graceMs`: after so long whoever runs the nodes kills one that was asked to end. */
  readonly drain: { readonly timeoutMs: number; readonly graceMs: number };
}

export interface ListenerSpec {
  readonly groups: readonly string[];
  readonly address: string;
  /** 0: each node takes a free one. */
  readonly port: number;
  /** `api`: no socket; gRPC's own xDS clients resolve the hosts of its routes. */
  readonly protocol: 'http' | 'https' | 'tcp' | 'tls-passthrough' | 'udp' | 'api';
  readonly tenants: 'any' | readonly string[];
  /** Of `https`, and of no other. */
  readonly tls: ListenerTlsSpec | null;
  /** `null`: off; of those over TCP. */
  readonly proxyProtocol: { readonly accept: 'optional' | 'required'; readonly trust: readonly string[] } | null;
  /** `null`: off. `to` is `stdout`, `stderr` or a file path. */
  readonly accessLog: { readonly format: 'json'; readonly to: string; readonly samplePercent: number } | null;
  readonly paths: {
    readonly normalize: boolean;
    readonly mergeSlashes: boolean;
    readonly escapedSlashes: 'keep' | 'reject' | 'redirect' | 'unescape';
    /** Header names with `_`. */
    readonly underscores: 'keep' | 'reject' | 'drop';
    readonly http10: boolean;
  };
  readonly limits: {
    /** Open at once. */
    readonly connections: number;
    /** Whole request head, bytes. */
    readonly headerBytes: number;
    readonly headers: number;
    /** Requests at a time on one HTTP/2 connection. */
    readonly streams: number;
    readonly headersTimeoutMs: number;
    readonly bodyTimeoutMs: number;
    readonly idleTimeoutMs: number;
  };
  /** Proxies in front whose word on the client counts. */
  readonly trustedHops: number;
  /** Filters that the nodes were given, in their order. */
  readonly filters: readonly { readonly name: string; readonly settings: JsonObject }[];
}

/** JSON. */
export type JsonObject = { readonly [name: string]: unknown };

export interface ListenerTlsSpec {
  /** Secrets; the one whose certificate names the host of the handshake is served, else the first. */
  readonly certificates: readonly Reference[];
  readonly minVersion: '1.2' | '1.3';
  /** In order of preference. */
  readonly alpn: readonly ('h2' | 'http/1.1')[];
  /** Null: clients are not asked for certificates. */
  readonly client: ListenerClientSpec | null;
}

export interface ListenerClientSpec {
  readonly mode: 'request' | 'require';
  /** A Secret that holds authorities. */
  readonly ca: Reference;
  /** A certificate needs one of them; empty: any name will do. */
  readonly sans: readonly SubjectNameSpec[];
}

/** An alternative name of a certificate. */
export interface SubjectNameSpec {
  readonly type: 'uri' | 'dns';
  readonly value: string;
  /** Names only begin so. */
  readonly prefix: boolean;
}

export type TextCondition =
  | { readonly exact: string }
  | { readonly prefix: string }
  | { readonly suffix: string }
  | { readonly contains: string }
  /** RE2, of the whole value. */
  | { readonly regex: string }
  | { readonly present: boolean };

export interface HeaderMatchSpec {
  /** Lower-case. */
  readonly name: string;
  readonly condition: TextCondition | { readonly range: readonly [number, number] };
  readonly not: boolean;
}

/** Envoy's words, or a status. */
export type RetryCondition =
  | ('connect-failure' | 'refused-stream' | 'reset' | 'reset-before-request')
  | ('gateway-error' | '5xx' | 'retriable-4xx')
  | ('cancelled' | 'deadline-exceeded' | 'internal' | 'resource-exhausted' | 'unavailable')
  | number;
/** Of a parameter's first occurrence, as it stands in the query. */
export interface QueryMatchSpec {
  readonly name: string;
  readonly condition: TextCondition;
}

/** Where a client is sent; what is `null` stays as it asked. */
export interface RedirectSpec {
  readonly scheme: 'http' | 'https' | null;
  readonly host: string | null;
  /** Decimal digits. */
  readonly port: string | null;
  /** With a query, or without. */
  readonly path: string | null;
  /** Instead of the part of the path that the route matches. */
  readonly prefix: string | null;
  readonly code: 301 | 302 | 303 | 307 | 308;
}

/** What changes of a request on its way; what is `null` stays. */
export interface RewriteSpec {
  /** The old one goes on as x-forwarded-host. */
  readonly host: string | null;
  /** Instead of the part of the path that the route matches. */
  readonly prefix: string | null;
  /** RE2, on the path without its query; `to` with `\1` for groups. */
  readonly regex: { readonly pattern: string; readonly to: string } | null;
}

/** Removed, then set, then added. Names are lower-case; values are Envoy's, with `%...%` variables. */
export interface HeaderChangesSpec {
  readonly remove: readonly string[];
  readonly set: Readonly<Record<string, string>>;
  readonly add: Readonly<Record<string, string>>;
}

export interface RespondSpec {
  readonly status: number;
  readonly body: string;
  /** Name to value, as in `headers.response.set`. */
  readonly headers: Readonly<Record<string, string>>;
}

/** `5xx`: that answer, or none; `no-healthy`: no endpoint could get the request. */
export type FallbackCondition = '5xx' | 'no-healthy';

export interface RouteSpec {
  /** `null`: every listener that is open to the tenant and carries the route. */
  readonly listeners: readonly string[] | null;
  /** Lower-case; exact, `*.suffix` or `*`. */
  readonly hosts: readonly string[];
  readonly match: {
    readonly path: {
      readonly type: 'exact' | 'prefix' | 'rawPrefix' | 'template' | 'regex';
      readonly value: string;
    };
    readonly ignoreCase: boolean;
    /** Empty: all. */
    readonly methods: readonly string[];
    readonly headers: readonly HeaderMatchSpec[];
    readonly query: readonly QueryMatchSpec[];
    /** Percent of the requests that all else matches; `null`: all. */
    readonly fractionPercent: number | null;
  };
  /** Weights sum to more than 0. Empty: `clusterHeader`, `redirect` or `respond` says what happens. */
  readonly to: readonly DestinationSpec[];
  /** The request header that names the cluster. */
  readonly clusterHeader: string | null;
  readonly redirect: RedirectSpec | null;
  readonly respond: RespondSpec | null;
  /** Beside `to` alone. */
  readonly rewrite: RewriteSpec | null;
  /** Of the request beside `to` alone. */
  readonly headers: { readonly request: HeaderChangesSpec; readonly response: HeaderChangesSpec };
  /** Beside `to` alone; `null`: any endpoint will do. */
  readonly affinity: AffinitySpec | null;
  /** `null`: the tenant's default, else 15 s (none to grpc clusters). 0: none. */
  readonly timeoutMs: number | null;
  /** Nothing moves on a request for so long; 0: none; `null`: the listener's. */
  readonly streamIdleTimeoutMs: number | null;
  readonly filters: { readonly fault: FaultSpec | null };
  readonly retry: {
    /** Numbers are statuses; `null`: `connect-failure`, `refused-stream`, `reset`. */
    readonly on: readonly RetryCondition[] | null;
    /** After the first try; `null`: 2, or the tenant's cap if that is less. */
    readonly attempts: number | null;
    /** 0: none. */
    readonly perTryMs: number;
    readonly backoff: { readonly baseMs: number; readonly maxMs: number };
    readonly otherHost: boolean;
    /** Not idempotent ones alone. */
    readonly anyMethod: boolean;
  };
  /** Where a request goes once `to` has failed it; beside `to` alone. */
  readonly fallback: { readonly cluster: Reference; readonly on: readonly FallbackCondition[] } | null;
  /** Lower-case: protocols of `Upgrade`, or `connect` alone, which makes it a route of CONNECT requests. */
  readonly upgrades: readonly string[];
  /** Platform only; higher goes first; `null`: none. */
  readonly priority: number | null;
}

/** At least one of the two; shares in percent. */
export interface FaultSpec {
  readonly delay: { readonly ms: number; readonly percent: number } | null;
  readonly abort: { readonly status: number; readonly percent: number } | null;
}

export interface L4RouteSpec {
  readonly listener: string;
  /** Lower-case, exact or `*.suffix`; empty: any, and none. Of `tls-passthrough`, as is `alpn`. */
  readonly serverNames: readonly string[];
  readonly alpn: readonly string[];
  /** `address/bits`; empty: all. */
  readonly sources: readonly string[];
  readonly to: readonly { readonly cluster: Reference; readonly weight: number }[];
  /** What clusters with a ring or a Maglev table go by. */
  readonly hash: 'five-tuple' | 'source' | 'destination-port' | 'authority';
  /** 0: none; `null`: an hour, of udp a minute. */
  readonly idleTimeoutMs: number | null;
  readonly datapath: 'user' | 'kernel' | 'auto';
  /** Of `udp`. */
  readonly perPacket: boolean;
}

/** Either a certificate with its key, or authorities; the rest is empty. */
export interface SecretSpec {
  /** PEM blocks, leaf first. */
  readonly certificate: string;
  /** PEM block. Never shown. */
  readonly key: string;
  /** PEM blocks, in any order. */
  readonly ca: string;
  /** Of the leaf; of the authority that runs out last. Times are ISO 8601; `fingerprint` is the SHA-256 in hex with colons. */
  readonly facts: {
    readonly subject: string;
    readonly issuer: string;
    readonly sans: readonly string[];
    readonly notBefore: string;
    readonly notAfter: string;
    readonly fingerprint: string;
  };
}

export interface SpecOf {
  Tenant: TenantSpec;
  NodeGroup: NodeGroupSpec;
  Listener: ListenerSpec;
  Cluster: ClusterSpec;
  Route: RouteSpec;
  L4Route: L4RouteSpec;
  HealthPolicy: HealthPolicySpec;
  Secret: SecretSpec;
}

/** A stored document together with what its spec means. */
export type Typed<K extends keyof SpecOf = keyof SpecOf> = {
  [P in K]: { readonly kind: P; readonly document: StoredDocument; readonly spec: SpecOf[P] };
}[K];
