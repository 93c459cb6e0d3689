/** What may take too long of one request: its parts, nothing moving, and the whole stream where that has a limit. */
import { Deadline, type Deadlines } from '../upstream/deadlines.ts';
import { roundedMs } from './grpc.ts';

/** Whose time is up. */
export interface DeadlinesOwner {
  onWholeDeadline(): void;
  onIdleDeadline(): void;
  onStreamDeadline(): void;
}

export class RequestDeadlines {
  /** Until the request has been read to its end; from then on until the answer is whole. */
  readonly whole: Deadline;
  readonly idle: Deadline;
  readonly #deadlines: Deadlines;
  readonly #owner: DeadlinesOwner;
  #stream: Deadline | null = null;

  constructor(deadlines: Deadlines, owner: DeadlinesOwner) {
    this.#deadlines = deadlines;
    this.#owner = owner;
    this.whole = new Deadline(() => owner.onWholeDeadline());
    this.idle = new Deadline(() => owner.onIdleDeadline());
  }

  /** Starts the time anew; `timeoutMs` 0: no time. */
  arm(deadline: Deadline, timeoutMs: number): void {
    if (timeoutMs > 0) this.#deadlines.queue(timeoutMs).arm(deadline);
    else deadline.disarm();
  }

  /** From the head of the request to the end of the answer; below 0: for ever. False: it is over already. */
  armStream(ms: number): boolean {
    if (ms < 0) return true;
    if (ms === 0) {
      this.#owner.onStreamDeadline();
      return false;
    }
    this.#stream ??= new Deadline(() => this.#owner.onStreamDeadline());
    this.arm(this.#stream, roundedMs(ms));
    return true;
  }

  end(): void {
    this.whole.disarm();
    this.idle.disarm();
    this.#stream?.disarm();
  }
}
