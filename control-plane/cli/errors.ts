/** How a command fails: a few lines for people, and an exit code. */

/** 1: it failed; 2: it was called wrongly. */
export class CliError extends Error {
  readonly exitCode: 1 | 2;
  /** Printed under the message, one a line. */
  readonly lines: readonly string[];
  constructor(message: string, options: { exitCode?: 1 | 2; lines?: readonly string[] } = {}) {
    super(message);
    this.name = 'CliError';
    this.exitCode = options.exitCode ?? 1;
    this.lines = options.lines ?? [];
  }
}
