/** What bringing a peer takes: the folder, pip, system packages. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import path from 'node:path';

export const peersFolder = path.resolve(import.meta.dirname, '../../.peers');

/** A peer that cannot be had; the message says what to do. */
export class PeerError extends Error {}

export function ensurePip(): void {
  const hasPip = (): boolean => spawnSync('python3', ['-m', 'pip', '--version'], { stdio: 'ignore' }).status === 0;
  if (hasPip()) return;
  installPackages(['python3-pip'], 'pip is needed to download peers');
  if (!hasPip()) throw new PeerError('python3-pip was installed, but `python3 -m pip` still fails. Repair pip first.');
}

/** Installs Debian packages as root, or says what the user has to do. `why` begins the sentence. */
export function installPackages(packages: readonly string[], why: string): void {
  const byHand = `${why}. Install with your package manager: ${packages.join(' ')}.`;
  if (process.getuid?.() !== 0 || findProgram('apt-get') === undefined) throw new PeerError(byHand);
  // RUNLEVEL=1 keeps Debian's scripts from starting the services that they install
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const install = ['install', '--yes', '--quiet', '--no-install-recommends', ...packages];
  const aptGet = (args: string[]): boolean => spawnSync('apt-get', args, { env, stdio: ['ignore', 2, 2] }).status === 0;
  if (aptGet(install)) return;
  if (aptGet(['update', '--quiet']) && aptGet(install)) return;
  throw new PeerError(`apt-get could not install ${packages.join(' ')} (its own words stand above). ${byHand}`);
}

/** @param program its name, or the whole path of a file that need not be a program */
export function findProgram(program: string): string | undefined {
  if (path.isAbsolute(program)) return existsSync(program) ? program : undefined;
  // Debian keeps servers in sbin, and Go's archive itself in /usr/local: not on every user's PATH
  const folders = [
    ...(process.env['PATH'] ?? '').split(path.delimiter),
    '/usr/sbin',
    '/usr/local/sbin',
    '/usr/local/go/bin',
  ];
  return folders.map((folder) => path.join(folder, program)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @param env added to the environment */
export function runOrThrow(
  program: string,
  args: readonly string[],
  what: string,
  env: Readonly<Record<string, string>> = {},
): void {
  const done = spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, ...env } });
  if (done.status === 0) return;
  const words = done.error?.message ?? `${done.stderr}${done.stdout}`.trim();
  throw new PeerError(`${what} failed: ${words || `exit status ${done.status}`}`);
}
