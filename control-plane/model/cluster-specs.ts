/** What Cluster and HealthPolicy documents mean once their schemas were checked; specs.ts has the other kinds. */
import type { Reference } from './specs.ts';

export interface EndpointSpec {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  /** Empty string: none said. */
  readonly zone: string;
  /** 0 is used first; a number between may be missing. */
  readonly priority: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: 'enabled' | 'draining' | 'disabled';
}

export interface DnsSpec {
  /** Lower-case. */
  readonly host: string;
  readonly port: number;
  /** `strict`: every address is an endpoint; `logical`: the name is the one endpoint. */
  readonly resolve: 'strict' | 'logical';
  /** `null`: as often as its records run out. */
  readonly refreshMs: number | null;
}

export type PolicySpec =
  | { readonly policy: 'round-robin' }
  | { readonly policy: 'random' }
  | {
      readonly policy: 'least-request';
      readonly choices: number;
      /** All are looked at, instead. */
      readonly fullScan: boolean;
      /** How much the requests under way take off a weight; `null`: 1, and equal weights are left alone. */
      readonly bias: number | null;
    }
  | {
      readonly policy: 'ring-hash';
      readonly function: 'xx-hash' | 'murmur-hash-2';
      /** Entries of the ring: as many as it takes to get the weights right, within these. */
      readonly minSize: number;
      readonly maxSize: number;
      readonly boundedLoadPercent: number | null;
    }
  | {
      readonly policy: 'maglev';
      /** A prime. */
      readonly tableSize: number;
      /** Of the average load that an endpoint may have, 100 or more; `null`: any. */
      readonly boundedLoadPercent: number | null;
    }
  | { readonly policy: 'utilization'; readonly choices: number };

export type BalanceSpec = PolicySpec & {
  /** Under this share of healthy endpoints all are used; 0 turns it off. */
  readonly panicPercent: number;
  /** Under that share nobody is used, instead. */
  readonly failClosed: boolean;
  /** `null`: all zones are one pool; an object: the weight of every zone of the endpoints. */
  readonly localities: 'zone-aware' | Readonly<Record<string, number>> | null;
  /** Labels by which routes may choose, together. */
  readonly subsets: readonly (readonly string[])[];
};

export interface SlowStartSpec {
  readonly windowMs: number;
  /** 1: the weight grows evenly; more: fast at first. */
  readonly aggression: number;
  readonly minWeightPercent: number;
}

/** What it bears at a time, of each node. Of a `tcp` cluster only the connections count. */
export interface BreakersSpec {
  readonly connections: number;
  readonly pending: number;
  readonly requests: number;
  /** Retries, of the requests under way. */
  readonly retryBudgetPercent: number;
  /** `null`: no limit but the cluster's. */
  readonly perEndpoint: { readonly connections: number | null };
}

export interface ClusterSpec {
  /** `grpc`: HTTP/2, without a time limit where none is said. */
  readonly protocol: 'http1' | 'http2' | 'grpc' | 'same-as-client' | 'tcp' | 'udp';
  /** Empty beside `dns` and `nodes`. */
  readonly endpoints: readonly EndpointSpec[];
  /** `null`: the endpoints are written. */
  readonly dns: DnsSpec | null;
  /** `null`: the endpoints are written. Else: the nodes of a group, where each serves that listener. */
  readonly nodes: { readonly group: string; readonly listener: string } | null;
  /** The header that endpoints get before anything else; `null`: none. */
  readonly proxyProtocol: 'v1' | 'v2' | null;
  readonly balance: BalanceSpec;
  /** `null`: an endpoint that joins takes its whole share at once. */
  readonly slowStart: SlowStartSpec | null;
  /** `null`: the built-in one, which ejects and does not ask. */
  readonly health: { readonly policy: Reference } | { readonly inline: HealthPolicySpec } | null;
  readonly connectTimeoutMs: number;
  readonly breakers: BreakersSpec;
  readonly keepAlive: {
    /** Idle ones to an endpoint; `null`: any number. */
    readonly connections: number | null;
    readonly idleMs: number;
    /** Requests a connection; 0 = no limit. */
    readonly requests: number;
  };
}

export interface HealthPolicySpec {
  /** `null`: nobody is asked. */
  readonly active: ActiveSpec | null;
  /** `null`: nobody is ejected. */
  readonly passive: PassiveSpec | null;
}

export interface ActiveSpec {
  readonly check: CheckSpec;
  readonly intervalMs: number;
  /** For as long as the cluster had no requests; `null`: the same. */
  readonly noTrafficIntervalMs: number | null;
  readonly timeoutMs: number;
  readonly unhealthyAfter: number;
  readonly healthyAfter: number;
  /** At random on top of each interval. */
  readonly jitterPercent: number;
  /** At random before the first one. */
  readonly initialJitterMs: number;
}

export type CheckSpec =
  | { readonly http: HttpCheckSpec }
  | { readonly tcp: { readonly send: string | null; readonly receive: readonly string[] } }
  | { readonly grpc: { readonly service: string; readonly authority: string | null } };

export interface HttpCheckSpec {
  readonly method: CheckMethod;
  readonly path: string;
  readonly host: string | null;
  /** Names are lower-case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Half-open status ranges, Envoy's form: [200, 300) is 200-299. */
  readonly expect: readonly { readonly start: number; readonly end: number }[];
  /** Occur in the body, one behind the other. */
  readonly receive: readonly string[];
}

export type CheckMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS' | 'TRACE' | 'PATCH';

/** Failures in a row: 0 is off. */
export interface PassiveSpec {
  readonly consecutive5xx: number;
  readonly consecutiveGateway: number;
  /** If this is on, what has no answer is counted here alone. */
  readonly consecutiveLocalOrigin: number;
  readonly intervalMs: number;
  /** Times how often it was ejected before, up to the most. */
  readonly ejectForMs: number;
  readonly maxEjectForMs: number;
  readonly ejectJitterMs: number;
  readonly maxEjectedPercent: number;
  /** One may be ejected whatever `maxEjectedPercent` is. */
  readonly alwaysOne: boolean;
  readonly successRate:
    | (OutlierVolume & { /** Standard deviations below the mean. */ readonly stdevFactor: number })
    | null;
  readonly failurePercentage: (OutlierVolume & { readonly thresholdPercent: number }) | null;
  readonly latency: (OutlierVolume & { readonly factor: number; readonly atLeastMs: number }) | null;
  /** nginx's; the rest says the same as nearly as Envoy's words can. */
  readonly maxFails: { readonly fails: number; readonly windowMs: number } | null;
}

export interface OutlierVolume {
  /** With fewer endpoints that had so many requests in an interval, none is judged. */
  readonly minimumHosts: number;
  readonly requestVolume: number;
}
