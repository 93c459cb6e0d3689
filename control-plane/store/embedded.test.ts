/** What only the embedded store has: a folder, a lock on it, and a disk that fills up. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  cpSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Change } from '../model/document.ts';
import { openStore } from './open.ts';
import type { Store } from './store.ts';
import { put, putTenant, readableLog, storeErrorOf, tenantKey, tenantNames, until } from './testing.ts';
import { storesFolder } from './testing-empty.ts';

const quiet = pino({ level: 'silent' });

let root: string;
/** An empty store; opening a copy takes a tenth of making a new one. */
let template: string;
let count = 0;

const open = (dir: string, logger = quiet) => openStore({ dir, pollMs: 50, logger });
const newPath = () => path.join(root, String(++count));

function freshCopy(): string {
  const dir = newPath();
  cpSync(template, dir, { recursive: true });
  return dir;
}

/** What a first start that was killed left. */
let leftByKill: { unfinished: boolean };

beforeAll(async () => {
  root = mkdtempSync(path.join(storesFolder, 'fairlead-embedded-'));
  template = newPath();
  const writer = startWriter(template);
  await until(() => existsSync(path.join(template, 'data/PG_VERSION')), 'the engine has begun to write');
  await writer.kill();
  leftByKill = { unfinished: existsSync(path.join(template, 'unfinished')) };
  await (await open(template)).close();
});

const children: ChildProcess[] = [];
const mounts: string[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const mount of mounts.splice(0)) spawnSync('umount', ['--lazy', mount]);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A process that writes to the store in `dir`. */
function startWriter(dir: string) {
  const program = path.join(import.meta.dirname, 'testing-writer.ts');
  const child = spawn(process.execPath, [program, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => lines.push(line));
  const ended = Promise.all([once(reader, 'close'), once(child, 'exit')]);
  return {
    pid: child.pid!,
    lines,
    said: (least: number) => until(() => lines.length >= least, `the writer said ${least} lines`),
    ended,
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

test('a first start that was killed is begun again, and ends with a folder of mode 0700', () => {
  expect(leftByKill).toEqual({ unfinished: true });
  expect(existsSync(path.join(template, 'unfinished'))).toBe(false);
  expect(statSync(template).mode & 0o777).toBe(0o700);
});

test('a second process is refused while the first lives, and named what to do; kill -9 frees the folder at once', async () => {
  const dir = freshCopy();
  const holder = startWriter(dir);
  await holder.said(1);
  const error = await storeErrorOf(open(dir));
  expect(error.code).toBe('in-use');
  expect(error.message).toContain(dir);
  expect(error.message).toContain(`process ${holder.pid} `);
  expect(error.remedy).toMatch(/Stop that process.*FAIRLEAD_HOME.*DATABASE_URL/);
  await holder.kill();

  // What the dead process left behind decides nothing, not even if its process id lives again.
  writeFileSync(path.join(dir, 'holder'), `process ${process.ppid} on here\n`);
  const store = await open(dir);
  expect(store.description).toBe(`embedded store in ${dir}`);
  const second = startWriter(dir);
  await second.ended;
  expect(second.lines.join()).toMatch(new RegExp(`^in-use: .*process ${process.pid} `));
  expect((await storeErrorOf(open(dir))).code).toBe('in-use');
  await put(store, 'still-well');
  await store.close();
});

test('kill -9 amid writes loses no acknowledged one, and leaves no half one', async () => {
  const dir = freshCopy();
  const acknowledged: string[] = [];
  for (let round = 0; round < 2; round++) {
    const writer = startWriter(dir);
    await writer.said(2 + 17 * (round + 1));
    await writer.kill();
    acknowledged.push(...writer.lines.slice(1));
  }
  const store = await open(dir);
  const revisions = acknowledged.map((line) => Number(line.split(' ')[1]));
  // A write that was not acknowledged any more may have been taken: the next round goes on after it.
  expect(revisions.every((revision, index) => index === 0 || revision > revisions[index - 1]!)).toBe(true);
  expect(store.documents.revision).toBeGreaterThanOrEqual(revisions.at(-1)!);
  expect(store.documents.revision - revisions.length).toBeLessThanOrEqual(2);
  const last = new Map(acknowledged.map((line) => [line.split(' ')[2]!, Number(line.split(' ')[1])]));
  for (const [name, revision] of last) {
    const found = store.documents.get('Tenant', undefined, name)?.document.revision;
    expect(found, name).toBeGreaterThanOrEqual(revision);
  }
  expect(await put(store, 'next')).toMatchObject({ revision: store.documents.revision });
  await store.close();
});

test.each([
  {
    what: 'a folder with other things in it',
    make: (dir: string) => {
      mkdirSync(dir);
      writeFileSync(path.join(dir, 'holiday.jpg'), '');
    },
    error: { code: 'failed', message: /not a store.*holiday\.jpg/, remedy: /empty folder/ },
  },
  {
    what: 'a file',
    make: (dir: string) => writeFileSync(dir, ''),
    error: { code: 'failed', message: /not a store.*not a folder/, remedy: /FAIRLEAD_HOME/ },
  },
  {
    what: 'data without a version',
    make: (dir: string) => mkdirSync(path.join(dir, 'data'), { recursive: true }),
    error: { code: 'failed', message: /PG_VERSION is missing/, remedy: /Move it away/ },
  },
  {
    what: 'data of another version',
    make: (dir: string) => {
      mkdirSync(path.join(dir, 'data'), { recursive: true });
      writeFileSync(path.join(dir, 'data/PG_VERSION'), '15\n');
    },
    error: { code: 'failed', message: /PostgreSQL 15, not 18/, remedy: /Move it away/ },
  },
  {
    what: 'damaged data',
    make: (dir: string) => {
      cpSync(template, dir, { recursive: true });
      writeFileSync(path.join(dir, 'data/global/pg_control'), randomBytes(8192));
    },
    error: { code: 'corrupt', message: /cannot be opened/, remedy: /backup/ },
  },
])('$what is refused with what to do, and left as it is', async ({ make, error }) => {
  const dir = newPath();
  make(dir);
  for (let attempt = 0; attempt < 2; attempt++) {
    const found = await storeErrorOf(open(dir));
    expect(found.code).toBe(error.code);
    expect(found.message).toMatch(error.message);
    expect(found.message).toContain(dir);
    expect(found.remedy).toMatch(error.remedy);
  }
});

test('the folder of somebody else keeps its mode', async () => {
  const dir = newPath();
  mkdirSync(path.join(dir, 'photos'), { recursive: true, mode: 0o755 });
  await storeErrorOf(open(dir));
  expect(statSync(dir).mode & 0o777).toBe(0o755);
});

/** A disk of its own; undefined where this user may not mount one. */
function mountDisk(mebibytes: number): string | undefined {
  const mount = newPath();
  mkdirSync(mount);
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'none', mount]);
  if (status !== 0) return undefined;
  mounts.push(mount);
  return mount;
}

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** Takes or gives back space until `bytes` are free. */
function leaveFree(mount: string, bytes: number): void {
  const ballast = path.join(mount, 'ballast');
  const file = openSync(ballast, 'a+');
  try {
    const size = statSync(ballast).size;
    const surplus = freeBytes(mount) - bytes;
    if (surplus > 0) writeFileSync(file, Buffer.alloc(surplus));
    else ftruncateSync(file, Math.max(0, size + surplus));
  } finally {
    closeSync(file);
  }
}

/** Random text in labels: it does not compress. */
function bulkyTenant(name: string, bytes: number): Change {
  const key = tenantKey(name);
  const document = { ...putTenant(name).document!, labels: { bulk: randomBytes(bytes / 2).toString('hex') } };
  return { key, document };
}

async function putBulky(store: Store, name: string, bytes: number): Promise<void> {
  await store.write('tester', () => ({ changes: [bulkyTenant(name, bytes)], result: undefined }));
}

const canMount = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0;

test.skipIf(!canMount)('on a full disk no store is begun, and none is left half-made', async () => {
  const mount = mountDisk(48)!;
  const dir = path.join(mount, 'store');
  const early = await storeErrorOf(open(dir));
  expect([early.code, early.message]).toEqual([
    'disk-full',
    expect.stringMatching(/47 MiB are free, the store needs 64 MiB/),
  ]);
  expect(existsSync(path.join(dir, 'data'))).toBe(false);
});

test.skipIf(!canMount)('a read-only folder is refused', async () => {
  const mount = mountDisk(96)!;
  const dir = path.join(mount, 'store');
  cpSync(template, dir, { recursive: true });
  expect(spawnSync('mount', ['-o', 'remount,ro', mount]).status).toBe(0);
  const error = await storeErrorOf(open(dir));
  expect(error.code).toBe('read-only');
  expect(error.remedy).toMatch(/right to write/);
});

test.skipIf(!canMount)(
  'a write on a full disk is refused whole, reading goes on, and with space again the store works',
  async () => {
    const mount = mountDisk(96)!;
    const dir = path.join(mount, 'store');
    cpSync(template, dir, { recursive: true });
    const store = await open(dir);
    await put(store, 'before');
    leaveFree(mount, 0);
    const error = await storeErrorOf(putBulky(store, 'too-big', 200_000));
    expect(error.code).toBe('disk-full');
    expect(error.message).toContain(dir);
    expect(error.remedy).toMatch(/Free some space/);
    expect([store.documents.revision, tenantNames(store)]).toEqual([1, ['before']]);
    leaveFree(mount, 20_000_000);
    await until(() => store.healthy(), 'the store is well');
    expect(await put(store, 'after')).toMatchObject({ revision: 2 });
    await store.close();
    const again = await open(dir);
    expect(tenantNames(again)).toEqual(['after', 'before']);
    await again.close();
  },
);

test.skipIf(!canMount)(
  'a disk that is too full for the log kills the engine, not the store: it comes back by itself with every acknowledged write',
  async () => {
    const mount = mountDisk(128)!;
    const dir = path.join(mount, 'store');
    cpSync(template, dir, { recursive: true });
    const log = readableLog();
    const store = await open(dir, log.logger);
    const acknowledged: string[] = [];
    let refusal: { name: string; message: string } | undefined;
    // Always room for a table to grow, never for one more segment of the log.
    while (refusal === undefined && acknowledged.length < 200) {
      leaveFree(mount, 700_000);
      const name = `t${acknowledged.length}`;
      await putBulky(store, name, 100_000).then(
        () => acknowledged.push(name),
        (error) => {
          expect(error).toMatchObject({ code: 'disk-full' });
          refusal = { name, message: error.message };
        },
      );
    }
    expect(log.events()).toContain('store.engine-died');
    expect((await storeErrorOf(put(store, 'during'))).code).toBe('disk-full');
    leaveFree(mount, 30_000_000);
    await until(() => store.healthy(), 'the store is back');
    const found = tenantNames(store);
    // What was refused at its very commit may have been taken; then the refusal said that this is not known.
    if (refusal !== undefined && found.includes(refusal.name)) {
      expect(refusal.message).toMatch(/not known/);
      acknowledged.push(refusal.name);
    }
    expect(found).toEqual(acknowledged.toSorted());
    await put(store, 'after');
    await store.close();
    const again = await open(dir);
    expect(tenantNames(again)).toEqual([...acknowledged, 'after'].toSorted());
    await again.close();
  },
);
