/** Child processes that `up` keeps running: their output goes to files, and one that dies is started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface ChildSpec {
  readonly id: string;
  /** Arguments of this Node. */
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** Gets `pid`, and the child's output in files that are emptied when the first one starts. */
  readonly folder: string;
  readonly files: { readonly stdout: string; readonly stderr: string };
}

/** Told of a child that ended without being told to; it is started again after the pause. */
export type OnDeath = (id: string, how: string, pauseMs: number) => void;

const backOff = { firstMs: 500, mostMs: 10_000, healthyMs: 30_000 };
/** Longer than a node waits for its connections when it is told to stop. */
const killAfterMs = 8_000;

export class Children {
  readonly #onDeath: OnDeath;
  readonly #running = new Map<string, ChildProcess>();
  readonly #restarts = new Set<NodeJS.Timeout>();
  #stopping = false;

  constructor(onDeath: OnDeath) {
    this.#onDeath = onDeath;
  }

  start(spec: ChildSpec): void {
    this.#run(spec, 'w', backOff.firstMs);
  }

  /** Tells every child to stop, waits for them, and ends those that take too long. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const restart of this.#restarts) clearTimeout(restart);
    await Promise.all([...this.#running.values()].map(stopChild));
  }

  #run(spec: ChildSpec, mode: 'w' | 'a', pauseMs: number): void {
    const startedMs = performance.now();
    mkdirSync(spec.folder, { recursive: true, mode: 0o700 });
    const stdout = openSync(path.join(spec.folder, spec.files.stdout), mode);
    const stderr = openSync(path.join(spec.folder, spec.files.stderr), mode);
    const child = spawn(process.execPath, [...spec.args], {
      env: spec.environment,
      // A group of its own: Ctrl-C is for `up`, which then stops its children one by one. The channel ends them with it.
      detached: true,
      stdio: ['ignore', stdout, stderr, 'ipc'],
    });
    closeSync(stdout);
    closeSync(stderr);
    this.#running.set(spec.id, child);
    if (child.pid !== undefined) writeFileSync(path.join(spec.folder, 'pid'), `${child.pid}\n`);
    child.on('error', () => {});
    child.on('close', (code, signal) => {
      this.#running.delete(spec.id);
      if (this.#stopping) return;
      const ranMs = performance.now() - startedMs;
      const waitMs = ranMs > backOff.healthyMs ? backOff.firstMs : pauseMs;
      this.#onDeath(spec.id, signal === null ? `exit code ${code}` : `signal ${signal}`, waitMs);
      const restart = setTimeout(() => {
        this.#restarts.delete(restart);
        this.#run(spec, 'a', Math.min(waitMs * 2, backOff.mostMs));
      }, waitMs);
      this.#restarts.add(restart);
    });
  }
}

async function stopChild(child: ChildProcess): Promise<void> {
  const closed = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  await closed;
  clearTimeout(kill);
}
