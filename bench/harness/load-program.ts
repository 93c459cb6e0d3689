import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Processes, ProcessOptions } from './processes.ts';

/** Runs a load generator of this repository with Node; what it found is the last line that it printed, in JSON. */
export async function runLoadProgram<Result>(
  processes: Pick<Processes, 'start' | 'assertAlive'>,
  options: Omit<ProcessOptions, 'command'> & { readonly stdout: string },
): Promise<Result> {
  const program = processes.start({ ...options, command: process.execPath });
  const [code] = await once(program, 'exit');
  if (code !== 0) processes.assertAlive(program, options);
  return JSON.parse(readFileSync(options.stdout, 'utf8').trim().split('\n').at(-1) ?? '') as Result;
}
