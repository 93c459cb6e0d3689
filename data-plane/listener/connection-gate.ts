/** How many connections the node has open, in all and from each address, and whether one more may come. */
import type net from 'node:net';
import type { ListenerStats } from '../telemetry/stats.ts';

export interface GateLimits {
  /** In all listeners together. */
  readonly connections: number;
  /** From one address; 0: any number. */
  readonly connectionsPerAddress: number;
}

/** Why a connection may not come: the node is full, its address has enough, or the node has no memory left. */
export type Refusal = 'node' | 'address' | 'overload';

export class ConnectionGate {
  /** None may come. */
  shut = false;
  readonly #limits: GateLimits;
  readonly #isCounted: (address: string) => boolean;
  /** Only what is counted, and open. */
  readonly #byAddress = new Map<string, number>();
  #open = 0;

  /** @param isCounted whether the limit for one address is for this one */
  constructor(limits: GateLimits, isCounted: (address: string) => boolean) {
    this.#limits = limits;
    this.#isCounted = isCounted;
  }

  get open(): number {
    return this.#open;
  }

  /** Null: it is in, and leaves by {@link leave}. */
  enter(address: string): Refusal | null {
    if (this.shut) return 'overload';
    const { connections, connectionsPerAddress } = this.#limits;
    if (this.#open >= connections) return 'node';
    if (connectionsPerAddress > 0 && this.#isCounted(address)) {
      const open = this.#byAddress.get(address) ?? 0;
      if (open >= connectionsPerAddress) return 'address';
      this.#byAddress.set(address, open + 1);
    }
    this.#open++;
    return null;
  }

  leave(address: string): void {
    this.#open--;
    const open = this.#byAddress.get(address);
    if (open === undefined) return;
    if (open === 1) this.#byAddress.delete(address);
    else this.#byAddress.set(address, open - 1);
  }
}

/**
 * Whether an accepted connection may stay; if not it is closed, and the listener has counted why.
 * @param open connections of its listener, `most` of which there may be
 * @returns what to call when it is closed; null: it may not stay
 */
export function admit(
  accepted: net.Socket,
  open: number,
  most: number,
  gate: ConnectionGate,
  stats: ListenerStats,
): (() => void) | null {
  const address = accepted.remoteAddress;
  const refusal = open >= most ? 'listener' : address === undefined ? 'gone' : gate.enter(address);
  if (refusal === null) return () => gate.leave(address!);
  if (refusal !== 'gone') refusedBy[refusal](stats).value++;
  accepted.destroy();
  return null;
}

const refusedBy = {
  listener: (stats: ListenerStats) => stats.cxOverflow,
  node: (stats: ListenerStats) => stats.cxGlobalOverflow,
  address: (stats: ListenerStats) => stats.cxAddressOverflow,
  overload: (stats: ListenerStats) => stats.cxOverloadReject,
};
