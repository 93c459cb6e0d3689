/** The programs of one benchmark run: started pinned to a core, and ended whatever happens, Ctrl-C included. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';

export interface ProcessOptions {
  /** For messages, and for the names of the files that its output goes to. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** CPU number that all its threads are pinned to. */
  readonly core: number;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where standard output goes; default `<name>.out` in the run's folder. Standard error goes to `<name>.err`. */
  readonly stdout?: string;
}

const killAfterMs = 10_000;

export class Processes {
  readonly #folder: string;
  readonly #alive = new Map<ChildProcess, ProcessOptions>();

  /** @param folder takes the output of every process */
  constructor(folder: string) {
    this.#folder = folder;
    // the last resort, also when the benchmark itself throws: nothing asynchronous is possible here
    process.once('exit', () => {
      for (const child of this.#alive.keys()) killGroup(child);
    });
  }

  /** Starts a process in a group of its own; `taskset` becomes the program, so the pid is the program's. */
  start(options: ProcessOptions): ChildProcess {
    const stdout = openSync(options.stdout ?? this.#outputFile(options, 'out'), 'a');
    const stderr = openSync(this.#outputFile(options, 'err'), 'a');
    const child = spawn('taskset', ['-c', String(options.core), options.command, ...options.args], {
      detached: true,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', stdout, stderr],
    });
    closeSync(stdout);
    closeSync(stderr);
    this.#alive.set(child, options);
    child.once('error', () => this.#alive.delete(child));
    child.once('exit', () => this.#alive.delete(child));
    return child;
  }

  /** Throws, with the process's last words, if it has ended. */
  assertAlive(child: ChildProcess, options: Pick<ProcessOptions, 'name'>): void {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) return;
    const how = child.pid === undefined ? 'could not be started' : `ended (${child.exitCode ?? child.signalCode})`;
    const words = ['err', 'out'].map((kind) => lastLines(this.#outputFile(options, kind))).find((text) => text !== '');
    throw new Error(`${options.name} ${how}. Its last words:\n${words ?? '(none)'}`);
  }

  /** Asks a process to end, insists on its whole group after a while, and waits until it is gone. */
  async stop(child: ChildProcess): Promise<void> {
    if (!this.#alive.has(child)) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const insist = setTimeout(() => killGroup(child), killAfterMs);
    await gone;
    clearTimeout(insist);
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#alive.keys()].map((child) => this.stop(child)));
  }

  #outputFile(options: Pick<ProcessOptions, 'name'>, kind: string): string {
    return path.join(this.#folder, `${options.name}.${kind}`);
  }
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // the group is gone already
  }
}

function lastLines(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim().split('\n').slice(-8).join('\n');
  } catch {
    return '';
  }
}
