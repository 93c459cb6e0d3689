/** The launcher: which Node it takes, what it passes on, and that nothing outlives whoever started it. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { copyEmptyStore, storesFolder } from '../store/testing-empty.ts';
import { launcher, run, start } from './testing.ts';

const folder = mkdtempSync(path.join(storesFolder, 'fairlead-launcher-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** One folder for all: each test ends what it started before the next one starts. */
const environment: NodeJS.ProcessEnv = {
  FAIRLEAD_HOME: path.join(folder, 'home'),
  FAIRLEAD_API: '127.0.0.1:0',
  FAIRLEAD_XDS: '127.0.0.1:0',
  FAIRLEAD_ADMIN_TOKEN: 'the-administrator',
};

/** Makes this Node call itself 20, which is how the launcher knows an old one. */
const asNode20 = [
  '--import',
  `data:text/javascript,${encodeURIComponent(
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.0.0' } })",
  )}`,
];

beforeAll(() => copyEmptyStore(path.join(folder, 'home/store')));

async function answers(api: string): Promise<boolean> {
  return fetch(`${api}/healthz`).then(
    () => true,
    () => false,
  );
}

/** Base URL from the `listening` line. */
function apiOf(output: string): string {
  return /"api":"(http:[^"]+)"/.exec(output)?.[1] ?? '';
}

test('under an old Node it starts the one that the package brings, and passes arguments and exit codes on', async () => {
  const version = await run(['--version'], { nodeOptions: asNode20 });
  expect(version).toMatchObject({ code: 0, stderr: '' });
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect((await run(['nonsense'], { nodeOptions: asNode20 })).code).toBe(2);
});

for (const [what, nodeOptions] of [
  ['a new Node', []],
  ['an old Node', asNode20],
] as const) {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    `under ${what} a %s stops the control plane in order, with exit code 0`,
    async (signal) => {
      const running = start(['control-plane'], { environment, nodeOptions });
      await running.printed('"event":"listening"');
      running.child.kill(signal);
      const { code, stderr } = await running.ended;
      expect(code).toBe(0);
      expect(stderr).toContain(`"event":"stopping","signal":"${signal}"`);
      expect(stderr).toContain('"event":"stopped"');
      expect(stderr).not.toContain('stopped-at-once');
    },
  );
}

test('without a token it says what to set in one line, and ends with 2', async () => {
  const refused = await run(['control-plane'], {
    environment: { ...environment, FAIRLEAD_HOME: folder, FAIRLEAD_ADMIN_TOKEN: '' },
  });
  expect(refused.code).toBe(2);
  expect(refused.stderr.trim().split('\n')).toHaveLength(1);
  expect(JSON.parse(refused.stderr)).toMatchObject({
    event: 'start-failed',
    msg: expect.stringContaining('openssl rand'),
  });
});

test('when the launcher is killed hard, what it started stops by itself', async () => {
  const running = start(['control-plane'], { environment, nodeOptions: asNode20 });
  await running.printed('"event":"listening"');
  const api = apiOf(running.output());
  expect(await answers(api)).toBe(true);
  running.child.kill('SIGKILL');
  await expect.poll(() => answers(api)).toBe(false);
  // The output ends only when the last process that holds it is gone.
  expect((await running.ended).stderr).toContain('"event":"stopped"');
});

test('when npx is killed hard, what it started stops by itself, though a shell stands between them', async () => {
  // npx starts a shell, and the shell the launcher: two processes above it, and neither passes anything on.
  const script = `const { spawn } = require('node:child_process');
    spawn('sh', ['-c', ${JSON.stringify(`"${process.execPath}" "${launcher}" control-plane; true`)}], { stdio: 'inherit' });`;
  const npx = spawn(process.execPath, ['-e', script], {
    env: { ...process.env, ...environment, npm_command: 'exec' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  npx.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  const closed = new Promise((resolve) => npx.on('close', resolve));
  await expect.poll(() => apiOf(output)).not.toBe('');
  npx.kill('SIGKILL');
  await closed;
  expect(output).toContain('"event":"stopped"');
});
