/** The database is restored to an older state under two replicas: they freeze, loudly, and nodes keep what they have. */
import pg from 'pg';
import { afterAll, expect, test } from 'vitest';
import {
  adminToken,
  Cleanup,
  type ControlPlaneProcess,
  request,
  run,
  startBackend,
  startControlPlane,
  startDataPlane,
  waitFor,
} from './support/fairlead.ts';
import { ownLoopback } from './support/ports.ts';
import { startPostgres } from './support/postgres.ts';

const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const sentence = /does not hold what this control plane has read: .*revision 2.* restart every replica/;

test('a restored database is said everywhere and taken nowhere, until the replicas are restarted', async () => {
  const server = await startPostgres();
  cleanup.add(() => server.stop());
  const url = await server.createDatabase();
  const database = new URL(url).pathname.slice(1);
  const query = async (...statements: string[]): Promise<void> => {
    const client = new pg.Client(server.url());
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  };
  const env = { DATABASE_URL: url };
  // where they come back to
  const own = `${ownLoopback()}:0`;
  const start = (): Promise<ControlPlaneProcess> => startControlPlane(cleanup, { api: own, xds: own, env });
  const [first, second] = [await startBackend(cleanup, 'first'), await startBackend(cleanup, 'second')];
  const cluster = (port: number) => ({ spec: { endpoints: [{ address: '127.0.0.1', port }] } });
  const before = await start();
  await before.apply(`kind: NodeGroup
name: edge
spec: {}
---
kind: Listener
name: public
spec: { groups: [edge], address: 127.0.0.1, port: 0 }
---
kind: Cluster
name: a
spec: ${JSON.stringify(cluster(first.port).spec)}
---
kind: Route
name: a
spec: { hosts: ["*"], to: { cluster: a } }
`);
  await before.program.stop();
  await query(`create database backup template ${database}`);

  const replicas = await Promise.all([start(), start()]);
  const xds = replicas.map((replica) => replica.xds).join();
  const join = (id: string) => startDataPlane(cleanup, { xds, nodeToken: async () => adminToken }, 'edge', id);
  const backendOf = async (port: number): Promise<string> => JSON.parse((await request(port, {})).body).backend;
  const port = await (await join('n1')).port('public');
  await replicas[0].rest('PUT', '/v1/clusters/a', cluster(second.port));
  await waitFor('the second revision', async () => ((await backendOf(port)) === 'second' ? true : undefined));

  await query(`drop database ${database} with (force)`, `alter database backup rename to ${database}`);
  for (const replica of replicas) {
    const detail = await waitFor('it to freeze', async () => {
      const response = await fetch(`${replica.api}/readyz`);
      const body = (await response.json()) as { detail?: string };
      return response.status === 503 && sentence.test(body.detail ?? '') ? body.detail : undefined;
    });
    await expect.poll(replica.program.stderr).toMatch(/"level":"?(?:60|fatal).*"event":"store.went-back"/);
    const { stdout } = await run(['status'], replica.env);
    expect(stdout).toMatch(/^NOT READY /);
    expect(stdout).toContain(detail);
    expect(await replica.rest('GET', '/v1/nodes')).toMatchObject({ problems: [detail] });
    const write = await replica.fetch('PUT', '/v1/clusters/b', cluster(first.port));
    expect(write.status).toBe(503);
    expect(await write.text()).toMatch(sentence);
    expect(await (await replica.fetch('GET', '/metrics')).text()).toContain('\nfairlead_store_frozen 1\n');
    expect((await fetch(`${replica.api}/healthz`)).status).toBe(200);
  }
  // who is there keeps what it has, and who joins gets the same
  expect(await backendOf(port)).toBe('second');
  expect(await backendOf(await (await join('n2')).port('public'))).toBe('second');

  const addresses = replicas.map(({ api, xds }) => ({ api: api.replace('http://', ''), xds }));
  await Promise.all(replicas.map(({ program }) => program.stop()));
  const [after] = await Promise.all(addresses.map((at) => startControlPlane(cleanup, { ...at, env })));
  await waitFor('the database as it is now', async () => ((await backendOf(port)) === 'first' ? true : undefined));
  expect(await after!.rest('PUT', '/v1/clusters/a', cluster(second.port))).toMatchObject({ revision: 2 });
  await waitFor('a write again', async () => ((await backendOf(port)) === 'second' ? true : undefined));
}, 120_000);
