/** The listeners of a node whose workers listen: where they stand is decided here, once, and told to all. */
import { limits } from '../limits.ts';
import type { Places, Transport } from '../listener/places.ts';
import type { BoundAddress } from '../listener/socket.ts';
import type { ListenerConfig, ProxyConfig, TlsConfig } from '../model/config.ts';
import { type Binds, boundListener, type ListenerView } from '../runtime/listeners.ts';
import type { Logger } from '../runtime/logger.ts';
import type { BoundListener, NodeListeners } from '../runtime/node.ts';
import type { WorkerView } from './messages.ts';
import type { WorkerPool } from './pool.ts';

export interface WorkerListenersDeps {
  readonly places: Pick<Places, 'take' | 'keep'>;
  readonly binds: Binds;
  readonly logger: Logger;
  readonly setTimer: (callback: () => void, ms: number) => void;
  /** As Node takes them: 48 random bytes. */
  readonly newTicketKeys: () => Uint8Array;
}

type Workers = Pick<WorkerPool, 'apply' | 'settled' | 'failed' | 'serving' | 'announce' | 'resume' | 'drain'>;

interface Placed {
  readonly wanted: ListenerConfig;
  /** The same, where it stands. */
  readonly config: ListenerConfig;
}

interface Unplaced {
  readonly place: BoundAddress;
  readonly udp: boolean;
  readonly error: string;
}

export class WorkerListeners implements NodeListeners {
  readonly #deps: WorkerListenersDeps;
  readonly #pool: Workers;
  #config: ProxyConfig | null = null;
  /** The one that the workers were told of, as far as its listeners could be placed. */
  #told: ProxyConfig | null = null;
  #placed: ReadonlyMap<string, Placed> = new Map();
  /** By name: where it was to stand, and why it doesn't. */
  #unplaced: ReadonlyMap<string, Unplaced> = new Map();
  /** The same, with keys that all workers share. */
  readonly #tls = new WeakMap<TlsConfig, TlsConfig>();
  /** Where the listeners are that were told of. */
  readonly #announced = new Map<string, string>();

  constructor(pool: Workers, deps: WorkerListenersDeps) {
    this.#pool = pool;
    this.#deps = deps;
  }

  /** Before the main thread does anything about a configuration, so that what it says of it comes later. */
  take(config: ProxyConfig): void {
    this.#config = config;
    this.#place(config);
  }

  /** `take` has done it; that every worker has, too, is not waited for: one that is stuck must not hold up the others. */
  apply(): Promise<void> {
    return Promise.resolve();
  }

  get allBound(): boolean {
    return this.#unplaced.size === 0 && this.#pool.settled && this.#pool.failed.length === 0;
  }

  get serving(): boolean {
    return this.#pool.serving;
  }

  bound(): BoundListener[] {
    const bound = [...this.#placed].filter(([name, { config }]) => this.#announced.get(name) === textOf(config));
    return bound.map(([, { config }]) => boundListener(config, config)).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  announce(timeoutMs: number): void {
    this.#pool.announce(timeoutMs);
  }

  resume(): void {
    this.#pool.resume();
  }

  drain(timeoutMs: number): Promise<void> {
    this.#config = null;
    return this.#pool.drain(timeoutMs);
  }

  /** A worker has applied a configuration: says which listeners are bound by all of them now. */
  onProgress(): void {
    if (!this.#pool.settled) return;
    const failed = new Set(this.#pool.failed.map(({ name }) => name));
    for (const [name, { config }] of this.#placed) {
      const { address, port } = config;
      const place = textOf(config);
      if (failed.has(name) || this.#announced.get(name) === place) continue;
      this.#announced.set(name, place);
      this.#deps.logger.info({ event: 'listener_bound', listener: name, address, port }, 'listener bound');
    }
  }

  list(views: readonly WorkerView[]): ListenerView[] {
    const connections = new Map<string, number>();
    for (const { listeners } of views) {
      for (const { name, connections: more } of listeners) connections.set(name, (connections.get(name) ?? 0) + more);
    }
    const errors = new Map(this.#pool.failed.map(({ name, error }) => [name, error]));
    const placed = [...this.#placed].map(([name, { config }]) => {
      const { address, port } = config;
      const udp = transportOf(config) === 'udp';
      return { name, address, port, udp, connections: connections.get(name) ?? 0, error: errors.get(name) ?? null };
    });
    const unplaced = [...this.#unplaced].map(([name, { place, udp, error }]) => {
      return { name, ...place, udp, connections: connections.get(name) ?? 0, error };
    });
    return [...placed, ...unplaced].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #place(config: ProxyConfig): void {
    const { places, logger, setTimer } = this.#deps;
    const wanted = [...config.listeners.values()].map((listener) => ({ listener, place: this.#placeOf(listener) }));
    places.keep(new Set(wanted.map(({ listener, place }) => nameOf(listener, place))));
    const owners = new Map<string, string>();
    const placed = new Map<string, Placed>();
    const unplaced = new Map<string, Unplaced>();
    for (const { listener, place } of wanted) {
      const { name } = listener;
      try {
        const key = nameOf(listener, place);
        const owner = owners.get(key);
        if (owner !== undefined)
          throw new Error(`${place.address}:${place.port} is taken: listener ${owner} of this node is there`);
        const bound = places.take(key, transportOf(listener), place.address, place.port);
        owners.set(key, name);
        placed.set(name, this.#placedAt(listener, bound));
      } catch (error) {
        const { message } = error as Error;
        unplaced.set(name, { place, udp: transportOf(listener) === 'udp', error: message });
        if (this.#unplaced.get(name)?.error === message) continue;
        logger.error({ event: 'listener_failed', listener: name, error: message }, 'listener not bound');
      }
    }
    for (const name of this.#placed.keys()) {
      if (placed.has(name)) continue;
      this.#announced.delete(name);
      logger.info({ event: 'listener_draining', listener: name }, 'listener draining');
    }
    const isNews = this.#told !== config || placed.size !== this.#placed.size;
    this.#placed = placed;
    this.#unplaced = unplaced;
    if (isNews) {
      this.#told = config;
      const listeners = new Map([...placed].map(([name, { config: one }]) => [name, one]));
      this.#pool.apply({ clusters: config.clusters, listeners });
    }
    if (unplaced.size > 0) setTimer(() => this.#config === config && this.#place(config), limits.bindRetryMs);
  }

  #placeOf({ name, address, port }: ListenerConfig): BoundAddress {
    return this.#deps.binds.get(name) ?? { address, port };
  }

  /** The same object as before if nothing changed. */
  #placedAt(wanted: ListenerConfig, { address, port }: BoundAddress): Placed {
    const before = this.#placed.get(wanted.name);
    const same = before?.wanted === wanted && before.config.address === address && before.config.port === port;
    if (same) return before;
    const said = { address: wanted.address, port: wanted.port };
    return { wanted, config: { ...wanted, tls: this.#withKeys(wanted.tls), address, port, said } };
  }

  #withKeys(tls: TlsConfig | null): TlsConfig | null {
    if (tls === null) return null;
    let shared = this.#tls.get(tls);
    if (shared === undefined) this.#tls.set(tls, (shared = { ...tls, ticketKeys: this.#deps.newTicketKeys() }));
    return shared;
  }
}

/** Where it is told to be. */
function textOf({ address, port }: BoundAddress): string {
  return `${address} ${port}`;
}

/** What holds a place: whoever wants port 0 gets one of its own. */
function nameOf(listener: ListenerConfig, { address, port }: BoundAddress): string {
  const transport = transportOf(listener);
  return port === 0 ? `any ${transport} port for ${listener.name}` : `${transport} ${address}:${port}`;
}

function transportOf({ chain }: ListenerConfig): Transport {
  return chain.type === 'udp' ? 'udp' : 'tcp';
}
