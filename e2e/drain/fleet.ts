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
  /** Resolves when the node has left the L4 tier, and drains. */
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

export async function startFleet(
  cleanup: Cleanup,
  { nodes: size, flags, timeoutSeconds }: FleetOptions,
): Promise<Fleet> {
  const [controlPlane, service] = await Promise.all([startControlPlane(cleanup), startService(cleanup)]);
  const away = new Set<DataPlaneProcess>();
  await controlPlane.apply(documents(service));
  const nodes = await Promise.all(
    Array.from({ length: size }, (_, i) => startDataPlane(cleanup, controlPlane, 'web', `web-${i + 1}`, flags)),
  );
  const ports = await Promise.all(nodes.map((node) => node.port('web')));
  const place = async (): Promise<void> => {
    const endpoints = nodes.map((node, i) => {
      return `{ address: 127.0.0.1, port: ${ports[i]}, state: ${away.has(node) ? 'draining' : 'enabled'} }`;
    });
    const spec = `{ protocol: tcp, balance: { policy: round-robin }, endpoints: [${endpoints.join(', ')}] }`;
    await controlPlane.apply(`{ kind: Cluster, name: web-nodes, spec: ${spec} }`);
  };
  await place();
  const front = await startDataPlane(cleanup, controlPlane, 'front', 'front-1');
  return {
    nodes,
    port: await front.port('front'),
    drain: async (node) => {
      away.add(node);
      await place();
      await post(node, `/drain?timeout=${timeoutSeconds}s`);
    },
    undrain: async (node) => {
      await post(node, '/undrain');
      away.delete(node);
      await place();
    },
  };
}

const documents = (service: number): string => `{ kind: NodeGroup, name: web, spec: { tier: l7 } }
---
{ kind: NodeGroup, name: front, spec: { tier: l4 } }
---
{ kind: Listener, name: web, spec: { groups: [web], address: 127.0.0.1, port: 0 } }
---
{ kind: Listener, name: front, spec: { groups: [front], address: 127.0.0.1, port: 0, protocol: tcp } }
---
{ kind: L4Route, name: front, spec: { listener: front, to: [{ cluster: web-nodes }] } }
---
{ kind: Cluster, name: service, spec: { endpoints: { address: 127.0.0.1, port: ${service} } } }
---
{ kind: Route, name: service, spec: { hosts: ['*'], to: [{ cluster: service }] } }
---
{ kind: Cluster, name: web-nodes, spec: { protocol: tcp, endpoints: { address: 127.0.0.1, port: 1 } } }
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

async function post({ admin }: DataPlaneProcess, page: string): Promise<void> {
  const answer = await fetch(admin + page, { method: 'POST' });
  if (!answer.ok) throw new Error(`POST ${page}: ${answer.status} ${await answer.text()}`);
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
