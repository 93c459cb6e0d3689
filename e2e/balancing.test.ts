/** Priorities, panic, zones, subsets and weights from the document on: our node, and where it is one, a real Envoy beside it. */
import http from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startEnvoy } from './support/envoy.ts';
import {
  type Backend,
  Cleanup,
  type DataPlaneProcess,
  request,
  run,
  startBackend,
  startControlPlane,
  startDataPlane,
  waitFor,
} from './support/fairlead.ts';
import { requirePeer } from './support/peers.ts';

const cleanup = new Cleanup();
afterAll(() => cleanup.run());

const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
cleanup.add(async () => agent.destroy());

interface Case {
  readonly what: string;
  readonly endpoints: readonly string[];
  /** Those of the first four that fail their checks, though they answer; none: no checks are made. */
  readonly sick?: readonly number[];
  /** More of its `balance`. */
  readonly balance?: string;
  readonly subset?: string;
  /** Percent of the requests that each endpoint gets. */
  readonly expected: readonly number[];
  /** Between priorities; all else here goes round. */
  readonly byChance?: boolean;
  /** An Envoy is not told what our node is. */
  readonly oursOnly?: boolean;
}

const health = 'health: { active: { http: { path: /healthz }, interval: 1s, timeout: 5s } }';

const times = (count: number, more: string): string[] => Array.from({ length: count }, () => more);

const cases: readonly Case[] = [
  {
    what: 'half of the first priority is out, so it keeps 70 of 100',
    endpoints: ['', '', '', '', 'backup: true', 'backup: true'],
    sick: [2, 3],
    expected: [35, 35, 0, 0, 15, 15],
    byChance: true,
  },
  {
    what: 'a quarter is left everywhere, so health is disregarded',
    endpoints: ['', '', '', ''],
    sick: [1, 2, 3],
    expected: [25, 25, 25, 25],
  },
  {
    what: 'endpoints that drain are not missed: no panic, and nothing for the next priority',
    endpoints: ['', 'state: draining', 'state: draining', 'state: draining', 'backup: true'],
    expected: [100, 0, 0, 0, 0],
  },
  { what: 'weights hold', endpoints: ['weight: 1', 'weight: 2', 'weight: 3'], expected: [17, 33, 50] },
  {
    what: 'zones have their shares, whatever the number of their endpoints',
    endpoints: ['zone: a', 'zone: a', 'zone: a', 'zone: b'],
    balance: 'localities: { a: 1, b: 3 }',
    expected: [8, 8, 8, 75],
  },
  {
    what: 'a zone that has lost half of its endpoints keeps 70 of 100 of its weight',
    endpoints: ['zone: a', 'zone: a', 'zone: b', 'zone: b'],
    sick: [1],
    balance: 'localities: { a: 1, b: 1 }',
    expected: [41, 0, 29, 29],
  },
  {
    what: 'a route gets the endpoints with its labels',
    endpoints: ['labels: { version: v1 }', 'labels: { version: v2 }', 'labels: { version: v2 }'],
    balance: 'subsets: [[version]]',
    subset: '{ version: v2 }',
    expected: [0, 50, 50],
  },
  {
    what: 'requests stay in the zone of the node',
    endpoints: [...times(4, 'zone: b'), ...times(4, 'zone: a')],
    balance: 'localities: zone-aware',
    expected: [0, 0, 0, 0, 25, 25, 25, 25],
    oursOnly: true,
  },
];

/** Eight that are well, then four that are not. */
let backends: Backend[] = [];
const backendOf = ({ sick }: Case, at: number): Backend => backends[sick?.includes(at) ? 8 + at : at]!;
let node: DataPlaneProcess;
const ports: { ours: number; envoy: number } = { ours: 0, envoy: 0 };

beforeAll(async () => {
  const controlPlane = await startControlPlane(cleanup);
  const started = await Promise.all(Array.from({ length: 12 }, (_, index) => startBackend(cleanup, String(index))));
  for (const backend of started.slice(8)) backend.healthy = false;
  backends = started;
  const documents = cases.flatMap((one, index) => {
    const { endpoints, sick, balance, subset } = one;
    const list = endpoints.map((more, at) => {
      return `{ address: 127.0.0.1, port: ${backendOf(one, at).port}${more === '' ? '' : `, ${more}`} }`;
    });
    const to = subset === undefined ? `{ cluster: c${index} }` : `[{ cluster: c${index}, subset: ${subset} }]`;
    const rest = balance === undefined ? '' : `, ${balance}`;
    const checks = sick === undefined ? '' : `, ${health}`;
    return [
      `kind: Cluster\nname: c${index}\nspec: { endpoints: [${list.join(', ')}], balance: { policy: round-robin${rest} }${checks} }`,
      `kind: Route\nname: r${index}\nspec: { hosts: [c${index}.example.com], to: ${to} }`,
    ];
  });
  await controlPlane.apply(
    [
      'kind: NodeGroup\nname: edge',
      'kind: Listener\nname: public\nspec: { groups: [edge], address: 127.0.0.1, port: 0 }',
    ]
      .concat(documents)
      .join('\n---\n'),
  );
  node = await startDataPlane(cleanup, controlPlane, 'edge', 'n1', ['--zone', 'a', '--concurrency', '2']);
  ports.ours = await node.port('public');
  await waitFor('every endpoint to be checked', async () =>
    (await (await fetch(`${node.admin}/clusters`)).text()).includes('pending_active_hc') ? undefined : true,
  );
  if (requirePeer('envoy') === undefined) return;
  const flags = ['--group', 'edge', '--id', 'envoy-1', '--xds', controlPlane.xds];
  const printed = await run(['bootstrap', 'envoy', ...flags], controlPlane.env);
  const envoy = await startEnvoy({ bootstrap: printed.stdout });
  cleanup.add(() => envoy.stop());
  ports.envoy = await envoy.listenerPort('public');
});

/** What goes round needs few; what goes by chance as many as leave little of it. */
const requestsOf = ({ byChance }: Case): number => (byChance ? 1_000 : 300);

/** Percent of the requests that each endpoint gets. */
async function percents(port: number, one: Case, host: string): Promise<number[]> {
  const own = one.endpoints.map((_, at) => backendOf(one, at));
  const before = own.map(({ requests }) => requests);
  for (let sent = 0; sent < requestsOf(one); sent += 4) {
    const answers = await Promise.all(times(4, host).map((name) => request(port, { host: name, agent })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  }
  return own.map(({ requests }, at) => (100 * (requests - before[at]!)) / requestsOf(one));
}

test.each(cases.map((one, index) => ({ ...one, host: `c${index}.example.com` })))('$what', async ({ host, ...one }) => {
  for (const [name, port] of Object.entries(ports)) {
    if (port === 0 || (one.oursOnly && name !== 'ours')) continue;
    const seen = await percents(port, one, host);
    for (const [at, share] of one.expected.entries()) {
      // seven standard deviations, which no run will see; what goes round is in several orders, one a thread
      const chance = 700 * Math.sqrt(((share / 100) * (1 - share / 100)) / requestsOf(one));
      const slack = share === 0 ? 0 : one.byChance ? chance : 4;
      expect(Math.abs(seen[at]! - share), `${name}: ${seen}`).toBeLessThanOrEqual(slack);
    }
  }
});
