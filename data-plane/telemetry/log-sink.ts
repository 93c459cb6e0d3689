/**
 * Where log lines go: a file or standard output, written in batches beside the traffic. A destination that is slow or
 * broken costs lines, which are counted, and never waits for anybody.
 */
import fs from 'node:fs';
import { promisify } from 'node:util';
import type { StatsRegistry } from './registry.ts';

const write = promisify(fs.write);
const open = promisify(fs.open);
const close = promisify(fs.close);

export const logLimits = {
  /** A batch of this size is written at once, a smaller one after `flushMs`. */
  batchBytes: 64 * 1024,
  flushMs: 50,
  /** What waits at most while the destination is slow; lines beyond it are dropped. */
  waitingBytes: 4 * 1024 * 1024,
  /** The same trouble is reported once in this time. */
  reportMs: 60_000,
  /** A full pipe is tried again after this time. */
  retryMs: 10,
  /** How long closing waits for a full pipe. */
  closeMs: 1_000,
} as const;

export interface LogSinkDeps {
  readonly stats: StatsRegistry;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Calls back once; must not keep the process alive. */
  readonly setTimer: (callback: () => void, ms: number) => void;
  /** Trouble with a destination, for the process log. */
  readonly report: (message: string) => void;
}

const descriptors: Readonly<Record<string, number>> = { '/dev/stdout': 1, '/dev/stderr': 2 };

const lineEnd = Buffer.from('\n');

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
  readonly path: string;
  readonly #deps: LogSinkDeps;
  readonly #stats: FilesystemStats;
  /** `null`: not open (yet). */
  #descriptor: number | null;
  /** Full batches, the oldest first; then the one that is being filled. */
  readonly #full: Batch[] = [];
  #filling: Batch = newBatch();
  /** Kept for when the one that is being filled is full. */
  #spare: Batch | null = null;
  #waitingBytes = 0;
  #timerRuns = false;
  #writing: Promise<void> | null = null;
  #reopen = false;
  #closedAtMs = Number.POSITIVE_INFINITY;
  /** A batch broke off within a line. */
  #torn = false;
  #reportedAtMs = Number.NEGATIVE_INFINITY;

  constructor(path: string, deps: LogSinkDeps, stats: FilesystemStats) {
    this.path = path;
    this.#deps = deps;
    this.#stats = stats;
    this.#descriptor = descriptors[path] ?? null;
  }

  /** Takes a line, line break included. */
  write(line: string): void {
    const closed = this.#closedAtMs !== Number.POSITIVE_INFINITY;
    if (closed || this.#waitingBytes + line.length > logLimits.waitingBytes) {
      this.#stats.dropped.value++;
      if (!closed) this.#trouble('is too slow');
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

  /** From the next batch on, a file of the same name is written: for whoever rotates logs. */
  reopen(): void {
    this.#reopen = !(this.path in descriptors);
  }

  /** Writes what waits and closes; lines that come later are dropped. */
  async close(): Promise<void> {
    this.#closedAtMs = this.#deps.now();
    await this.flush();
    await this.#closeFile();
  }

  async #writeBatch(): Promise<void> {
    if (this.#full.length === 0) this.#turn(0);
    const batch = this.#full.shift()!;
    this.#waitingBytes -= batch.bytes;
    const lines = batch.buffer.subarray(0, batch.bytes);
    const bytes = this.#torn ? Buffer.concat([lineEnd, lines]) : lines;
    let written = 0;
    try {
      if (this.#reopen) await this.#closeFile();
      this.#reopen = false;
      this.#descriptor ??= await open(this.path, 'a', 0o644);
      while (written < bytes.length) written += await this.#writeSome(this.#descriptor, bytes.subarray(written));
      this.#torn = false;
      this.#stats.completed.value++;
    } catch (error) {
      this.#torn = written > 0 || this.#torn;
      this.#stats.failed.value++;
      this.#stats.dropped.value += batch.lines;
      this.#trouble(`cannot be written: ${(error as Error).message}`);
    }
    batch.bytes = 0;
    batch.lines = 0;
    this.#spare = batch;
  }

  /** Bytes written; 0 after a pause where the pipe is full. */
  async #writeSome(descriptor: number, bytes: Buffer): Promise<number> {
    try {
      return (await write(descriptor, bytes)).bytesWritten;
    } catch (error) {
      const givenUp = this.#deps.now() - this.#closedAtMs >= logLimits.closeMs;
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || givenUp) throw error;
      await new Promise<void>((resolve) => this.#deps.setTimer(resolve, logLimits.retryMs));
      return 0;
    }
  }

  async #closeFile(): Promise<void> {
    const descriptor = this.#descriptor;
    if (descriptor === null || this.path in descriptors) return;
    this.#descriptor = null;
    await close(descriptor).catch(() => undefined);
  }

  #trouble(what: string): void {
    const now = this.#deps.now();
    if (now - this.#reportedAtMs < logLimits.reportMs) return;
    this.#reportedAtMs = now;
    this.#deps.report(
      `access log ${this.path} ${what}; lines are dropped and counted in filesystem.lines_dropped, traffic goes on`,
    );
  }
}

type FilesystemStats = ReturnType<typeof filesystemStats>;

function filesystemStats(registry: StatsRegistry) {
  const scope = registry.scope('filesystem.', 'envoy_filesystem_', {});
  return {
    buffered: scope.counter('write_buffered', 'Log lines taken'),
    completed: scope.counter('write_completed', 'Batches of log lines written'),
    failed: scope.counter('write_failed', 'Batches of log lines that could not be written'),
    dropped: scope.counter('lines_dropped', 'Log lines lost to a slow or broken destination'),
  };
}

/** All sinks of a process; one path is one sink. */
export class LogSinks {
  readonly #deps: LogSinkDeps;
  readonly #stats: FilesystemStats;
  readonly #open = new Map<string, { sink: LogSink; holders: number }>();

  constructor(deps: LogSinkDeps) {
    this.#deps = deps;
    this.#stats = filesystemStats(deps.stats);
  }

  /** The sink of a path; each `acquire` needs its `release`. */
  acquire(path: string): LogSink {
    let held = this.#open.get(path);
    if (held === undefined) {
      held = { sink: new LogSink(path, this.#deps, this.#stats), holders: 0 };
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
