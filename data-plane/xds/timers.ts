/** Timers, handed in, so that tests decide when time passes. */

export interface Timers {
  setTimeout(run: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
}

export const realTimers: Timers = {
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
};

/** At most one timer a key. */
export class KeyedTimers {
  readonly #timers: Timers;
  readonly #handles = new Map<string, unknown>();
  #closed = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Starts a timer, in place of the one that the key had. */
  start(key: string, ms: number, run: () => void): void {
    this.stop(key);
    if (this.#closed) return;
    const fire = () => {
      this.#handles.delete(key);
      run();
    };
    this.#handles.set(key, this.#timers.setTimeout(fire, ms));
  }

  stop(key: string): void {
    const handle = this.#handles.get(key);
    if (handle === undefined) return;
    this.#handles.delete(key);
    this.#timers.clearTimeout(handle);
  }

  stopAll(): void {
    for (const key of [...this.#handles.keys()]) this.stop(key);
  }

  /** Stops all; none starts any more. */
  close(): void {
    this.#closed = true;
    this.stopAll();
  }
}
