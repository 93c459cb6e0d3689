/** A file, or standard output, that batches of log lines go to. */
import fs from 'node:fs';
import { promisify } from 'node:util';
import { logLimits } from './limits.ts';
import { type LogDestination, LogTrouble, type LogTroubleDeps } from './log-destination.ts';
import type { FilesystemStats } from './stats.ts';

const write = promisify(fs.write);
const open = promisify(fs.open);
const close = promisify(fs.close);

export interface LogFileDeps extends LogTroubleDeps {
  /** Calls back once; must not keep the process alive. */
  readonly setTimer: (callback: () => void, ms: number) => void;
}

const descriptors: Readonly<Record<string, number>> = { '/dev/stdout': 1, '/dev/stderr': 2 };

const lineEnd = Buffer.from('\n');

export class LogFile implements LogDestination {
  readonly #path: string;
  readonly #deps: LogFileDeps;
  readonly #stats: FilesystemStats;
  readonly #trouble: LogTrouble;
  /** `null`: not open (yet). */
  #descriptor: number | null;
  #reopen = false;
  #closesAtMs = Number.POSITIVE_INFINITY;
  /** A batch broke off within a line. */
  #torn = false;

  constructor(path: string, deps: LogFileDeps, stats: FilesystemStats) {
    this.#path = path;
    this.#deps = deps;
    this.#stats = stats;
    this.#trouble = new LogTrouble(path, deps);
    this.#descriptor = descriptors[path] ?? null;
  }

  async write(batch: Uint8Array, lines: number): Promise<void> {
    const bytes = this.#torn ? Buffer.concat([lineEnd, batch]) : batch;
    let written = 0;
    try {
      if (this.#reopen) await this.#closeFile();
      this.#reopen = false;
      this.#descriptor ??= await open(this.#path, 'a', 0o644);
      while (written < bytes.length) written += await this.#writeSome(this.#descriptor, bytes.subarray(written));
      this.#torn = false;
      this.#stats.completed.value++;
    } catch (error) {
      this.#torn = written > 0 || this.#torn;
      this.#stats.failed.value++;
      this.#stats.dropped.value += lines;
      this.#trouble.report(`cannot be written: ${(error as Error).message}`);
    }
  }

  reopen(): void {
    this.#reopen = !(this.#path in descriptors);
  }

  hurry(): void {
    this.#closesAtMs = this.#deps.now() + logLimits.closeMs;
  }

  async close(): Promise<void> {
    await this.#closeFile();
  }

  /** Bytes written; 0 after a pause where the pipe is full. */
  async #writeSome(descriptor: number, bytes: Uint8Array): Promise<number> {
    try {
      return (await write(descriptor, bytes)).bytesWritten;
    } catch (error) {
      const givenUp = this.#deps.now() >= this.#closesAtMs;
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || givenUp) throw error;
      await new Promise<void>((resolve) => this.#deps.setTimer(resolve, logLimits.retryMs));
      return 0;
    }
  }

  async #closeFile(): Promise<void> {
    const descriptor = this.#descriptor;
    if (descriptor === null || this.#path in descriptors) return;
    this.#descriptor = null;
    await close(descriptor).catch(() => undefined);
  }
}
