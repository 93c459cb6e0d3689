/** For tests: a TCP proxy of one listener and its clusters over real sockets. */
import { once } from 'node:events';
import net from 'node:net';
import { onTestFinished } from 'vitest';
import type { Arrival } from '../model/arrival.ts';
import type { ClusterConfig, TcpProxyConfig } from '../model/config.ts';
import { acceptLean } from '../sockets/open.ts';
import type { TcpSocket } from '../sockets/tcp-socket.ts';
import type { LogEntry } from '../telemetry/log-entry.ts';
import { StatsRegistry } from '../telemetry/registry.ts';
import { clusterStats, tcpStats } from '../telemetry/stats.ts';
import { stillWorld, TestClock, tablesAtOnce } from '../testing.ts';
import { Cluster } from '../upstream/cluster.ts';
import { Deadlines } from '../upstream/deadlines.ts';
import { handleTcp, type TcpDeps, type TcpSession } from './tcp-proxy.ts';

/** Something that tests wait for without asking again and again. */
export class Watched<T> {
  readonly seen: T[] = [];
  #waiting: (() => void)[] = [];

  add(one: T): void {
    this.seen.push(one);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async first(count: number): Promise<T[]> {
    while (this.seen.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.seen.slice(0, count);
  }

  async nth(index: number): Promise<T> {
    return (await this.first(index + 1))[index]!;
  }
}

/** A listening server that leaves each connection to the test. */
export async function startEndpoint() {
  const sockets = new Watched<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
    socket.on('error', () => undefined);
    sockets.add(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as net.AddressInfo).port,
    sockets,
    stop: async (): Promise<void> => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets.seen) socket.destroy();
      await closed;
    },
  };
}

/** A port that nobody listens on, and nobody else gets before the test is over. */
export function deadPort(): number {
  const held = new net.BoundSocket({ host: '127.0.0.1', port: 0 });
  onTestFinished(() => held.close());
  return held.address().port!;
}

export interface TcpProxyOptions {
  readonly clusters: readonly ClusterConfig[];
  readonly chain?: Partial<TcpProxyConfig>;
  readonly random?: () => number;
  readonly readsStreamId?: boolean;
  readonly virtualAddress?: string;
  /** How every connection has come; absent: as its socket says. */
  readonly arrival?: Arrival;
  /** No lean sockets. */
  readonly documentedOnly?: boolean;
}

export async function startTcpProxy(options: TcpProxyOptions) {
  const clock = new TestClock();
  const registry = new StatsRegistry();
  const random = options.random ?? ((): number => 0);
  const clusters = new Map(
    options.clusters.map((config) => [
      config.name,
      new Cluster(config, clusterStats(registry, config.name), { ...stillWorld, random, tables: tablesAtOnce() }),
    ]),
  );
  const stats = tcpStats(registry, 'test');
  const log = new Watched<LogEntry>();
  const sessions = new Set<TcpSession>();
  let ids = 0;
  const deps: TcpDeps = {
    shared: {
      clusters,
      deadlines: new Deadlines(clock.now, clock.setTimer, rethrow),
      now: clock.now,
      wallClock: () => 1_700_000_000_000,
      random,
      newRequestId: () => `id-${++ids}`,
      readBuffer: Buffer.allocUnsafeSlow(64 * 1024),
      onFault: rethrow,
      documentedOnly: options.documentedOnly ?? false,
    },
    chain: {
      statPrefix: 'test',
      to: [{ cluster: options.clusters[0]?.name ?? 'c', weight: 1 }],
      idleTimeoutMs: 3_600_000,
      accessLogs: [],
      hash: null,
      proxyTlvs: [],
      datapath: 'user',
      ...options.chain,
    },
    stats,
    logs: [{ readsStreamId: options.readsStreamId ?? false, write: (entry) => log.add({ ...entry }) }],
    virtualAddress: options.virtualAddress ?? null,
    onClosed: (session) => sessions.delete(session),
  };
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
    const session = serve(socket);
    socket.on('data', (chunk) => session.onBytes(chunk, chunk.length));
    socket.resume();
  });
  const serve = (socket: TcpSocket): TcpSession => {
    const session = handleTcp(socket, deps, options.arrival ?? null);
    sessions.add(session);
    accepted.add(session);
    return session;
  };
  const accepted = new Watched<TcpSession>();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  if (options.documentedOnly !== true) {
    acceptLean(server, rethrow, (socket) => {
      const { onBytes, nextReadBuffer } = serve(socket);
      socket.readInto({ onBytes, nextBuffer: nextReadBuffer });
      socket.resume();
    });
  }
  const { port } = server.address() as net.AddressInfo;
  return {
    port,
    deps,
    clock,
    clusters,
    cluster: clusters.values().next().value!,
    stats,
    log,
    sessions,
    accepted,
    connect: (): net.Socket => {
      const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
      client.on('error', () => undefined);
      return client;
    },
    stop: async (): Promise<void> => {
      const closed = once(server, 'close');
      server.close();
      for (const session of [...sessions]) session.destroy();
      await closed;
    },
  };
}

/** Everything up to the end of the other side. */
export async function readAll(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.resume();
  await once(socket, 'end');
  return Buffer.concat(chunks);
}

/** The code of the error that ends a socket; `undefined` where it closes without one. */
export function endOf(socket: net.Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    let code: string | undefined;
    socket.on('error', (error: NodeJS.ErrnoException) => {
      code = error.code;
    });
    socket.on('close', () => resolve(code));
    socket.resume();
  });
}

/** A bug of the proxy is a failure of the test. */
function rethrow(fault: unknown): never {
  throw fault;
}
