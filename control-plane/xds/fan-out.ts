/**
 * Gives every stream its turn: a change for a thousand of them does not keep the event loop from everything else, and
 * does not fill the memory with what the transport has not taken.
 */
import type { InFlight } from './in-flight.ts';

export interface Pumped {
  pump(): void;
}

export class FanOut {
  readonly #due = new Set<Pumped>();
  readonly #streamsPerTurn: number;
  readonly #inFlight: InFlight;
  #scheduled = false;

  constructor(streamsPerTurn: number, inFlight: InFlight) {
    this.#streamsPerTurn = streamsPerTurn;
    this.#inFlight = inFlight;
    inFlight.onRoom = () => this.#arm();
  }

  /** Pumps the stream soon, once, however often it is asked for: what happens until then is answered together (A8). */
  schedule(stream: Pumped): void {
    this.#due.add(stream);
    this.#arm();
  }

  cancel(stream: Pumped): void {
    this.#due.delete(stream);
  }

  #arm(): void {
    if (this.#scheduled || this.#due.size === 0 || this.#inFlight.full) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#turn();
      this.#arm();
    });
  }

  #turn(): void {
    let left = this.#streamsPerTurn;
    for (const stream of this.#due) {
      if (left-- === 0 || this.#inFlight.full) return;
      this.#due.delete(stream);
      stream.pump();
    }
  }
}
