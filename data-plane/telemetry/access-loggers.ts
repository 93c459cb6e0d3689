/** The access logs of one listener at work: formats compiled, sinks open. */
import type { AccessLogConfig, LogSampleConfig } from '../model/config.ts';
import { type CompiledAccessLog, compileAccessLog } from './access-log.ts';
import type { LogEntry } from './log-entry.ts';
import { isSampled } from './log-sample.ts';
import type { LogSink, LogSinks } from './log-sink.ts';

export class AccessLogger {
  readonly #log: CompiledAccessLog;
  readonly #sink: LogSink;

  constructor(log: CompiledAccessLog, sink: LogSink) {
    this.#log = log;
    this.#sink = sink;
  }

  /** Of TCP: sessions have one where a log reads it. */
  get readsStreamId(): boolean {
    return this.#log.readsStreamId;
  }

  write(entry: LogEntry): void {
    this.#sink.write(this.#log.format(entry));
  }
}

/** Logs a share. */
class SampledLogger extends AccessLogger {
  readonly #sample: LogSampleConfig;
  readonly #random: () => number;

  constructor(log: CompiledAccessLog, sink: LogSink, sample: LogSampleConfig, random: () => number) {
    super(log, sink);
    this.#sample = sample;
    this.#random = random;
  }

  override write(entry: LogEntry): void {
    if (isSampled(this.#sample, entry, this.#random)) super.write(entry);
  }
}

export interface AccessLoggers {
  readonly loggers: readonly AccessLogger[];
  /** Lower-case names of the request headers that the logs print; `LogEntry.requestHeaders` holds their values in this order. */
  readonly requestHeaders: readonly string[];
  /** Lets the sinks go; those that nobody else uses are flushed and closed. */
  close(): Promise<void>;
}

/** @param random 0 ≤ x < 1, of what has no id to go by */
export function openAccessLoggers(
  configs: readonly AccessLogConfig[],
  sinks: LogSinks,
  random: () => number,
): AccessLoggers {
  const requestHeaders: string[] = [];
  const logs = configs.map((config) => compileAccessLog(config, requestHeaders));
  return {
    loggers: logs.map((log, index) => {
      const sink = sinks.acquire(log.path);
      const { sample } = configs[index]!;
      return sample === undefined ? new AccessLogger(log, sink) : new SampledLogger(log, sink, sample, random);
    }),
    requestHeaders,
    close: async () => {
      await Promise.all(logs.map((log) => sinks.release(log.path)));
    },
  };
}
