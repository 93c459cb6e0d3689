/** Two replicas on one Postgres: one comes late, and the fleet spreads over both, with everything in use meanwhile. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { createLogger } from '../control-plane/logging.ts';
import { type ControlPlane, startControlPlane } from '../control-plane/wire.ts';
import { limits } from '../control-plane/xds/limits.ts';
import { randomOf } from './chaos/random.ts';
import { Subscribers } from './chaos/subscribers.ts';
import { startEnvoy } from './support/envoy.ts';
import {
  adminToken,
  Cleanup,
  request,
  run,
  startBackend,
  startDataPlane,
  temporaryFolder,
  waitFor,
} from './support/fairlead.ts';
import { requirePeer } from './support/peers.ts';
import { ownLoopback } from './support/ports.ts';
import { type PostgresServer, startPostgres } from './support/postgres.ts';

const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const silent = createLogger({ readable: false });
silent.level = 'silent';

/** As in life, but in a hurry, and with nodes by the dozen. */
const shedding = {
  ...{ ...limits.shedding, everyMs: 200, settleMs: 500, partASecond: 1 },
  ...{ begin: { factor: 1.2, nodes: 1 }, stayMs: 5_000 },
};

interface Pair {
  readonly a: ControlPlane;
  /** HOST:PORT of both; the second is not there yet. */
  readonly addresses: readonly [string, string];
  startSecond(): Promise<ControlPlane>;
  rest<T>(method: string, path: string, type: string, body: string): Promise<T>;
  port: number;
}

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
  cleanup.add(() => server.stop());
});

async function pair(): Promise<Pair> {
  const databaseUrl = await server.createDatabase();
  const home = await temporaryFolder(cleanup);
  // where the second one is later
  const host = ownLoopback();
  const start = async (port: number): Promise<ControlPlane> => {
    const [api, xds] = [
      { host, port: 0 },
      { host, port },
    ];
    const settings = { api, xds, home, xdsTls: undefined, databaseUrl, adminToken };
    const controlPlane = await startControlPlane(settings, { logger: silent, shedding, graceMs: 500 });
    cleanup.add(() => controlPlane.close());
    return controlPlane;
  };
  const [a, late] = [await start(0), await start(0)];
  await late.close();
  const rest: Pair['rest'] = async (method, path, type, body) => {
    const headers = { authorization: `Bearer ${adminToken}`, 'content-type': type };
    const response = await fetch(a.api + path, { method, headers, body });
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as never;
  };
  const backend = await startBackend(cleanup, 'a');
  const documents = `kind: NodeGroup
name: edge
spec: {}
---
kind: Listener
name: public
spec: { groups: [edge], address: 127.0.0.1, port: 0 }
---
kind: Cluster
name: a
spec: { endpoints: { address: 127.0.0.1, port: ${backend.port} }, connectTimeout: 1s }
---
kind: Route
name: a
spec: { hosts: ["*"], to: { cluster: a } }
`;
  await rest('POST', '/v1/apply', 'application/yaml', documents);
  const port = Number(late.xds.split(':')[1]);
  return { a, addresses: [a.xds, late.xds], startSecond: () => start(port), rest, port: backend.port };
}

async function nodesOf({ metrics }: ControlPlane): Promise<number> {
  const { values = [] } = (await metrics.registry.getSingleMetric('fairlead_nodes_connected')?.get()) ?? {};
  return values[0]?.value ?? 0;
}

// all of them wait, most of the time
test.concurrent('forty subscribers of the first are even over both soon, all of them current, and nothing was taken from them', async () => {
  const { a, addresses, startSecond, rest, port } = await pair();
  const seed = Math.floor(Math.random() * 2 ** 31);
  const subscribers = new Subscribers({
    ...{ addresses, token: adminToken, group: 'edge' },
    ...{ count: 40, streamsPerConnection: 4, random: randomOf(seed) },
  });
  cleanup.add(() => subscribers.close());
  subscribers.start();
  await waitFor('all of them at the first', async () => ((await nodesOf(a)) === 40 ? true : undefined));
  const b = await startSecond();
  await waitFor(`an even spread (seed ${seed})`, async () => {
    const counts = [await nodesOf(a), await nodesOf(b)];
    return counts.reduce((sum, count) => sum + count, 0) === 40 && Math.max(...counts) <= 24 ? true : undefined;
  });
  const spec = { endpoints: { address: '127.0.0.1', port }, connectTimeout: '1002ms' };
  await rest('PUT', '/v1/clusters/a', 'application/json', JSON.stringify({ spec }));
  await waitFor('every subscriber', () =>
    subscribers.behind(new Map([['a', 1_002]])).length === 0 ? true : undefined,
  );
  expect(subscribers.faults).toEqual([]);
});

const envoyIsHere = requirePeer('envoy');

describe.concurrent('two nodes of the first replica, one of which has to go', () => {
  type Spec = { readonly portOf: () => Promise<number> };

  async function spread(start: (pair: Pair, id: string) => Promise<Spec>): Promise<void> {
    const both = await pair();
    const nodes = await Promise.all(['n1', 'n2'].map((id) => start(both, id)));
    await waitFor('both at the first', async () => ((await nodesOf(both.a)) === 2 ? true : undefined));
    const ports = await Promise.all(nodes.map(({ portOf }) => portOf()));
    const b = await both.startSecond();
    const statuses: number[] = [];
    await waitFor('one at each', async () => {
      for (const port of ports) statuses.push((await request(port, {})).status);
      return (await nodesOf(both.a)) === 1 && (await nodesOf(b)) === 1 ? true : undefined;
    });
    expect(new Set(statuses)).toEqual(new Set([200]));
    // what is written at one replica reaches the node of the other
    await both.rest('DELETE', '/v1/routes/a', 'application/json', '');
    for (const port of ports) {
      await waitFor('the change', async () => ((await request(port, {})).status === 404 ? true : undefined));
    }
  }

  test('our own nodes, which know both addresses', () =>
    spread(async ({ addresses }, id) => {
      const xds = addresses.join();
      const node = await startDataPlane(cleanup, { xds, nodeToken: async () => adminToken }, 'edge', id);
      return { portOf: () => node.port('public') };
    }));

  test.skipIf(!envoyIsHere)('Envoys, whose cluster has both addresses', () =>
    spread(async ({ a, addresses }, id) => {
      const env = { FAIRLEAD_API: a.api.replace('http://', ''), FAIRLEAD_TOKEN: adminToken };
      const { stdout } = await run(['bootstrap', 'envoy', '--group', 'edge', '--id', id, '--admin-port', '0'], env);
      const bootstrap = parse(stdout) as Bootstrap;
      const { lb_endpoints } = bootstrap.static_resources.clusters[0]!.load_assignment.endpoints[0]!;
      lb_endpoints.splice(0, 1, ...addresses.map(endpoint));
      const envoy = await startEnvoy({ bootstrap: { ...bootstrap } });
      cleanup.add(() => envoy.stop());
      return { portOf: () => envoy.listenerPort('public') };
    }),
  );
});

interface Bootstrap {
  readonly static_resources: {
    readonly clusters: { readonly load_assignment: { readonly endpoints: { lb_endpoints: object[] }[] } }[];
  };
}

function endpoint(address: string): object {
  const [host, port] = address.split(':');
  return { endpoint: { address: { socket_address: { address: host, port_value: Number(port) } } } };
}
