/**
 * Which turn of the event loop it is. What a socket has to say in the very turn in which it was written to, it had to say
 * before: the system reports all that is there at the beginning of a turn, then waits for the next one.
 */

/** Above so many reads the system may have reported twice within one turn: libuv asks again after 1,024 reports. */
const certainReads = 512;

export class Turns {
  readonly #atEnd: (callback: () => void) => void;
  readonly #onEnd: () => void;
  #turn = 0;
  #reads = 0;
  #planned = false;
  #settled = false;

  /** @param atEnd calls back once when all that the system reported for this turn is handled */
  constructor(atEnd: (callback: () => void) => void) {
    this.#atEnd = atEnd;
    this.#onEnd = () => {
      this.#turn++;
      this.#reads = 0;
      this.#planned = false;
    };
  }

  /**
   * Calls back once all that the system reported for this turn is handled: nothing of it can be taken for an answer to
   * what is written there. For whatever is written later than in the callback of a socket.
   */
  settle(callback: () => void): void {
    this.#atEnd(() => {
      this.#settled = true;
      try {
        callback();
      } finally {
        this.#settled = false;
      }
    });
  }

  /** A name for this turn; -1: it is over. */
  mark(): number {
    if (this.#settled) return -1;
    if (!this.#planned) {
      this.#planned = true;
      this.#atEnd(this.#onEnd);
    }
    return this.#turn;
  }

  /** A socket was read from. */
  countRead(): void {
    this.#reads++;
  }

  /** Whether this is certainly the turn that was marked. */
  isStill(mark: number): boolean {
    return mark === this.#turn && this.#reads < certainReads;
  }
}
