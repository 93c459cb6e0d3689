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
  for (const name of ['a', 'b']) ports.set(name, await startGrpcBackend(cleanup, name));
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
`);
  ours = await startDataPlane(cleanup, controlPlane, 'edge', 'ours');
  if (requirePeer('envoy') === undefined) return;
  const printed = await run(['bootstrap', 'envoy', '--group', 'edge', '--id', 'envoy'], controlPlane.env);
  const started = await startEnvoy({ bootstrap: printed.stdout });
  cleanup.add(() => started.stop());
  envoy = started;
});

describe.each(clients)('%s', (name, command) => {
  test.skipIf(command === undefined)(
    'resolves, follows a change, obeys a removal, and comes back',
    async () => {
      const host = `${name}.example.com`;
      await controlPlane.apply(route(host, 'a'));
      const client = await startGrpcClient(cleanup, command!, await bootstrap(name), `xds:///${host}`);
      await answers(client, 'the first answer', (result) => 'answer' in result && result.answer === 'a');
      const node = await controlPlane.rest<{
        group: string;
        connected: boolean;
        types: Record<string, { state: string }>;
      }>('GET', `/v1/nodes/${name}`);
      expect(node).toMatchObject({ group: 'edge', connected: true, types: { listeners: { state: 'synced' } } });

      // away and back: a cluster that was let go of is asked for again, and has to be sent again though it did not change
      for (let round = 1; round <= rounds; round++) {
        for (const cluster of ['b', 'a']) {
          await controlPlane.apply(route(host, cluster));
          const what = `cluster ${cluster} in round ${round}`;
          await answers(client, what, (result) => 'answer' in result && result.answer === cluster);
        }
      }

      await controlPlane.rest('DELETE', `/v1/routes/${name}-example-com`);
      await answers(client, 'the removal', (result) => 'code' in result && result.code === unavailable);

      await controlPlane.apply(route(host, 'b'));
      await answers(client, 'the way back', (result) => 'answer' in result && result.answer === 'b');
    },
    60_000,
  );
});

test('our node and Envoy are spared all of it, and serve what they did', async () => {
  await controlPlane.apply(route('beside.example.com', 'a'));
  const listening: [string, number][] = [['ours', await ours.port('public')]];
  if (envoy !== undefined) listening.push(['envoy', await envoy.listenerPort('public')]);
  for (const [name, port] of listening) {
    const answer = await request(port, { host: 'beside.example.com', path: '/shop.Orders/Get' });
    expect([answer.status, JSON.parse(answer.body).backend], name).toEqual([200, 'web']);
    const node = await controlPlane.rest<{ types: Record<string, { state: string }> }>('GET', `/v1/nodes/${name}`);
    for (const type of ['listeners', 'clusters', 'routes'])
      expect(node.types[type]?.state, `${name} ${type}`).toBe('synced');
  }
  const dump = envoy === undefined ? '' : JSON.stringify(await envoy.configDump());
  expect(dump).not.toContain('beside.example.com');
  const served = await controlPlane.rest<{ listeners: { name: string }[] }>('GET', '/v1/xds/edge');
  expect(served.listeners.map(({ name }) => name)).toEqual(expect.arrayContaining(['beside.example.com', 'public']));
});
