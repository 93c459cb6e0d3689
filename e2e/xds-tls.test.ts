/** The commands of docs/xds-tls.md: our node, Envoy and gRPC's clients join by mTLS; those who may not are told why. */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startEnvoy } from './support/envoy.ts';
import {
  adminToken,
  Cleanup,
  type ControlPlaneProcess,
  logged,
  type Program,
  request,
  run,
  startBackend,
  startControlPlane,
  startProgram,
  temporaryFolder,
  waitFor,
} from './support/fairlead.ts';
import {
  type ClientCommand,
  grpcGoClient,
  grpcPythonClient,
  startGrpcBackend,
  startGrpcClient,
} from './support/grpc.ts';
import { requirePeer } from './support/peers.ts';
import { testFile } from './support/tls.ts';

const cleanup = new Cleanup();
afterAll(() => cleanup.run());
const ofTest = new Cleanup();
afterEach(() => ofTest.run());

const page = readFileSync(new URL('../docs/xds-tls.md', import.meta.url), 'utf8');

/** A command of the page: its variables, and its words after `fairlead`; files are those of e2e/data/tls. */
function commandOf(name: string): { env: Record<string, string>; args: string[] } {
  const line = page.split('\n').find((one) => / ?npx fairlead /.test(one) && one.includes(`fairlead ${name}`));
  if (line === undefined) throw new Error(`docs/xds-tls.md shows no command: fairlead ${name}`);
  const [before = '', after = ''] = line.split(/npx fairlead | > /);
  const file = (word: string): string => (/\.(?:pem|key)$/.test(word) ? testFile(word) : word);
  const env = Object.fromEntries(
    [...before.matchAll(/(\w+)=(\S+)/g)].map(([, variable, value]) => [variable!, file(value!)]),
  );
  const args = after.trim().split(' ');
  return { env, args: args.map((word) => (word === 'localhost:7071' ? xdsAt('localhost') : file(word))) };
}

let controlPlane: ControlPlaneProcess;
let backend: number;

function xdsAt(host: string): string {
  return controlPlane === undefined ? '' : `${host}:${controlPlane.xds.split(':')[1]}`;
}

/** The words of a command with some of its options changed; `null`: taken out. */
function changed(args: readonly string[], options: Readonly<Record<string, string | null>>): string[] {
  const words = [...args];
  for (const [option, value] of Object.entries(options)) {
    const at = words.indexOf(option);
    if (value === null) words.splice(at, 2);
    else words.splice(at + 1, 1, value);
  }
  return words;
}

/** It ends with its test. */
async function startNode(options: Readonly<Record<string, string | null>>, token = ''): Promise<Program> {
  const { args } = commandOf('data-plane');
  const program = startProgram([...changed(args, options), '--concurrency', '1'], {
    FAIRLEAD_TOKEN: token,
    FAIRLEAD_ADMIN: '127.0.0.1:0',
    FAIRLEAD_HOME: await temporaryFolder(cleanup),
    FAIRLEAD_LIMITS: 'announce=0ms',
    FAIRLEAD_KERNEL: 'off',
  });
  ofTest.add(() => program.stop());
  return program;
}

async function untilSynced(id: string): Promise<void> {
  await waitFor(`${id} to be synced`, async () => {
    const answer = await controlPlane.fetch('GET', `/v1/nodes/${id}`);
    if (!answer.ok) return undefined;
    const { types } = (await answer.json()) as { types: Record<string, { state: string }> };
    return (
      ['listeners', 'routes', 'clusters', 'endpoints'].every((type) => types[type]?.state === 'synced') || undefined
    );
  });
}

/** Lines of the control plane's log, as one text. */
function untilLogged(what: RegExp): Promise<true> {
  return waitFor(`the control plane to log ${what}`, () => what.test(controlPlane.program.stderr()) || undefined);
}

beforeAll(async () => {
  const { env, args } = commandOf('control-plane');
  expect(args).toEqual(['control-plane']);
  controlPlane = await startControlPlane(cleanup, { env });
  const web = await startBackend(cleanup, 'web');
  backend = await startGrpcBackend(cleanup, 'grpc');
  await controlPlane.apply(`{ kind: NodeGroup, name: edge }
---
{ kind: NodeGroup, name: inner }
---
{ kind: Listener, name: public, spec: { groups: [edge], address: 127.0.0.1, port: 0 } }
---
{ kind: Listener, name: mesh, spec: { groups: [edge], protocol: api } }
---
{ kind: Cluster, name: web, spec: { endpoints: { address: 127.0.0.1, port: ${web.port} } } }
---
{ kind: Route, name: web, spec: { hosts: ["*"], to: { cluster: web } } }
---
{ kind: Cluster, name: grpc, spec: { protocol: grpc, endpoints: { address: 127.0.0.1, port: ${backend} } } }
---
{ kind: Route, name: grpc, spec: { hosts: [grpc.example.com], match: { path: { prefix: /shop.Orders } }, to: { cluster: grpc } } }
`);
});

test('our node joins by its certificate, without a token', async () => {
  await startNode({});
  await untilSynced('n1');
});

test('our node joins by a token over TLS, and one of another group does not help', async () => {
  const bare = { '--xds-cert': null, '--xds-key': null };
  await startNode({ '--id': 'by-token', ...bare }, await controlPlane.nodeToken('edge'));
  await untilSynced('by-token');
  await startNode({ '--id': 'no-token', ...bare });
  await untilLogged(/"node":"no-token".*stream refused: no token/);
});

describe.skipIf(requirePeer('envoy') === undefined)('Envoy', () => {
  test.each([
    ['delta', 'localhost'],
    ['sotw', '127.0.0.1'],
  ])('joins by %s with the bootstrap that is printed, at %s', async (variant, host) => {
    const id = `envoy-${variant}`;
    const { args } = commandOf('bootstrap envoy');
    const words = [...changed(args, { '--xds': xdsAt(host) }), '--id', id, '--variant', variant];
    const printed = await run(words, controlPlane.env);
    expect([printed.code, printed.stderr]).toEqual([0, '']);
    expect(printed.stdout).not.toContain('authorization');
    const envoy = await startEnvoy({ bootstrap: printed.stdout });
    ofTest.add(() => envoy.stop());
    await untilSynced(id);
    const answer = await request(await envoy.listenerPort('public'), { host: 'any.example.com' });
    expect(JSON.parse(answer.body).backend).toBe('web');
  });

  test('that does not trust the control plane leaves, and the control plane logs why', async () => {
    const { args } = commandOf('bootstrap envoy');
    const words = [...changed(args, { '--xds-ca': testFile('stranger-ca.pem') }), '--id', 'envoy-mistrustful'];
    const printed = await run(words, controlPlane.env);
    const envoy = await startEnvoy({ bootstrap: printed.stdout, waitFor: 'admin' });
    ofTest.add(() => envoy.stop());
    await untilLogged(/xDS connection refused: the client does not trust this server's certificate/);
  });

  test('that is of another group is refused, and reads why', async () => {
    const { args } = commandOf('bootstrap envoy');
    const words = [...changed(args, { '--xds-cert': testFile('inner.pem') }), '--id', 'envoy-inner'];
    const printed = await run(words, controlPlane.env);
    const envoy = await startEnvoy({ bootstrap: printed.stdout, waitFor: 'admin' });
    ofTest.add(() => envoy.stop());
    await untilLogged(/"node":"envoy-inner".*for group inner and may not subscribe as group edge/);
    await waitFor('Envoy to log it', () => /closed: 7, .*group.*inner/.test(envoy.logs()) || undefined);
  });
});

const grpcClients: [string, ClientCommand | undefined][] = [
  ['grpc-core', grpcPythonClient()],
  ['grpc-go', grpcGoClient()],
];

test.each(grpcClients.filter(([, command]) => command !== undefined))(
  '%s joins with the bootstrap that is printed',
  async (name, command) => {
    const { args } = commandOf('bootstrap envoy');
    const printed = await run(['bootstrap', 'grpc', ...args.slice(2), '--id', name], controlPlane.env);
    expect([printed.code, printed.stderr]).toEqual([0, '']);
    const client = await startGrpcClient(ofTest, command!, printed.stdout, 'xds:///grpc.example.com');
    let last: unknown;
    await waitFor('an answer', async () => {
      const result = await client.call();
      last = result;
      return ('answer' in result && result.answer === 'grpc') || undefined;
    }).catch((error) => {
      throw new Error(`${String(error)}; the last was ${JSON.stringify(last)}\n${client.stderr()}`);
    });
  },
);

test.each([
  ['expired', 'expired.pem', 'it has expired; renew it'],
  ['stranger', 'stranger.pem', 'no authority of FAIRLEAD_XDS_CLIENT_CA vouches for it'],
  ['inner', 'inner.pem', 'for group inner and may not subscribe as group edge'],
  ['n2', 'edge-n1.pem', 'for node n1 and may not subscribe as node n2'],
  ['nameless', 'nameless.pem', 'names no node group'],
])('node %s is refused, and both sides log why', async (id, certificate, why) => {
  const node = await startNode({ '--id': id, '--xds-cert': testFile(certificate) });
  await untilLogged(new RegExp(`"node":"${id}".*${why}`));
  const ended = await waitFor('the node to log it', () => logged(node, 'xds_stream_ended'));
  expect(ended['reason']).toContain(why);
});

test('a node does not speak with a control plane that its authority does not vouch for', async () => {
  const node = await startNode({ '--id': 'mistrustful', '--xds-ca': testFile('stranger-ca.pem') });
  const ended = await waitFor('the node to log it', () => logged(node, 'xds_stream_ended'));
  expect(ended['reason']).toMatch(
    /no authority in --xds-ca \(FAIRLEAD_XDS_CA\) vouches for the certificate of the control plane/,
  );
});

test('a node whose files cannot be used ends at once and says what to change', async () => {
  const node = await startNode({ '--xds-key': testFile('server.key') });
  expect(await node.ended).toBe(1);
  expect(node.stderr()).toMatch(/server\.key cannot be used: it does not belong to .*edge\.pem; set --xds-key/);
});

test('a control plane whose files cannot be used ends at once and says what to change', async () => {
  const { env, args } = commandOf('control-plane');
  const home = await temporaryFolder(cleanup);
  const { code, stderr } = await run(args, {
    ...{
      FAIRLEAD_API: '127.0.0.1:0',
      FAIRLEAD_XDS: '127.0.0.1:0',
      FAIRLEAD_HOME: home,
      FAIRLEAD_ADMIN_TOKEN: adminToken,
    },
    ...{ ...env, FAIRLEAD_XDS_KEY: testFile('client.key') },
  });
  expect(code).toBe(1);
  expect(stderr).toMatch(/private key in \S+client\.key does not belong to the certificate in \S+server\.pem/);
});
