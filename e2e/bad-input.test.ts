/** Bad input in every shape that people send: a clear problem with its remedy, nothing half-written, no stack trace. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { copyEmptyStore } from '../control-plane/store/testing-empty.ts';
import {
  adminToken,
  Cleanup,
  type ControlPlaneProcess,
  run,
  startControlPlane,
  startProgram,
  temporaryFolder,
  waitFor,
} from './support/fairlead.ts';

/** No other process has this address as well. */
const own = { host: `127.${64 + (process.pid >> 16)}.${(process.pid >> 8) & 255}.${process.pid & 255}`, port: 18_080 };
const cleanup = new Cleanup();
let controlPlane: ControlPlaneProcess;

beforeAll(async () => {
  controlPlane = await startControlPlane(cleanup);
  await controlPlane.apply(`
kind: NodeGroup
name: edge
spec: { tier: l7 }
---
kind: Listener
name: public
spec: { groups: [edge], address: ${own.host}, port: ${own.port}, protocol: http }
`);
});

afterAll(() => cleanup.run());

const stackTrace = /\n\s+at .+:\d+:\d+|node_modules|\.ts:\d+/;

async function revision(): Promise<string> {
  const listed = await controlPlane.rest<{ items: { revision: number }[] }>('GET', '/v1/listeners');
  return JSON.stringify(listed.items.map((item) => item.revision));
}

const cluster = 'kind: Cluster\nname: good\nspec: { endpoints: [{ address: 127.0.0.1, port: 9001 }] }\n';

test.each([
  ['malformed YAML', 'kind: Cluster\nname: [oops\n', 400, /Line 3, column 1/],
  ['an unknown kind', `${cluster}---\nkind: Clutser\nname: x\nspec: {}\n`, 422, /Cluster/],
  ['an unknown field', `${cluster}---\nkind: Cluster\nname: x\nspec: { endpoint: [] }\n`, 422, /endpoints/],
  [
    'a field that is not carried out yet',
    `${cluster}---\nkind: Cluster\nname: x\nspec: { endpoints: [], tls: { sni: a.b } }\n`,
    422,
    /not supported yet/,
  ],
  ['a kind that is not carried out yet', `${cluster}---\nkind: Grant\nname: x\nspec: {}\n`, 422, /not supported yet/],
  [
    'a dangling cluster reference',
    `${cluster}---\nkind: Route\nname: r\nspec: { hosts: ["*"], to: [{ cluster: nowhere }] }\n`,
    422,
    /nowhere/,
  ],
  [
    'a port clash',
    `${cluster}---\nkind: Listener\nname: other\nspec: { groups: [edge], address: 0.0.0.0, port: ${own.port}, protocol: http }\n`,
    409,
    /public/,
  ],
])('%s: refused as a whole with pointer and remedy', async (_what, yaml, status, names) => {
  const before = await revision();
  const response = await controlPlane.fetch('POST', '/v1/apply', yaml);
  const text = await response.text();
  expect(response.status, text).toBe(status);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  const problem = JSON.parse(text) as {
    title: string;
    detail: string;
    problems?: { detail: string; remedy: string; pointer: string }[];
  };
  expect(problem.title).toBeTruthy();
  expect(text).toMatch(names);
  expect(text).not.toMatch(stackTrace);
  for (const one of problem.problems ?? []) expect(one.remedy).toBeTruthy();
  expect((await controlPlane.fetch('GET', '/v1/clusters/good')).status).toBe(404);
  expect(await revision()).toBe(before);
});

test('a 10 MB body is 413, and the server goes on', async () => {
  const body = `# ${'x'.repeat(10_000_000)}\n${cluster}`;
  const answer = await controlPlane.fetch('POST', '/v1/apply', body).then(
    async (response) => ({ status: response.status, text: await response.text() }),
    (error: Error) => ({ status: 0, text: String(error.cause ?? error) }),
  );
  expect(answer.text).not.toMatch(stackTrace);
  expect(answer.status, answer.text).toBe(413);
  expect(answer.text).toMatch(/MiB|bytes/);
  expect((await controlPlane.fetch('GET', '/healthz')).status).toBe(200);
});

test('a wrong token is 401 with what to do, no token too; health needs none', async () => {
  for (const authorization of ['Bearer wrong', '']) {
    const response = await fetch(`${controlPlane.api}/v1/listeners`, { headers: { authorization } });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toContain('Bearer');
    expect(await response.text()).toMatch(/token/i);
  }
  expect((await fetch(`${controlPlane.api}/healthz`)).status).toBe(200);
  expect((await fetch(`${controlPlane.api}/readyz`)).status).toBe(200);
  for (const closed of ['/metrics', '/docs', '/docs/json'])
    expect((await fetch(controlPlane.api + closed)).status, closed).toBe(401);
});

test('a node with a wrong token, and one with the token of another group, are told why', async () => {
  const wrong = await controlPlane.nodeToken('other');
  const refused = async ([token, words]: [string, RegExp]): Promise<void> => {
    const node = startProgram(['data-plane', '--group', 'edge', '--id', 'x', '--xds', controlPlane.xds], {
      FAIRLEAD_TOKEN: token,
      FAIRLEAD_ADMIN: '127.0.0.1:0',
    });
    await waitFor('the reason', () =>
      words.test(node.stderr().replaceAll('"group":"edge"', '')) && /auth|permission|denied/i.test(node.stderr())
        ? true
        : undefined,
    );
    expect(node.stderr()).not.toMatch(stackTrace);
    await node.stop();
  };
  const tokens: [string, RegExp][] = [
    ['nonsense', /token/i],
    [wrong, /edge/],
  ];
  await Promise.all(tokens.map(refused));
});

test('a port in use: one line that names it, exit code 1', async () => {
  const taken = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as net.AddressInfo;
  const home = await temporaryFolder(cleanup);
  const env = {
    FAIRLEAD_HOME: home,
    FAIRLEAD_ADMIN_TOKEN: adminToken,
    FAIRLEAD_API: `127.0.0.1:${port}`,
    FAIRLEAD_XDS: '127.0.0.1:0',
  };
  const other = {
    ...{ FAIRLEAD_HOME: await temporaryFolder(cleanup), FAIRLEAD_ADMIN_TOKEN: adminToken },
    ...{ FAIRLEAD_API: '127.0.0.1:0', FAIRLEAD_XDS: `127.0.0.1:${port}` },
  };
  const admin = { FAIRLEAD_ADMIN: `127.0.0.1:${port}`, FAIRLEAD_HOME: home };
  const all = await Promise.all([
    run(['control-plane'], env),
    run(['control-plane'], other),
    run(['data-plane', '--group', 'g', '--id', 'i'], admin),
  ]);
  for (const ended of all) {
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain(String(port));
    expect(ended.stderr).toMatch(/in use/);
    expect(ended.stderr).not.toMatch(stackTrace);
  }
  taken.close();
});

test('a listener whose port is taken is reported by the node, which serves the others and tries again', async () => {
  const taken = net.createServer().listen(own);
  await new Promise((resolve) => taken.once('listening', resolve));
  const token = await controlPlane.nodeToken('edge');
  const node = startProgram(['data-plane', '--group', 'edge', '--id', 'blocked', '--xds', controlPlane.xds], {
    FAIRLEAD_TOKEN: token,
    FAIRLEAD_ADMIN: '127.0.0.1:0',
  });
  await waitFor('the complaint', () => (node.stderr().includes(`${own.port} is in use`) ? true : undefined));
  expect(node.stderr()).toMatch(/--bind/);
  await new Promise((resolve) => taken.close(resolve));
  await waitFor('the listener', () => (/listener bound/.test(node.stderr()) ? true : undefined));
  await node.stop();
});

test('a second control plane on the same embedded store: told which process holds it', async () => {
  const second = await run(['control-plane'], {
    FAIRLEAD_HOME: controlPlane.home,
    FAIRLEAD_ADMIN_TOKEN: adminToken,
    FAIRLEAD_API: '127.0.0.1:0',
    FAIRLEAD_XDS: '127.0.0.1:0',
  });
  expect(second.code).toBe(1);
  expect(second.stderr).toContain(String(controlPlane.program.child.pid));
  expect(second.stderr).toMatch(/DATABASE_URL|FAIRLEAD_HOME/);
  expect(second.stderr).not.toMatch(stackTrace);
  expect((await controlPlane.fetch('GET', '/v1/listeners')).status).toBe(200);
});

test('without an administrator token: told what to set', async () => {
  const ended = await run(['control-plane'], {
    FAIRLEAD_HOME: await temporaryFolder(cleanup),
    FAIRLEAD_API: '127.0.0.1:0',
    FAIRLEAD_XDS: '127.0.0.1:0',
  });
  expect(ended.code).not.toBe(0);
  expect(ended.stderr).toMatch(/FAIRLEAD_ADMIN_TOKEN/);
});

const mayMount = process.getuid?.() === 0;
test.skipIf(!mayMount)(
  'a full disk: the write is refused with what to do, nothing is half-written, and it goes on when there is space',
  async () => {
    const folder = await temporaryFolder(cleanup);
    const home = path.join(folder, 'small');
    mkdirSync(home);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=120m', 'tmpfs', home]);
    cleanup.add(() => execFileSync('umount', ['-l', home]));
    await copyEmptyStore(path.join(home, 'store'));
    const small = await startControlPlane(cleanup, { home });
    await small.apply(cluster);
    const filler = path.join(home, 'filler');
    try {
      writeFileSync(filler, Buffer.alloc(200 * 1024 * 1024));
    } catch {
      // as full as it gets
    }
    let refused: { status: number; text: string } | undefined;
    for (let i = 0; i < 200 && refused === undefined; i++) {
      const documents = Array.from({ length: 20 }, (_, k) =>
        cluster.replace('good', `c-${i}-${k}`).replace('9001', String(1000 + k)),
      ).join('---\n');
      const response = await small.fetch('POST', '/v1/apply', documents);
      if (response.status !== 200) refused = { status: response.status, text: await response.text() };
    }
    expect(refused?.status, refused?.text).toBe(507);
    expect(refused?.text).toMatch(/disk|space/i);
    expect(refused?.text).not.toMatch(stackTrace);
    const count = async (): Promise<number> =>
      (await small.rest<{ items: unknown[] }>('GET', '/v1/clusters?limit=1000')).items.length;
    expect((await count()) % 20).toBe(1);
    writeFileSync(filler, '');
    await waitFor('writes to work again', async () =>
      (await small.fetch('POST', '/v1/apply', cluster.replace('good', 'after'))).status === 200 ? true : undefined,
    );
  },
);

test('the command line prints file, pointer and remedy, and exits with 1', async () => {
  const file = path.join(await temporaryFolder(cleanup), 'bad.yaml');
  writeFileSync(file, `${cluster}---\nkind: Route\nname: r\nspec: { hosts: ["*"], to: [{ cluster: nowhere }] }\n`);
  const ended = await run(['apply', '-f', file], controlPlane.env);
  expect(ended.code).toBe(1);
  expect(ended.stderr).toMatch(/bad\.yaml.*\/spec\/to\/0\/cluster/);
  expect(ended.stderr).not.toMatch(stackTrace);
  const usage = await run(['apply', '--no-such-flag'], controlPlane.env);
  expect(usage.code).toBe(2);
});
