/** gRPC's own xDS clients join a group by the bootstrap that we print, beside our node and a real Envoy. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningEnvoy, startEnvoy } from './support/envoy.ts';
import {
  Cleanup,
  type ControlPlaneProcess,
  type DataPlaneProcess,
  request,
  run,
  startBackend,
  startControlPlane,
  startDataPlane,
  waitFor,
} from './support/fairlead.ts';
import {
  type CallResult,
  type ClientCommand,
  type GrpcClient,
  grpcGoClient,
  grpcJsClient,
  grpcPythonClient,
  startGrpcBackend,
  startGrpcClient,
} from './support/grpc.ts';
import { requirePeer } from './support/peers.ts';

const clients: [string, ClientCommand | undefined][] = [
  ['grpc-js-xds', grpcJsClient],
  ['grpc-core', grpcPythonClient()],
  ['grpc-go', grpcGoClient()],
];
const unavailable = 14;
const rounds = 10;

const cleanup = new Cleanup();
afterAll(() => cleanup.run());

let controlPlane: ControlPlaneProcess;
let ours: DataPlaneProcess;
let envoy: RunningEnvoy | undefined;
const ports = new Map<string, number>();

function route(host: string, cluster: string): string {
  return `kind: Route
name: ${host.replaceAll('.', '-')}
spec: { hosts: [${host}], match: { path: { prefix: /shop.Orders } }, to: [{ cluster: ${cluster} }] }
`;
}

async function bootstrap(id: string): Promise<string> {
  const printed = await run(['bootstrap', 'grpc', '--group', 'edge', '--id', id], controlPlane.env);
  expect(printed.stderr).toBe('');
  return printed.stdout;
}

interface NodeStatus {
  readonly group: string;
  readonly connected: boolean;
  readonly types: Readonly<Record<string, { readonly state: string }>>;
}

function nodeOf(id: string): Promise<NodeStatus> {
  return controlPlane.rest<NodeStatus>('GET', `/v1/nodes/${id}`);
}

/** Waits until every node, client and Envoy has taken up a revision. */
async function takenByAll({ revision }: { readonly revision: number }): Promise<void> {
  await waitFor(`revision ${revision} to be taken by all`, async () => {
    const { state } = await controlPlane.rest<{ state: string }>('GET', `/v1/rollouts/${revision}`);
    return state === 'complete' ? true : undefined;
  });
}

const isFrom =
  (cluster: string) =>
  (result: CallResult): boolean =>
    'answer' in result && result.answer === cluster;
const isUnavailable = (result: CallResult): boolean => 'code' in result && result.code === unavailable;

async function answers(client: GrpcClient, what: string, wanted: (result: CallResult) => boolean): Promise<void> {
  let last: CallResult | undefined;
  try {
    await waitFor(what, async () => (wanted((last = await client.call())) ? true : undefined));
  } catch (error) {
    throw new Error(`${String(error)}; its last answer was ${JSON.stringify(last)}\n${client.stderr()}`);
  }
}

beforeAll(async () => {
  controlPlane = await startControlPlane(cleanup);
  const web = await startBackend(cleanup, 'web');
  for (const name of ['a', 'b', 'c', 'd']) ports.set(name, await startGrpcBackend(cleanup, name));
  const endpoint = (name: string, zone: string): string =>
    `{ address: 127.0.0.1, port: ${ports.get(name)}, zone: ${zone} }`;
  await controlPlane.apply(`{ kind: NodeGroup, name: edge }
---
{ kind: Listener, name: public, spec: { groups: [edge], address: 127.0.0.1, port: 0 } }
---
{ kind: Listener, name: mesh, spec: { groups: [edge], protocol: api } }
---
{ kind: Cluster, name: web, spec: { endpoints: { address: 127.0.0.1, port: ${web.port} } } }
---
{ kind: Route, name: web, spec: { hosts: ["*"], to: { cluster: web } } }
---
{ kind: Cluster, name: a, spec: { protocol: grpc, endpoints: ${endpoint('a', 'z1')} } }
---
{ kind: Cluster, name: b, spec: { protocol: http2, endpoints: ${endpoint('b', 'z2')} } }
---
{ kind: Cluster, name: c, spec: { protocol: grpc, endpoints: ${endpoint('c', 'z1')} } }
---
{ kind: Cluster, name: d, spec: { protocol: grpc, endpoints: ${endpoint('d', 'z2')} } }
---
kind: Cluster
name: ring
spec:
  protocol: grpc
  endpoints: [${endpoint('c', 'z1')}, { address: 127.0.0.1, port: ${ports.get('d')}, zone: z2, backup: true }]
  balance: { policy: ring-hash, localities: { z1: 3, z2: 1 } }
  breakers: { requests: 50 }
`);
  ours = await startDataPlane(cleanup, controlPlane, 'edge', 'ours');
  if (requirePeer('envoy') === undefined) return;
  const printed = await run(['bootstrap', 'envoy', '--group', 'edge', '--id', 'envoy'], controlPlane.env);
  const started = await startEnvoy({ bootstrap: printed.stdout });
  cleanup.add(() => started.stop());
  envoy = started;
});

describe.each(clients)('%s', (name, command) => {
  test.skipIf(command === undefined)('resolves, follows a change, obeys a removal, and comes back', async () => {
    const host = `${name}.example.com`;
    await controlPlane.apply(route(host, 'a'));
    const client = await startGrpcClient(cleanup, command!, await bootstrap(name), `xds:///${host}`);
    await answers(client, 'the first answer', isFrom('a'));
    const known = { group: 'edge', connected: true, types: { listeners: { state: 'synced' } } };
    await expect.poll(() => nodeOf(name)).toMatchObject(known);

    // away and back: a cluster that was let go of is asked for again, and has to be sent again though it did not change
    for (let round = 1; round <= rounds; round++) {
      for (const cluster of ['b', 'a']) {
        await controlPlane.apply(route(host, cluster));
        const what = `cluster ${cluster} in round ${round}`;
        await answers(client, what, isFrom(cluster));
      }
    }

    await controlPlane.rest('DELETE', `/v1/routes/${name}-example-com`);
    await answers(client, 'the removal', isUnavailable);

    await controlPlane.apply(route(host, 'b'));
    await answers(client, 'the way back', isFrom('b'));

    const affinity = 'affinity: { hash: { header: x-user } }';
    await controlPlane.apply(route(host, 'ring').replace('spec: {', `spec: { ${affinity},`));
    await answers(client, 'a ring with priorities and weights', isFrom('c'));
  });
});

// grpc-js-xds 1.14.1 has a test of its own below
describe.each(clients.slice(1))('%s', (name, command) => {
  test.skipIf(command === undefined)(
    'finds what went away for two hosts at once when it comes back as it was',
    async () => {
      const hosts = ['one', 'two'].map((host) => `${host}.${name}.example.com`);
      const routes = `kind: Route
name: same-${name}
spec: { hosts: [${hosts.join(', ')}], match: { path: { prefix: /shop.Orders } }, to: [{ cluster: c }] }
---
kind: Route
name: beside-${name}
spec: { hosts: [${hosts[0]}], match: { path: { prefix: /other } }, to: [{ cluster: d }] }
`;
      await controlPlane.apply(routes);
      const started = hosts.map(async (host, index) =>
        startGrpcClient(cleanup, command!, await bootstrap(`${name}-${index}`), `xds:///${host}`),
      );
      const both = await Promise.all(started);
      for (let round = 1; round <= rounds; round++) {
        for (const client of both) await answers(client, `cluster c in round ${round}`, isFrom('c'));
        for (const route of ['same', 'beside']) await controlPlane.rest('DELETE', `/v1/routes/${route}-${name}`);
        for (const client of both) await answers(client, `the removal in round ${round}`, isUnavailable);
        await controlPlane.apply(routes);
      }
      for (const client of both) await answers(client, 'the last way back', isFrom('c'));
    },
  );
});

/**
 * A fault of that release (grpc/grpc-node#3074, merged after it, has the cure): it keeps a removed resource to compare
 * with, so the same one is no news to it when it comes back. With a newer release this test fails, and its client belongs
 * to those above.
 */
test('grpc-js-xds 1.14.1 is sent what comes back as it was, and takes it, though it goes on missing it', async () => {
  const host = 'same.example.com';
  await controlPlane.apply(route(host, 'c'));
  const client = await startGrpcClient(cleanup, grpcJsClient, await bootstrap('same'), `xds:///${host}`);
  await answers(client, 'the first answer', isFrom('c'));
  await controlPlane.rest('DELETE', '/v1/routes/same-example-com');
  await answers(client, 'the removal', isUnavailable);
  await takenByAll(await controlPlane.apply(route(host, 'c')));
  expect(await client.call()).toMatchObject({ code: unavailable });
  // the way out of it
  for (const cluster of ['d', 'c']) {
    await controlPlane.apply(route(host, cluster));
    await answers(client, `cluster ${cluster}`, isFrom(cluster));
  }
});

test('our node and Envoy are spared what only gRPC is for, and serve what they did', async () => {
  const spec = '{ listeners: mesh, hosts: beside.example.com, to: { cluster: a } }';
  await takenByAll(await controlPlane.apply(`{ kind: Route, name: beside, spec: ${spec} }`));
  const listening: [string, number][] = [['ours', await ours.port('public')]];
  if (envoy !== undefined) listening.push(['envoy', await envoy.listenerPort('public')]);
  for (const [name, port] of listening) {
    const answer = await request(port, { host: 'beside.example.com', path: '/shop.Orders/Get' });
    expect([answer.status, JSON.parse(answer.body).backend], name).toEqual([200, 'web']);
    const synced = { state: 'synced' };
    const types = { listeners: synced, clusters: synced, routes: synced };
    expect(await nodeOf(name)).toMatchObject({ id: name, types });
  }
  const dump = envoy === undefined ? '' : JSON.stringify(await envoy.configDump());
  expect(dump).not.toContain('beside.example.com');
  const served = await controlPlane.rest<{ listeners: { name: string }[] }>('GET', '/v1/xds/edge');
  expect(served.listeners.map(({ name }) => name)).toEqual(expect.arrayContaining(['beside.example.com', 'public']));
});
