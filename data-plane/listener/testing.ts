/** For tests: a TCP listener with chains of its own over real sockets, and endpoints that say which one they are. */
import net from 'node:net';
import { Watched } from '../l4/testing.ts';
import type { ChainMatchConfig, ClusterConfig, ProxyProtocolConfig, TcpProxyConfig } from '../model/config.ts';
import type { LogEntry } from '../telemetry/log-entry.ts';
import { StatsRegistry } from '../telemetry/registry.ts';
import { clusterStats, listenerStats, tcpStats } from '../telemetry/stats.ts';
import { clusterOf, proxyProtocolOf, stillWorld, TestClock } from '../testing.ts';
import { Cluster } from '../upstream/cluster.ts';
import { Deadlines } from '../upstream/deadlines.ts';
import { ChainMatcher } from './chain-match.ts';
import { ConnectionGate } from './connection-gate.ts';
import { ProxyRules } from './proxy-rules.ts';
import { TcpServer, type TcpService, type TcpSetup } from './tcp-listener.ts';

export const matchAll: ChainMatchConfig = {
  serverNames: [],
  alpn: [],
  transport: null,
  sources: [],
  directSources: [],
};

export function tcpProxyOf(cluster: string, rest: Partial<TcpProxyConfig> = {}): TcpProxyConfig {
  return {
    ...{ statPrefix: cluster, to: [{ cluster, weight: 1 }], idleTimeoutMs: 3_600_000, accessLogs: [], hash: null },
    ...{ proxyTlvs: [], datapath: 'user' },
    ...rest,
  };
}

/** Each connection goes to the endpoint of the chain that it gets, by name. */
export interface TcpSetupOptions {
  readonly chains?: Readonly<Record<string, Partial<ChainMatchConfig>>>;
  readonly otherwise?: string;
  readonly inspectTls?: boolean;
  readonly proxyProtocol?: Partial<ProxyProtocolConfig>;
}

export interface TcpListenerOptions extends TcpSetupOptions {
  /** Ports of the endpoints, by name. */
  readonly endpoints: Readonly<Record<string, number>>;
  readonly maxConnections?: number;
  readonly connectionsPerAddress?: number;
  readonly documentedOnly?: boolean;
}

export async function startTcpListener(options: TcpListenerOptions) {
  const clock = new TestClock();
  const registry = new StatsRegistry();
  const clusters = new Map(
    Object.entries(options.endpoints).map(([name, port]) => {
      const config: ClusterConfig = clusterOf([port], { name, protocol: 'tcp' });
      return [name, new Cluster(config, clusterStats(registry, name), stillWorld)];
    }),
  );
  const log = new Watched<LogEntry>();
  const closed: TcpSetup[] = [];
  const setupOf = ({ chains = {}, otherwise, inspectTls = false, proxyProtocol }: TcpSetupOptions): TcpSetup => {
    const serviceOf = (name: string): TcpService => ({
      proxy: tcpProxyOf(name),
      stats: tcpStats(registry, name),
      logs: [{ write: (entry) => log.add({ ...entry }) }],
    });
    const setup: TcpSetup = {
      chains: new ChainMatcher(
        Object.entries(chains).map(([name, match]) => ({ chain: serviceOf(name), match: { ...matchAll, ...match } })),
        otherwise === undefined ? null : serviceOf(otherwise),
      ),
      inspectTls,
      inspectTimeoutMs: 15_000,
      proxyProtocol: proxyProtocol === undefined ? null : new ProxyRules(proxyProtocolOf(proxyProtocol)),
      close: () => closed.push(setup),
    };
    return setup;
  };
  const { connectionsPerAddress = 0 } = options;
  const gate = new ConnectionGate({ connections: 1_000, connectionsPerAddress }, () => true);
  const stats = listenerStats(registry, 'test');
  const setup = setupOf(options);
  const onFault = (fault: unknown): never => {
    throw fault;
  };
  const server = new TcpServer({
    shared: {
      clusters,
      deadlines: new Deadlines(clock.now, clock.setTimer, onFault),
      now: clock.now,
      wallClock: () => 1_700_000_000_000,
      random: () => 0,
      newRequestId: () => 'id',
      readBuffer: Buffer.allocUnsafeSlow(64 * 1024),
      onFault,
    },
    listenerStats: stats,
    setup,
    maxConnections: options.maxConnections ?? 10_000,
    gate,
    documentedOnly: options.documentedOnly ?? false,
  });
  const { port } = await server.listen('127.0.0.1', 0);
  return {
    ...{ port, server, stats, gate, log, clock, setupOf, setup, closed },
    connect: (localAddress = '127.0.0.1'): net.Socket => {
      const client = net.connect({ port, host: '127.0.0.1', localAddress, noDelay: true });
      client.on('error', () => undefined);
      return client;
    },
    stop: async (): Promise<void> => {
      const drained = server.drain();
      server.destroy();
      await drained;
    },
  };
}

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

/** How bytes are sent: at once, or one by one. */
export type Delivery = 'at once' | 'byte by byte';

export async function send(socket: net.Socket, bytes: Buffer | string, delivery: Delivery): Promise<void> {
  const all = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
  if (delivery === 'at once') {
    socket.write(all);
    return;
  }
  for (let at = 0; at < all.length; at++) {
    socket.write(all.subarray(at, at + 1));
    await turn();
  }
}

/** A server that greets each client with its name and sends everything back, and keeps what it got of each connection. */
export async function startNamedEndpoint(name: string) {
  const got: string[] = [];
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const index = got.push('') - 1;
    socket.on('error', () => undefined);
    socket.write(`${name}:`);
    socket.on('data', (chunk) => {
      got[index] += chunk.toString('latin1');
      socket.write(chunk);
    });
    socket.on('end', () => socket.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    got,
    stop: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
