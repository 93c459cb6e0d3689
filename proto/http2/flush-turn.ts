/** All connections that have something to send, flushed together once in a turn of the event loop. */

/** Has to call `flush` soon, and not before it returns. */
export type Schedule = (flush: () => void) => void;

interface Flushable {
  flush(): void;
}

export class FlushTurn {
  readonly #schedule: Schedule;
  #marked: Flushable[] = [];
  readonly #run = (): void => this.flush();

  constructor(schedule: Schedule = setImmediate) {
    this.#schedule = schedule;
  }

  add(one: Flushable): void {
    this.#marked.push(one);
    if (this.#marked.length === 1) this.#schedule(this.#run);
  }

  flush(): void {
    const marked = this.#marked;
    this.#marked = [];
    let next = 0;
    try {
      while (next < marked.length) marked[next++]!.flush();
    } finally {
      // if one has thrown, the others are not to wait for ever
      while (next < marked.length) this.add(marked[next++]!);
    }
  }
}

/** The one that connections take part in when they are given none. */
export const loopTurn = new FlushTurn();
