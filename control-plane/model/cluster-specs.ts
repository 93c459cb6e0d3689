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

export type PolicySpec =
  | { readonly policy: 'round-robin' }
  | { readonly policy: 'random' }
  | { readonly policy: 'least-request'; readonly choices: number }
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
  readonly protocol: 'http1' | 'http2' | 'grpc' | 'same-as-client' | 'tcp';
  readonly endpoints: readonly EndpointSpec[];
  readonly balance: BalanceSpec;
  /** `null`: an endpoint that joins takes its whole share at once. */
  readonly slowStart: SlowStartSpec | null;
  readonly health: { readonly policy: Reference } | { readonly inline: HealthPolicySpec } | null;
  readonly connectTimeoutMs: number;
  readonly breakers: BreakersSpec;
  readonly keepAlive: {
    readonly idleMs: number;
    /** Requests a connection; 0 = no limit. */
    readonly requests: number;
  };
}

export interface HealthPolicySpec {
  readonly active: {
    readonly check:
      | {
          readonly http: {
            readonly path: string;
            readonly host: string | null;
            /** Half-open status ranges, Envoy's form: [200, 300) is 200-299. */
            readonly expect: readonly { readonly start: number; readonly end: number }[];
          };
        }
      | { readonly tcp: { readonly send: string | null; readonly receive: string | null } };
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly unhealthyAfter: number;
    readonly healthyAfter: number;
    readonly jitterPercent: number;
  } | null;
}
