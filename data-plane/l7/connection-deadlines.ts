/** The three things that may take too long on a connection, each with its own time. */
import { Deadline, type Deadlines } from '../upstream/deadlines.ts';

export class ConnectionDeadlines {
  /** Idle, head, body or closing: one at a time. */
  readonly phase: Deadline;
  /** The whole answer. */
  readonly route: Deadline;
  /** Nothing moves. */
  readonly streamIdle: Deadline;
  readonly #deadlines: Deadlines;

  constructor(deadlines: Deadlines, onPhase: () => void, onRoute: () => void, onStreamIdle: () => void) {
    this.#deadlines = deadlines;
    this.phase = new Deadline(onPhase);
    this.route = new Deadline(onRoute);
    this.streamIdle = new Deadline(onStreamIdle);
  }

  /** Starts the time anew; `timeoutMs` 0: no time. */
  arm(deadline: Deadline, timeoutMs: number): void {
    if (timeoutMs > 0) this.#deadlines.queue(timeoutMs).arm(deadline);
    else deadline.disarm();
  }

  endRequest(): void {
    this.route.disarm();
    this.streamIdle.disarm();
  }

  endAll(): void {
    this.phase.disarm();
    this.endRequest();
  }
}
