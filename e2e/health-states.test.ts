/** The states of endpoints, from the checks of a node to REST and the command line: found in time, and kept over edits. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startEnvoy } from './support/envoy.ts';
import {
  type Backend,
  Cleanup,
  type ControlPlaneProcess,
  type DataPlaneProcess,
  run,
  startBackend,
  startControlPlane,
  startDataPlane,
  waitFor,
} from './support/fairlead.ts';
import { startAnswers } from './support/health-answers.ts';
import { requirePeer } from './support/peers.ts';

interface Seen {
  readonly nodes: number;
  readonly since: string;
  readonly reason?: string;
}

interface Status {
  readonly detectionTime: { readonly crash: string; readonly hang: string };
  readonly nodes: number;
  readonly endpoints: readonly { readonly endpoint: string; readonly states: Readonly<Record<string, Seen>> }[];
}

const cleanup = new Cleanup();
afterAll(() => cleanup.run());

let controlPlane: ControlPlaneProcess;
let node: DataPlaneProcess;
let backends: (Backend & { healthy: boolean })[];
/** By what they answer to checks. */
let answerPorts: ReadonlyMap<string, number>;

/** The cluster, with what else is said of some of its endpoints. */
function cluster(more: Readonly<Record<number, string>> = {}): string {
  const endpoints = backends.map(({ port }, i) => `{ address: 127.0.0.1, port: ${port}${more[i] ?? ''} }`);
  const probe =
    'http: { path: /healthz }, interval: 500ms, timeout: 10s, unhealthyAfter: 2, healthyAfter: 1, jitter: 0%';
  return `kind: Cluster
tenant: shop
name: orders
spec: { endpoints: [${endpoints.join(', ')}], health: { active: { ${probe} } } }
`;
}

/** Asked by gRPC whether it serves something: the control plane itself. */
function grpcCluster(name: string, service: string): string {
  const port = Number(controlPlane.xds.split(':').at(-1));
  return `kind: Cluster
tenant: shop
name: ${name}
spec:
  protocol: grpc
  endpoints: [{ address: 127.0.0.1, port: ${port} }]
  health: { active: { grpc: { service: "${service}" }, interval: 500ms, timeout: 10s } }
---
kind: Route
tenant: shop
name: ${name}
spec: { hosts: [shop.example.com], match: { path: { prefix: /${name} } }, to: { cluster: ${name} } }
---
`;
}

function answersCluster(name: string, http: string): string {
  const endpoints = [...answerPorts.values()].map((port) => `{ address: 127.0.0.1, port: ${port} }`);
  return `kind: Cluster
tenant: shop
name: ${name}
spec:
  endpoints: [${endpoints.join(', ')}]
  health: { active: { http: ${http}, interval: 300ms, timeout: 1s } }
---
kind: Route
tenant: shop
name: ${name}
spec: { hosts: [shop.example.com], match: { path: { prefix: /${name} } }, to: { cluster: ${name} } }
---
`;
}

const platform = `kind: NodeGroup
name: edge
spec: {}
---
kind: Listener
name: public
spec: { groups: [edge], address: 127.0.0.1, port: 0 }
---
kind: Tenant
name: shop
spec: { claims: [{ host: shop.example.com }] }
---
kind: Route
tenant: shop
name: orders
spec: { hosts: [shop.example.com], to: { cluster: orders } }
---
`;

beforeAll(async () => {
  controlPlane = await startControlPlane(cleanup);
  backends = await Promise.all(['a', 'b', 'c', 'd'].map((name) => startBackend(cleanup, name)));
  answerPorts = await startAnswers(cleanup);
  const asked = [
    grpcCluster('ads', 'envoy.service.discovery.v3.AggregatedDiscoveryService'),
    grpcCluster('none', 'shop.v1.None'),
    answersCluster('answers', '{ path: / }'),
    answersCluster('bodies', '{ path: /, receive: up }'),
  ];
  await controlPlane.apply(platform + asked.join('') + cluster());
  node = await startDataPlane(cleanup, controlPlane, 'edge', 'n1', ['--concurrency', '2']);
});

async function status(of = 'orders'): Promise<Status> {
  return (await controlPlane.rest<{ status: Status }>('GET', `/v1/tenants/shop/clusters/${of}`)).status;
}

/** The states of all endpoints by what REST says, once they are these. */
function awaitStates(...wanted: readonly string[]): Promise<Seen[]> {
  return waitFor(`the states ${wanted.join(', ')}`, async () => {
    const { endpoints } = await status();
    const of = backends.map(({ port }) => endpoints.find(({ endpoint }) => endpoint === `127.0.0.1:${port}`)?.states);
    const seen = wanted.map((state, i) => of[i]?.[state]);
    return seen.every((one): one is Seen => one !== undefined) ? seen : undefined;
  });
}

/** When the node found an endpoint failing, by its log. */
function foundMs(port: number): number | undefined {
  for (const line of node.program.stderr().split('\n')) {
    if (!line.includes('"event":"health_check"')) continue;
    const { endpoint, state, time } = JSON.parse(line) as { endpoint: string; state: string; time: string };
    if (endpoint === `127.0.0.1:${port}` && state === 'failing') return Date.parse(time);
  }
  return undefined;
}

interface HostStatus {
  readonly address: { readonly socket_address: { readonly port_value: number } };
  readonly health_status: Readonly<Record<string, unknown>>;
}

/** What an admin page says of the endpoints of a cluster: of each answer, or port. */
function verdicts(
  clustersJson: string,
  name: string,
  ports: Iterable<readonly [string, number]>,
): Record<string, string> {
  const { cluster_statuses } = JSON.parse(clustersJson) as {
    cluster_statuses: { name: string; host_statuses: HostStatus[] }[];
  };
  const hosts = cluster_statuses.find((one) => one.name === name)?.host_statuses ?? [];
  const verdict = (port: number): string => {
    const found = hosts.find(({ address }) => address.socket_address.port_value === port)?.health_status;
    if (found === undefined || found['failed_active_health_check'] || found['pending_active_hc']) return 'fails';
    return found['failed_active_degraded_check'] === true ? 'degraded' : 'passes';
  };
  return Object.fromEntries([...ports].map(([answer, port]) => [answer, verdict(port)]));
}

test.skipIf(!requirePeer('envoy'))('a real Envoy comes to the same verdict, answer by answer', async () => {
  const flags = ['--group', 'edge', '--id', 'envoy-1', '--xds', controlPlane.xds];
  const printed = await run(['bootstrap', 'envoy', ...flags], controlPlane.env);
  const envoy = await startEnvoy({ bootstrap: printed.stdout });
  cleanup.add(() => envoy.stop());
  const asked = [['the control plane', Number(controlPlane.xds.split(':').at(-1))]] as const;
  for (const name of ['shop/answers', 'shop/bodies', 'shop/ads', 'shop/none']) {
    const ports = name === 'shop/answers' || name === 'shop/bodies' ? answerPorts : asked;
    const differences = async (): Promise<object> => {
      const ours = verdicts(await (await fetch(`${node.admin}/clusters?format=json`)).text(), name, ports);
      if (ports === answerPorts) expect(new Set(Object.values(ours))).toEqual(new Set(['passes', 'degraded', 'fails']));
      const theirs = verdicts(await envoy.admin('/clusters?format=json'), name, ports);
      return Object.entries(ours).filter(([answer, verdict]) => verdict !== theirs[answer]);
    };
    // a busy machine may let a good answer come too late, once
    await expect.poll(differences, { message: name }).toEqual([]);
  }
  await envoy.stop();
});

test('endpoints are found ill in time, told up with their reasons, and keep their states over edits', async () => {
  const [a, b, c] = backends;
  await awaitStates('healthy', 'healthy', 'healthy', 'healthy');

  // asked by gRPC's health protocol
  const endpointsOf = (name: string) => async () => (await status(name)).endpoints;
  await expect.poll(endpointsOf('ads')).toMatchObject([{ states: { healthy: { nodes: 1 } } }]);
  const reason = 'health check: gRPC status 5';
  await expect.poll(endpointsOf('none')).toMatchObject([{ states: { unhealthy: { nodes: 1, reason } } }]);

  // a crash, and a wrong answer
  const { detectionTime } = await status();
  expect(detectionTime).toEqual({ crash: '11s', hang: '21s' });
  const stoppedMs = Date.now();
  await a!.stop();
  b!.healthy = false;
  const ill = await awaitStates('unhealthy', 'unhealthy', 'healthy', 'healthy');
  expect(ill[0]).toMatchObject({ nodes: 1, reason: 'health check: connection refused' });
  expect(ill[1]).toMatchObject({ nodes: 1, reason: 'health check: status 503' });
  expect(foundMs(a!.port)! - stoppedMs).toBeLessThanOrEqual(Number.parseFloat(detectionTime.crash) * 1_000);

  // an edit of one endpoint resets nobody
  await controlPlane.apply(cluster({ 2: ', state: draining', 3: ', weight: 7' }));
  const edited = await awaitStates('unhealthy', 'unhealthy', 'draining', 'healthy');
  for (const i of [0, 1, 3]) expect(edited[i]?.since).toBe(ill[i]?.since);
  expect(edited[2]?.reason).toBe('the control plane says so');

  // people see the same
  const row = (port: number, ...cells: string[]): RegExp =>
    new RegExp(`^shop/orders +127\\.0\\.0\\.1:${port} +${cells.join(' +')}$`, 'm');
  const fleet = (await run(['status'], controlPlane.env)).stdout;
  expect(fleet).toMatch(/^CLUSTER +ENDPOINT +STATE +NODES +SINCE +REASON$/m);
  expect(fleet).toMatch(row(a!.port, 'unhealthy', '1/1', '\\d+s', 'health check: connection refused'));
  expect(fleet).toMatch(row(c!.port, 'draining', '1/1', '\\d+s', 'the control plane says so'));
  expect(fleet).not.toContain(`:${backends[3]!.port} `);
  const one = (await run(['status', 'n1'], controlPlane.env)).stdout;
  expect(one).toMatch(row(b!.port, 'unhealthy', '\\d+s', 'health check: status 503'));
  const clusters = (await run(['get', 'clusters', '--tenant', 'shop'], controlPlane.env)).stdout;
  expect(clusters).toContain('(down: found in 11s, 21s if it hangs)');

  // and back
  b!.healthy = true;
  await awaitStates('unhealthy', 'healthy', 'draining', 'healthy');

  // who is gone tells nothing
  await node.program.stop();
  await waitFor('the reports of the node to go', async () => ((await status()).nodes === 0 ? true : undefined));
});
