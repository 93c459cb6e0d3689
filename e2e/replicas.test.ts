/** Several control planes on one Postgres, as users run them: each of them shows the whole fleet. */
import { afterAll, expect, test } from 'vitest';
import { StatusClient } from '../control-plane/xds/testing/status-client.ts';
import { pushOrder, typeUrls } from '../proto/type-urls.ts';
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
import { startPostgres } from './support/postgres.ts';

const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const documents = (port: number) => `kind: NodeGroup
name: edge
spec: {}
---
kind: Listener
name: public
spec: { groups: [edge], address: 127.0.0.1, port: 0 }
---
kind: Cluster
name: a
spec: { endpoints: { address: 127.0.0.1, port: ${port} } }
---
kind: Route
name: a
spec: { hosts: ["*"], to: { cluster: a } }
---
{ kind: NodeGroup, name: front, spec: { tier: l4 } }
---
{ kind: Listener, name: front, spec: { groups: [front], address: 127.0.0.1, port: 0, protocol: tcp } }
---
{ kind: L4Route, name: front, spec: { listener: front, to: { cluster: edge-nodes } } }
---
{ kind: Cluster, name: edge-nodes, spec: { protocol: tcp, nodes: { group: edge, listener: public } } }
`;

test('a node of one replica is in the status of the other, which waits for it, and sees it go', async () => {
  const server = await startPostgres();
  cleanup.add(() => server.stop());
  const env = { DATABASE_URL: await server.createDatabase() };
  const [a, b] = await Promise.all([startControlPlane(cleanup, { env }), startControlPlane(cleanup, { env })]);
  const [first, second] = [await startBackend(cleanup, 'first'), await startBackend(cleanup, 'second')];
  await a.apply(documents(first.port));
  const node = await startDataPlane(cleanup, a, 'edge', 'n1');

  type State = { connected: boolean; types: Record<string, { state: string; version?: string }> };
  const seenFromB = async (): Promise<State | undefined> => {
    const response = await b.fetch('GET', '/v1/nodes/n1');
    return response.ok ? ((await response.json()) as State) : undefined;
  };
  const before = await waitFor('the other replica to see the node synced', async () => {
    const state = await seenFromB();
    return state?.types['listeners']?.state === 'synced' && state.types['routes']?.state === 'synced'
      ? state
      : undefined;
  });
  expect(before.connected).toBe(true);
  const { stdout } = await run(['status'], b.env);
  expect(stdout).toMatch(/n1 +edge +yes/);

  // a revision written at one replica, for a node of the other: nobody says that it is there before it is
  const { revision } = await b.apply(documents(second.port));
  const rollout = await waitFor('the rollout to be complete', async () => {
    const answer = await b.rest<{ state: string; groups: unknown[] }>('GET', `/v1/rollouts/${revision}`);
    return answer.state === 'complete' ? answer : undefined;
  });
  expect(rollout.groups).toMatchObject([
    { group: 'edge', nodes: { connected: 1, synced: 1, stale: 0, nack: 0 } },
    { group: 'front', nodes: { connected: 0 } },
  ]);
  expect(JSON.parse((await request(await node.port('public'), {})).body).backend).toBe('second');

  // client status answers for the whole fleet, whichever replica is asked; of a client elsewhere type by type
  const statusOf = async (replica: ControlPlaneProcess) => {
    const { hostname, port: statusPort } = new URL(`xds://${replica.xds}`);
    const client = new StatusClient({ host: hostname, port: Number(statusPort) }, adminToken);
    const { config = [] } = await client.fetch({ node_matchers: [{ node_id: { exact: 'n1' } }] });
    client.close();
    return config.flatMap((one) =>
      (one.generic_xds_configs ?? []).map((status) => ({ ...status, node: one.node?.id })),
    );
  };
  const here = await statusOf(a);
  expect(here.find(({ name, type_url }) => name === 'a' && type_url === typeUrls.clusters)).toMatchObject({
    config_status: 'SYNCED',
    xds_config: { type_url: typeUrls.clusters },
  });
  const { types } = await b.rest<State>('GET', '/v1/nodes/n1');
  const asked = pushOrder.filter((type) => types[type] !== undefined);
  expect(asked).toEqual(['clusters', 'endpoints', 'listeners', 'routes', 'virtualHosts']);
  expect(await statusOf(b)).toEqual(
    asked.map((type) => ({
      node: 'n1',
      type_url: typeUrls[type],
      version_info: types[type]?.version,
      config_status: 'SYNCED',
      client_status: 'ACKED',
    })),
  );

  // where a node of one replica serves is what the other serves its nodes; what that one orders reaches it
  const port = await node.port('public');
  const servedAtB = async (): Promise<string> => JSON.stringify(await b.rest('GET', '/v1/xds/front'));
  const endpoint = `"port_value":${port}`;
  await waitFor('the node to be an endpoint', async () => (await servedAtB()).includes(endpoint) || undefined);
  const phase = async (of: ControlPlaneProcess) =>
    (await of.rest<{ phase: string; draining?: object }>('GET', '/v1/nodes/n1')) ?? {};
  expect(await b.rest('POST', '/v1/nodes/n1/drain')).toMatchObject({ phase: 'live', draining: { timeout: '45s' } });
  await waitFor('the node to drain', async () => ((await phase(b)).phase === 'leaving' ? true : undefined));
  // each replica publishes by itself
  await expect.poll(servedAtB).toContain('"health_status":"DRAINING"');
  expect(await phase(a)).toMatchObject({ phase: 'leaving', draining: { timeout: '45s' } });
  await a.rest('POST', '/v1/nodes/n1/undrain');
  await waitFor('the node to be live', async () => ((await phase(b)).phase === 'live' ? true : undefined));
  // a replica reads of nodes and of drains apart
  await expect.poll(() => phase(b)).not.toHaveProperty('draining');

  await a.program.stop();
  await waitFor('the other replica to see it gone', async () =>
    (await seenFromB())?.connected === false ? true : undefined,
  );
  expect(await servedAtB()).toContain(endpoint);
});
