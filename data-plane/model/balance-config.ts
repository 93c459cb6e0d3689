/** Which endpoint of a cluster serves next: part of the frozen configuration (config.ts). */

export interface BalanceConfig {
  readonly policy: PolicyConfig;
  /** Percent of endpoints of a priority that are well under which all of them are used; 0: off. */
  readonly panicPercent: number;
  /** In panic nobody is used, instead of all. */
  readonly failOnPanic: boolean;
  /** Of endpoints: who is bound to one of them stays with it. */
  readonly boundStates: readonly ('healthy' | 'degraded' | 'draining' | 'unhealthy')[];
  readonly localities: LocalityPolicyConfig;
  /** Null: an endpoint that joins takes its whole share at once. Not for hashing policies. */
  readonly slowStart: SlowStartConfig | null;
  /** Null: requests do not choose among endpoints by their labels. */
  readonly subsets: SubsetsConfig | null;
}

export type PolicyConfig =
  | { readonly type: 'round-robin' }
  | { readonly type: 'random' }
  | LeastRequestConfig
  | RingHashConfig
  | MaglevConfig
  | UtilizationConfig;

export interface LeastRequestConfig {
  readonly type: 'least-request';
  /** Drawn for each pick. */
  readonly choices: number;
  /** All are looked at, instead. */
  readonly fullScan: boolean;
  /** How much the requests under way take off a weight; null: 1, and weights that are equal are left alone. */
  readonly activeRequestBias: number | null;
}

export interface RingHashConfig extends HashPolicyConfig {
  readonly type: 'ring-hash';
  readonly function: 'xx-hash' | 'murmur-hash-2';
  readonly minSize: number;
  readonly maxSize: number;
}

export interface MaglevConfig extends HashPolicyConfig {
  readonly type: 'maglev';
  /** A prime. */
  readonly tableSize: number;
}

interface HashPolicyConfig {
  /** Endpoints are known by their host names, not their addresses. */
  readonly useHostname: boolean;
  /** Percent of the average load that an endpoint may have, 100 or more; 0: any. */
  readonly boundedLoadPercent: number;
}

/**
 * Our own: of `choices` drawn, the one with the least of: requests under way, the utilisation it has reported, and its
 * failures of late. What erred or came back a moment ago is on probation and given little.
 */
export interface UtilizationConfig {
  readonly type: 'utilization';
  readonly choices: number;
  /** How long a report counts. */
  readonly reportExpiryMs: number;
  /** How long an endpoint that erred or came back is on probation. */
  readonly probationMs: number;
  /** Requests under way that an endpoint on probation is given at a time. */
  readonly probationRequests: number;
}

export type LocalityPolicyConfig =
  /** Endpoints are one pool, wherever they stand. */
  | { readonly type: 'none' }
  /** By `LocalityConfig.weight`. */
  | { readonly type: 'weighted' }
  | {
      /** This node's own zone first, as far as that keeps endpoints equally loaded. */
      readonly type: 'zone-aware';
      /** Of the requests. */
      readonly routingPercent: number;
      /** With fewer endpoints all are one pool. */
      readonly minEndpoints: number;
      readonly failOnPanic: boolean;
    };

export interface SlowStartConfig {
  readonly windowMs: number;
  readonly aggression: number;
  readonly minWeightPercent: number;
}

export interface SubsetsConfig {
  /** The label names that requests may choose by, together; each list sorted and there once. */
  readonly selectors: readonly SubsetSelectorConfig[];
  /** For requests that choose nothing, or something that is not there. */
  readonly fallback: SubsetFallback;
  /** Of `fallback: default`. */
  readonly defaultSubset: Readonly<Record<string, string>>;
}

export type SubsetFallback = 'none' | 'any' | 'default';

export interface SubsetSelectorConfig {
  readonly keys: readonly string[];
  /** Null: that of the cluster. */
  readonly fallback: SubsetFallback | null;
}
