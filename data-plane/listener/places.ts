/**
 * Addresses that a node holds for threads that listen there together. Sharing a port hides that somebody else has it, and
 * port 0 would be another one for each thread; so a place is tried alone first, and kept by a socket that never listens.
 */
import net from 'node:net';
import { type BoundAddress, explain, formatAddress, ListenError } from './socket.ts';

interface Place {
  readonly socket: net.BoundSocket;
  readonly bound: BoundAddress;
}

export class Places {
  readonly #held = new Map<string, Place>();

  /**
   * The place of that name, as it was taken before or free now.
   * @throws ListenError that says what to do
   */
  take(name: string, address: string, port: number): BoundAddress {
    const held = this.#held.get(name);
    if (held !== undefined) return held.bound;
    for (const { bound } of this.#held.values()) {
      if (bound.port === port && overlap(bound.address, address)) throw overlapping(bound, address, port);
    }
    try {
      const alone = new net.BoundSocket({ host: address, port });
      try {
        const bound = { address, port: alone.address().port! };
        this.#held.set(name, {
          bound,
          socket: new net.BoundSocket({ host: address, port: bound.port, reusePort: true }),
        });
        return bound;
      } finally {
        alone.close();
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new ListenError(code ?? 'EUNKNOWN', explain(error as NodeJS.ErrnoException, address, port));
    }
  }

  /** Gives the others back. */
  keep(names: ReadonlySet<string>): void {
    for (const [name, { socket }] of this.#held) {
      if (names.has(name)) continue;
      this.#held.delete(name);
      socket.close();
    }
  }
}

function overlap(a: string, b: string): boolean {
  return a === b || [a, b].some((address) => address === '0.0.0.0' || address === '::');
}

function overlapping(bound: BoundAddress, address: string, port: number): ListenError {
  const [at, other] = [formatAddress(address, port), formatAddress(bound.address, bound.port)];
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
