/**
 * Deadlines without a timer each: one list per length, in order of arming, so arming, re-arming and disarming are O(1)
 * and one timer for the earliest head serves all.
 */

/** Something that may run out of time. One object a purpose, reused; it is in at most one queue. */
export class Deadline {
  /** @internal */ queue: DeadlineQueue | null = null;
  /** @internal */ prev: Deadline | null = null;
  /** @internal */ next: Deadline | null = null;
  /** @internal */ atMs = 0;
  readonly onDeadline: () => void;

  constructor(onDeadline: () => void) {
    this.onDeadline = onDeadline;
  }

  disarm(): void {
    if (this.queue !== null) this.queue.remove(this);
  }
}

/** All deadlines of one length, the earliest first. */
export class DeadlineQueue {
  readonly timeoutMs: number;
  readonly #owner: Deadlines;
  /** @internal */ head: Deadline | null = null;
  #tail: Deadline | null = null;

  constructor(owner: Deadlines, timeoutMs: number) {
    this.#owner = owner;
    this.timeoutMs = timeoutMs;
  }

  /** Starts the time anew; an armed deadline moves here. */
  arm(deadline: Deadline): void {
    if (deadline.queue !== null) deadline.queue.remove(deadline);
    deadline.queue = this;
    deadline.atMs = this.#owner.now() + this.timeoutMs;
    deadline.prev = this.#tail;
    deadline.next = null;
    if (this.#tail === null) {
      this.head = deadline;
      this.#owner.wake(deadline.atMs);
    } else this.#tail.next = deadline;
    this.#tail = deadline;
  }

  /** @internal */
  remove(deadline: Deadline): void {
    if (deadline.prev === null) this.head = deadline.next;
    else deadline.prev.next = deadline.next;
    if (deadline.next === null) this.#tail = deadline.prev;
    else deadline.next.prev = deadline.prev;
    deadline.queue = null;
    deadline.prev = null;
    deadline.next = null;
  }
}

/** Deadlines are met up to this much late, so that one wake-up serves many. */
const slackMs = 10;

export class Deadlines {
  readonly now: () => number;
  readonly #setTimer: (callback: () => void, ms: number) => void;
  readonly #onFault: (fault: unknown) => void;
  readonly #queues = new Map<number, DeadlineQueue>();
  #wakeAtMs = Number.POSITIVE_INFINITY;

  /**
   * @param now monotonic milliseconds
   * @param setTimer calls back once after about so many milliseconds; must not keep the process alive
   * @param onFault told what a deadline throws; the others are met all the same
   */
  constructor(
    now: () => number,
    setTimer: (callback: () => void, ms: number) => void,
    onFault: (fault: unknown) => void,
  ) {
    this.now = now;
    this.#setTimer = setTimer;
    this.#onFault = onFault;
  }

  /** The queue of one length; the same object for the same length. `timeoutMs` must be above 0. */
  queue(timeoutMs: number): DeadlineQueue {
    let queue = this.#queues.get(timeoutMs);
    if (queue === undefined) {
      queue = new DeadlineQueue(this, timeoutMs);
      this.#queues.set(timeoutMs, queue);
    }
    return queue;
  }

  /** Calls back once after so long; what it returns takes that back. */
  after(timeoutMs: number, onDeadline: () => void): () => void {
    const deadline = new Deadline(onDeadline);
    this.queue(timeoutMs).arm(deadline);
    return () => deadline.disarm();
  }

  /** @internal Makes sure that the timer fires by then. */
  wake(atMs: number): void {
    if (atMs >= this.#wakeAtMs) return;
    this.#wakeAtMs = atMs;
    this.#setTimer(() => this.run(), Math.max(1, atMs - this.now()) + slackMs);
  }

  /** Calls everything that is due, then plans the next wake-up. */
  run(): void {
    const now = this.now();
    for (const queue of this.#queues.values()) {
      for (let due = queue.head; due !== null && due.atMs <= now; due = queue.head) {
        queue.remove(due);
        try {
          due.onDeadline();
        } catch (fault) {
          this.#onFault(fault);
        }
      }
    }
    // after all of them: what was due may have armed others, in any queue
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { head } of this.#queues.values()) if (head !== null && head.atMs < nextMs) nextMs = head.atMs;
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
    if (nextMs !== Number.POSITIVE_INFINITY) this.wake(nextMs);
  }
}
