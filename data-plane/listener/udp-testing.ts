/** For tests: a UDP listener of one or more clusters over real sockets, endpoints that answer, clients that ask. */
import dgram from 'node:dgram';
import { once } from 'node:events';
import type net from 'node:net';
import { Watched } from '../l4/testing.ts';
import type { ClusterConfig, UdpChainConfig } from '../model/config.ts';
import type { UdpSockets } from '../sockets/udp-socket.ts';
import type { LogEntry } from '../telemetry/log-entry.ts';
import { StatsRegistry } from '../telemetry/registry.ts';
import { clusterStats, listenerStats } from '../telemetry/stats.ts';
import { udpStats } from '../telemetry/udp-stats.ts';
import { stillWorld, TestClock } from '../testing.ts';
import { Cluster } from '../upstream/cluster.ts';
import { Deadlines } from '../upstream/deadlines.ts';
import { ownHostCounts } from '../upstream/host-counts.ts';
import { ConnectionGate } from './connection-gate.ts';
import { UdpServer } from './udp-listener.ts';

export interface Datagram {
  readonly text: string;
  readonly bytes: Buffer;
  readonly from: dgram.RemoteInfo;
}

/** A socket of a test's own, and all that comes to it. */
export class Peer {
  readonly socket: dgram.Socket;
  readonly got = new Watched<Datagram>();
  port = 0;

  /** @param answer null: says nothing */
  constructor(family: 4 | 6 = 4, answer: ((b: Buffer) => Buffer | string | null) | null = null) {
    this.socket = dgram.createSocket(`udp${family}`);
    // a client may be told that nobody is there any more
    this.socket.on('error', () => undefined);
    this.socket.on('message', (bytes, from) => {
      const said = answer?.(bytes) ?? null;
      if (said !== null) this.socket.send(said, from.port, from.address);
      this.got.add({ text: bytes.toString(), bytes, from });
    });
  }

  async open(address = '127.0.0.1', port = 0): Promise<this> {
    this.socket.bind(port, address);
    await once(this.socket, 'listening');
    this.port = (this.socket.address() as net.AddressInfo).port;
    return this;
  }

  send(data: string | Buffer, port: number, address = '127.0.0.1'): void {
    this.socket.send(data, port, address);
  }

  /** What it has got, once there are so many. */
  async texts(count: number): Promise<string[]> {
    return (await this.got.first(count)).map(({ text }) => text);
  }

  close(): void {
    this.socket.close();
  }
}

/** Answers `NAME TEXT`. */
export function startAnswerer(name: string, address = '127.0.0.1', port = 0): Promise<Peer> {
  return new Peer(address.includes(':') ? 6 : 4, (b) => `${name} ${b}`).open(address, port);
}

/** A port where nobody is. Another test may get it at 127.0.0.1, but not at an address that no other one goes to. */
export async function deadUdpPort(address: string): Promise<number> {
  const peer = await new Peer().open(address);
  peer.close();
  return peer.port;
}

export interface UdpListenerOptions {
  readonly clusters: readonly ClusterConfig[];
  readonly chain?: Partial<UdpChainConfig>;
  readonly maxConnections?: number;
  /** Of the node. */
  readonly connections?: number;
  readonly sockets?: UdpSockets;
  readonly address?: string;
  readonly port?: number;
  readonly reusePort?: boolean;
  readonly onFinding?: (key: string, finding: string) => void;
}

export async function startUdpListener({ clusters: configs, onFinding, ...options }: UdpListenerOptions) {
  const clock = new TestClock();
  const registry = new StatsRegistry();
  const watch = onFinding === undefined ? undefined : { ...watching, onFinding };
  const clusters = new Map(
    configs.map((config) => [config.name, new Cluster(config, clusterStats(registry, config.name), stillWorld, watch)]),
  );
  const log = new Watched<LogEntry>();
  const logs = [{ write: (entry: LogEntry) => log.add(entry) }];
  const faults: unknown[] = [];
  const onFault = (fault: unknown): void => void faults.push(fault);
  const chain: UdpChainConfig = {
    type: 'udp',
    statPrefix: 'test',
    routes: [{ sources: [], cluster: configs[0]?.name ?? 'c' }],
    idleTimeoutMs: 60_000,
    hash: null,
    perPacket: false,
    accessLogs: [],
    datapath: 'user',
    ...options.chain,
  };
  const server = new UdpServer({
    shared: {
      clusters,
      deadlines: new Deadlines(clock.now, clock.setTimer, onFault),
      now: clock.now,
      wallClock: () => 1_700_000_000_000,
      newRequestId: () => 'an-id',
      onFault,
    },
    stats: udpStats(registry, 'test'),
    listenerStats: listenerStats(registry, 'udp'),
    ...{ chain, logs },
    maxConnections: options.maxConnections ?? 10_000,
    gate: new ConnectionGate({ connections: options.connections ?? 50_000, connectionsPerAddress: 1 }, () => true),
    ...(options.sockets !== undefined && { sockets: options.sockets }),
  });
  const { port } = await server.listen(options.address ?? '127.0.0.1', options.port ?? 0, options.reusePort);
  return {
    ...{ port, server, clock, chain, clusters, log, logs, faults },
    cluster: clusters.values().next().value!,
    /** By Envoy's names. */
    stat: (name: string): number => {
      const stat = registry.list().find((one) => one.name.stat === name);
      if (stat === undefined || stat.kind === 'histogram') throw new Error(`there is no number ${name}`);
      return stat.read();
    },
    stop: (): void => server.destroy(),
  };
}

const watching = { countsOf: ownHostCounts, now: () => 0 };
