/** The key that encrypts stored Secrets: FAIRLEAD_KEY, or in embedded mode `<home>/key`, readable by its owner only. */
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseKey } from './settings.ts';

/** The key in the folder; the first start makes it. Throws a SettingsError for a file that holds none. */
export function keyOfHome(home: string): Buffer {
  const file = path.join(home, 'key');
  try {
    return parseKey(readFileSync(file, 'utf8').trim(), `The file ${file}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const key = randomBytes(32);
  // aside and then into place, so that nobody ever reads half of it; on the disk before anything is encrypted with it
  writeFileSync(`${file}.new`, `${key.toString('hex')}\n`, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
  return key;
}
