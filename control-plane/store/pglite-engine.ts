/** One life of the embedded engine: from the start of its thread until it is closed or dies. */
import { Worker } from 'node:worker_threads';
import { limits } from './limits.ts';
import {
  EngineError,
  type EngineFault,
  type EngineSettings,
  type FromEngine,
  type ToEngine,
} from './pglite-protocol.ts';

export interface EngineResult {
  readonly rows: readonly unknown[];
  readonly affected: number;
  /** The command's tag: `COMMIT`, `ROLLBACK`, ... */
  readonly command: string;
}

interface Waiting {
  readonly resolve: (result: EngineResult) => void;
  readonly reject: (error: EngineError) => void;
}

export class Engine {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #onDeath: (error: EngineError) => void;
  #silence: NodeJS.Timeout | undefined;
  #lastId = 0;
  #died: EngineError | undefined;

  /**
   * Makes the folder a new store if it is empty. Rejects with {@link EngineError}. `onDeath` is called at most once:
   * after this resolved, unless the engine was closed.
   */
  static async start(settings: EngineSettings, onDeath: (error: EngineError) => void): Promise<Engine> {
    const worker = new Worker(new URL('./pglite-worker.ts', import.meta.url), { workerData: settings });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const engine = new Engine(worker, reject);
    worker.on('message', (message: FromEngine) => {
      if ('ready' in message) resolve();
      else engine.#heed(message);
    });
    await promise;
    engine.#onDeath = onDeath;
    return engine;
  }

  private constructor(worker: Worker, onDeath: (error: EngineError) => void) {
    this.#worker = worker;
    this.#onDeath = onDeath;
    worker.on('error', (error) => this.#die({ code: '', message: error.message }));
    worker.on('exit', () => this.#die({ code: '', message: 'its thread ended' }));
  }

  get alive(): boolean {
    return this.#died === undefined;
  }

  query(sql: string, parameters: readonly unknown[]): Promise<EngineResult> {
    return this.#ask((id) => ({ id, sql, parameters }));
  }

  /** Finishes what it was asked, writes everything back, and ends. */
  async close(): Promise<void> {
    if (this.alive) await this.#ask((id) => ({ id, close: true })).catch(() => {});
    this.#died ??= new EngineError({ code: '', message: 'it was closed' });
    clearTimeout(this.#silence);
    await this.#worker.terminate();
  }

  #ask(question: (id: number) => ToEngine): Promise<EngineResult> {
    if (this.#died !== undefined) return Promise.reject(this.#died);
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<EngineResult>();
    this.#waiting.set(id, { resolve, reject });
    this.#worker.postMessage(question(id));
    this.#silence ??= this.#giveUpLater();
    return promise;
  }

  #heed(message: Exclude<FromEngine, { ready: true }>): void {
    if ('died' in message) {
      this.#die(message.died);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    clearTimeout(this.#silence);
    this.#silence = this.#waiting.size === 0 ? undefined : this.#giveUpLater();
    if ('fault' in message) waiting?.reject(new EngineError(message.fault));
    else waiting?.resolve(message);
  }

  #giveUpLater(): NodeJS.Timeout {
    return setTimeout(() => this.#die({ code: '', message: 'it did not answer' }), limits.embedded.silenceMs);
  }

  #die(fault: EngineFault): void {
    if (this.#died !== undefined) return;
    const error = new EngineError(fault);
    this.#died = error;
    clearTimeout(this.#silence);
    // Told only once its thread is gone: the next one must not meet it on the same files.
    void this.#worker.terminate().then(() => {
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
      this.#onDeath(error);
    });
  }
}
