/** One JSON line per event on standard error; a readable form on a terminal. */
import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';

export type { Logger } from 'pino';

export interface LoggerOptions {
  /** For people, as on a terminal. */
  readonly readable: boolean;
  /** Everything from `info` goes to this file as JSON, and only warnings and worse to standard error. */
  readonly file?: string;
}

export function createLogger({ readable, file }: LoggerOptions): Logger {
  const settings: pino.LoggerOptions = {
    level: 'info',
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  };
  const errors = readable ? readableStream() : pino.destination({ fd: 2, sync: true });
  if (file === undefined) return pino(settings, errors);
  const streams = [
    { level: 'warn', stream: errors },
    { level: 'info', stream: pino.destination({ dest: file, sync: true, append: false, mode: 0o600 }) },
  ] as const;
  return pino(settings, pino.multistream([...streams]));
}

function readableStream(): ReturnType<typeof pretty> {
  return pretty({
    destination: 2,
    sync: true,
    colorize: true,
    singleLine: true,
    translateTime: 'SYS:HH:MM:ss.l',
    messageFormat: '{event} {msg}',
    ignore: 'event',
  });
}
