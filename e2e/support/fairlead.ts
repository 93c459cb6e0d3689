/** Fairlead as its users start it: the command line in processes of their own, REST, and demo backends that say who they are. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import type net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { copyEmptyStore, storesFolder } from '../../control-plane/store/testing-empty.ts';

const cli = fileURLToPath(new URL('../../control-plane/cli/fairlead.js', import.meta.url));
const pollMs = 20;
const defaultTimeoutMs = 60_000;
const killAfterMs = 30_000;

export const adminToken = 'test-admin-token-0123456789abcdef';

/** What a test started, ended in reverse order. */
export class Cleanup {
  readonly #ends: (() => Promise<unknown> | unknown)[] = [];

  add(end: () => Promise<unknown> | unknown): void {
    this.#ends.push(end);
  }

  async run(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
  }
}

/** Asks until the answer is not undefined; the error tells what was waited for. */
export async function waitFor<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  timeoutMs = defaultTimeoutMs,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`gave up waiting for ${what} after ${timeoutMs} ms`);
    await delay(pollMs);
  }
}

export interface Program {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
  /** SIGTERM, and SIGKILL if that does not help; resolves with how it ended. */
  stop(signal?: NodeJS.Signals): Promise<number | string>;
}

/** Starts `fairlead ARGS`. @param env added to the environment, which is cleared of Fairlead's own variables */
export function startProgram(args: readonly string[], env: Record<string, string>, cwd?: string): Program {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(FAIRLEAD_|DATABASE_URL$|NODE_OPTIONS$|npm_)/.test(name),
  );
  const child = spawn(process.execPath, [cli, ...args], {
    cwd,
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const gather = (stream: NodeJS.ReadableStream | null): (() => string) => {
    let text = '';
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    return () => text;
  };
  // all that it said has been read by then, which at its exit it may not
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string);
  return {
    child,
    stdout: gather(child.stdout),
    stderr: gather(child.stderr),
    ended,
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      const insist = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
      const how = await ended;
      clearTimeout(insist);
      return how;
    },
  };
}

/** Runs `fairlead ARGS` to its end. */
export async function run(args: readonly string[], env: Record<string, string>) {
  const program = startProgram(args, env);
  const code = await program.ended;
  return { code, stdout: program.stdout(), stderr: program.stderr() };
}

/** The JSON lines of a log that have `text` in them. A line that is not there to its end yet is left out. */
export function jsonLines<T>(log: string, text = ''): T[] {
  const whole = log.split('\n').slice(0, -1);
  return whole.filter((line) => line.startsWith('{') && line.includes(text)).map((line) => JSON.parse(line) as T);
}

/** The first JSON log line of this event. */
export function logged(program: Program, event: string): Record<string, string> | undefined {
  return jsonLines<Record<string, string>>(program.stderr(), event).find((entry) => entry['event'] === event);
}

export interface ControlPlaneProcess {
  readonly program: Program;
  readonly api: string;
  readonly xds: string;
  readonly home: string;
  /** The environment of a command line that talks to it. */
  readonly env: Record<string, string>;
  /** Throws unless the status is 2xx. */
  rest<T = unknown>(method: string, pathAndQuery: string, body?: unknown): Promise<T>;
  /** The whole answer, whatever its status. */
  fetch(
    method: string,
    pathAndQuery: string,
    body?: string | object,
    headers?: Record<string, string>,
  ): Promise<Response>;
  apply(yaml: string): Promise<{ revision: number; changes: { action: string; name: string }[] }>;
  nodeToken(group: string): Promise<string>;
}

/** @param options `home`: a state folder, default one with an empty store; `api`, `xds`: addresses to take, default free ones */
export async function startControlPlane(
  cleanup: Cleanup,
  options: { home?: string; api?: string; xds?: string; env?: Record<string, string> } = {},
): Promise<ControlPlaneProcess> {
  const home = options.home ?? (await temporaryFolder(cleanup, storesFolder));
  if (options.home === undefined && options.env?.['DATABASE_URL'] === undefined) {
    await copyEmptyStore(path.join(home, 'store'));
  }
  const program = startProgram(['control-plane'], {
    FAIRLEAD_HOME: home,
    FAIRLEAD_API: options.api ?? '127.0.0.1:0',
    FAIRLEAD_XDS: options.xds ?? '127.0.0.1:0',
    FAIRLEAD_ADMIN_TOKEN: adminToken,
    ...options.env,
  });
  cleanup.add(() => program.stop());
  const { api, xds } = (await waitFor('the control plane', () => {
    if (program.child.exitCode !== null) throw new Error(`the control plane ended: ${program.stderr()}`);
    return logged(program, 'listening');
  })) as { api: string; xds: string };
  const send: ControlPlaneProcess['fetch'] = (method, pathAndQuery, body, headers = {}) =>
    fetch(api + pathAndQuery, {
      method,
      headers: {
        authorization: `Bearer ${adminToken}`,
        ...(body === undefined
          ? {}
          : { 'content-type': typeof body === 'string' ? 'application/yaml' : 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
  const rest = async <T>(method: string, pathAndQuery: string, body?: unknown): Promise<T> => {
    const response = await send(method, pathAndQuery, body as string | object | undefined);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${pathAndQuery}: ${response.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  };
  return {
    program,
    api,
    xds,
    home,
    env: { FAIRLEAD_API: api.replace('http://', ''), FAIRLEAD_TOKEN: adminToken },
    fetch: send,
    rest,
    apply: (yaml) => rest('POST', '/v1/apply', yaml),
    nodeToken: async (group) => (await rest<{ token: string }>('POST', '/v1/tokens', { role: `node:${group}` })).token,
  };
}

export interface DataPlaneProcess {
  readonly program: Program;
  readonly id: string;
  /** Base URL of the admin interface. */
  readonly admin: string;
  /** Port that a listener is really bound to. */
  port(listener: string): Promise<number>;
}

/** A data-plane node, ready; of one thread and without the kernel, unless `flags` and `env` say otherwise: tests run on few cores, and leave the machine's own rules alone. */
export async function startDataPlane(
  cleanup: Cleanup,
  controlPlane: Pick<ControlPlaneProcess, 'xds' | 'nodeToken'>,
  group: string,
  id: string,
  flags: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<DataPlaneProcess> {
  const token = await controlPlane.nodeToken(group);
  const args = ['data-plane', '--group', group, '--id', id, '--xds', controlPlane.xds, '--concurrency', '1'];
  const program = startProgram([...args, ...flags], {
    FAIRLEAD_TOKEN: token,
    FAIRLEAD_ADMIN: '127.0.0.1:0',
    FAIRLEAD_HOME: await temporaryFolder(cleanup),
    // nobody is left to be asked to go elsewhere when a test has ended
    FAIRLEAD_LIMITS: 'announce=0ms',
    FAIRLEAD_KERNEL: 'off',
    ...env,
  });
  cleanup.add(() => program.stop());
  const { admin } = (await waitFor(`node ${id}`, () => {
    if (program.child.exitCode !== null) throw new Error(`node ${id} ended: ${program.stderr()}`);
    return logged(program, 'started');
  })) as { admin: string };
  const base = `http://${admin}`;
  await waitFor(`node ${id} to be ready`, async () => ((await fetch(`${base}/ready`)).ok ? true : undefined));
  return {
    program,
    id,
    admin: base,
    port: async (listener) => {
      const text = await (await fetch(`${base}/listeners`)).text();
      const line = text.split('\n').find((one) => one.startsWith(`${listener}::`));
      if (line === undefined) throw new Error(`node ${id} has no listener ${listener}: ${text}`);
      return Number(line.slice(line.lastIndexOf(':') + 1));
    },
  };
}

export interface Backend {
  readonly name: string;
  readonly port: number;
  requests: number;
  stop(): Promise<void>;
}

/** Answers every request with JSON: its own name and what it was asked. `/healthz` answers `healthy`'s verdict. */
export async function startBackend(cleanup: Cleanup, name: string): Promise<Backend & { healthy: boolean }> {
  const server = http.createServer((request, response) => {
    if (request.url === '/healthz') {
      response.writeHead(backend.healthy ? 200 : 503).end();
      return;
    }
    backend.requests++;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ backend: name, method: request.method, url: request.url, headers: request.headers }));
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const backend = {
    name,
    port: (server.address() as net.AddressInfo).port,
    requests: 0,
    healthy: true,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  cleanup.add(backend.stop);
  return backend;
}

/** One request; connections are not reused, so that each answer is the proxy's own decision. `address`: default 127.0.0.1. */
export function request(
  port: number,
  options: {
    address?: string;
    path?: string;
    method?: string;
    host?: string;
    headers?: Record<string, string>;
    agent?: http.Agent;
    body?: string;
  },
): Promise<{ status: number; headers: http.IncomingHttpHeaders; body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = http.request(
      {
        port,
        host: options.address ?? '127.0.0.1',
        path: options.path ?? '/',
        method: options.method ?? 'GET',
        headers: { ...(options.host === undefined ? {} : { host: options.host }), ...options.headers },
        agent: options.agent ?? false,
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
        response.on('error', reject);
      },
    );
    outgoing.on('error', reject);
    outgoing.end(options.body);
  });
}

export async function temporaryFolder(cleanup: Cleanup, parent = os.tmpdir()): Promise<string> {
  const folder = await mkdtemp(path.join(parent, 'fairlead-test-'));
  cleanup.add(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
