/** Work with the database that is tried again and again: only the first failure of each kind, and its end, are worth a line. */
import { StoreError } from '../store/store.ts';

export interface AttemptLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export class Attempts {
  readonly #logger: AttemptLogger;
  readonly #failing = new Set<string>();

  constructor(logger: AttemptLogger) {
    this.#logger = logger;
  }

  get failing(): boolean {
    return this.#failing.size > 0;
  }

  /** Never rejects. `lost`: what is not as it should be while the work fails. */
  async make(what: string, lost: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      if (this.#failing.delete(what)) {
        this.#logger.info({ event: 'fleet.shared-again', what }, 'Replicas share nodes again');
      }
    } catch (error) {
      if (this.#failing.has(what)) return;
      this.#failing.add(what);
      const remedy = error instanceof StoreError ? error.remedy : 'The cause is a fault of Fairlead: report it.';
      this.#logger.warn({ event: 'fleet.not-shared', what, err: error, remedy }, `${lost} as they were before`);
    }
  }
}
