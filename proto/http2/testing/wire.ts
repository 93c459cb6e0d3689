/** A Connection and a stream for node:http2, joined in memory: each side's bytes reach the other cut at random. */
import { Duplex } from 'node:stream';
import type { WriteResult, Writer } from '../output.ts';

/** From 0 to below `limit`. */
export type Random = (limit: number) => number;

/** The same numbers for the same seed (xorshift). */
export function seededRandom(seed: number): Random {
  let state = seed | 0 || 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

/** What a socket does to a Connection. */
interface Machine {
  receive(bytes: Buffer): void;
  drained(): void;
  transportClosed(message: string): void;
}

export class Wire implements Writer {
  /** The other end, for node:http2. */
  readonly socket: Duplex;
  connection: Machine | undefined = undefined;
  readonly #random: Random;
  readonly #holds: boolean;
  #isClosed = false;

  constructor(random: Random) {
    this.#random = random;
    this.#holds = random(2) === 0;
    this.socket = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _, done) => {
        for (const piece of this.#cut(chunk)) this.connection?.receive(piece);
        // node:http2 may not be answered within its own write
        setImmediate(done);
      },
      final: (done) => {
        this.connection?.transportClosed('The other end has ended.');
        done();
      },
      destroy: (_, done) => {
        this.connection?.transportClosed('The other end is gone.');
        done(null);
      },
    });
  }

  write(buffers: readonly Buffer[]): WriteResult {
    const isFull = this.#random(8) === 0;
    // what is held stays in the codec's own memory; what is written is used again at once, or soon
    for (const buffer of buffers) {
      for (const piece of this.#cut(buffer)) this.socket.push(this.#holds && !isFull ? piece : Buffer.from(piece));
    }
    if (!isFull) return this.#holds ? 'held' : 'written';
    setImmediate(() => this.connection?.drained());
    return 'full';
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.socket.push(null);
  }

  #cut(bytes: Buffer): Buffer[] {
    const least = bytes.length < 2_000 ? 0 : 1;
    const longest = [1, 20, 1_000, 100_000][least + this.#random(4 - least)]!;
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + this.#random(longest);
      pieces.push(bytes.subarray(at, at + length));
      at += length;
    }
    return pieces;
  }
}
