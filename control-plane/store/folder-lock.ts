/**
 * One process a folder. The lock is the kernel's, taken through SQLite since Node has no other way to it: it goes with
 * its process however that ends, so that there is no stale lock to recognise, and process ids, which are reused and
 * differ between containers, decide nothing. The file beside it only says whom to name.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { codeOf, fault, messageOf } from './faults.ts';
import { StoreError } from './store.ts';

/** Names in the folder. `lock` is never removed and never opened otherwise: closing it would let the lock go. */
export const lockFiles = { lock: 'lock', holder: 'holder' } as const;

export interface FolderLock {
  release(): void;
}

/** Throws `StoreError` (`in-use`) if another process, or this one, has the folder. */
export function lockFolder(folder: string): FolderLock {
  const lock = acquire(folder);
  const holder = path.join(folder, lockFiles.holder);
  writeFileSync(holder, `process ${process.pid} on ${hostname()}\n`, { mode: 0o600 });
  return {
    release: () => {
      rmSync(holder, { force: true });
      lock.close();
    },
  };
}

const sqliteBusy = 5;

function acquire(folder: string): DatabaseSync {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(path.join(folder, lockFiles.lock), { timeout: 0 });
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock?.close();
    if (sqliteCode(error) === sqliteBusy) throw inUse(folder);
    throw fault(
      'failed',
      error,
      `The folder ${folder} cannot be locked: ${messageOf(error)} (${codeOf(error)}).`,
      'Put FAIRLEAD_HOME on a local file system, or set DATABASE_URL to use a PostgreSQL server.',
    );
  }
}

function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff; // without the extended part
}

function inUse(folder: string): StoreError {
  return new StoreError(
    'in-use',
    `The store in ${folder} is in use by ${holderOf(folder)}.`,
    'Stop that process, give this one another FAIRLEAD_HOME, or set DATABASE_URL: a PostgreSQL server takes several.',
  );
}

function holderOf(folder: string): string {
  try {
    return readFileSync(path.join(folder, lockFiles.holder), 'utf8').trim() || 'another process';
  } catch {
    return 'another process';
  }
}
