/** For tests: fresh databases of both sorts, a log that can be read, and small documents. */
import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { type Logger, pino } from 'pino';
import { startPostgres } from '../../e2e/support/postgres.ts';
import type { Change, DocumentKey } from '../model/document.ts';
import type { OpenOptions } from './open.ts';
import { type Store, StoreError } from './store.ts';
import { copyEmptyStore, storesFolder } from './testing-empty.ts';

/** Where a store can be opened, again and again. */
export type Place = Pick<OpenOptions, 'dir' | 'databaseUrl'>;

export interface Databases {
  /** A place that holds an empty store. */
  fresh(): Promise<Place>;
  end(): Promise<void>;
}

export async function embeddedDatabases(): Promise<Databases> {
  const root = mkdtempSync(path.join(storesFolder, 'fairlead-store-'));
  let count = 0;
  return {
    fresh: async () => {
      const dir = path.join(root, String(++count));
      await copyEmptyStore(dir);
      return { dir };
    },
    end: async () => rmSync(root, { recursive: true, force: true }),
  };
}

export async function serverDatabases(): Promise<Databases> {
  const server = await startPostgres();
  return {
    fresh: async () => ({ dir: '', databaseUrl: await server.createDatabase() }),
    end: () => server.stop(),
  };
}

/** A logger whose lines can be looked at. */
export function readableLog(): { logger: Logger; events(): string[]; text(): string } {
  const lines: string[] = [];
  const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  return {
    logger,
    events: () => lines.map((line) => String(JSON.parse(line).event)),
    text: () => lines.join(''),
  };
}

/** Runs statements on a server, past the store. */
export async function query(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

export function tenantKey(name: string): DocumentKey {
  return { kind: 'Tenant', name };
}

/** Puts a tenant that may route `host`. */
export function putTenant(name: string, host = `${name}.example.com`): Change {
  const key = tenantKey(name);
  return { key, document: { ...key, kind: 'Tenant', spec: { claims: [{ host }] } } };
}

export function removeTenant(name: string): Change {
  return { key: tenantKey(name), document: null };
}

export function put(store: Store, ...names: string[]): Promise<{ revision: number }> {
  return store.write('tester', () => ({ changes: names.map((name) => putTenant(name)), result: undefined }));
}

export function tenantNames(store: Store): string[] {
  return [...store.documents.all('Tenant')].map(({ document }) => document.name).sort();
}

/** The `StoreError` that `work` fails with. */
export async function storeErrorOf(work: Promise<unknown>): Promise<StoreError> {
  const outcome = await work.then(
    () => 'no error',
    (error: unknown) => error,
  );
  if (outcome instanceof StoreError) return outcome;
  throw new Error('A StoreError was expected', { cause: outcome });
}

/** Resolves once `condition` holds; looks again each time the store moves on, and every few milliseconds. */
export async function until(condition: () => boolean, what: string, withinMs = 60_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
