/** For tests: time, chance, and configurations that say nothing special. */
import { TableBuilder } from './balance/table-builder.ts';
import type {
  BalanceConfig,
  BreakersConfig,
  ClusterConfig,
  EndpointConfig,
  HealthCheckConfig,
  HttpChainConfig,
  LocalityConfig,
  OutlierDetectionConfig,
  PolicyConfig,
  ProxyProtocolConfig,
  RouteConfig,
} from './model/config.ts';
import type { ClusterWorld } from './upstream/cluster.ts';

/** Time that stands still until it is moved. */
export class TestClock {
  nowMs = 1_000;
  #timers: { atMs: number; callback: () => void }[] = [];
  readonly now = (): number => this.nowMs;
  readonly setTimer = (callback: () => void, ms: number): void => {
    this.#timers.push({ atMs: this.nowMs + ms, callback });
  };

  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      this.#timers.sort((a, b) => a.atMs - b.atMs);
      const due = this.#timers[0];
      if (due === undefined || due.atMs > endMs) break;
      this.#timers.shift();
      this.nowMs = Math.max(this.nowMs, due.atMs);
      due.callback();
    }
    this.nowMs = endMs;
  }
}

/** What clusters are handed: no chance, no time, no place. */
export const stillWorld: ClusterWorld = { random: () => 0, now: () => 0, zone: '', tables: null };

/** Tables of hashing policies, whole before anybody picks. */
export const tablesAtOnce = (): TableBuilder => new TableBuilder({ now: () => 0, soon: (callback) => callback() });

export const nowhere: LocalityConfig = { region: '', zone: '', subZone: '', priority: 0, weight: 0 };

export function endpointOf(port: number, rest: Partial<EndpointConfig> = {}): EndpointConfig {
  const key = `127.0.0.1:${port}`;
  const none = { hostname: '', hashKey: '', labels: {} };
  return { key, address: '127.0.0.1', port, weight: 1, locality: nowhere, health: 'healthy', ...none, ...rest };
}

export function balanceOf(policy: PolicyConfig, rest: Partial<BalanceConfig> = {}): BalanceConfig {
  const none = { failOnPanic: false, localities: { type: 'none' }, slowStart: null, subsets: null } as const;
  const boundStates = ['healthy', 'degraded'] as const;
  return { policy, panicPercent: 50, boundStates, ...none, ...rest };
}

/** TCP, a second between checks, decided at once. */
export function healthCheckOf(rest: Partial<HealthCheckConfig> = {}): HealthCheckConfig {
  return {
    check: { type: 'tcp', send: null, receive: [] },
    ...{ intervalMs: 1_000, timeoutMs: 1_000, unhealthyThreshold: 1, healthyThreshold: 1 },
    ...{ jitterPercent: 0, jitterMs: 0, initialJitterMs: 0, noTrafficIntervalMs: null },
    ...rest,
  };
}

export const noBreakers: BreakersConfig = {
  connections: Number.POSITIVE_INFINITY,
  pending: Number.POSITIVE_INFINITY,
  requests: Number.POSITIVE_INFINITY,
  connectionsPerEndpoint: Number.POSITIVE_INFINITY,
};

/** Envoy's defaults. */
export function outliersOf(rest: Partial<OutlierDetectionConfig> = {}): OutlierDetectionConfig {
  const rates = { minimumHosts: 5, enforcingLocalOriginPercent: 0 };
  return {
    intervalMs: 10_000,
    baseEjectionMs: 30_000,
    maxEjectionMs: 300_000,
    maxEjectionJitterMs: 0,
    maxEjectionPercent: 10,
    alwaysEjectOne: false,
    consecutive5xx: 5,
    enforcing5xxPercent: 100,
    consecutiveGatewayFailure: 5,
    enforcingGatewayPercent: 0,
    splitLocalOrigin: false,
    consecutiveLocalOriginFailure: 5,
    enforcingLocalOriginPercent: 100,
    successRate: {
      ...rates,
      requestVolume: 100,
      stdevFactor: 1900,
      enforcingPercent: 100,
      enforcingLocalOriginPercent: 100,
    },
    failurePercentage: { ...rates, threshold: 85, requestVolume: 50, enforcingPercent: 0 },
    latency: null,
    healthyCheckUnejects: true,
    maxFails: null,
    ...rest,
  };
}

export function clusterOf(ports: readonly number[], rest: Partial<ClusterConfig> = {}): ClusterConfig {
  return {
    name: 'c',
    protocol: 'http1',
    proxyHeader: null,
    connectTimeoutMs: 1_000,
    balance: balanceOf({ type: 'round-robin' }),
    healthCheck: null,
    outlierDetection: null,
    breakers: noBreakers,
    keepAlive: { maxIdle: Number.POSITIVE_INFINITY, idleTimeoutMs: 60_000, maxRequests: 0 },
    http2: { maxStreams: 100, streamWindowBytes: 65_535, connectionWindowBytes: 1_048_576 },
    retryBudget: { percent: 20, least: 3 },
    dns: null,
    endpoints: ports.map((port) => endpointOf(port)),
    overprovisioningPercent: 140,
    weightedPriorityHealth: false,
    ...rest,
  };
}

export function routeOf(cluster: string, rest: Partial<RouteConfig> = {}): RouteConfig {
  return {
    name: cluster,
    match: { path: { type: 'prefix', value: '/' }, caseSensitive: true, headers: [], query: [], fraction: null },
    to: [{ cluster, weight: 1 }],
    clusterHeader: '',
    answer: null,
    rewrite: null,
    requestHeaders: null,
    responseHeaders: null,
    timeoutMs: 15_000,
    maxStream: null,
    streamIdleTimeoutMs: null,
    retry: null,
    fallback: null,
    hashPolicies: [],
    stickySession: null,
    grpcWeb: null,
    upgrades: [],
    fault: null,
    ...rest,
  };
}

export function httpChainOf(routes: readonly RouteConfig[]): HttpChainConfig {
  return {
    type: 'http',
    statPrefix: 'test',
    codec: 'auto',
    http2: {
      extendedConnect: true,
      maxConcurrentStreams: 100,
      streamWindowBytes: 64 * 1024,
      connectionWindowBytes: 1024 * 1024,
    },
    serverName: 'fairlead',
    useRemoteAddress: true,
    trustedHops: 0,
    preserveRequestId: false,
    forwardClientCert: null,
    upgrades: [],
    stickySession: 'none',
    grpcWeb: null,
    paths: { normalize: true, mergeSlashes: true, escapedSlashes: 'reject', underscores: 'reject', http10: null },
    limits: {
      headerBytes: 60 * 1024,
      headers: 100,
      headersTimeoutMs: 10_000,
      requestTimeoutMs: 300_000,
      idleTimeoutMs: 3_600_000,
      streamIdleTimeoutMs: 300_000,
    },
    accessLogs: [],
    routes: { name: 'test', hosts: [{ name: '*', domains: ['*'], routes }] },
    filters: [],
  };
}

/** Everybody's header is believed, and has to be there. */
export function proxyProtocolOf(rest: Partial<ProxyProtocolConfig> = {}): ProxyProtocolConfig {
  return { required: true, trust: null, untrusted: 'closed', tlvs: [], passTlvs: 'all', timeoutMs: 3_000, ...rest };
}

/** Fractions from 0 up to 1, the same for the same seed (xorshift). */
export function seededRandom(seed: number): () => number {
  // it would stay at 0
  let state = seed || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
