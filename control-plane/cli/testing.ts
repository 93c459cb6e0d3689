/** Runs the command line as people do: as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';

export const launcher = path.join(import.meta.dirname, 'fairlead.js');

export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ran>;
  /** All that was printed so far, both streams. */
  output(): string;
  /** Resolves once the output holds the text; rejects if the process ends before. */
  printed(text: string): Promise<void>;
}

export interface RunOptions {
  readonly environment?: NodeJS.ProcessEnv;
  readonly input?: string;
  readonly cwd?: string;
  /** Options of Node, before the launcher. */
  readonly nodeOptions?: readonly string[];
}

export function start(args: readonly string[], options: RunOptions = {}): Running {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(FAIRLEAD_|DATABASE_URL|npm_|NO_COLOR)/.test(name),
  );
  const child = spawn(process.execPath, [...(options.nodeOptions ?? []), launcher, ...args], {
    env: { ...Object.fromEntries(inherited), ...options.environment },
    cwd: options.cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '', both: '' };
  const waiting = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
      text.both += chunk;
      for (const look of waiting) look();
    });
  }
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  const ended = new Promise<Ran>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout: text.stdout, stderr: text.stderr }));
  });
  return {
    child,
    ended,
    output: () => text.both,
    printed: (wanted) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!text.both.includes(wanted)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
        void ended.then(() => reject(new Error(`ended without printing "${wanted}":\n${text.both}`)));
      }),
  };
}

export function run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return start(args, options).ended;
}
