/** For tests: a proxy of one listener and one cluster over real sockets, and a raw upstream that keeps what it got. */
import net from 'node:net';
import { Out } from './codec/out.ts';
import type { FilterModule } from './l7/filter.ts';
import type { HttpShared, RequestLog } from './l7/http-context.ts';
import { Turns } from './l7/turns.ts';
import { type NodeLimits, nodeLimits } from './limits.ts';
import { ConnectionGate } from './listener/connection-gate.ts';
import { HttpServer } from './listener/http-listener.ts';
import type { ClusterConfig, HttpChainConfig, ProxyProtocolConfig, RouteConfig, TlsConfig } from './model/config.ts';
import { compileHttp } from './runtime/http-contexts.ts';
import type { LogEntry } from './telemetry/log-entry.ts';
import { StatsRegistry } from './telemetry/registry.ts';
import { clusterStats, http2Stats, httpStats, listenerStats } from './telemetry/stats.ts';
import { http1Stats } from './telemetry/underscore-stats.ts';
import { httpChainOf, proxyProtocolOf, routeOf, stillWorld, TestClock } from './testing.ts';
import { Cluster } from './upstream/cluster.ts';
import { Deadlines } from './upstream/deadlines.ts';

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
    http1Stats: http1Stats(registry),
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
    http1Stats: shared.http1Stats,
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
