/** Access logs of the workers: each gathers its lines, the main thread writes them, one batch at a time. */
import type { LogDestination } from '../telemetry/log-destination.ts';
import type { FromWorker } from './messages.ts';

/** The logs of a worker: their lines go to the main thread. */
export class RemoteLogs {
  readonly #post: (message: FromWorker, transfer: ArrayBuffer[]) => void;
  readonly #waiting = new Map<number, () => void>();
  #last = 0;

  constructor(post: (message: FromWorker, transfer: ArrayBuffer[]) => void) {
    this.#post = post;
  }

  open(path: string): LogDestination {
    return {
      write: (batch, lines) => {
        // the sink fills its buffer anew
        const copy = new Uint8Array(batch);
        const number = ++this.#last;
        this.#post({ type: 'lines', number, path, batch: copy, lines }, [copy.buffer]);
        return new Promise((resolve) => this.#waiting.set(number, resolve));
      },
      // the main thread has the file
      reopen: () => {},
      hurry: () => {},
      close: async () => this.#post({ type: 'linesEnd', path }, []),
    };
  }

  /** The main thread has written the batch, or lost it. */
  written(number: number): void {
    this.#waiting.get(number)?.();
    this.#waiting.delete(number);
  }
}

interface OpenLog {
  readonly destination: LogDestination;
  readonly writers: Set<object>;
  last: Promise<void>;
}

/** The paths that workers write to, as the main thread holds them. */
export class LogWriter {
  readonly #open: (path: string) => LogDestination;
  readonly #logs = new Map<string, OpenLog>();

  constructor(open: (path: string) => LogDestination) {
    this.#open = open;
  }

  /** Resolves when the batch is written or lost, after all that were given before. */
  write(worker: object, path: string, batch: Uint8Array, lines: number): Promise<void> {
    let log = this.#logs.get(path);
    if (log === undefined) {
      log = { destination: this.#open(path), writers: new Set(), last: Promise.resolve() };
      this.#logs.set(path, log);
    }
    const { destination, writers } = log;
    writers.add(worker);
    log.last = log.last.then(() => destination.write(batch, lines));
    return log.last;
  }

  /** The worker writes there no more; `null`: nowhere. */
  leave(worker: object, path: string | null): void {
    for (const [at, log] of this.#logs) {
      if ((path !== null && at !== path) || !log.writers.delete(worker) || log.writers.size > 0) continue;
      this.#logs.delete(at);
      void this.#close(log);
    }
  }

  /** @see LogDestination.reopen */
  reopen(): void {
    for (const { destination } of this.#logs.values()) destination.reopen();
  }

  /** What can't be written soon is given up. */
  hurry(): void {
    for (const { destination } of this.#logs.values()) destination.hurry();
  }

  /** Resolves when everything given is written or lost. */
  async close(): Promise<void> {
    const logs = [...this.#logs.values()];
    this.#logs.clear();
    await Promise.all(logs.map((log) => this.#close(log)));
  }

  async #close({ destination, last }: OpenLog): Promise<void> {
    destination.hurry();
    await last;
    await destination.close();
  }
}
