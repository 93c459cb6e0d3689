/** `fairlead up --demo` and the launcher, from the first start to the last process gone. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { storesFolder } from '../store/testing-empty.ts';
import { demoPorts, ports } from './demo.ts';
import { type Running, run, start } from './testing.ts';

const folder = mkdtempSync(path.join(storesFolder, 'fairlead-up-'));
const home = path.join(folder, 'home');
const environment = { FAIRLEAD_HOME: home, FAIRLEAD_API: '127.0.0.1:0', FAIRLEAD_XDS: '127.0.0.1:0' };
const started: Running[] = [];
/** The first that is tried puts every port above those of a demo that somebody runs beside, and below those of tests' databases. */
let offset = 3_000;

beforeAll(async () => {
  while (!(await allFree(offset))) offset += 1_000;
});
afterEach(async () => {
  for (const { child, ended } of started.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
  await allGone();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Whether every port of the demo can be had. */
async function allFree(candidate: number): Promise<boolean> {
  const free = await Promise.all(demoPorts(candidate).map(({ port }) => isFree(port)));
  return free.every(Boolean);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Not by taking the port, which would be in the way of who is to have it. */
function isServed(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

async function allGone(): Promise<void> {
  await expect.poll(() => allFree(offset)).toBe(true);
}

function up(): Running {
  const running = start(['up', '--demo', '--port-offset', String(offset)], { environment, cwd: folder });
  started.push(running);
  return running;
}

function ask(pathname: string, headers: http.OutgoingHttpHeaders = {}): Promise<{ backend: string }> {
  return new Promise((resolve, reject) => {
    const options = { port: ports.front + offset, path: pathname, headers: { host: 'shop.example.com', ...headers } };
    http
      .get({ ...options, host: '127.0.0.1', agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve(JSON.parse(text) as { backend: string }));
      })
      .on('error', reject);
  });
}

/** The command line as `up` says it should be typed. */
function printed(running: Running, command: string): string[] {
  const line = running
    .output()
    .split('\n')
    .find((one) => one.includes(`npx fairlead ${command}`));
  if (!line) throw new Error(`no line for ${command} in:\n${running.output()}`);
  return line.trim().split(' ').slice(2);
}

test('the first start brings up the whole demo, and what it prints to try works', async () => {
  const running = up();
  await running.printed('Ctrl-C stops everything');
  expect(['orders-1', 'orders-2', 'orders-v2']).toContain((await ask('/api/v1/orders/7')).backend);
  expect((await ask('/api/v1/orders', { 'x-version': 'beta' })).backend).toBe('orders-v2');
  expect((await ask('/')).backend).toBe('web');

  const token = readFileSync(path.join(home, 'token'), 'utf8').trim();
  expect(running.output()).toContain(token);
  expect(statSync(path.join(home, 'token')).mode & 0o777).toBe(0o600);

  const status = await run(printed(running, 'status'), { cwd: folder });
  for (const node of ['edge-1 +edge', 'edge-2 +edge', 'l4-1 +front']) {
    expect(status.stdout).toMatch(new RegExp(`^${node} +yes +synced`, 'm'));
  }
  expect((await run(printed(running, 'get routes'), { cwd: folder })).stdout).toContain('orders:90 orders-v2:10');
  const canary = await run(printed(running, 'apply -f'), { cwd: folder });
  expect(canary.stdout).toContain('edge 2/2 nodes synced');
  const logs = () => ['edge-1', 'edge-2'].map((id) => readFileSync(path.join(home, id, 'access.log'), 'utf8')).join('');
  await expect.poll(logs).toContain('"authority":"shop.example.com"');

  running.child.kill('SIGTERM');
  expect((await running.ended).code).toBe(0);
});

test('the second start finds the documents as they were left, and a node that dies comes back', async () => {
  const running = up();
  await running.printed('Ctrl-C stops everything');
  expect(running.output()).toContain('Found the documents of an earlier start');
  expect(running.output()).not.toContain('Administrator token');
  const routes = await run(printed(running, 'get routes'), { cwd: folder });
  expect(routes.stdout).toContain('orders:50 orders-v2:50');

  const node = await run([...printed(running, 'status'), 'edge-1', '-o', 'json'], { cwd: folder });
  expect(JSON.parse(node.stdout)).toMatchObject({ id: 'edge-1', connected: true });
  const lines = readFileSync(path.join(home, 'edge-1', 'pid'), 'utf8');
  process.kill(Number(lines), 'SIGKILL');
  await running.printed('"child-died"');
  await expect.poll(() => isServed(ports.edges['edge-1'] + offset)).toBe(true);

  // However the whole ends, nothing stays behind: see afterEach.
  running.child.kill('SIGKILL');
});

test('a port that is taken is named, with the way around it, and nothing is left running', async () => {
  const taken = net.createServer();
  await new Promise<void>((resolve) => taken.listen(ports.front + offset, '127.0.0.1', resolve));
  try {
    const refused = await up().ended;
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`port ${ports.front + offset} (the front door`);
    expect(refused.stderr).toContain('--port-offset');
  } finally {
    await new Promise((resolve) => taken.close(resolve));
  }
});

test('another port offset than the documents have is refused with the one that they have', async () => {
  const other = start(['up', '--demo', '--port-offset', String(offset + 37)], { environment, cwd: folder });
  started.push(other);
  const refused = await other.ended;
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(`--port-offset ${offset}`);
});

test('a stop while it starts is a stop', async () => {
  const running = up();
  await running.printed('Starting the control plane');
  running.child.kill('SIGINT');
  expect((await running.ended).code).toBe(0);
});
