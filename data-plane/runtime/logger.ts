/** The process log as rooms see it: structured fields first, then the sentence (pino's order). */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
