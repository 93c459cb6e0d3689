/** How many connections the node has open, in all and from each address, and whether one more may come. */
import type { TcpSocket } from '../sockets/tcp-socket.ts';
import type { ListenerStats } from '../telemetry/stats.ts';
import { type OpenCounts, OwnOpenCounts } from './open-counts.ts';

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
  readonly #counts: OpenCounts;

  /** @param isCounted whether the limit for one address is for this one */
  constructor(limits: GateLimits, isCounted: (address: string) => boolean, counts: OpenCounts = new OwnOpenCounts()) {
    this.#limits = limits;
    this.#isCounted = isCounted;
    this.#counts = counts;
  }

  get open(): number {
    return this.#counts.open;
  }

  /** Null: it is in, and leaves by {@link leave}. */
  enter(address: string): Refusal | null {
    if (this.shut) return 'overload';
    const { connections, connectionsPerAddress } = this.#limits;
    const counts = this.#counts;
    if (counts.open >= connections) return 'node';
    const byAddress = this.#countsByAddress(address);
    if (byAddress && counts.from(address) >= connectionsPerAddress) return 'address';
    counts.enter(address, byAddress);
    return null;
  }

  leave(address: string): void {
    this.#counts.leave(address, this.#countsByAddress(address));
  }

  #countsByAddress(address: string): boolean {
    return this.#limits.connectionsPerAddress > 0 && this.#isCounted(address);
  }
}

/**
 * Whether an accepted connection may stay; if not it is closed, and the listener has counted why.
 * @param open connections of its listener, `most` of which there may be
 * @returns what to call when it is closed; null: it may not stay
 */
export function admit(
  accepted: Pick<TcpSocket, 'remoteAddress' | 'destroy'>,
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
