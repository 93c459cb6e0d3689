/** What may take too long of one request: the whole of it, and nothing moving. */
import { Deadline, type Deadlines } from '../upstream/deadlines.ts';

export class RequestDeadlines {
  /** Until the request has been read to its end; from then on until the answer is whole. */
  readonly whole: Deadline;
  readonly idle: Deadline;
  readonly #deadlines: Deadlines;

  constructor(deadlines: Deadlines, onWhole: () => void, onIdle: () => void) {
    this.#deadlines = deadlines;
    this.whole = new Deadline(onWhole);
    this.idle = new Deadline(onIdle);
  }

  /** Starts the time anew; `timeoutMs` 0: no time. */
  arm(deadline: Deadline, timeoutMs: number): void {
    if (timeoutMs > 0) this.#deadlines.queue(timeoutMs).arm(deadline);
    else deadline.disarm();
  }

  end(): void {
    this.whole.disarm();
    this.idle.disarm();
  }
}
