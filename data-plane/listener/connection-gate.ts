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

  /** One that is in counts for another address from now on. Null: it does; else nothing has changed. */
  move(before: string | null, after: string): Refusal | null {
    const byAddress = this.#countsByAddress(after);
    if (byAddress && this.#counts.from(after) >= this.#limits.connectionsPerAddress) return 'address';
    this.leave(before);
    this.#counts.enter(after, byAddress);
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

/** A connection that may stay. */
export class Admission {
  /** False: it is a proxy that says who its client is. */
  readonly isClient: boolean;
  readonly #gate: ConnectionGate;
  /** Null: that of a proxy, whose client is not known yet. */
  #address: string | null;

  constructor(gate: ConnectionGate, address: string | null) {
    this.isClient = address !== null;
    this.#gate = gate;
    this.#address = address;
  }

  /** Its client is known, and counts from now on. False: that one has enough. */
  moveTo(address: string): boolean {
    if (this.#gate.move(this.#address, address) !== null) return false;
    this.#address = address;
    return true;
  }

  /** To be called when it is closed. */
  readonly leave = (): void => this.#gate.leave(this.#address);
}

/**
 * Whether an accepted connection may stay; if not it is closed, and the listener has counted why.
 * @param open connections of its listener, `most` of which there may be
 * @param isClient false: it is a proxy that says who its client is
 * @returns null: it may not stay
 */
export function admit(
  accepted: Pick<TcpSocket, 'remoteAddress' | 'destroy'>,
  open: number,
  most: number,
  gate: ConnectionGate,
  stats: ListenerStats,
  isClient = true,
): Admission | null {
  const address = isClient ? accepted.remoteAddress : null;
  const refusal = open >= most ? 'listener' : address === undefined ? 'gone' : gate.enter(address);
  if (refusal === null) return new Admission(gate, address ?? null);
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
