/** What stands behind the sink of a path: it takes batches of whole lines, and outlasts every trouble. */
import { logLimits } from './limits.ts';

export interface LogDestination {
  /** Resolves when the batch is written, or lost and counted. Never rejects; one at a time. */
  write(batch: Uint8Array, lines: number): Promise<void>;
  /** From the next batch on, a file of the same name is written: for whoever rotates logs. */
  reopen(): void;
  /** It is about to be closed: what can't be written soon is given up. */
  hurry(): void;
  close(): Promise<void>;
}

export interface LogTroubleDeps {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Trouble with a destination, for the process log. */
  readonly report: (message: string) => void;
}

/** Reports trouble with one path, now and then. */
export class LogTrouble {
  readonly #path: string;
  readonly #deps: LogTroubleDeps;
  #reportedAtMs = Number.NEGATIVE_INFINITY;

  constructor(path: string, deps: LogTroubleDeps) {
    this.#path = path;
    this.#deps = deps;
  }

  report(what: string): void {
    const now = this.#deps.now();
    if (now - this.#reportedAtMs < logLimits.reportMs) return;
    this.#reportedAtMs = now;
    this.#deps.report(
      `access log ${this.#path} ${what}; lines are dropped and counted in filesystem.lines_dropped, traffic goes on`,
    );
  }
}
