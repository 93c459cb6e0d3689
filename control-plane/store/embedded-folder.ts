/** The folder of the embedded store: `data` is the engine's, the rest is told below. */
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { codeOf, fault, messageOf } from './faults.ts';
import { lockFiles } from './folder-lock.ts';
import { limits } from './limits.ts';
import { StoreError } from './store.ts';

const dataName = 'data';
/** There while a new store is made: what `data` holds then was never used, and is made again. */
const unfinishedName = 'unfinished';

/** The major version of PostgreSQL that PGlite is; another one does not read its files. */
const dataVersion = '18';

/** What may be in the folder: `lost+found` if it is a disk's own. */
const known = new Set<string>([dataName, unfinishedName, ...Object.values(lockFiles), 'lost+found']);

/** Makes the folder, mode 0700, unless it is somebody else's. Throws `StoreError`. */
export function prepareFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const stranger = readdirSync(folder).find((name) => !known.has(name));
    if (stranger !== undefined) {
      throw notAStore(folder, `it holds \`${stranger}\``, 'Give the store an empty folder by another FAIRLEAD_HOME.');
    }
    chmodSync(folder, 0o700);
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw explainFolder(error, folder);
  }
}

/** Lets `start` open the engine on the data that is there. Throws `StoreError` if it is not the engine's. */
export async function withData<T>(folder: string, start: (data: string) => Promise<T>): Promise<T> {
  const data = path.join(folder, dataName);
  checkVersion(data);
  return start(data);
}

/** As {@link withData}; has a new store made if there is none, or only the beginning of one. */
export async function withDataOrNew<T>(folder: string, start: (data: string) => Promise<T>): Promise<T> {
  const data = path.join(folder, dataName);
  const unfinished = path.join(folder, unfinishedName);
  if (existsSync(unfinished)) rmSync(data, { recursive: true, force: true });
  if (existsSync(data)) return withData(folder, start);
  needSpace(folder, limits.embedded.freeBytesAtFirst);
  writeFileSync(unfinished, '');
  await sync(folder);
  mkdirSync(data, { mode: 0o700 });
  try {
    const started = await start(data);
    await syncTree(data);
    rmSync(unfinished);
    await sync(folder);
    return started;
  } catch (error) {
    rmSync(data, { recursive: true, force: true });
    throw error;
  }
}

/** Of an engine that did not come up: unless something else is plainly at fault, its files are. */
export function explainStart(error: unknown, folder: string): StoreError {
  const explained = explainFolder(error, folder);
  if (explained.code !== 'failed' || error instanceof StoreError) return explained;
  return fault(
    'corrupt',
    error,
    `The store in ${folder} cannot be opened: ${messageOf(error)}.`,
    'Restore the folder from a backup, or move it away to begin anew.',
  );
}

export function explainFolder(error: unknown, folder: string): StoreError {
  if (error instanceof StoreError) return error;
  switch (codeOf(error)) {
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return fault(
        'read-only',
        error,
        `The folder ${folder} cannot be written.`,
        'Give this user the right to write it, or use another FAIRLEAD_HOME.',
      );
    case 'ENOSPC':
    case 'EDQUOT':
    case '53100':
      return fault(
        'disk-full',
        error,
        `The disk under ${folder} is full; nothing was written.`,
        'Free some space: the store goes on by itself.',
      );
    case 'EEXIST':
    case 'ENOTDIR':
      return notAStore(folder, 'it is not a folder', 'Remove the file, or use another FAIRLEAD_HOME.');
    case 'XX001':
    case 'XX002':
    case '58P01':
      return fault(
        'corrupt',
        error,
        `The store in ${folder} is damaged: ${messageOf(error)}.`,
        'Restore the folder from a backup, or move it away to begin anew.',
      );
    default:
      return fault(
        'failed',
        error,
        `The embedded store in ${folder} failed: ${messageOf(error)}.`,
        'Start it again; what was acknowledged is kept.',
      );
  }
}

function checkVersion(data: string): void {
  const file = path.join(data, 'PG_VERSION');
  const version = existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
  if (version === dataVersion) return;
  const why = version === undefined ? 'PG_VERSION is missing' : `it is of PostgreSQL ${version}, not ${dataVersion}`;
  throw notAStore(data, why, 'Move it away, or use another FAIRLEAD_HOME.');
}

function notAStore(folder: string, why: string, remedy: string): StoreError {
  return new StoreError('failed', `${folder} is not a store of this Fairlead: ${why}.`, remedy);
}

/** Throws `StoreError` if less is free. */
export function needSpace(folder: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  if (free >= bytes) return;
  const [has, needs] = [free, bytes].map((count) => `${Math.floor(count / 1024 / 1024)} MiB`);
  throw new StoreError(
    'disk-full',
    `The disk under ${folder} is full: ${has} are free, the store needs ${needs}.`,
    'Free some space, or use a FAIRLEAD_HOME on another disk.',
  );
}

/** Forces all files of a new store to the disk: the engine itself forces only what it writes later. */
async function syncTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = [folder, ...entries.map((entry) => path.join(entry.parentPath, entry.name))];
  const syncRest = async () => {
    for (let next = paths.pop(); next !== undefined; next = paths.pop()) await sync(next);
  };
  await Promise.all(Array.from({ length: 8 }, syncRest));
}

async function sync(fileOrFolder: string): Promise<void> {
  const handle = await open(fileOrFolder);
  await handle.sync().finally(() => handle.close());
}
