/** The commands against a real control plane, each in a process of its own. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { copyEmptyStore, storesFolder } from '../store/testing-empty.ts';
import { type ControlPlane, startControlPlane } from '../wire.ts';
import { node, RawClient } from '../xds/testing/raw-client.ts';
import { StateClient } from '../xds/testing/state-client.ts';
import { type Ran, type RunOptions, run, start } from './testing.ts';

const adminToken = 'the-administrator';
const demo = path.resolve(import.meta.dirname, '../../examples/demo');

let folder: string;
let controlPlane: ControlPlane;
let environment: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = mkdtempSync(path.join(storesFolder, 'fairlead-cli-'));
  const free = { host: '127.0.0.1', port: 0 };
  const settings = {
    api: free,
    xds: free,
    xdsTls: undefined,
    home: path.join(folder, 'home'),
    databaseUrl: undefined,
    adminToken,
  };
  await copyEmptyStore(path.join(settings.home, 'store'));
  controlPlane = await startControlPlane(settings, { logger: pino({ level: 'silent' }) });
  environment = { FAIRLEAD_API: controlPlane.api.replace('http://', ''), FAIRLEAD_TOKEN: adminToken };
});
afterAll(async () => {
  await controlPlane.close();
  rmSync(folder, { recursive: true });
});

const fairlead = (args: string, options: RunOptions = {}): Promise<Ran> =>
  run(args.split(' '), { cwd: folder, ...options, environment: { ...environment, ...options.environment } });

test('apply puts a folder in one revision, says so, and changes nothing the second time', async () => {
  const dry = await fairlead(`apply -f ${demo} --dry-run`);
  expect(dry).toMatchObject({ code: 0, stderr: '' });
  expect(dry.stdout).toContain('dry run: 14 changed; nothing was written');
  const first = await fairlead(`apply -f ${demo} --set demo --wait`);
  expect(first.code).toBe(0);
  expect(first.stdout).toContain('Route checkout/orders created\n');
  expect(first.stdout).toContain('revision 1: 14 changed');
  expect(first.stdout).toContain('edge 0/0, front 0/0 nodes synced');
  const second = await fairlead(`apply -f ${demo} --set demo`);
  expect(second.stdout).toContain('revision 1: 0 changed, 14 unchanged');
});

test('apply shows each field that changes, from standard input too', async () => {
  const before = await fairlead('get route orders -t checkout -o yaml');
  const input = before.stdout
    .replace('prefix: /api/v1/orders', 'exact: /api/v1/orders')
    .replace('weight: 90', 'weight: 91');
  const applied = await fairlead('apply -f -', { input });
  expect(applied.stdout).toContain('Route checkout/orders updated\n');
  expect(applied.stdout).toContain('- /spec/match/path/prefix: "/api/v1/orders"\n');
  expect(applied.stdout).toContain('+ /spec/match/path/exact: "/api/v1/orders"\n');
  expect(applied.stdout).toContain('~ /spec/to/0/weight: 90 → 91\n');
  expect((await fairlead('apply -f -', { input: before.stdout })).code).toBe(0);
});

test('diff shows what apply would change, and what that does to the keys of a cluster, and ends with 1', async () => {
  const cluster = (count: number) => {
    const endpoints = Array.from({ length: count }, (_, index) => ({ address: '10.9.0.1', port: 81 + index }));
    return JSON.stringify({ kind: 'Cluster', name: 'keyed', spec: { balance: { policy: 'maglev' }, endpoints } });
  };
  expect((await fairlead('apply -f -', { input: cluster(4) })).code).toBe(0);
  const diff = await fairlead('diff -f -', { input: cluster(3) });
  expect(diff.code).toBe(1);
  expect(diff.stdout).toContain('Cluster keyed updated\n');
  expect(diff.stdout).toMatch(/^ {2}2\d\.\d% of the keys move; loads from 100\.0% \(10\.9\.0\.1:8\d\) to 100\.0% /m);
  expect(diff.stdout).toContain('  1 of 3 endpoints may fail before it panics (now 2)\n');
  expect(diff.stdout).toContain('dry run: 1 changed; nothing was written\n');
  expect(await fairlead('diff -f -', { input: cluster(4) })).toMatchObject({
    code: 0,
    stdout: 'dry run: 0 changed; nothing was written\n',
  });
});

test('a refused apply names file, document, place and remedy, exits 1, and shows no stack', async () => {
  mkdirSync(path.join(folder, 'bad'));
  writeFileSync(path.join(folder, 'bad/a.yaml'), 'kind: NodeGroup\nname: fine\nspec: { tier: l7 }\n');
  writeFileSync(
    path.join(folder, 'bad/b.json'),
    JSON.stringify([{ kind: 'NodeGroup', name: 'x', spec: { tier: 'l9' } }]),
  );
  writeFileSync(
    path.join(folder, 'bad/c.yaml'),
    '---\n---\nkind: NodeGroup\nname: y\nspec: { teir: l7 }\n---\nkind: Cluster\nname: Z\nspec: {}\n',
  );
  const refused = await fairlead('apply -f bad');
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/^ {2}bad\/b\.json#1 \(line 1\) \/spec\/tier: .+ → .+$/m);
  expect(refused.stderr).toMatch(/^ {2}bad\/c\.yaml#1 \(line 3\) \/spec\/teir: .+ → Did you mean `tier`\?$/m);
  expect(refused.stderr).toMatch(/^ {2}bad\/c\.yaml#2 \(line 7\) \/name: .+$/m);
  expect(refused.stderr).not.toMatch(/\bat .+:\d+:\d+/);
  expect((await fairlead('get nodegroup fine')).code).toBe(1);
});

test('what is no YAML is told with file, line and column before anything is sent', async () => {
  writeFileSync(path.join(folder, 'broken.yaml'), 'kind: Route\nname: [x\nspec: {}\n');
  const refused = await fairlead('apply -f broken.yaml');
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/broken\.yaml:3:1: /);
  expect((await fairlead('apply -f nowhere.yaml')).stderr).toContain('There is no file or folder nowhere.yaml');
});

test('a table says where clusters and L4 routes lead', async () => {
  const documents = [
    'kind: NodeGroup\nname: tiers\n',
    'kind: Listener\nname: passing\nspec: { groups: tiers, port: 0, protocol: tls-passthrough }\n',
    'kind: Cluster\nname: next\nspec: { protocol: tcp, nodes: { group: tiers, listener: passing } }\n',
    'kind: L4Route\nname: next\nspec: { listener: passing, serverNames: [a.b, "*.c"], sources: 10.0.0.0/8, to: [{ cluster: next }] }\n',
  ];
  writeFileSync(path.join(folder, 'tiers.yaml'), documents.join('---\n'));
  expect((await fairlead('apply -f tiers.yaml')).code).toBe(0);
  expect((await fairlead('get clusters')).stdout).toMatch(/ next .* nodes of tiers at passing/);
  expect((await fairlead('get l4routes')).stdout).toMatch(/ next .* passing a\.b,\*\.c 10\.0\.0\.0\/8 -> next/);
  expect((await fairlead('delete -f tiers.yaml')).code).toBe(0);
});

test('get prints a table, filters by label, and finds one document by kind/name', async () => {
  const all = await fairlead('get routes');
  expect(all.stdout).toMatch(/^TENANT +NAME +REVISION/);
  expect(all.stdout).toMatch(/checkout +orders-beta .* shop\.example\.com prefix \/api\/v1\/orders -> orders-v2/);
  const labelled = await fairlead('get routes -l app=web');
  expect(labelled.stdout.trim().split('\n')).toHaveLength(2);
  const tried = await fairlead('get routes --host Shop.example.com:8080 --ordered -o json');
  const { items } = JSON.parse(tried.stdout) as { items: { name: string }[] };
  expect(items.map(({ name }) => name).slice(0, 2)).toEqual(['orders-beta', 'orders']);
  expect((await fairlead('get routes --host nobody.example.org')).stdout).toBe('No routes.\n');
  const one = await fairlead('get listeners/front -o json');
  expect(JSON.parse(one.stdout)).toMatchObject({ kind: 'Listener', name: 'front' });
  const whose = await fairlead('get route orders');
  expect(whose.code).toBe(1);
  expect(whose.stderr).toContain('fairlead get routes orders --tenant checkout');
});

test('status says that no node has connected, as text and as JSON', async () => {
  expect((await fairlead('status')).stdout).toContain('No node has connected yet');
  expect(JSON.parse((await fairlead('status -o json')).stdout)).toEqual({ items: [] });
  const nobody = await fairlead('status nobody');
  expect(nobody.code).toBe(1);
  expect(nobody.stderr).toContain('No node nobody has connected');
});

test('a node is drained, followed until it is empty, shown meanwhile, and put in again', async () => {
  const token = (await fairlead('token create --role node:edge')).stdout.trim();
  const [host = '', port] = controlPlane.xds.split(':');
  const client = new RawClient({ host, port: Number(port) });
  const stream = client.open('delta', 'ads', token);
  await stream.subscribe('listeners').take();
  const state = new StateClient(controlPlane.xds, token);
  const listeners = [{ name: 'public', address: '127.0.0.1', port: 8081 }];
  state.say({ node, phase: 'LIVE', listeners, connections: 4 });
  await state.until(1);

  const drain = start(['drain', 'node', 'n1', '--timeout', '5m', '--wait'], { cwd: folder, environment });
  await state.until(2);
  expect(state.orders[1]?.drain).toBe(true);
  state.say({ phase: 'LEAVING', listeners, connections: 4 });
  await drain.printed('4 of 4 connections left');
  expect((await fairlead('status')).stdout).toMatch(/^DRAINING n1: until \S+Z, 4 connections left, ordered by /m);
  state.say({ phase: 'LEAVING', listeners, connections: 1 });
  await drain.printed('n1: [###############-----] 1 of 4 connections left');
  state.say({ phase: 'LEAVING', listeners, connections: 0 });
  const { code, stdout, stderr } = await drain.ended;
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^n1 drains\. What is open at \S+Z is cut\.$/m);
  expect(stdout.trimEnd()).toMatch(/\] empty$/);

  expect((await fairlead('undrain node n1')).stdout).toContain('n1 takes connections again');
  await state.until(3);
  expect(state.orders[2]?.drain ?? false).toBe(false);
  state.close();
  stream.cancel();
  await stream.ended;
  client.close();
  expect((await fairlead('drain node n1')).stdout).toContain('n1 is not connected: it will drain as soon as it is');
  expect((await fairlead('status')).stdout).toContain('DRAINING n1: it is away, ordered by');
  expect((await fairlead('drain node nobody')).stderr).toContain('No node nobody has connected');
  expect((await fairlead('drain node n1 --timeout 45')).stderr).toContain('"45" is a duration without a unit');
});

test('a token is printed alone on standard output, works, and is revoked', async () => {
  const created = await fairlead('token create --role platform --name ci --expires-in 1h');
  expect(created.stdout).toMatch(/^fl_\S+\n$/);
  expect(created.stderr).toContain('not shown again');
  const token = created.stdout.trim();
  const listed = await fairlead('token list', { environment: { FAIRLEAD_TOKEN: token } });
  const [, id] = /^(\S+) +ci +platform /m.exec(listed.stdout) ?? [];
  expect((await fairlead(`token revoke ${id}`)).code).toBe(0);
  const refused = await fairlead('get routes', { environment: { FAIRLEAD_TOKEN: token } });
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('fairlead token create');
});

test('a bootstrap file is printed as it must stand in a file', async () => {
  const printed = await fairlead('bootstrap envoy --group edge --id e1 --variant sotw --admin-port 9901');
  expect(printed.code).toBe(0);
  expect(printed.stdout).toMatch(/^# Envoy e1 in group edge\./);
  expect(printed.stdout).toContain('port_value: 9901');
  const [host, port] = controlPlane.xds.split(':');
  expect(printed.stdout).toContain(`address: ${host}\n`);
  expect(printed.stdout).toContain(`port_value: ${port}`);
});

test("gRPC's bootstrap file is JSON and nothing else", async () => {
  const printed = await fairlead('bootstrap grpc --group edge --id g1');
  expect(printed.code).toBe(0);
  const server_uri = controlPlane.xds;
  expect(JSON.parse(printed.stdout)).toMatchObject({
    xds_servers: [{ server_uri }],
    node: { id: 'g1', cluster: 'edge' },
  });
});

test('the token in the state folder is found, and a wrong one or no server is told plainly', async () => {
  writeFileSync(path.join(folder, 'token'), `${adminToken}\n`);
  const bare = { FAIRLEAD_TOKEN: undefined };
  expect((await fairlead(`get routes --home ${folder}`, { environment: bare })).code).toBe(0);
  expect((await fairlead('get routes', { environment: { ...bare, FAIRLEAD_HOME: folder } })).code).toBe(0);
  expect((await fairlead('get routes', { environment: bare })).stderr).toContain('authorization: Bearer');
  const silent = await fairlead('status', { environment: { FAIRLEAD_API: '127.0.0.1:7' } });
  expect(silent.code).toBe(1);
  expect(silent.stderr).toContain('Is the control plane running?');
});

test.each([
  '',
  'nonsense',
  'get',
  'apply',
  'get routes --wrong',
  'get routes --ordered',
  'get clusters --host shop.example.com',
  'get routes -o xml',
  'delete',
  'token create',
  'data-plane',
])('`fairlead %s` was called wrongly: usage on standard error, exit code 2', async (args) => {
  const ran = await run(args === '' ? [] : args.split(' '), { environment });
  expect(ran.code).toBe(2);
  expect(ran.stderr).not.toBe('');
  expect(ran.stderr).not.toMatch(/\bat .+:\d+:\d+/);
});

test('help and version are no failures', async () => {
  expect(await fairlead('--help')).toMatchObject({ code: 0, stderr: '' });
  expect(await fairlead('token create --help')).toMatchObject({ code: 0, stderr: '' });
  expect((await fairlead('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test('delete refuses what is still named, and takes a whole file in one revision', async () => {
  const named = await fairlead('delete cluster orders -t checkout');
  expect(named.code).toBe(1);
  expect(named.stderr).toContain('Route checkout/orders');
  expect((await fairlead('delete routes/web -n checkout --dry-run')).stdout).toContain('nothing was written');
  expect((await fairlead(`delete -f ${demo} --dry-run`)).stdout).toContain('dry run: 14 changed');
  expect((await fairlead('delete route web -t checkout')).stdout).toContain('Route checkout/web deleted');
  const all = await fairlead(`delete -f ${demo}`);
  expect(all.stdout).toContain('Route checkout/web is not there');
  expect(all.stdout).toMatch(/revision \d+: 13 changed\n$/);
  expect((await fairlead('get routes')).stdout).toBe('No routes.\n');
});
