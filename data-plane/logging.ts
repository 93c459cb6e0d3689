/** The process log: one JSON line per event on standard error; a readable form on a terminal. */
import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';

export type { Logger } from 'pino';

export function createLogger(node: string): Logger {
  const options: pino.LoggerOptions = {
    base: { node },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  };
  const destination = process.stderr.isTTY
    ? pretty({ destination: 2, sync: true, singleLine: true, translateTime: 'HH:MM:ss.l' })
    : pino.destination({ fd: 2, sync: true });
  return pino(options, destination);
}
