/** A node of two workers, started as users start it: what it serves, counts and says is the node's, also when one dies. */
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { makeCertificate, secretYaml } from './support/certificates.ts';
import {
  Cleanup,
  type ControlPlaneProcess,
  type DataPlaneProcess,
  logged,
  request,
  startControlPlane,
  startDataPlane,
  startProgram,
  temporaryFolder,
  waitFor,
} from './support/fairlead.ts';
import { ownLoopback } from './support/ports.ts';

const cleanup = new Cleanup();
const ofTest = new Cleanup();
afterEach(() => ofTest.run());
let controlPlane: ControlPlaneProcess;
let blue: TestBackend;
let green: TestBackend;

/** Says its name; holds what is asked for /wait until it is let go; answers checks as it is told. */
class TestBackend {
  readonly #server: http.Server;
  readonly #held: http.ServerResponse[] = [];
  port = 0;
  checks = 0;
  healthy = true;

  static async start(name: string): Promise<TestBackend> {
    const backend = new TestBackend(name);
    backend.#server.listen(0, '127.0.0.1');
    await once(backend.#server, 'listening');
    backend.port = (backend.#server.address() as net.AddressInfo).port;
    cleanup.add(() => {
      backend.#server.closeAllConnections();
      backend.#server.close();
    });
    return backend;
  }

  constructor(name: string) {
    this.#server = http.createServer((incoming, response) => {
      if (incoming.url === '/healthz') {
        this.checks++;
        response.writeHead(this.healthy ? 200 : 503).end();
      } else if (incoming.url === '/wait') this.#held.push(response);
      else response.end(name);
    });
    this.#server.keepAliveTimeout = 60_000;
  }

  get held(): number {
    return this.#held.length;
  }

  letGo(): void {
    for (const response of this.#held.splice(0)) response.end('at last');
  }
}

const routeTo = (cluster: string): string => `---
kind: Route
name: all
spec: { hosts: ["*"], to: [{ cluster: ${cluster} }] }
`;

beforeAll(async () => {
  [controlPlane, blue, green] = await Promise.all([
    startControlPlane(cleanup),
    TestBackend.start('blue'),
    TestBackend.start('green'),
  ]);
  const checked =
    '{ active: { http: { path: /healthz }, interval: 100ms, timeout: 30s, unhealthyAfter: 1, healthyAfter: 1 } }';
  await controlPlane.apply(`kind: NodeGroup
name: edge
---
kind: Listener
name: public
spec: { groups: [edge], address: 127.0.0.1, port: 0, protocol: http }
---
kind: Listener
name: secure
spec: { groups: [edge], address: 127.0.0.1, port: 0, protocol: https, tls: { certificates: [shop] } }
---
kind: Listener
name: raw
spec: { groups: [edge], address: 127.0.0.1, port: 0, protocol: tcp }
---
kind: L4Route
name: raw
spec: { listener: raw, to: [{ cluster: raw }] }
---
kind: Cluster
name: raw
spec: { protocol: tcp, endpoints: [{ address: 127.0.0.1, port: ${blue.port} }] }
---
kind: Cluster
name: blue
spec: { endpoints: [{ address: 127.0.0.1, port: ${blue.port} }] }
---
kind: Cluster
name: green
spec: { endpoints: [{ address: 127.0.0.1, port: ${green.port} }] }
---
kind: Cluster
name: both
spec:
  endpoints: [{ address: 127.0.0.1, port: ${blue.port} }, { address: 127.0.0.1, port: ${green.port} }]
  health: ${checked}
---
${secretYaml('shop', makeCertificate({ hosts: ['shop.example.com'] }))}
${routeTo('blue')}`);
});
afterAll(() => cleanup.run());

/** A node that ends with its test. */
const start = (id: string, flags: readonly string[] = [], env: Record<string, string> = {}, until = ofTest) =>
  startDataPlane(until, controlPlane, 'edge', id, ['--concurrency', '2', ...flags], env);

/** A node that several tests have, one after the other. */
const keep = (id: string, flags: readonly string[]): (() => Promise<DataPlaneProcess>) => {
  let node: Promise<DataPlaneProcess> | undefined;
  return () => (node ??= start(id, flags, {}, cleanup));
};
const kept = keep('kept', ['--limit', 'announce=200ms']);
/** Where it can come back to. */
const ownAddress = ownLoopback();
const bounded = keep('bounded', ['--limit', 'connections=10', '--bind', `public=${ownAddress}:0`]);

async function statsOf(node: DataPlaneProcess): Promise<Map<string, number>> {
  const text = await (await fetch(`${node.admin}/stats`)).text();
  return new Map(text.split('\n').map((line) => [line.slice(0, line.indexOf(': ')), Number(line.split(': ')[1])]));
}

interface ServerInfo {
  readonly workers: { worker: number; state: string; restarts: number; last_end?: string }[];
}

async function infoOf(node: DataPlaneProcess): Promise<ServerInfo> {
  return (await (await fetch(`${node.admin}/server_info`)).json()) as ServerInfo;
}

/** A client connection that is kept, so that it stays with its worker. */
class Client {
  readonly socket: net.Socket;
  #text = '';
  /** Something came, or the end. */
  #news = (): void => {};

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('error', () => {}).on('close', () => this.#news());
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      this.#text += chunk;
      this.#news();
    });
  }

  static async connect(port: number, address = '127.0.0.1'): Promise<Client> {
    const client = new Client(net.connect(port, address));
    await once(client.socket, 'connect');
    return client;
  }

  get ended(): boolean {
    return this.socket.readyState !== 'open';
  }

  send(target: string): void {
    this.socket.write(`GET ${target} HTTP/1.1\r\nhost: shop.example.com\r\n\r\n`);
  }

  /** What the backend said; undefined where the connection ended instead. */
  async answer(): Promise<string | undefined> {
    for (;;) {
      const [, length, body] = /content-length: (\d+)\r\n(?:.+\r\n)*\r\n(.*)/i.exec(this.#text) ?? [];
      if (body !== undefined && body.length === Number(length)) {
        this.#text = '';
        return body;
      }
      if (this.ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#news = resolve;
      });
    }
  }

  ask(target: string): Promise<string | undefined> {
    this.send(target);
    return this.answer();
  }
}

/** So many that it would be odd if all of them came to one of two workers (2^-31). */
const many = 32;

async function clientsOf(node: DataPlaneProcess, listener = 'public'): Promise<Client[]> {
  const port = await node.port(listener);
  const clients = await Promise.all(Array.from({ length: many }, () => Client.connect(port)));
  ofTest.add(() => {
    for (const { socket } of clients) socket.destroy();
  });
  return clients;
}

test('both workers take connections, and what the admin pages say is the sum to the last request', async () => {
  const node = await kept();
  const clients = await clientsOf(node);
  const requests = 5;
  // one behind the other, so that a worker needs no more than one connection to the backend
  for (let round = 0; round < requests; round++) {
    for (const client of clients) expect(await client.ask('/')).toBe('blue');
  }
  const raw = await clientsOf(node, 'raw');
  for (const client of raw) expect(await client.ask('/')).toBe('blue');
  // a client may have its answer before what is behind it is counted
  await expect
    .poll(async () => Object.fromEntries(await statsOf(node)))
    .toMatchObject({
      'server.concurrency': 2,
      'http.public.downstream_cx_total': many,
      'http.public.downstream_cx_active': many,
      'http.public.downstream_rq_2xx': many * requests,
      'cluster.blue.upstream_rq_total': many * requests,
      'cluster.blue.upstream_cx_total': 2,
      'cluster.blue.membership_total': 1,
      'listener.raw.downstream_cx_active': many,
      'cluster.raw.upstream_cx_active': many,
    });
  const metrics = async () => (await fetch(`${node.admin}/metrics`)).text();
  const timed = `envoy_cluster_upstream_rq_time_count{envoy_cluster_name="blue"} ${many * requests}\n`;
  await expect.poll(metrics).toContain(timed);
  const clusters = await (await fetch(`${node.admin}/clusters`)).text();
  for (const value of ['cx_active::2', 'state::healthy', 'priority::0', 'weight::1']) {
    expect(clusters).toContain(`blue::127.0.0.1:${blue.port}::${value}\n`);
  }
  const listeners = await (await fetch(`${node.admin}/listeners?format=json`)).json();
  expect(listeners).toMatchObject({ listener_statuses: [{ connections: many }, { connections: many }, {}] });
  expect((await infoOf(node)).workers).toEqual([
    { worker: 1, state: 'serving', restarts: 0 },
    { worker: 2, state: 'serving', restarts: 0 },
  ]);
});

test('a TLS session that one worker began is resumed by the other', async () => {
  const node = await kept();
  const port = await node.port('secure');
  const options = { port, host: '127.0.0.1', servername: 'shop.example.com', rejectUnauthorized: false };
  const first = tls.connect(options).resume();
  const [session] = (await once(first, 'session')) as [Buffer];
  first.destroy();
  const reused = Array.from({ length: many }, async () => {
    const socket = tls.connect({ ...options, session });
    await once(socket, 'secureConnect');
    const isReused = socket.isSessionReused();
    socket.destroy();
    return isReused;
  });
  expect(await Promise.all(reused)).toEqual(reused.map(() => true));
});

test('a change reaches both; endpoints are checked once, and both go by the result', async () => {
  const allChecks = (): number => blue.checks + green.checks;
  const before = allChecks();
  const node = await kept();
  const clients = await clientsOf(node);
  const allSay = (wanted: string) =>
    waitFor(`all workers to answer ${wanted}`, async () => {
      const answers = await Promise.all(clients.map((client) => client.ask('/')));
      return answers.every((answer) => answer === wanted) ? true : undefined;
    });
  await allSay('blue');
  await controlPlane.apply(routeTo('green'));
  await allSay('green');

  await controlPlane.apply(routeTo('both'));
  await waitFor('some checks', () => (allChecks() >= before + 6 ? true : undefined));
  const least = allChecks() - before;
  const stats = await statsOf(node);
  const most = allChecks() - before;
  // what each of the two endpoints is being asked this moment is not counted yet
  const attempts = stats.get('cluster.both.health_check.attempt');
  expect(attempts).toBeGreaterThanOrEqual(least - 2);
  expect(attempts).toBeLessThanOrEqual(most);
  expect(stats.get('cluster.both.membership_healthy')).toBe(2);
  green.healthy = false;
  await allSay('blue');
  expect((await statsOf(node)).get('cluster.both.membership_healthy')).toBe(1);

  await controlPlane.apply(routeTo('blue'));
});

test('SIGTERM: both workers finish what they have begun, take nothing new, and the program ends well; its access log is there, line by line, though it goes to a pipe', async () => {
  const node = await kept();
  const clients = await clientsOf(node);
  const requests = 60;
  await Promise.all(
    clients.map(async (client, index) => {
      for (let asked = 0; asked < requests; asked++) await client.ask(`/lines/${index}/${asked}/${'x'.repeat(1_000)}`);
    }),
  );
  for (const client of clients) client.send('/wait');
  await waitFor('the requests to arrive', () => (blue.held === many ? true : undefined));
  const port = await node.port('public');
  const ended = node.program.stop();
  await waitFor('connections to be refused', () =>
    request(port, {}).then(
      () => undefined,
      () => true,
    ),
  );
  blue.letGo();
  expect(await Promise.all(clients.map((client) => client.answer()))).toEqual(clients.map(() => 'at last'));
  expect(await ended).toBe(0);
  const lines = node.program.stdout().trimEnd().split('\n');
  const paths = lines.map((line) => (JSON.parse(line) as { path?: string }).path ?? '');
  const asked = paths.filter((one) => one.startsWith('/lines/'));
  expect(new Set(asked).size).toBe(many * requests);
  expect(asked).toHaveLength(many * requests);
  expect(paths.filter((one) => one === '/wait')).toHaveLength(many);
});

test('limits are those of the node, not of a worker', async () => {
  const node = await bounded();
  const port = await node.port('public');
  let inside = 0;
  for (let tried = 0; tried < many; tried++) {
    const client = await Client.connect(port, ownAddress);
    ofTest.add(() => client.socket.destroy());
    if ((await client.ask('/')) === 'blue') inside++;
  }
  expect(inside).toBe(10);
  const refused = async () => (await statsOf(node)).get('listener.public.downstream_global_cx_overflow');
  await expect.poll(refused).toBe(many - 10);
});

test('a port that another node has is not shared with it, and taken once it is free', async () => {
  const first = await bounded();
  const port = await first.port('public');
  const args = ['data-plane', '--group', 'edge', '--id', 'second', '--xds', controlPlane.xds, '--concurrency', '2'];
  const second = startProgram([...args, '--bind', `public=${ownAddress}:${port}`], {
    FAIRLEAD_TOKEN: await controlPlane.nodeToken('edge'),
    FAIRLEAD_ADMIN: '127.0.0.1:0',
    FAIRLEAD_HOME: await temporaryFolder(ofTest),
    FAIRLEAD_LIMITS: 'announce=0ms',
    FAIRLEAD_KERNEL: 'off',
  });
  ofTest.add(() => second.stop());
  const failure = await waitFor('the failure to be logged', () => logged(second, 'listener_failed'));
  expect(failure['error']).toContain(`${ownAddress}:${port} is in use by another process`);
  const started = await waitFor('its admin interface', () => logged(second, 'started'));
  const admin = `http://${started['admin']}`;
  expect((await fetch(`${admin}/ready`)).status).toBe(503);
  await first.program.stop();
  await waitFor('the second node to be ready', async () => ((await fetch(`${admin}/ready`)).ok ? true : undefined));
  expect((await request(port, { address: ownAddress })).body).toBe('blue');
});

const hook = fileURLToPath(new URL('./support/mortal-worker.ts', import.meta.url));

test.each([
  ['throws', 'throw', 'this worker was told to throw'],
  ['runs out of memory', 'hog', 'memory'],
])(
  'a worker that %s is replaced and said so; the other one and what was counted are not harmed',
  async (_, how, why) => {
    const sockets = await temporaryFolder(cleanup);
    const node = await start(`mortal-${how}`, [], {
      NODE_OPTIONS: `--import=${hook} --max-old-space-size=64`,
      MORTAL_WORKERS: sockets,
    });
    const clients = await clientsOf(node);
    for (const client of clients) expect(await client.ask('/')).toBe('blue');
    const [first] = (await readdir(sockets)).sort();
    const killer = net.connect(path.join(sockets, first!));
    killer.on('error', () => {}).write(how);

    await waitFor('the death to be logged', () => logged(node.program, 'worker_died'));
    expect(logged(node.program, 'worker_died')).toMatchObject({
      level: 'error',
      worker: 1,
      reason: expect.stringContaining(why),
    });
    await waitFor('a new worker', async () =>
      (await infoOf(node)).workers.every(({ state }) => state === 'serving') ? true : undefined,
    );
    expect((await infoOf(node)).workers).toEqual([
      { worker: 1, state: 'serving', restarts: 1, last_end: expect.stringContaining(why) },
      { worker: 2, state: 'serving', restarts: 0 },
    ]);

    await waitFor('its connections to end', () => (clients.some(({ ended }) => ended) ? true : undefined));
    const left = clients.filter(({ ended }) => !ended);
    expect(left.length).toBeGreaterThan(0);
    const port = await node.port('public');
    for (const client of left) expect(await client.ask('/')).toBe('blue');
    for (let asked = 0; asked < many; asked++) expect((await request(port, {})).body).toBe('blue');
    // the node may hear of the end of a client's connection after the client has gone on
    await expect
      .poll(async () => Object.fromEntries(await statsOf(node)))
      .toMatchObject({
        'server.worker_restarts': 1,
        'server.live': 1,
        'http.public.downstream_rq_2xx': many + left.length + many,
        'cluster.blue.upstream_rq_total': many + left.length + many,
        'http.public.downstream_cx_active': left.length,
      });
    expect((await fetch(`${node.admin}/ready`)).status).toBe(200);
  },
);

test('with one, no thread is started', async () => {
  const sockets = await temporaryFolder(cleanup);
  const env = { NODE_OPTIONS: `--import=${hook}`, MORTAL_WORKERS: sockets };
  const node = await start('alone', ['--concurrency', '1'], env);
  expect((await request(await node.port('public'), {})).body).toBe('blue');
  expect((await infoOf(node)).workers).toEqual([]);
  expect(await readdir(sockets)).toEqual([]);
});
