/** Old and new configuration in, sockets out: what to open, keep, change in place, drain. */
import type { HttpShared } from '../l7/http-context.ts';
import { limits, type NodeLimits } from '../limits.ts';
import type { ConnectionGate } from '../listener/connection-gate.ts';
import { HttpServer } from '../listener/http-listener.ts';
import type { BoundAddress } from '../listener/socket.ts';
import { TcpServer } from '../listener/tcp-listener.ts';
import { UdpServer } from '../listener/udp-listener.ts';
import { addressText } from '../model/arrival.ts';
import type { ListenerConfig } from '../model/config.ts';
import { type AccessLoggers, openAccessLoggers } from '../telemetry/access-loggers.ts';
import type { LogSinks } from '../telemetry/log-sink.ts';
import type { StatsRegistry } from '../telemetry/registry.ts';
import { httpStats, listenerStats } from '../telemetry/stats.ts';
import { udpStats } from '../telemetry/udp-stats.ts';
import type { FilterModules } from './filters.ts';
import { compileHttp } from './http-contexts.ts';
import type { Logger } from './logger.ts';
import type { BoundListener, NodeListeners } from './node.ts';
import { SoftDrain } from './soft-drain.ts';
import { compileTcp } from './tcp-setups.ts';

/** Where this node binds a listener, instead of what the configuration says. */
export type Binds = ReadonlyMap<string, BoundAddress>;

export interface ListenersDeps {
  readonly shared: HttpShared;
  readonly registry: StatsRegistry;
  readonly sinks: LogSinks;
  readonly limits: NodeLimits;
  /** All listeners let their connections in by it. */
  readonly gate: ConnectionGate;
  readonly binds: Binds;
  readonly filters: FilterModules;
  readonly logger: Logger;
  readonly setTimer: (callback: () => void, ms: number) => void;
  /** Other threads listen at the same places. */
  readonly reusePort: boolean;
  /** What is wanted has been tried: it is bound, or has failed. */
  readonly onTried: () => void;
}

type Server = HttpServer | TcpServer | UdpServer;

interface Open {
  config: ListenerConfig;
  readonly server: Server;
  readonly bound: BoundAddress;
  /** Null: each of its chains has its own. */
  logs: AccessLoggers | null;
}

/** What an operator sees of a listener. */
export interface ListenerView {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** A datagram socket. */
  readonly udp: boolean;
  /** Or UDP sessions. */
  readonly connections: number;
  /** Why it is not bound; then address and port are the wanted ones. */
  readonly error: string | null;
}

export class Listeners implements NodeListeners {
  readonly #deps: ListenersDeps;
  readonly #open = new Map<string, Open>();
  readonly #failed = new Map<string, { config: ListenerConfig; error: string }>();
  readonly #draining = new Set<Server>();
  readonly #softDrain: SoftDrain;
  #wanted: ReadonlyMap<string, ListenerConfig> = new Map();
  #applied: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(deps: ListenersDeps) {
    this.#deps = deps;
    const { now, random, onFault, turns } = deps.shared;
    const connections = () => [...this.#open.values()].map(({ server }) => server.connections);
    // what clients have sent by then is read before
    const setTimer: ListenersDeps['setTimer'] = (callback, ms) => deps.setTimer(() => turns.settle(callback), ms);
    this.#softDrain = new SoftDrain({ connections, now, random, onFault, setTimer });
  }

  /** Resolves when everything wanted is bound or has failed; later calls wait for earlier ones. */
  apply(wanted: ReadonlyMap<string, ListenerConfig>): Promise<void> {
    this.#wanted = wanted;
    this.#applied = this.#applied.then(() => this.#reconcile());
    return this.#applied;
  }

  get allBound(): boolean {
    return this.#failed.size === 0;
  }

  get serving(): boolean {
    return true;
  }

  list(): ListenerView[] {
    const open = [...this.#open.values()].map(({ config, server, bound }) => ({
      name: config.name,
      ...bound,
      udp: config.chain.type === 'udp',
      connections: server.connectionCount,
      error: null,
    }));
    const failed = [...this.#failed.values()].map(({ config, error }) => ({
      name: config.name,
      ...this.#place(config),
      udp: config.chain.type === 'udp',
      connections: 0,
      error,
    }));
    return [...open, ...failed].sort(byName);
  }

  bound(): BoundListener[] {
    return [...this.#open.values()].map(({ config, bound }) => boundListener(config, bound)).sort(byName);
  }

  /** Connections and requests that have come so far. */
  get arrivals(): number {
    let count = 0;
    for (const { server } of this.#open.values()) count += server.arrivals;
    return count;
  }

  announce(timeoutMs: number): void {
    if (this.#stopped) return;
    for (const { server } of this.#open.values()) announceAt(server, true);
    this.#softDrain.begin(timeoutMs);
  }

  resume(): void {
    if (this.#stopped) return;
    for (const { server } of this.#open.values()) announceAt(server, false);
    this.#softDrain.end();
  }

  get connectionCount(): number {
    let count = 0;
    for (const { server } of this.#open.values()) count += server.connectionCount;
    for (const server of this.#draining) count += server.connectionCount;
    return count;
  }

  /** Connections without a request end now. */
  shedIdle(): void {
    for (const { server } of this.#open.values()) if (server instanceof HttpServer) server.shedIdle();
  }

  /** No new connections, busy ones finish; resolves when none is left or the time is over, then cuts. */
  async drain(timeoutMs: number): Promise<void> {
    this.#stopped = true;
    this.#softDrain.end();
    await this.#applied;
    // who is connected by now is let in
    await new Promise<void>((resolve) => this.#deps.shared.turns.settle(resolve));
    const servers = [...[...this.#open.values()].map((open) => open.server), ...this.#draining];
    await this.#within(Promise.all(servers.map((server) => server.drain())), timeoutMs);
    for (const server of servers) server.destroy();
  }

  async #reconcile(): Promise<void> {
    if (this.#stopped) return;
    const wanted = this.#wanted;
    for (const [name, open] of this.#open) {
      const config = wanted.get(name);
      if (config === undefined || !this.#sameSocket(open, config)) this.#retire(name, open);
    }
    for (const name of this.#failed.keys()) if (!wanted.has(name)) this.#failed.delete(name);
    for (const config of wanted.values()) {
      const open = this.#open.get(config.name);
      if (open === undefined) await this.#start(config);
      else if (open.config !== config) this.#change(open, config);
    }
    this.#deps.onTried();
  }

  #place(config: ListenerConfig): BoundAddress {
    return this.#deps.binds.get(config.name) ?? { address: config.address, port: config.port };
  }

  /** Where clients believe the listener to be, where that is not where this node has it; null: it is. */
  #virtualAddress(config: ListenerConfig): string | null {
    const { address, port } = this.#place(config);
    const said = config.said ?? config;
    const isThere = address === said.address && port === said.port && port !== 0;
    return isThere ? null : addressText(said.address, said.port);
  }

  #sameSocket(open: Open, config: ListenerConfig): boolean {
    if (open.config === config) return true;
    const before = this.#place(open.config);
    const after = this.#place(config);
    return (
      before.address === after.address &&
      before.port === after.port &&
      open.config.chain.type === config.chain.type &&
      (open.config.tls === null) === (config.tls === null)
    );
  }

  async #start(config: ListenerConfig): Promise<void> {
    const { logger, setTimer, reusePort } = this.#deps;
    const { server, logs } = this.#create(config);
    const { address, port } = this.#place(config);
    if (!(server instanceof HttpServer)) server.virtualAddress = this.#virtualAddress(config);
    if (server instanceof UdpServer) this.#takeOver(address, port);
    try {
      const bound = await server.listen(address, port, reusePort);
      this.#failed.delete(config.name);
      announceAt(server, this.#softDrain.isOn);
      this.#open.set(config.name, { config, server, bound, logs });
      logger.info({ event: 'listener_bound', listener: config.name, ...bound }, 'listener bound');
    } catch (error) {
      server.dropStats();
      void logs?.close();
      const { message } = error as Error;
      const known = this.#failed.get(config.name);
      this.#failed.set(config.name, { config, error: message });
      if (known?.error !== message) {
        logger.error({ event: 'listener_failed', listener: config.name, error: message }, 'listener not bound');
      }
      setTimer(() => void this.apply(this.#wanted), limits.bindRetryMs);
    }
  }

  #create({ name, chain, tls, proxyProtocol, maxConnections }: ListenerConfig): Pick<Open, 'server' | 'logs'> {
    const { shared, registry, sinks, gate } = this.#deps;
    const common = { shared, listenerStats: listenerStats(registry, name), maxConnections, gate };
    switch (chain.type) {
      case 'http': {
        const logs = openAccessLoggers(chain.accessLogs, sinks, shared.random);
        const context = compileHttp(chain, logs, this.#deps.limits, this.#deps.filters, null);
        const stats = httpStats(registry, chain.statPrefix);
        return { server: new HttpServer({ ...common, stats, context, tls, proxyProtocol }), logs };
      }
      case 'tcp': {
        const setup = compileTcp(chain, proxyProtocol, registry, sinks, shared.random);
        return { server: new TcpServer({ ...common, setup }), logs: null };
      }
      case 'udp': {
        const logs = openAccessLoggers(chain.accessLogs, sinks, shared.random);
        const stats = udpStats(registry, chain.statPrefix);
        return { server: new UdpServer({ ...common, stats, chain, logs: logs.loggers }), logs };
      }
    }
  }

  /** A listener of UDP that drains there would keep the port, or be dealt clients that it does not take. */
  #takeOver(address: string, port: number): void {
    for (const server of this.#draining) {
      if (server instanceof UdpServer && server.overlaps(address, port)) server.destroy();
    }
  }

  /** The socket stays; what comes next on it follows the new configuration. */
  #change(open: Open, config: ListenerConfig): void {
    const { shared, registry, sinks } = this.#deps;
    const { server, logs } = open;
    const { chain, proxyProtocol } = config;
    if (server instanceof HttpServer && chain.type === 'http') {
      open.logs = openAccessLoggers(chain.accessLogs, sinks, shared.random);
      server.context = compileHttp(chain, open.logs, this.#deps.limits, this.#deps.filters, server.context);
      if (config.tls !== null) server.updateTls(config.tls);
      server.updateProxyProtocol(proxyProtocol);
      void logs?.close();
    } else if (server instanceof TcpServer && chain.type === 'tcp') {
      server.update(compileTcp(chain, proxyProtocol, registry, sinks, shared.random));
      server.virtualAddress = this.#virtualAddress(config);
    } else if (server instanceof UdpServer && chain.type === 'udp') {
      open.logs = openAccessLoggers(chain.accessLogs, sinks, shared.random);
      server.update(chain, open.logs.loggers);
      server.virtualAddress = this.#virtualAddress(config);
      void logs?.close();
    }
    server.maxConnections = config.maxConnections;
    open.config = config;
  }

  #retire(name: string, open: Open): void {
    const { logger } = this.#deps;
    this.#open.delete(name);
    this.#draining.add(open.server);
    logger.info({ event: 'listener_draining', listener: name }, 'listener draining');
    void this.#within(open.server.drain(), limits.drainTimeoutMs).then(() => {
      open.server.destroy();
      open.server.dropStats();
      this.#draining.delete(open.server);
      void open.logs?.close();
    });
  }

  #within(work: Promise<unknown>, timeoutMs: number): Promise<unknown> {
    return Promise.race([work, new Promise<void>((resolve) => this.#deps.setTimer(resolve, timeoutMs))]);
  }
}

/** What a listener is told of. */
export function boundListener({ name, chain }: ListenerConfig, { address, port }: BoundAddress): BoundListener {
  return { name, address, port, udp: chain.type === 'udp' };
}

/** Only HTTP has words for it. */
function announceAt(server: Server, isOn: boolean): void {
  if (server instanceof HttpServer) server.draining = isOn;
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}
