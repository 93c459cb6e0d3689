/** Two tiers under test: a service, so many L7 nodes in front of it, and the L4 node by which all clients come. */
import { once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';
import {
  type Cleanup,
  type DataPlaneProcess,
  startControlPlane,
  startDataPlane,
  waitFor,
} from '../support/fairlead.ts';
import { answerTo } from './load.ts';

export interface Fleet {
  /** Where clients come. */
  readonly port: number;
  readonly nodes: readonly DataPlaneProcess[];
  readonly front: DataPlaneProcess;
  /** By REST. Resolves when the node drains and the L4 node has heard of it. */
  drain(node: DataPlaneProcess): Promise<void>;
  undrain(node: DataPlaneProcess): Promise<void>;
}

export interface FleetOptions {
  /** L7 nodes. */
  readonly nodes: number;
  readonly flags: readonly string[];
  /** For the connections of a node that drains. */
  readonly timeoutSeconds: number;
}

type Order = 'drain' | 'undrain';

/** What the node says, and what the L4 node says of it, when an order has been heard. */
const done = {
  drain: { ready: '503 DRAINING', state: 'draining' },
  undrain: { ready: '200 LIVE', state: 'healthy' },
} as const satisfies Record<Order, object>;

export async function startFleet(
  cleanup: Cleanup,
  { nodes: size, flags, timeoutSeconds }: FleetOptions,
): Promise<Fleet> {
  const [controlPlane, service] = await Promise.all([startControlPlane(cleanup), startService(cleanup)]);
  await controlPlane.apply(documents(service));
  const [front, ...nodes] = await Promise.all([
    startDataPlane(cleanup, controlPlane, 'front', 'front-1'),
    ...Array.from({ length: size }, (_, i) => startDataPlane(cleanup, controlPlane, 'web', `web-${i + 1}`, flags)),
  ]);
  const clusters = async (): Promise<string> => (await fetch(`${front.admin}/clusters`)).text();
  await waitFor('the L4 node to know all L7 nodes', async () =>
    (await clusters()).match(/^web-nodes::.*::state::healthy$/gm)?.length === size ? true : undefined,
  );
  const order = async (node: DataPlaneProcess, what: Order, body?: object): Promise<void> => {
    await controlPlane.rest('POST', `/v1/nodes/${node.id}/${what}`, body);
    const { ready, state } = done[what];
    await waitFor(`${node.id} to ${what}`, async () => ((await readyOf(node)) === ready ? true : undefined));
    const line = `\nweb-nodes::127.0.0.1:${await node.port('web')}::state::${state}\n`;
    await waitFor('the L4 node to hear of it', async () => ((await clusters()).includes(line) ? true : undefined));
  };
  return {
    nodes,
    front,
    port: await front.port('front'),
    drain: (node) => order(node, 'drain', { timeout: `${timeoutSeconds}s` }),
    undrain: (node) => order(node, 'undrain'),
  };
}

const documents = (service: number): string => `{ kind: NodeGroup, name: web, spec: { tier: l7 } }
---
{ kind: NodeGroup, name: front, spec: { tier: l4 } }
---
kind: Listener
name: web
spec:
  groups: web
  address: 127.0.0.1
  port: 0
  proxyProtocol: { accept: required, trust: [127.0.0.0/8] }
  accessLog: { format: json, to: stdout }
---
kind: Listener
name: front
spec: { groups: front, address: 127.0.0.1, port: 0, protocol: tcp, accessLog: { format: json, to: stdout } }
---
{ kind: L4Route, name: front, spec: { listener: front, to: { cluster: web-nodes }, hash: five-tuple } }
---
{ kind: Cluster, name: service, spec: { endpoints: { address: 127.0.0.1, port: ${service} } } }
---
{ kind: Route, name: service, spec: { hosts: ['*'], to: [{ cluster: service }] } }
---
kind: Cluster
name: web-nodes
spec: { protocol: tcp, nodes: { group: web, listener: web }, balance: { policy: maglev }, proxyProtocol: v2 }
`;

/** Its port. */
async function startService(cleanup: Cleanup): Promise<number> {
  const server = http.createServer((request, response) => {
    const answer = answerTo(request.url ?? '');
    response.writeHead(200, { 'content-length': answer.length }).end(answer);
  });
  // the nodes decide when a connection to it ends
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as net.AddressInfo).port;
}

export async function readyOf({ admin }: DataPlaneProcess): Promise<string> {
  const answer = await fetch(`${admin}/ready`);
  return `${answer.status} ${(await answer.text()).trim()}`;
}

/** Of the listener behind which the service is. */
export async function statOf({ admin }: DataPlaneProcess, name: string): Promise<number> {
  const line = await (await fetch(`${admin}/stats?filter=http.web.${name}$`)).text();
  const value = Number(/: (\d+)/.exec(line)?.[1]);
  if (Number.isNaN(value)) throw new Error(`no such stat: http.web.${name}`);
  return value;
}

/** Resolves when no client is connected to the node any more. */
export function left(node: DataPlaneProcess): Promise<true> {
  return waitFor(`the clients of ${node.id} to leave`, async () =>
    (await statOf(node, 'downstream_cx_active')) === 0 ? true : undefined,
  );
}
