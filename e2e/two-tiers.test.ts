/** An L4 node in front of L7 nodes that register themselves: they come, drain, go and vanish, and the control plane with them. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
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

const cleanup = new Cleanup();
afterAll(() => cleanup.run());

let controlPlane: ControlPlaneProcess;
let edges: [DataPlaneProcess, DataPlaneProcess];
let ports: [number, number];
let front: number;
let l4: DataPlaneProcess;

beforeAll(async () => {
  const backend = await startBackend(cleanup, 'orders');
  controlPlane = await startControlPlane(cleanup);
  await controlPlane.apply(`${documents}
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
  return startDataPlane(cleanup, controlPlane, 'edge', id, ['--bind', 'public=127.0.0.1:0']);
}

function startL4(): Promise<DataPlaneProcess> {
  return startDataPlane(cleanup, controlPlane, 'front', 'l4-1', ['--bind', 'front=127.0.0.1:0']);
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

/** How many of `count` requests each L7 node has in its log; every one is answered. */
async function spread(count: number): Promise<number[]> {
  const lines = () => edges.map(({ program }) => program.stdout().split('\n').length);
  const before = lines();
  for (let sent = 0; sent < count; sent++) expect((await request(front, {})).status).toBe(200);
  const logs = await waitFor('the access logs', () => {
    const now = lines().map((all, index) => all - before[index]!);
    return now.reduce((sum, one) => sum + one, 0) >= count ? now : undefined;
  });
  return logs;
}

test('nodes that are ready are the endpoints, where each is bound', async () => {
  await untilServed(ports);
  expect(await spread(10)).toEqual([5, 5]);
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
  expect(await spread(10)).toEqual([5, 5]);
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
  edges[1] = await edge('edge-2');
  ports[1] = await edges[1].port('public');
  await untilServed(ports);
  expect(await spread(10)).toEqual([5, 5]);
  await edges[1].program.stop('SIGTERM');
  await untilServed([ports[0]]);
  expect(await spread(10)).toEqual([10, 0]);
});

test('both tiers know each connection by one id, and the client by its own address', async () => {
  interface Line {
    readonly unique_id: string | null;
    readonly client: string;
  }
  const linesOf = ({ program }: DataPlaneProcess): Line[] =>
    program
      .stdout()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
  const requests = edges.flatMap(linesOf);
  expect(requests).toHaveLength(50);
  const connections = await waitFor('the log of the L4 node', () => {
    const lines = linesOf(l4);
    const known = new Map(lines.map(({ unique_id: id, client }) => [id, client]));
    return requests.every(({ unique_id: id }) => known.has(id)) ? known : undefined;
  });
  expect(requests.map(({ unique_id: id }) => connections.get(id))).toEqual(requests.map(({ client }) => client));
  expect(connections.has(null)).toBe(false);
});
