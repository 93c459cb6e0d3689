/** The bootstrap administrator token in the state folder: `<home>/token`, readable by its owner only. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { newSecret } from './api/token-secret.ts';
import { SettingsError } from './settings.ts';

export function adminTokenFile(home: string): string {
  return path.join(home, 'token');
}

export function newAdminToken(): string {
  return newSecret();
}

/** The token in the folder, or undefined. */
export function findAdminToken(home: string): string | undefined {
  try {
    const token = readFileSync(adminTokenFile(home), 'utf8').trim();
    return token === '' ? undefined : token;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The token that an earlier start left in the folder. Throws a SettingsError that says what to set if there is none. */
export function readAdminToken(home: string, embedded: boolean): string {
  const token = embedded ? findAdminToken(home) : undefined;
  if (token !== undefined) return token;
  throw new SettingsError(
    'No administrator token is set. Set FAIRLEAD_ADMIN_TOKEN to a secret of your own, for example the output of: openssl rand -hex 32',
  );
}

/** Writes the token aside and renames it into place, so that nobody ever reads half of it. */
export function writeAdminToken(home: string, token: string): void {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const file = adminTokenFile(home);
  writeFileSync(`${file}.new`, `${token}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
