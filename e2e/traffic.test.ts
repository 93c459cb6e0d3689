/** Documents in, traffic out: through the command line, REST, xDS and real sockets. */
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type Backend,
  Cleanup,
  type ControlPlaneProcess,
  type DataPlaneProcess,
  request,
  run,
  startBackend,
  startControlPlane,
  startDataPlane,
  temporaryFolder,
  waitFor,
} from './support/fairlead.ts';
import { ownLoopback } from './support/ports.ts';

const cleanup = new Cleanup();
let controlPlane: ControlPlaneProcess;
let nodes: DataPlaneProcess[];
let blue: Backend & { healthy: boolean };
let green: Backend & { healthy: boolean };
const host = 'shop.example.com';
/** Of the control plane, which goes and comes back. */
const address = ownLoopback();

const route = (name: string, prefix: string, cluster: string, more = ''): string => `---
kind: Route
tenant: checkout
name: ${name}
spec:
  hosts: [${host}]
  match: { path: { prefix: ${prefix} }${more} }
  to: [{ cluster: ${cluster} }]
`;

beforeAll(async () => {
  [controlPlane, blue, green] = await Promise.all([
    startControlPlane(cleanup, { api: `${address}:0`, xds: `${address}:0` }),
    startBackend(cleanup, 'blue'),
    startBackend(cleanup, 'green'),
  ]);
  await controlPlane.apply(`
kind: NodeGroup
name: edge
spec: { tier: l7 }
---
kind: Tenant
name: checkout
spec: { claims: [{ host: ${host} }] }
---
kind: Listener
name: public
spec: { groups: [edge], address: 127.0.0.1, port: 0, protocol: http }
---
kind: Listener
name: raw
spec: { groups: [edge], address: 127.0.0.1, port: 0, protocol: tcp }
---
kind: L4Route
name: raw
spec: { listener: raw, to: [{ cluster: tcp-blue }] }
---
kind: Cluster
name: tcp-blue
spec: { protocol: tcp, endpoints: [{ address: 127.0.0.1, port: ${blue.port} }] }
---
kind: Cluster
tenant: checkout
name: blue
spec: { endpoints: { address: 127.0.0.1, port: ${blue.port} } }
---
kind: Cluster
tenant: checkout
name: green
spec: { endpoints: { address: 127.0.0.1, port: ${green.port} } }
---
kind: Cluster
tenant: checkout
name: named
spec: { dns: { host: localhost, port: ${blue.port} } }
---
kind: Cluster
tenant: checkout
name: logical
spec: { dns: { host: localhost, port: ${green.port}, resolve: logical, refresh: 1h } }
---
kind: Cluster
tenant: checkout
name: checked
spec:
  endpoints: [{ address: 127.0.0.1, port: ${blue.port} }, { address: 127.0.0.1, port: ${green.port} }]
  balance: { policy: round-robin, panic: 0% }
  health: { active: { http: { path: /healthz }, interval: 100ms, timeout: 30s, unhealthyAfter: 2, healthyAfter: 1 } }
${route('blue', '/', 'blue')}${route('green', '/green', 'green')}${route('checked', '/checked', 'checked')}
${route('named', '/named', 'named')}${route('logical', '/logical', 'logical')}
${route('post', '/', 'green', ', methods: [POST]')}${route('beta', '/', 'green', ', headers: [{ name: x-version, exact: beta }]')}
---
kind: Route
tenant: checkout
name: split
spec:
  hosts: [${host}]
  match: { path: { exact: /split } }
  to: [{ cluster: blue, weight: 1 }, { cluster: green, weight: 1 }]
`);
  nodes = await Promise.all(
    ['n1', 'n2'].map((id) => startDataPlane(cleanup, controlPlane, 'edge', id, ['--concurrency', '2'])),
  );
});

afterAll(() => cleanup.run());

/** Name of the backend that answers, or the status. */
async function ask(port: number, options: Parameters<typeof request>[1] = {}): Promise<string> {
  const answer = await request(port, { host, ...options });
  return answer.status === 200 ? JSON.parse(answer.body).backend : String(answer.status);
}

test('the route that the documents name serves the request, on every node', async () => {
  for (const node of nodes) {
    const port = await node.port('public');
    expect(await ask(port)).toBe('blue');
    expect(await ask(port, { path: '/green/1' })).toBe('green');
    expect(await ask(port, { path: '/greener' })).toBe('blue');
    expect(await ask(port, { method: 'POST', body: 'x' })).toBe('green');
    expect(await ask(port, { headers: { 'x-version': 'beta' } })).toBe('green');
    expect(await ask(port, { host: 'other.example.com' })).toBe('404');
    const split = await Promise.all(Array.from({ length: 40 }, () => ask(port, { path: '/split' })));
    expect(new Set(split)).toEqual(new Set(['blue', 'green']));
    expect(await ask(await node.port('raw'))).toBe('blue');
  }
});

test('a name is looked up before it is used, by the node and not by its threads', async () => {
  for (const node of nodes) {
    const port = await node.port('public');
    expect(await ask(port, { path: '/named' })).toBe('blue');
    expect(await ask(port, { path: '/logical' })).toBe('green');
    const stats = await (await fetch(`${node.admin}/stats`)).text();
    expect(stats).toMatch(/^cluster\.checkout\/logical\.update_success: 1$/m);
    expect(stats).toMatch(/^cluster\.checkout\/logical\.membership_total: 1$/m);
    const clusters = await (await fetch(`${node.admin}/clusters`)).text();
    expect(clusters).toMatch(new RegExp(`^checkout/named::127\\.0\\.0\\.1:${blue.port}::`, 'm'));
  }
});

test('status shows every node and type as synced', async () => {
  const status = await run(['status'], controlPlane.env);
  expect(status.code).toBe(0);
  for (const id of ['n1', 'n2']) expect(status.stdout).toMatch(new RegExp(`${id}.*edge`));
  const synced = { state: 'synced' };
  const types = { listeners: synced, routes: synced, clusters: synced, endpoints: synced };
  for (const { id } of nodes) {
    const view = () => controlPlane.rest('GET', `/v1/nodes/${id}`);
    await expect.poll(view, { message: id }).toMatchObject({ group: 'edge', connected: true, types });
  }
});

test('a document changed by fairlead apply is acknowledged by every node and routes', async () => {
  const file = path.join(await temporaryFolder(cleanup), 'route.yaml');
  const ports = await Promise.all(nodes.map((node) => node.port('public')));
  await writeFile(file, route('green', '/green', 'blue').replace('---\n', ''));
  const applied = run(['apply', '-f', file, '--wait'], controlPlane.env);
  const started = await applied;
  expect(started.stderr + started.stdout).toContain('green');
  expect(started.code).toBe(0);
  // the threads of a node hear of it a moment later
  for (const port of ports) await expect.poll(() => ask(port, { path: '/green' })).toBe('blue');

  await controlPlane.apply(route('green', '/green', 'green'));
  for (const port of ports) await expect.poll(() => ask(port, { path: '/green' })).toBe('green');
});

test('an endpoint that fails its active checks gets no request, and gets them again when it is well', async () => {
  const port = await nodes[0]!.port('public');
  const served = async (): Promise<string> =>
    [...new Set(await Promise.all(Array.from({ length: 6 }, () => ask(port, { path: '/checked' }))))].sort().join();
  await expect.poll(served).toBe('blue,green');
  green.healthy = false;
  await waitFor('green to be left out', async () => ((await served()) === 'blue' ? true : undefined));
  green.healthy = true;
  await waitFor('green to be back', async () => ((await served()) === 'blue,green' ? true : undefined));
});

test('kill -9 of the control plane under load: no request fails; back again, nothing is resent that did not change', async () => {
  const ports = await Promise.all(nodes.map((node) => node.port('public')));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  let stop = false;
  const answers = { ok: 0, failed: [] as string[] };
  const load = ports.map(async (port) => {
    while (!stop) {
      const answer = await request(port, { host, agent }).catch((error: Error) => ({ status: error.message }));
      if (answer.status === 200) answers.ok++;
      else answers.failed.push(String(answer.status));
      // without pauses there would be nothing left of a small machine for the control plane to start with
      await delay(2);
    }
  });
  await waitFor('some load', () => (answers.ok > 200 ? true : undefined));
  controlPlane.program.child.kill('SIGKILL');
  await controlPlane.program.ended;
  const atDeath = answers.ok;
  await waitFor('more load', () => (answers.ok > atDeath + 500 ? true : undefined));

  controlPlane = await startControlPlane(cleanup, {
    home: controlPlane.home,
    api: controlPlane.api.replace('http://', ''),
    xds: controlPlane.xds,
  });
  await waitFor('both nodes to be synced again', async () => {
    const { items } = await controlPlane.rest<{
      items: { connected: boolean; types: Record<string, { state: string }> }[];
    }>('GET', '/v1/nodes');
    const synced = items.filter((n) => n.connected && Object.values(n.types).every((t) => t.state === 'synced'));
    return synced.length === 2 ? true : undefined;
  });
  // incremental: what the nodes said they hold was not sent again
  const metrics = await (await controlPlane.fetch('GET', '/metrics')).text();
  const bytes = [...metrics.matchAll(/^fairlead_xds_response_bytes_total\{[^}]*\} (\d+)$/gm)].map((m) => Number(m[1]));
  // at most an empty response a type and node, which says that nothing changed
  expect(
    bytes.reduce((sum, n) => sum + n, 0),
    metrics
      .split('\n')
      .filter((l) => l.startsWith('fairlead_xds_res'))
      .join('\n'),
  ).toBeLessThan(2 * 4 * 150);
  await controlPlane.apply(route('after', '/after', 'green'));
  for (const port of ports)
    await waitFor('the route', async () => ((await ask(port, { path: '/after' })) === 'green' ? true : undefined));
  stop = true;
  await Promise.all(load);
  agent.destroy();
  expect(answers.failed).toEqual([]);
});
