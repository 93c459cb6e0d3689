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

  /**
   * Null: it is in, and leaves by {@link leave}.
   * @param address null: it may be anybody's, and is not counted
   */
  enter(address: string | null): Refusal | null {
    if (this.shut) return 'overload';
    const { connections, connectionsPerAddress } = this.#limits;
    const counts = this.#counts;
    if (counts.open >= connections) return 'node';
    const counted = this.#countsByAddress(address) ? address : null;
    if (counted !== null && counts.from(counted) >= connectionsPerAddress) return 'address';
    counts.enter(counted ?? '', counted !== null);
    return null;
  }

  /** @param address as it came */
  leave(address: string | null): void {
    this.#counts.leave(address ?? '', this.#countsByAddress(address));
  }

  #countsByAddress(address: string | null): address is string {
    return address !== null && this.#limits.connectionsPerAddress > 0 && this.#isCounted(address);
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

/**
 * Whether one more UDP session may be; if not the listener has counted why. It counts as a connection of the node, and not
 * by its address: anybody can write another's on a datagram, and a resolver has a port for each question.
 * @param open sessions of its listener, `most` of which there may be
 */
export function admitSession(open: number, most: number, gate: ConnectionGate, stats: ListenerStats): boolean {
  const refusal = open >= most ? 'listener' : gate.enter(null);
  if (refusal === null) return true;
  refusedBy[refusal](stats).value++;
  return false;
}

const refusedBy = {
  listener: (stats: ListenerStats) => stats.cxOverflow,
  node: (stats: ListenerStats) => stats.cxGlobalOverflow,
  address: (stats: ListenerStats) => stats.cxAddressOverflow,
  overload: (stats: ListenerStats) => stats.cxOverloadReject,
};
