/** One proxy at work: takes configurations as they come, in order, clusters before the routes that name them. */
import type { BoundAddress } from '../listener/socket.ts';
import type { ListenerConfig, ProxyConfig } from '../model/config.ts';
import type { Clusters } from './clusters.ts';

export type NodeState = 'initializing' | 'live' | 'draining';

/** The listeners of a node, whichever thread they are in. */
export interface NodeListeners {
  apply(wanted: ReadonlyMap<string, ListenerConfig>): Promise<void>;
  /** True if every wanted listener is bound. */
  readonly allBound: boolean;
  /** Somebody is there to take connections. */
  readonly serving: boolean;
  /** Those that are bound, by name. */
  bound(): readonly BoundListener[];
  /** Asks clients to go elsewhere, serves those that come all the same, and cuts those that stay for longer than so. */
  announce(timeoutMs: number): void;
  /** Takes the announcement back. */
  resume(): void;
  /** No new connections, busy ones finish; resolves when none is left, or the time is over. */
  drain(timeoutMs: number): Promise<void>;
}

export interface BoundListener extends BoundAddress {
  readonly name: string;
  /** A datagram socket. */
  readonly udp: boolean;
}

export class ProxyNode {
  readonly clusters: Clusters;
  readonly #listeners: NodeListeners;
  readonly #onTake: (config: ProxyConfig) => void;
  #complete = false;
  #live = false;
  #announced = false;
  #draining = false;
  #drained: Promise<void> | null = null;
  #next: ProxyConfig | null = null;
  #working: Promise<void> | null = null;

  /** @param onTake told of each configuration before it is applied */
  constructor(clusters: Clusters, listeners: NodeListeners, onTake: (config: ProxyConfig) => void = () => {}) {
    this.clusters = clusters;
    this.#listeners = listeners;
    this.#onTake = onTake;
  }

  /** Live once the first complete configuration is served, with every listener bound, and from then on while it serves. */
  get state(): NodeState {
    if (this.#draining || this.#announced) return 'draining';
    this.#live ||= this.#complete && this.#working === null && this.#listeners.allBound;
    return this.#live && this.#listeners.serving ? 'live' : 'initializing';
  }

  /** Configurations that come while one is being applied replace each other; the newest is applied last. */
  apply(config: ProxyConfig): Promise<void> {
    this.#next = config;
    this.#working ??= this.#work();
    return this.#working;
  }

  /** All that the control plane has for this node has come once. */
  markComplete(): void {
    this.#complete = true;
  }

  /** All goes on, but clients are asked to go elsewhere; said again, the time counts from then. */
  announce(timeoutMs: number): void {
    if (this.#draining) return;
    this.#announced = true;
    this.#listeners.announce(timeoutMs);
  }

  resume(): void {
    if (this.#draining) return;
    this.#announced = false;
    this.#listeners.resume();
  }

  /** Finishes what is under way, takes nothing new; resolves when no connection is left or the time is over. */
  drain(timeoutMs: number): Promise<void> {
    this.#drained ??= this.#drain(timeoutMs);
    return this.#drained;
  }

  async #drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    await this.#listeners.drain(timeoutMs);
    this.clusters.stop();
  }

  async #work(): Promise<void> {
    for (let config = this.#next; config !== null && !this.#draining; config = this.#next) {
      this.#next = null;
      this.#onTake(config);
      await this.clusters.apply(config.clusters);
      await this.#listeners.apply(config.listeners);
      this.clusters.prune(config.clusters);
    }
    this.#working = null;
  }
}
