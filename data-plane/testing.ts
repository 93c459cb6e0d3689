/** For tests: a proxy of one listener and one cluster over real sockets, and a raw upstream that keeps what it got. */
import net from 'node:net';
import { TableBuilder } from './balance/table-builder.ts';
import { Out } from './codec/out.ts';
import type { FilterModule } from './l7/filter.ts';
import type { HttpShared, RequestLog } from './l7/http-context.ts';
import { Turns } from './l7/turns.ts';
import { type NodeLimits, nodeLimits } from './limits.ts';
import { ConnectionGate } from './listener/connection-gate.ts';
import { HttpServer } from './listener/http-listener.ts';
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
  TlsConfig,
} from './model/config.ts';
import { compileHttp } from './runtime/http-contexts.ts';
import type { LogEntry } from './telemetry/log-entry.ts';
import { StatsRegistry } from './telemetry/registry.ts';
import { clusterStats, http2Stats, httpStats, listenerStats } from './telemetry/stats.ts';
import { Cluster, type ClusterWorld } from './upstream/cluster.ts';
import { Deadlines } from './upstream/deadlines.ts';

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
    paths: { normalize: true, mergeSlashes: true, escapedSlashes: 'reject' },
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

export interface ProxyOptions {
  readonly cluster: ClusterConfig;
  /** Beside it. */
  readonly others?: readonly ClusterConfig[];
  readonly routes?: readonly RouteConfig[];
  readonly chain?: Partial<HttpChainConfig>;
  readonly documentedOnly?: boolean;
  /** Each is in the chain, with its settings. */
  readonly filters?: readonly FilterModule[];
  readonly tls?: TlsConfig;
  readonly proxyProtocol?: Partial<ProxyProtocolConfig>;
  readonly maxConnections?: number;
  readonly sessionKeys?: readonly Uint8Array[];
  readonly limits?: Partial<NodeLimits>;
  /** Called before an entry is kept; may throw. */
  readonly onLog?: (entry: LogEntry) => void;
}

export async function startProxy(options: ProxyOptions) {
  const clock = new TestClock();
  const limits = { ...nodeLimits, ...options.limits };
  const registry = new StatsRegistry();
  const clusterFrom = (config: ClusterConfig): Cluster =>
    new Cluster(config, clusterStats(registry, config.name), stillWorld);
  const cluster = clusterFrom(options.cluster);
  const clusters = new Map([cluster, ...(options.others ?? []).map(clusterFrom)].map((one) => [one.name, one]));
  const log: LogEntry[] = [];
  const faults: unknown[] = [];
  const logger: RequestLog = {
    write: (entry) => {
      options.onLog?.(entry);
      log.push({ ...entry });
    },
  };
  const onFault = (fault: unknown): void => {
    faults.push(fault);
    shared.toClient.length = 0;
    shared.toUpstream.length = 0;
  };
  const shared: HttpShared = {
    clusters,
    deadlines: new Deadlines(clock.now, clock.setTimer, onFault),
    now: clock.now,
    wallClock: () => 1_700_000_000_000,
    random: () => 0,
    turns: new Turns(setImmediate),
    load: { refusedShare: 0 },
    ownAddress: '192.0.2.1',
    sessionKeys: options.sessionKeys ?? [],
    http2Stats: http2Stats(registry),
    newRequestId: () => '00000000-0000-4000-8000-000000000000',
    toClient: new Out(),
    toUpstream: new Out(),
    readBuffer: Buffer.allocUnsafeSlow(64 * 1024),
    onFault,
  };
  const chain: HttpChainConfig = {
    ...httpChainOf(options.routes ?? [routeOf(options.cluster.name)]),
    filters: [
      { name: 'fault', settings: null },
      ...(options.filters ?? []).map(({ name }) => ({ name, settings: {} })),
    ],
    ...options.chain,
  };
  const modules = new Map((options.filters ?? []).map((module) => [module.name, module]));
  const logs = { loggers: [logger] as never, requestHeaders: [], close: async () => {} };
  const context = compileHttp(chain, logs, limits, modules, null);
  const perAddress = limits.connectionsPerAddress ?? 0;
  const gate = new ConnectionGate({ ...limits, connectionsPerAddress: perAddress }, () => true);
  const server = new HttpServer({
    shared,
    stats: httpStats(registry, 'test'),
    listenerStats: listenerStats(registry, 'test'),
    context,
    tls: options.tls ?? null,
    proxyProtocol: options.proxyProtocol === undefined ? null : proxyProtocolOf(options.proxyProtocol),
    maxConnections: options.maxConnections ?? 10_000,
    gate,
    documentedOnly: options.documentedOnly ?? false,
  });
  const { port } = await server.listen('127.0.0.1', 0);
  return {
    port,
    server,
    shared,
    gate,
    cluster,
    clusters,
    clock,
    log,
    faults,
    registry,
    http2Stats: shared.http2Stats,
    stop: async (): Promise<void> => {
      const drained = server.drain();
      server.destroy();
      for (const one of clusters.values()) one.close();
      await drained;
    },
  };
}

/** A server that hands each connection's bytes to `onBytes`; it never parses. */
export async function startRawUpstream(onBytes: (socket: net.Socket, all: Buffer) => void) {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    let all = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      all = Buffer.concat([all, chunk]);
      onBytes(socket, all);
    });
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    sockets,
    stop: async (): Promise<void> => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Sends bytes and gathers the answer until `until` is content or the connection ends. */
export function talk(port: number, bytes: Buffer | string, until: (answer: string) => boolean): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    let answer = '';
    const finish = (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      if (until(answer)) finish();
    });
    socket.on('end', finish);
    socket.on('error', finish);
    socket.on('close', finish);
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  });
}
