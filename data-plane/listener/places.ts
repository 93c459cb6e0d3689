/**
 * Addresses that a node holds for threads that listen there together. Sharing a port hides that somebody else has it, and
 * port 0 would be another one for each thread; so a place is tried alone first. One for TCP is then kept by a socket that
 * never listens. A socket that kept one for UDP would be dealt its share of the clients, so that is only tried.
 */
import net from 'node:net';
import { addressText } from '../model/arrival.ts';
import { udpSockets } from '../sockets/udp-handle.ts';
import type { DatagramReceiver } from '../sockets/udp-socket.ts';
import { type BoundAddress, explain, ListenError } from './socket.ts';

export type Transport = 'tcp' | 'udp';

interface Place {
  readonly transport: Transport;
  readonly bound: BoundAddress;
  /** Null: nothing does. */
  readonly heldBy: net.BoundSocket | null;
}

export class Places {
  readonly #held = new Map<string, Place>();

  /**
   * The place of that name, as it was taken before or free now.
   * @throws ListenError that says what to do
   */
  take(name: string, transport: Transport, address: string, port: number): BoundAddress {
    const held = this.#held.get(name);
    if (held !== undefined) return held.bound;
    for (const { bound, transport: other } of this.#held.values()) {
      if (other !== transport || bound.port !== port || !overlap(bound.address, address)) continue;
      throw overlapping(bound, address, port);
    }
    try {
      const place = transport === 'tcp' ? holdTcp(address, port) : tryUdp(address, port);
      this.#held.set(name, place);
      return place.bound;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new ListenError(code ?? 'EUNKNOWN', explain(error as NodeJS.ErrnoException, address, port));
    }
  }

  /** Gives the others back. */
  keep(names: ReadonlySet<string>): void {
    for (const [name, { heldBy }] of this.#held) {
      if (names.has(name)) continue;
      this.#held.delete(name);
      heldBy?.close();
    }
  }
}

function holdTcp(address: string, port: number): Place {
  const alone = new net.BoundSocket({ host: address, port });
  try {
    const bound = { address, port: alone.address().port! };
    const heldBy = new net.BoundSocket({ host: address, port: bound.port, reusePort: true });
    return { transport: 'tcp', bound, heldBy };
  } finally {
    alone.close();
  }
}

function tryUdp(address: string, port: number): Place {
  const alone = udpSockets.bind(address, port, false, nobody);
  const bound = { address, port: alone.local.port };
  alone.close();
  return { transport: 'udp', bound, heldBy: null };
}

const nobody: DatagramReceiver = { onDatagram: () => {}, onSocketError: () => {}, onFault: () => {} };

/** Addresses that can't both have one port. */
export function overlap(a: string, b: string): boolean {
  return a === b || [a, b].some((address) => address === '0.0.0.0' || address === '::');
}

function overlapping(bound: BoundAddress, address: string, port: number): ListenError {
  const [at, other] = [addressText(address, port), addressText(bound.address, bound.port)];
  const message = `${at} is taken: another listener of this node is at ${other}; give one of them another address`;
  return new ListenError('EADDRINUSE', message);
}

/** Whether several threads can listen at one place here; if not, why. */
export function sharingFault(): string | null {
  if (typeof net.BoundSocket !== 'function') return 'Node is too old for it: 24.21 or a later one can';
  try {
    new net.BoundSocket({ host: '127.0.0.1', port: 0, reusePort: true }).close();
    return null;
  } catch (error) {
    return `this system lets no two threads listen at one port (${(error as Error).message})`;
  }
}
