/** For tests: an embedded store with nothing in it, as the first start leaves it behind. Making one takes seconds. */
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const kept = path.join(root, 'node_modules/.cache/fairlead-tests');

/** Where tests keep stores: in memory, if there is room, where their thousand files cost next to nothing. */
export const storesFolder: string = isRoomy('/dev/shm') ? '/dev/shm' : tmpdir();

function isRoomy(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize > 2 ** 30;
  } catch {
    return false;
  }
}

/** Puts the store into a folder, which is empty or not there. The first caller, of all test runs, has it made. */
export async function copyEmptyStore(dir: string): Promise<void> {
  const template = path.join(kept, `store-${fingerprint()}`);
  if (!existsSync(template)) await make(template);
  cpSync(template, dir, { recursive: true });
}

/** Of all that decides what a new store holds: the engine, the code that makes it, the migrations. */
function fingerprint(): string {
  const hash = createHash('sha256').update(process.version);
  const sources = ['control-plane/store', 'migrations'].flatMap((folder) =>
    readdirSync(path.join(root, folder))
      .filter((name) => name.endsWith('.ts') && !/\.test\.ts$|^testing/.test(name))
      .map((name) => path.join(root, folder, name)),
  );
  const engine = path.join(createRequire(import.meta.url).resolve('@electric-sql/pglite'), '../../package.json');
  for (const file of [engine, ...sources.sort()]) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 16);
}

/** Made aside and moved into place at once: workers do it side by side, and either one's is as good. */
async function make(template: string): Promise<void> {
  mkdirSync(kept, { recursive: true });
  const aside = mkdtempSync(path.join(kept, 'new-'));
  try {
    const [{ openStore }, { pino }] = await Promise.all([import('./open.ts'), import('pino')]);
    const store = await openStore({ dir: path.join(aside, 'store'), logger: pino({ level: 'silent' }) });
    await store.close();
    renameSync(path.join(aside, 'store'), template);
  } catch (error) {
    if (!existsSync(template)) throw error;
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}
