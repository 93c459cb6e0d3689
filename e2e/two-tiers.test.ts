/** An L4 node in front of L7 nodes that register themselves: they come, drain, go and vanish, and the control plane with them. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startEnvoy } from './support/envoy.ts';
import {
  Cleanup,
  type ControlPlaneProcess,
  type DataPlaneProcess,
  jsonLines,
  request,
  run,
  startBackend,
  startControlPlane,
  startDataPlane,
  waitFor,
} from './support/fairlead.ts';
import { requirePeer } from './support/peers.ts';
import { ownLoopback } from './support/ports.ts';

interface NodeView {
  readonly id: string;
  readonly connected: boolean;
  readonly phase: string;
  readonly draining?: { readonly connections: number };
  readonly types: { readonly endpoints: { readonly state: string } };
}

interface Endpoints {
  readonly endpoints: readonly {
    readonly endpoints?: readonly {
      readonly lb_endpoints: readonly {
        readonly endpoint: { readonly address: { readonly socket_address: { readonly port_value: number } } };
        readonly health_status?: string;
      }[];
    }[];
  }[];
}

const page = readFileSync(new URL('../docs/two-tiers.md', import.meta.url), 'utf8');
const [, documents = ''] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];

const withEnvoy = requirePeer('envoy');
const cleanup = new Cleanup();
afterAll(() => cleanup.run());

/** Of what goes and comes back to its port, or leaves it for good. */
const address = ownLoopback();
let controlPlane: ControlPlaneProcess;
let edges: [DataPlaneProcess, DataPlaneProcess];
let ports: [number, number];
let front: number;
let l4: DataPlaneProcess;
let requested = 0;
/** Access logs of L4 nodes that are gone. */
let logsOfGone = '';
/** Of an L7 node that is gone. */
let logsOfEdges = '';

beforeAll(async () => {
  const backend = await startBackend(cleanup, 'orders');
  controlPlane = await startControlPlane(cleanup, { api: `${address}:0`, xds: `${address}:0` });
  // an Envoy has no --bind; nobody who is there misses a check because a machine is busy
  const here = documents.replace('port: 8080', 'port: 0').replace('timeout: 200ms', 'timeout: 30s');
  await controlPlane.apply(`${here}
---
{ kind: Cluster, name: orders, spec: { endpoints: [{ address: 127.0.0.1, port: ${backend.port} }] } }
---
{ kind: Route, name: orders, spec: { hosts: "*", to: { cluster: orders } } }
`);
  const [first, second, third] = await Promise.all([edge('edge-1'), edge('edge-2'), startL4()]);
  edges = [first, second];
  l4 = third;
  ports = [await first.port('public'), await second.port('public')];
  front = await l4.port('front');
});

function edge(id: string): Promise<DataPlaneProcess> {
  // the checks of the L4 nodes never let it be quiet
  const flags = ['--bind', `public=${address}:0`, '--limit', 'announce=100ms'];
  return startDataPlane(cleanup, controlPlane, 'edge', id, flags);
}

function startL4(): Promise<DataPlaneProcess> {
  return startDataPlane(cleanup, controlPlane, 'front', 'l4-1');
}

/** Ports as the L4 nodes are served them, `-n` for one that drains. */
async function served(): Promise<number[]> {
  const { endpoints } = await controlPlane.rest<Endpoints>('GET', '/v1/xds/front');
  const all = endpoints.flatMap((one) => one.endpoints ?? []).flatMap((one) => one.lb_endpoints);
  return all.map(({ endpoint, health_status: state }) => {
    const { port_value: port } = endpoint.address.socket_address;
    return state === 'DRAINING' ? -port : port;
  });
}

/** Once the L4 node has them as well. */
async function untilServed(wanted: readonly number[]): Promise<void> {
  await waitFor(`endpoints ${wanted}`, async () => {
    const [now, user] = [await served(), await node('l4-1')];
    const same = JSON.stringify(now) === JSON.stringify(inOrder(wanted));
    return (same && user?.connected && user.types.endpoints.state === 'synced') || undefined;
  });
}

function inOrder(wanted: readonly number[]): number[] {
  return wanted.toSorted((a, b) => Math.abs(a) - Math.abs(b));
}

/** Undefined: it has not connected to this control plane. */
async function node(id: string): Promise<NodeView | undefined> {
  const { items } = await controlPlane.rest<{ items: NodeView[] }>('GET', '/v1/nodes');
  return items.find((one) => one.id === id);
}

/** Once both were found well by the checks of the L4 node. */
async function untilBothServe(port = front): Promise<void> {
  await waitFor('both to serve', async () => ((await spread(2, port))[1] === 1 ? true : undefined));
  expect(await spread(10, port)).toEqual([5, 5]);
}

/** How many of `count` requests each L7 node has in its log; every one is answered. */
async function spread(count: number, port = front): Promise<number[]> {
  requested += count;
  const lines = () => edges.map(({ program }) => program.stdout().split('\n').length);
  const before = lines();
  for (let sent = 0; sent < count; sent++) expect((await request(port, {})).status).toBe(200);
  const logs = await waitFor('the access logs', () => {
    const now = lines().map((all, index) => all - before[index]!);
    return now.reduce((sum, one) => sum + one, 0) >= count ? now : undefined;
  });
  return logs;
}

test('nodes that are ready are the endpoints, where each is bound', async () => {
  await untilServed(ports);
  await untilBothServe();
});

test('a node that is drained by REST gets no new connection, is told so last, and is back once that is lifted', async () => {
  await controlPlane.rest('POST', '/v1/nodes/edge-1/drain', { timeout: '1m' });
  await waitFor('edge-1 to leave', async () => ((await node('edge-1'))?.phase === 'leaving' ? true : undefined));
  expect(await served()).toEqual(inOrder([-ports[0], ports[1]]));
  expect((await node('l4-1'))?.types.endpoints.state).toBe('synced');
  expect(await spread(10)).toEqual([0, 10]);
  await waitFor('edge-1 to be empty', async () => {
    return (await node('edge-1'))?.draining?.connections === 0 || undefined;
  });
  const waited = await run(['drain', 'node', 'edge-1', '--wait'], controlPlane.env);
  expect([waited.code, waited.stdout]).toEqual([0, expect.stringContaining('] empty')]);

  expect((await run(['undrain', 'node', 'edge-1'], controlPlane.env)).code).toBe(0);
  await untilServed(ports);
  expect((await node('edge-1'))?.phase).toBe('live');
  await untilBothServe();
});

test.skipIf(!withEnvoy)('an Envoy of the L4 tier follows them, too', async () => {
  const { stdout: bootstrap } = await run(['bootstrap', 'envoy', '--group', 'front', '--id', 'l4-2'], controlPlane.env);
  const envoy = await startEnvoy({ bootstrap });
  cleanup.add(() => envoy.stop());
  const port = await envoy.listenerPort('front');
  await untilBothServe(port);
  await controlPlane.rest('POST', '/v1/nodes/edge-2/drain');
  await waitFor('edge-2 to leave', async () => ((await node('edge-2'))?.phase === 'leaving' ? true : undefined));
  expect(await spread(10, port)).toEqual([10, 0]);
  await controlPlane.rest('POST', '/v1/nodes/edge-2/undrain');
  await untilServed(ports);
  await envoy.stop();
  logsOfGone = envoy.logs();
});

test('a node that is killed stays for a while, and no request is lost; a control plane that starts anew goes on with both', async () => {
  await edges[1].program.stop('SIGKILL');
  expect(await spread(10)).toEqual([10, 0]);
  expect(await served()).toEqual(inOrder(ports));

  const { home, xds, api } = controlPlane;
  await controlPlane.program.stop('SIGKILL');
  controlPlane = await startControlPlane(cleanup, { home, xds, api: api.replace('http://', '') });
  expect(await served()).toEqual(inOrder(ports));
  expect(await spread(10)).toEqual([10, 0]);
});

test('a node that comes back elsewhere is an endpoint there; one that is ended is none at once', async () => {
  logsOfEdges = edges[1].program.stdout();
  edges[1] = await edge('edge-2');
  ports[1] = await edges[1].port('public');
  await untilServed(ports);
  await untilBothServe();
  await edges[1].program.stop('SIGTERM');
  await untilServed([ports[0]]);
  expect(await spread(10)).toEqual([10, 0]);
});

test('both tiers know each connection by one id, and the client by its own address', async () => {
  interface Line {
    readonly unique_id: string | null;
    readonly client: string;
  }
  const requests = jsonLines<Line>(logsOfEdges + edges[0].program.stdout() + edges[1].program.stdout());
  expect(requests).toHaveLength(requested);
  const connections = await waitFor('the logs of the L4 nodes', () => {
    const lines = jsonLines<Line>(logsOfGone + l4.program.stdout());
    const known = new Map(lines.map(({ unique_id: id, client }) => [id, client]));
    return requests.every(({ unique_id: id }) => known.has(id)) ? known : undefined;
  });
  expect(requests.map(({ unique_id: id }) => connections.get(id))).toEqual(requests.map(({ client }) => client));
  expect(connections.has(null)).toBe(false);
});
