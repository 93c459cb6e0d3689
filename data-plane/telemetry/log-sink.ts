/**
 * Where log lines go: gathered in batches beside the traffic. A destination that is slow or broken costs lines, which are
 * counted, and never waits for anybody.
 */
import { logLimits } from './limits.ts';
import { type LogDestination, LogTrouble, type LogTroubleDeps } from './log-destination.ts';
import type { FilesystemStats } from './stats.ts';

export interface LogSinkDeps extends LogTroubleDeps {
  readonly stats: FilesystemStats;
  /** Calls back once; must not keep the process alive. */
  readonly setTimer: (callback: () => void, ms: number) => void;
  readonly open: (path: string) => LogDestination;
}

/** Lines as they will be written. */
interface Batch {
  readonly buffer: Buffer;
  bytes: number;
  lines: number;
}

const newBatch = (atLeastBytes = 0): Batch => ({
  buffer: Buffer.allocUnsafeSlow(Math.max(logLimits.batchBytes, atLeastBytes)),
  bytes: 0,
  lines: 0,
});

export class LogSink {
  readonly #deps: LogSinkDeps;
  readonly #stats: FilesystemStats;
  readonly #destination: LogDestination;
  readonly #trouble: LogTrouble;
  /** Full batches, the oldest first; then the one that is being filled. */
  readonly #full: Batch[] = [];
  #filling: Batch = newBatch();
  /** Kept for when the one that is being filled is full. */
  #spare: Batch | null = null;
  #waitingBytes = 0;
  #timerRuns = false;
  #writing: Promise<void> | null = null;
  #closed = false;

  constructor(path: string, deps: LogSinkDeps) {
    this.#deps = deps;
    this.#stats = deps.stats;
    this.#destination = deps.open(path);
    this.#trouble = new LogTrouble(path, deps);
  }

  /** Takes a line, line break included. */
  write(line: string): void {
    if (this.#closed || this.#waitingBytes + line.length > logLimits.waitingBytes) {
      this.#stats.dropped.value++;
      if (!this.#closed) this.#trouble.report('is too slow');
      return;
    }
    // UTF-8 takes at most three bytes for what counts as one in a string's length
    const mostBytes = line.length * 3;
    if (this.#filling.bytes + mostBytes > this.#filling.buffer.length) this.#turn(mostBytes);
    const batch = this.#filling;
    const bytes = batch.buffer.write(line, batch.bytes);
    batch.bytes += bytes;
    batch.lines++;
    this.#waitingBytes += bytes;
    this.#stats.buffered.value++;
    if (this.#writing === null) this.#plan();
  }

  /** The batch at hand is full: the next one begins. */
  #turn(mostBytes: number): void {
    if (this.#filling.lines > 0) this.#full.push(this.#filling);
    const spare = this.#spare;
    this.#spare = null;
    this.#filling = spare !== null && spare.buffer.length >= mostBytes ? spare : newBatch(mostBytes);
  }

  /** Ends when everything taken so far is written or lost. Never rejects. */
  async flush(): Promise<void> {
    while (this.#writing !== null || this.#waitingBytes > 0) {
      if (this.#writing === null) this.#start();
      await this.#writing;
    }
  }

  /** A full batch goes at once, a smaller one when the timer says so. */
  #plan(): void {
    if (this.#full.length > 0) this.#start();
    else if (this.#waitingBytes > 0 && !this.#timerRuns) {
      this.#timerRuns = true;
      this.#deps.setTimer(() => {
        this.#timerRuns = false;
        if (this.#writing === null && this.#waitingBytes > 0) this.#start();
      }, logLimits.flushMs);
    }
  }

  #start(): void {
    this.#writing = this.#writeBatch().then(() => {
      this.#writing = null;
      this.#plan();
    });
  }

  /** @see LogDestination.reopen */
  reopen(): void {
    this.#destination.reopen();
  }

  /** Writes what waits and closes; lines that come later are dropped. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#destination.hurry();
    await this.flush();
    await this.#destination.close();
  }

  async #writeBatch(): Promise<void> {
    if (this.#full.length === 0) this.#turn(0);
    const batch = this.#full.shift()!;
    this.#waitingBytes -= batch.bytes;
    await this.#destination.write(batch.buffer.subarray(0, batch.bytes), batch.lines);
    batch.bytes = 0;
    batch.lines = 0;
    this.#spare = batch;
  }
}

/** All sinks of a thread; one path is one sink. */
export class LogSinks {
  readonly #deps: LogSinkDeps;
  readonly #open = new Map<string, { sink: LogSink; holders: number }>();

  constructor(deps: LogSinkDeps) {
    this.#deps = deps;
  }

  /** The sink of a path; each `acquire` needs its `release`. */
  acquire(path: string): LogSink {
    let held = this.#open.get(path);
    if (held === undefined) {
      held = { sink: new LogSink(path, this.#deps), holders: 0 };
      this.#open.set(path, held);
    }
    held.holders++;
    return held.sink;
  }

  /** Flushes and closes the sink once its last holder let go. */
  async release(path: string): Promise<void> {
    const held = this.#open.get(path);
    if (held === undefined || --held.holders > 0) return;
    this.#open.delete(path);
    await held.sink.close();
  }

  /** @see LogSink.reopen */
  reopen(): void {
    for (const { sink } of this.#open.values()) sink.reopen();
  }

  async close(): Promise<void> {
    const sinks = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(sinks.map(({ sink }) => sink.close()));
  }
}
