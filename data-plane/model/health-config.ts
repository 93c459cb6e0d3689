/** How the endpoints of a cluster are watched: part of the frozen configuration (config.ts). */

export interface HealthCheckConfig {
  readonly check: ProbeConfig;
  readonly intervalMs: number;
  /** Until the cluster has had traffic; null: as `intervalMs`. */
  readonly noTrafficIntervalMs: number | null;
  /** Absent: the interval does not depend on how checks go. */
  readonly intervals?: HealthIntervalsConfig;
  readonly timeoutMs: number;
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
  /** Random addition to each interval: percent of it, and milliseconds. */
  readonly jitterPercent: number;
  readonly jitterMs: number;
  /** Random time before the first check. */
  readonly initialJitterMs: number;
  /** A check begins with a PROXY header of this version, which says that it is nobody's but the proxy's; absent: with none. */
  readonly proxyHeader?: 1 | 2;
}

/** In place of the interval of an endpoint that is well and stays so, once the cluster has had traffic. */
export interface HealthIntervalsConfig {
  /** After a failure of an endpoint that is unhealthy. */
  readonly unhealthyMs: number;
  /** After a failure that is one of too few to make it unhealthy. */
  readonly unhealthyEdgeMs: number;
  /** After a success that is one of too few to make it healthy. */
  readonly healthyEdgeMs: number;
}

export type ProbeConfig =
  | HttpProbeConfig
  | { readonly type: 'tcp'; readonly send: Uint8Array | null; readonly receive: readonly Uint8Array[] }
  | {
      readonly type: 'grpc';
      /** Empty: the server as a whole. */
      readonly service: string;
      readonly authority: string;
    };

export interface HttpProbeConfig {
  readonly type: 'http';
  readonly method: string;
  readonly path: string;
  readonly host: string;
  /** In HTTP/2, else in HTTP/1.1. */
  readonly http2: boolean;
  /** Half-open ranges. */
  readonly expect: readonly StatusRangeConfig[];
  /** Unexpected, but counted as a failure like any other instead of one that decides at once. */
  readonly retriable: readonly StatusRangeConfig[];
  /** Names are lower-case. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** Each must occur in the body, in this order; empty: the body does not matter. */
  readonly receive: readonly Uint8Array[];
  /** Of the body that are looked at; 0: all. Absent: 1,024, as Envoy has it. */
  readonly receiveBytes?: number;
}

export interface StatusRangeConfig {
  readonly start: number;
  readonly end: number;
}

/** Ejection by what real traffic meets; Envoy's outlier detection. An enforcing share of 0 only counts. */
export interface OutlierDetectionConfig {
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  /** Random addition to an ejection. */
  readonly maxEjectionJitterMs: number;
  readonly maxEjectionPercent: number;
  /** The first one may go, whatever the share. */
  readonly alwaysEjectOne: boolean;
  /** 0: off. */
  readonly consecutive5xx: number;
  readonly enforcing5xxPercent: number;
  readonly consecutiveGatewayFailure: number;
  readonly enforcingGatewayPercent: number;
  /** What goes wrong before an answer is counted by itself, not as 5xx. */
  readonly splitLocalOrigin: boolean;
  readonly consecutiveLocalOriginFailure: number;
  readonly enforcingLocalOriginPercent: number;
  readonly successRate: {
    readonly minimumHosts: number;
    readonly requestVolume: number;
    /** Thousandths of a standard deviation. */
    readonly stdevFactor: number;
    readonly enforcingPercent: number;
    readonly enforcingLocalOriginPercent: number;
  };
  readonly failurePercentage: {
    readonly threshold: number;
    readonly minimumHosts: number;
    readonly requestVolume: number;
    readonly enforcingPercent: number;
    readonly enforcingLocalOriginPercent: number;
  };
  /** Our own; null: off. */
  readonly latency: LatencyEjectionConfig | null;
  /** A passing active check ends an ejection. */
  readonly healthyCheckUnejects: boolean;
  /**
   * As nginx's max_fails and fail_timeout; null: off. An endpoint with so many failures within the window is out for as
   * long; if all are out, all are used. Failures in a row eject nobody beside it.
   */
  readonly maxFails: { readonly fails: number; readonly windowMs: number } | null;
}

/** An endpoint whose p99 is `factor` times the median p99 of its peers, and over `leastMs`, is ejected. */
export interface LatencyEjectionConfig {
  readonly factor: number;
  readonly leastMs: number;
  readonly minimumHosts: number;
  readonly requestVolume: number;
}

/** What a cluster bears at a time, counted for the whole node; Infinity: any number. */
export interface BreakersConfig {
  readonly connections: number;
  /** Requests that wait for a connection. */
  readonly pending: number;
  readonly requests: number;
  /** Connections to one endpoint. */
  readonly connectionsPerEndpoint: number;
}
