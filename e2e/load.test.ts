/** The load that real nodes report arrives by cluster and locality, request by request, at every replica. */
import { afterAll, expect, test } from 'vitest';
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
/** Nodes report every 10 s; what takes four reports is waited for, on a busy machine much longer. */
const reportedWithinMs = 120_000;
const timeoutMs = 300_000;

async function start(env: Record<string, string> = {}): Promise<ControlPlaneProcess> {
  const controlPlane = await startControlPlane(cleanup, { env });
  const backend = await startBackend(cleanup, 'a');
  await controlPlane.apply(`kind: NodeGroup
name: edge
spec: {}
---
kind: Listener
name: public
spec: { groups: [edge], address: 127.0.0.1, port: 0 }
---
kind: Cluster
name: a
spec: { endpoints: [{ address: 127.0.0.1, port: ${backend.port}, zone: z1 }] }
---
kind: Route
name: a
spec: { hosts: ["*"], to: { cluster: a } }
`);
  return controlPlane;
}

/** Sends the requests and waits until as many are reported: exactly those, all of them in the zone of the endpoint. */
async function driveAndExpect(controlPlane: ControlPlaneProcess, port: number, node: string): Promise<void> {
  for (let i = 0; i < requests; i++) expect((await request(port, {})).status).toBe(200);
  const load = await waitFor(
    'all requests in the load reports',
    async () => {
      const seen = await controlPlane.rest<Load>('GET', '/v1/clusters/a/load');
      // a report may fall between an answer and its end
      return seen.issued >= requests && seen.inProgress === 0 ? seen : undefined;
    },
    reportedWithinMs,
  );
  const counts = { issued: requests, successful: requests, errors: 0, inProgress: 0 };
  expect(load).toEqual({
    name: 'a',
    nodes: 1,
    ...counts,
    dropped: 0,
    localities: [{ region: '', zone: 'z1', subZone: '', ...counts }],
  });
  expect((await controlPlane.rest<{ load: Load[] }>('GET', `/v1/nodes/${node}`)).load).toEqual([load]);
}

test.concurrent('our own node reports each of its requests, with where it went', { timeout: timeoutMs }, async () => {
  const controlPlane = await start();
  const node = await startDataPlane(cleanup, controlPlane, 'edge', 'n1');
  await driveAndExpect(controlPlane, await node.port('public'), 'n1');
  const { stdout } = await run(['status', 'n1'], controlPlane.env);
  expect(stdout).toMatch(/^LOAD OF +ISSUED +SUCCESSFUL +ERRORS +IN PROGRESS +DROPPED$/m);
  expect(stdout).toMatch(/^a +37 +37 +0 +0 +0$/m);
  expect(stdout).toMatch(/^ {2}z1 +37 +37 +0 +0$/m);
});

test.concurrent('what is reported to one replica is seen at the other, for as long as that one lives', {
  timeout: timeoutMs,
}, async () => {
  const server = await startPostgres();
  cleanup.add(() => server.stop());
  const env = { DATABASE_URL: await server.createDatabase() };
  const [a, b] = [await start(env), await startControlPlane(cleanup, { env })];
  const node = await startDataPlane(cleanup, a, 'edge', 'n1');
  await driveAndExpect(b, await node.port('public'), 'n1');
  // on a busy machine either one may find the other silent for a moment
  await waitFor('both to say the same', async () => {
    const [atA, atB] = await Promise.all([a, b].map((one) => one.rest<{ items: Load[] }>('GET', '/v1/load')));
    return atA!.items.length === 1 && JSON.stringify(atA) === JSON.stringify(atB) ? true : undefined;
  });
  expect((await run(['status', 'n1'], b.env)).stdout).toMatch(/^a +37 +37 +0 +0 +0$/m);
  await a.program.stop('SIGKILL');
  await waitFor('the load of the dead replica to go', async () =>
    (await b.rest<{ items: Load[] }>('GET', '/v1/load')).items.length === 0 ? true : undefined,
  );
  await server.shutDown('immediate');
  expect((await b.fetch('GET', '/v1/load')).status).toBe(503);
  const known = await b.rest<object>('GET', '/v1/nodes/n1');
  expect(known).toMatchObject({ id: 'n1', group: 'edge' });
  expect(known).not.toHaveProperty('load');
});

test
  .skipIf(!requirePeer('envoy'))
  .concurrent('a real Envoy reports each of its requests, with where it went', { timeout: timeoutMs }, async () => {
    const controlPlane = await start();
    const flags = ['--group', 'edge', '--id', 'envoy-1', '--xds', controlPlane.xds];
    const printed = await run(['bootstrap', 'envoy', ...flags], controlPlane.env);
    const envoy = await startEnvoy({ bootstrap: printed.stdout });
    cleanup.add(() => envoy.stop());
    // Envoy counts from the report period after the one in which it got the cluster, and names it at that period's end
    await waitFor(
      'Envoy to report the cluster',
      async () => ((await controlPlane.rest<Load>('GET', '/v1/clusters/a/load')).nodes === 1 ? true : undefined),
      reportedWithinMs,
    );
    await driveAndExpect(controlPlane, await envoy.listenerPort('public'), 'envoy-1');
  });
