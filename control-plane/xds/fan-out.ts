/** Gives every stream its turn: a change for a thousand of them does not keep the event loop from everything else. */

export interface Pumped {
  pump(): void;
}

export class FanOut {
  readonly #due = new Set<Pumped>();
  readonly #streamsPerTurn: number;
  #scheduled = false;

  constructor(streamsPerTurn: number) {
    this.#streamsPerTurn = streamsPerTurn;
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
    if (this.#scheduled || this.#due.size === 0) return;
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
      if (left-- === 0) return;
      this.#due.delete(stream);
      stream.pump();
    }
  }
}
