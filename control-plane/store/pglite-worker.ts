/**
 * The thread of the embedded engine. PGlite works synchronously, forces every commit to the disk, and after a PANIC
 * (a full disk under its log) turns in an endless loop; in a thread of its own it holds nobody up and can be ended.
 */
import { fsyncSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';
import { codeOf, messageOf } from './faults.ts';
import type { EngineFault, EngineSettings, FromEngine, ToEngine } from './pglite-protocol.ts';
import { readTimestamp, typeIds } from './schema.ts';

/** The file system of PGlite does not know fsync: without this an acknowledged write lives in the page cache only. */
class SyncedFolder extends NodeFS {
  override async init(...[pg, options]: Parameters<NodeFS['init']>): ReturnType<NodeFS['init']> {
    const { emscriptenOpts } = await super.init(pg, options);
    const preRun = emscriptenOpts.preRun ?? [];
    preRun.push(({ NODEFS }) => {
      const files: NodeFiles = NODEFS;
      files.stream_ops.fsync = ({ nfd }) => {
        files.tryFSOperation(() => fsyncSync(nfd));
        return 0;
      };
    });
    return { emscriptenOpts: { ...emscriptenOpts, preRun } };
  }
}

/** What of Emscripten's file system over Node is used here. */
interface NodeFiles {
  readonly stream_ops: { fsync?: (stream: { readonly nfd: number }) => number };
  /** Turns an errno of Node's into one of the engine's. */
  tryFSOperation(operation: () => void): void;
}

const startParams = [
  ...PGlite.defaultStartParams.filter((parameter) => parameter !== '-F'), // -F: no fsync
  ...['-c', 'wal_sync_method=fsync'], // fdatasync, the default, is not carried out
  ...['-c', 'shared_buffers=16MB'],
  ...['-c', 'max_wal_size=16MB'],
];

const port = parentPort!;
const { folder } = workerData as EngineSettings;

let lastWords: EngineFault | undefined;

try {
  const engine = await PGlite.create({
    fs: new SyncedFolder(folder),
    startParams,
    initDbStartParams: ['--wal-segsize=1'],
    parsers: { [typeIds.int8]: Number, [typeIds.timestamptz]: readTimestamp },
    onStderr: heed,
  });
  port.on('message', (message: ToEngine) => void answer(engine, message));
  say({ ready: true });
} catch (error) {
  say({ died: lastWords ?? faultOf(error) });
}

async function answer(engine: PGlite, message: ToEngine): Promise<void> {
  const { id } = message;
  try {
    if ('close' in message) {
      await engine.close(); // with a checkpoint, so that the next start has nothing to recover
      say({ id, rows: [], affected: 0, command: '' });
      port.close();
      return;
    }
    const { rows, affectedRows = 0, command = '' } = await engine.query(message.sql, [...message.parameters]);
    say({ id, rows, affected: affectedRows, command });
  } catch (error) {
    say({ id, fault: faultOf(error) });
  }
}

/** The engine's log. After a PANIC or FATAL no query returns, so this is the only place where it shows. */
function heed(line: string): boolean {
  const [, severity, message] = /^\S+ \S+ \S+ \[\d+\] (PANIC|FATAL): +(.*)$/.exec(line) ?? [];
  if (severity !== undefined && message !== undefined) {
    lastWords = { code: /no space left/i.test(message) ? '53100' : 'XX000', message };
    say({ died: lastWords });
  }
  return false;
}

/** Errno of the engine's file system, as it numbers them. */
const engineErrno: Readonly<Record<number, string>> = {
  2: 'EACCES',
  29: 'EIO',
  51: 'ENOSPC',
  63: 'EPERM',
  69: 'EROFS',
};

function faultOf(error: unknown): EngineFault {
  const errno = error instanceof Error && 'errno' in error && typeof error.errno === 'number' ? error.errno : -1;
  const code = codeOf(error) || (engineErrno[errno] ?? '');
  return { code, message: code === '' ? messageOf(error) : `${messageOf(error)} (${code})` };
}

function say(message: FromEngine): void {
  port.postMessage(message);
}
