/** Which request goes where, and what changes on the way: part of the frozen configuration (config.ts). */
import type { WeightedClusterConfig } from './config.ts';
import type { LogSegment } from './log-format.ts';

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
  /** Null: no limit but the others. */
  readonly maxStream: MaxStreamConfig | null;
  /** Nothing moves on a request for so long; 0: none; null: the listener's. */
  readonly streamIdleTimeoutMs: number | null;
  readonly retry: RetryConfig | null;
  /** Null: what fails is answered as it failed. */
  readonly fallback: FallbackConfig | null;
  readonly upgrades: readonly UpgradeConfig[];
  /** Carried out where the chain has the filter `fault`. */
  readonly fault: FaultConfig | null;
  /** What the request's hash is made of, in order; empty: endpoints are picked by chance. */
  readonly hashPolicies: readonly HashPolicyConfig[];
  /** Clients stay on the endpoint that served them; `none`: they do not; null: as the listener says. */
  readonly stickySession: StickySessionConfig | 'none' | null;
  /** Requests of gRPC-Web are translated; null: as the listener says. */
  readonly grpcWeb: boolean | null;
}

/** `terminal`: those behind it count only if this one, and all before it, found nothing. */
export type HashPolicyConfig = { readonly terminal: boolean } & (
  | {
      readonly type: 'header';
      /** Lower-case; `:path` is the path and the query. */
      readonly name: string;
      /** Applied to each value first; null: not at all. */
      readonly rewrite: { readonly regex: string; readonly substitution: string } | null;
    }
  | {
      readonly type: 'cookie';
      readonly name: string;
      /** Of one that is made where none came; 0: until the client closes; null: none is made. */
      readonly ttlMs: number | null;
      /** Empty: none is said. */
      readonly path: string;
      readonly attributes: readonly { readonly name: string; readonly value: string }[];
    }
  | { readonly type: 'query'; readonly name: string }
  | { readonly type: 'source' }
);

export interface StickySessionConfig {
  readonly by:
    | {
        readonly type: 'cookie';
        readonly name: string;
        /** 0: until the client closes. */
        readonly ttlMs: number;
        readonly path: string;
        readonly attributes: readonly { readonly name: string; readonly value: string }[];
      }
    | { readonly type: 'header'; readonly name: string };
  /** Nobody else serves in the place of an endpoint that is gone. */
  readonly strict: boolean;
  /** By a key of the node's; what is not counts as nothing. */
  readonly signed: boolean;
}

/** A kind of tunnel, and whether requests may open one. Each type is there once. */
export interface UpgradeConfig {
  /** A protocol of `Upgrade`, lower-case, or `connect`: the method. */
  readonly type: string;
  readonly enabled: boolean;
}

/** Shares are from 0 to 1. At least one of the two. */
export interface FaultConfig {
  readonly delay: { readonly ms: number; readonly fraction: number } | null;
  readonly abort: { readonly status: number; readonly fraction: number } | null;
}

/** How long a request may take from its head to the end of its answer; in place of `timeoutMs`. */
export interface MaxStreamConfig {
  /** 0: for ever. */
  readonly maxMs: number;
  /** The client's `grpc-timeout` counts instead, up to this; 0: whatever it says; null: it does not count. */
  readonly grpcMaxMs: number | null;
}

export interface RetryConfig {
  /**
   * Ends of a try without an answer. `no-connection`: none could be made. `unprocessed`: the endpoint has certainly not
   * looked at the request (it refused the stream, or had ended the connection before). `reset`: any other.
   */
  readonly failures: readonly ('no-connection' | 'unprocessed' | 'reset')[];
  /** Answers that are thrown away, in half-open ranges. */
  readonly statuses: readonly { readonly start: number; readonly end: number }[];
  /** The same by gRPC's status, where the head of an answer says it. */
  readonly grpcStatuses: readonly number[];
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

/** Another cluster for requests that theirs has failed. */
export interface FallbackConfig {
  readonly cluster: string;
  /** `5xx`: that answer, or none, after all retries; `no-healthy`: no endpoint to send to. */
  readonly on: readonly ('5xx' | 'no-healthy')[];
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
  /** A template is of whole segments, plain ones and `{name}`; a regex is RE2's; `connect`: what has no path, CONNECT. */
  readonly path: {
    readonly type: 'exact' | 'prefix' | 'pathSeparatedPrefix' | 'template' | 'regex' | 'connect';
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
