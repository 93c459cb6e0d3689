/** What a failed command prints, and the code with which it ends. No stack trace ever. */
import { CommanderError } from 'commander';
import { RefusedError, UnreachableError } from './client.ts';
import { CliError } from './errors.ts';
import { paint, printError } from './output.ts';

/** Prints the failure to standard error and returns the exit code: 0 for help, 1 failed, 2 called wrongly. */
export function reportFailure(error: unknown): number {
  // Commander has printed it already. What it refuses was called wrongly.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const { message, lines, exitCode } = describe(error);
  printError(`${paint('red', 'error:', process.stderr)} ${message}`);
  for (const line of lines) printError(`  ${line}`);
  return exitCode;
}

function describe(error: unknown): { message: string; lines: readonly string[]; exitCode: number } {
  if (error instanceof CliError) return { message: error.message, lines: error.lines, exitCode: error.exitCode };
  if (error instanceof RefusedError) return { message: error.message, lines: problemLines(error), exitCode: 1 };
  if (error instanceof UnreachableError) {
    const lines = ['Is the control plane running? fairlead up starts one; --api (FAIRLEAD_API) says where another is.'];
    return { message: error.message, lines, exitCode: 1 };
  }
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    return { message: `${error.message} (${error.code})`, lines: [], exitCode: 1 };
  }
  return { message: error instanceof Error ? error.message : String(error), lines: [], exitCode: 1 };
}

function problemLines(error: RefusedError): string[] {
  return error.problems.length < 2
    ? []
    : error.problems.map(({ pointer, detail, remedy }) => `${pointer}: ${detail} → ${remedy}`);
}
