/** The load that real nodes report arrives by cluster and locality, request by request, at every replica. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, type ExpectStatic, test } from 'vitest';
import { startEnvoy } from './support/envoy.ts';
import {
  Cleanup,
  type ControlPlaneProcess,
  request,
  run,
  startBackend,
  startControlPlane,
  startDataPlane,
  waitFor,
} from './support/fairlead.ts';
import { requirePeer } from './support/peers.ts';
import { startPostgres } from './support/postgres.ts';

interface Load {
  readonly nodes: number;
  readonly issued: number;
  readonly successful: number;
  readonly errors: number;
  readonly inProgress: number;
}

const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const requests = 37;
const frequently = `--import=${fileURLToPath(new URL('./support/frequent-reports.ts', import.meta.url))}`;

/** A group with a listener and a cluster of its own. */
function documentsOf(group: string, port: number): string {
  return `{ kind: NodeGroup, name: ${group} }
---
{ kind: Listener, name: ${group}, spec: { groups: [${group}], address: 127.0.0.1, port: 0 } }
---
{ kind: Cluster, name: ${group}, spec: { endpoints: [{ address: 127.0.0.1, port: ${port}, zone: z1 }] } }
---
{ kind: Route, name: ${group}, spec: { listeners: ${group}, hosts: ["*"], to: { cluster: ${group} } } }
---
`;
}

async function start(groups: readonly string[], env: Record<string, string> = {}): Promise<ControlPlaneProcess> {
  const controlPlane = await startControlPlane(cleanup, { env: { NODE_OPTIONS: frequently, ...env } });
  const { port } = await startBackend(cleanup, 'a');
  await controlPlane.apply(groups.map((group) => documentsOf(group, port)).join(''));
  return controlPlane;
}

/** Where requests go, and who is to report them where. */
interface Driven {
  readonly controlPlane: ControlPlaneProcess;
  readonly port: number;
  readonly group: string;
  readonly node: string;
}

/**
 * Sends the requests and waits until as many are reported: exactly those, all of them in the zone of the endpoint.
 * @param expect of the test, as tests run side by side
 */
async function driveAndExpect(expect: ExpectStatic, { controlPlane, port, group, node }: Driven): Promise<void> {
  for (let i = 0; i < requests; i++) expect((await request(port, {})).status).toBe(200);
  const load = (): Promise<Load> => controlPlane.rest<Load>('GET', `/v1/clusters/${group}/load`);
  await waitFor('all requests in the load reports', async () => {
    const { issued, inProgress } = await load();
    // a report may fall between an answer and its end
    return issued >= requests && inProgress === 0 ? true : undefined;
  });
  const counts = { issued: requests, successful: requests, errors: 0, inProgress: 0 };
  const expected = {
    name: group,
    nodes: 1,
    ...counts,
    dropped: 0,
    localities: [{ region: '', zone: 'z1', subZone: '', ...counts }],
  };
  // a replica on a busy machine may be taken for dead for a moment
  await expect.poll(load).toEqual(expected);
  const seen = (): Promise<object> => controlPlane.rest('GET', `/v1/nodes/${node}`);
  await expect.poll(seen).toHaveProperty('load', [expected]);
}

let controlPlane: ControlPlaneProcess;
beforeAll(async () => {
  controlPlane = await start(['own', 'envoys']);
});

test.concurrent('our own node reports each of its requests, with where it went', async ({ expect }) => {
  const node = await startDataPlane(cleanup, controlPlane, 'own', 'n1');
  await driveAndExpect(expect, { controlPlane, port: await node.port('own'), group: 'own', node: 'n1' });
  const { stdout } = await run(['status', 'n1'], controlPlane.env);
  expect(stdout).toMatch(/^LOAD OF +ISSUED +SUCCESSFUL +ERRORS +IN PROGRESS +DROPPED$/m);
  expect(stdout).toMatch(/^own +37 +37 +0 +0 +0$/m);
  expect(stdout).toMatch(/^ {2}z1 +37 +37 +0 +0$/m);
});

test
  .skipIf(!requirePeer('envoy'))
  .concurrent('a real Envoy reports each of its requests, with where it went', async ({ expect }) => {
    const flags = ['--group', 'envoys', '--id', 'envoy-1', '--xds', controlPlane.xds];
    const printed = await run(['bootstrap', 'envoy', ...flags], controlPlane.env);
    const envoy = await startEnvoy({ bootstrap: printed.stdout });
    cleanup.add(() => envoy.stop());
    // Envoy counts from the report period after the one in which it got the cluster, and names it at that period's end
    await waitFor('Envoy to report the cluster', async () =>
      (await controlPlane.rest<Load>('GET', '/v1/clusters/envoys/load')).nodes === 1 ? true : undefined,
    );
    const port = await envoy.listenerPort('envoys');
    await driveAndExpect(expect, { controlPlane, port, group: 'envoys', node: 'envoy-1' });
  });

test.concurrent('what is reported to one replica is seen at the other, for as long as that one lives', async ({
  expect,
}) => {
  const server = await startPostgres();
  cleanup.add(() => server.stop());
  const env = { DATABASE_URL: await server.createDatabase(), NODE_OPTIONS: frequently };
  const [a, b] = [await start(['own'], env), await startControlPlane(cleanup, { env })];
  const node = await startDataPlane(cleanup, a, 'own', 'n1');
  await driveAndExpect(expect, { controlPlane: b, port: await node.port('own'), group: 'own', node: 'n1' });
  await waitFor('both to say the same', async () => {
    const [atA, atB] = await Promise.all([a, b].map((one) => one.rest<{ items: Load[] }>('GET', '/v1/load')));
    return atA!.items.length === 1 && JSON.stringify(atA) === JSON.stringify(atB) ? true : undefined;
  });
  await expect.poll(async () => (await run(['status', 'n1'], b.env)).stdout).toMatch(/^own +37 +37 +0 +0 +0$/m);
  await a.program.stop('SIGKILL');
  await waitFor('the load of the dead replica to go', async () =>
    (await b.rest<{ items: Load[] }>('GET', '/v1/load')).items.length === 0 ? true : undefined,
  );
  await server.shutDown('immediate');
  expect((await b.fetch('GET', '/v1/load')).status).toBe(503);
  const known = await b.rest<object>('GET', '/v1/nodes/n1');
  expect(known).toMatchObject({ id: 'n1', group: 'own' });
  expect(known).not.toHaveProperty('load');
});
