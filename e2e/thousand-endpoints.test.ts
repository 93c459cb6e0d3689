/** One endpoint of a thousand is edited, then replaced: nothing of what is known about the others is lost. */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  Cleanup,
  type ControlPlaneProcess,
  type DataPlaneProcess,
  request,
  startControlPlane,
  startDataPlane,
  waitFor,
} from './support/fairlead.ts';

const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const count = 1_000;
/** By place in the list. */
const [dead, failing, edited, replaced] = [3, 4, 500, 700];

interface Endpoint {
  readonly port: number;
  readonly sockets: Set<net.Socket>;
  /** Connections so far, those of health checks included. */
  accepted: number;
}

/** Answers each request with its status; no connection ends by itself. */
async function startEndpoint(status = 200): Promise<Endpoint> {
  const server = net.createServer((socket) => {
    endpoint.accepted++;
    endpoint.sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', () => socket.write(`HTTP/1.1 ${status} X\r\ncontent-length: 0\r\n\r\n`));
    socket.on('close', () => endpoint.sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint: Endpoint = { port: (server.address() as net.AddressInfo).port, sockets: new Set(), accepted: 0 };
  cleanup.add(() => {
    for (const socket of endpoint.sockets) socket.destroy();
    server.close();
  });
  return endpoint;
}

let controlPlane: ControlPlaneProcess;
let node: DataPlaneProcess;
let endpoints: Endpoint[];
const agent = new http.Agent({ keepAlive: true, maxSockets: 20 });
cleanup.add(() => agent.destroy());

const cluster = (weights: Readonly<Record<number, number>> = {}): string => `kind: Cluster
name: many
spec:
  endpoints: [${endpoints.map(({ port }, i) => `{ address: 127.0.0.1, port: ${port}, weight: ${weights[i] ?? 1} }`).join(', ')}]
  balance: { policy: round-robin }
  health:
    active: { tcp: {}, interval: 1h, timeout: 30s, unhealthyAfter: 1, healthyAfter: 1 }
    passive: { consecutive5xx: 1, interval: 1h, ejectFor: 5h, maxEjectFor: 5h }
`;

beforeAll(async () => {
  endpoints = await Promise.all(Array.from({ length: count }, (_, i) => startEndpoint(i === failing ? 500 : 200)));
  // nobody may listen there but root
  endpoints[dead] = { port: 1, sockets: new Set(), accepted: 0 };
  controlPlane = await startControlPlane(cleanup);
  await controlPlane.apply(`{ kind: NodeGroup, name: edge }
---
{ kind: Listener, name: public, spec: { groups: edge, address: 127.0.0.1, port: 0 } }
---
{ kind: Route, name: many, spec: { hosts: "*", to: { cluster: many } } }
---
${cluster()}`);
  node = await startDataPlane(cleanup, controlPlane, 'edge', 'n1');
  await requests();
  await waitFor('every endpoint to be checked once', async () => {
    const checked = (await counters())['health_check.attempt'] === count;
    return (
      (checked && (await known()).get(endpoints[dead]!.port)?.includes('health_flags::/failed_active_hc')) || undefined
    );
  });
});

/** As many requests as endpoints, and some more. */
async function requests(): Promise<number[]> {
  const port = await node.port('public');
  return Promise.all(Array.from({ length: count + 50 }, async () => (await request(port, { agent })).status));
}

/** What the node knows of each endpoint, by port: connections, health, load, weight. */
async function known(): Promise<Map<number, string[]>> {
  const text = await (await fetch(`${node.admin}/clusters`)).text();
  const by = new Map<number, string[]>();
  for (const line of text.split('\n')) {
    const [, port, rest] = /^many::127\.0\.0\.1:(\d+)::(.*)$/.exec(line) ?? [];
    if (port !== undefined && rest !== undefined) by.set(Number(port), [...(by.get(Number(port)) ?? []), rest]);
  }
  return by;
}

async function counters(): Promise<Record<string, number>> {
  const text = await (await fetch(`${node.admin}/stats`)).text();
  const names = ['upstream_cx_total', 'upstream_cx_destroy', 'upstream_rq_total', 'health_check.attempt'];
  names.push('outlier_detection.ejections_enforced_total');
  const value = (name: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`cluster.many.${name}: `))
        ?.split(': ')[1],
    );
  return Object.fromEntries(names.map((name) => [name, value(name)]));
}

const connections = (): number[] => endpoints.map(({ accepted }) => accepted);
const without = <T>(values: ReadonlyMap<number, T>, ...ports: number[]): [number, T][] =>
  [...values].filter(([port]) => !ports.includes(port));

/** Applies the cluster and waits until the node has it, which a line of an endpoint shows. */
async function edit(yaml: string, port: number, line: string): Promise<void> {
  await controlPlane.apply(yaml);
  await waitFor('the edit', async () => ((await known()).get(port)?.includes(line) ? true : undefined));
}

test('an edit of one endpoint changes nothing else: health, ejection, connections, counters', async () => {
  const [before, counted, accepted] = [await known(), await counters(), connections()];
  expect(before.size).toBe(count);
  expect(before.get(endpoints[dead]!.port)).toContain('health_flags::/failed_active_hc');
  expect(before.get(endpoints[failing]!.port)).toContain('health_flags::/failed_outlier_check');
  const open = [...before.values()].filter((lines) => lines.includes('cx_active::1')).length;
  expect(open).toBeGreaterThan(count - 10);
  const { port } = endpoints[edited]!;
  await edit(cluster({ [edited]: 7 }), port, 'weight::7');
  expect(without(await known(), port)).toEqual(without(before, port));
  expect(await counters()).toEqual(counted);
  expect(connections()).toEqual(accepted);
});

test('neither does a new endpoint in the place of another one; and what is open goes on being used', async () => {
  const [before, counted] = [await known(), await counters()];
  const { port: gone } = endpoints[replaced]!;
  const fresh = await startEndpoint();
  endpoints[replaced] = fresh;
  await edit(cluster({ [edited]: 7 }), fresh.port, 'state::healthy');
  expect(without(await known(), fresh.port)).toEqual(without(before, gone));
  const open = endpoints.map(({ sockets }) => [...sockets]);
  expect(new Set(await requests())).toEqual(new Set([200]));
  expect(endpoints.every(({ sockets }, i) => open[i]!.every((socket) => sockets.has(socket)))).toBe(true);
  // chance may have left out an endpoint in the first round
  expect((await counters())['upstream_cx_total']! - counted['upstream_cx_total']!).toBeLessThan(count / 20);
});
