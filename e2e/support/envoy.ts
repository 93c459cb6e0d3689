/** A real Envoy as a test's judge or neighbour: started from a bootstrap, asked through its admin, stopped. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parse } from 'yaml';
import { envoyBinary } from './peers.ts';

export interface EnvoyOptions {
  /** The bootstrap as an object, or as YAML or JSON text. Without `admin`, one on a free port of 127.0.0.1 is added. */
  readonly bootstrap: Readonly<Record<string, unknown>> | string;
  /** Envoy's own levels. Default `info`. */
  readonly logLevel?: 'trace' | 'debug' | 'info' | 'warning' | 'error';
  /** `ready`: return once /ready answers LIVE; `admin`: as soon as the admin answers. Default `ready`. */
  readonly waitFor?: 'ready' | 'admin';
  /** How long that may take. Default 60,000. */
  readonly timeoutMs?: number;
}

export interface RunningEnvoy {
  readonly adminPort: number;
  /** What it has logged so far, its access logs to /dev/stdout and /dev/stderr included. */
  readonly logs: () => string;
  /** Text that the admin answers to GET `pathAndQuery`. Throws unless 200. */
  readonly admin: (pathAndQuery: string) => Promise<string>;
  /** The parsed /config_dump, endpoints included. */
  readonly configDump: () => Promise<{ configs: Record<string, unknown>[] }>;
  /** Where a listener is really bound. Throws for one that is not there. */
  readonly listenerPort: (name: string) => Promise<number>;
  /** Ends the process and removes its temporary files. */
  readonly stop: () => Promise<void>;
}

/** Without hot restart no base id is taken, so that instances cannot clash; access logs are not held back for 10 s. */
const quickAndAlone = ['--disable-hot-restart', '--file-flush-interval-msec', '50'];

const pollMs = 25;
const defaultTimeoutMs = 60_000;
const killAfterMs = 5_000;

/** Starts one Envoy with one worker thread. Any number can run at once. */
export async function startEnvoy(options: EnvoyOptions): Promise<RunningEnvoy> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'fairlead-envoy-'));
  const bootstrapFile = await writeBootstrap(folder, options.bootstrap);
  const addressFile = path.join(folder, 'admin-address');
  const args = ['-c', bootstrapFile, '--admin-address-path', addressFile, '--concurrency', '1'];
  const process = spawn(requireBinary(), [...args, ...quickAndAlone, '--log-level', options.logLevel ?? 'info'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const logs = collect(process);
  const stop = async (): Promise<void> => {
    await end(process);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const deadline = Date.now() + (options.timeoutMs ?? defaultTimeoutMs);
    const adminPort = await poll(process, logs, deadline, 'admin port', () => adminPortIn(addressFile));
    const admin = (pathAndQuery: string): Promise<string> => get(adminPort, pathAndQuery);
    const path = options.waitFor === 'admin' ? '/server_info' : '/ready';
    await poll(process, logs, deadline, path, () => admin(path).catch(() => undefined));
    const configDump = async (): Promise<{ configs: Record<string, unknown>[] }> =>
      JSON.parse(await admin('/config_dump?include_eds'));
    return { adminPort, logs, admin, configDump, listenerPort: (name) => listenerPort(admin, name), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What `envoy --mode validate` says of a bootstrap: undefined if it is good, else Envoy's words. */
export async function validateBootstrap(bootstrap: EnvoyOptions['bootstrap']): Promise<string | undefined> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'fairlead-envoy-'));
  try {
    const file = await writeBootstrap(folder, bootstrap);
    const args = ['--mode', 'validate', '-c', file, '--disable-hot-restart', '--log-level', 'error'];
    return await new Promise((resolve) => {
      execFile(requireBinary(), args, (error, stdout, stderr) =>
        resolve(error === null ? undefined : `${stdout}${stderr}`.trim() || error.message),
      );
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function requireBinary(): string {
  const binary = envoyBinary();
  if (binary === undefined) throw new Error('Envoy is not here; `npm run peers` brings it.');
  return binary;
}

async function writeBootstrap(folder: string, bootstrap: EnvoyOptions['bootstrap']): Promise<string> {
  const parsed: Record<string, unknown> = typeof bootstrap === 'string' ? parse(bootstrap) : bootstrap;
  const admin = { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } };
  const file = path.join(folder, 'bootstrap.json');
  await writeFile(file, JSON.stringify({ admin, ...parsed }));
  return file;
}

/** Each stream by itself, since they may come in pieces of lines; access logs go to the last one. */
function collect(process: ChildProcess): () => string {
  const texts = ['', ''];
  for (const [index, stream] of [process.stderr, process.stdout].entries()) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      texts[index] += chunk;
    });
  }
  return () => texts.join('');
}

/** Asks again and again until `ask` answers; throws with Envoy's last lines if it ends or the time is up first. */
async function poll<T>(
  process: ChildProcess,
  logs: () => string,
  deadline: number,
  what: string,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    const ended = process.exitCode !== null || process.signalCode !== null;
    if (ended || Date.now() > deadline) {
      const reason = ended ? `ended with ${process.exitCode ?? process.signalCode}` : 'did not get there in time';
      throw new Error(`Envoy showed no ${what}: it ${reason}. Its last words:\n${lastWords(logs())}`);
    }
    await delay(pollMs);
  }
}

/** Without the long list of extensions that Envoy begins with. */
function lastWords(log: string): string {
  const lines = log.split('\n').filter((line) => line !== '' && !line.includes('[info]'));
  return lines.slice(-10).join('\n');
}

async function adminPortIn(file: string): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const port = Number(text.slice(text.lastIndexOf(':') + 1));
  return port > 0 ? port : undefined;
}

async function get(port: number, pathAndQuery: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${pathAndQuery}`);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`Envoy's admin answered ${response.status} to ${pathAndQuery}: ${text}`);
  return text;
}

interface ListenerStatuses {
  listener_statuses?: { name: string; local_address?: { socket_address?: { port_value?: number } } }[];
}

async function listenerPort(admin: (pathAndQuery: string) => Promise<string>, name: string): Promise<number> {
  const { listener_statuses: listeners = [] } = JSON.parse(await admin('/listeners?format=json')) as ListenerStatuses;
  const port = listeners.find((listener) => listener.name === name)?.local_address?.socket_address?.port_value;
  if (port !== undefined) return port;
  throw new Error(`Envoy has no listener ${name}; it has: ${listeners.map((one) => one.name).join(', ') || 'none'}`);
}

async function end(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  const closed = once(process, 'close');
  const killer = setTimeout(() => process.kill('SIGKILL'), killAfterMs);
  process.kill('SIGTERM');
  await closed;
  clearTimeout(killer);
}
