/** The connection to the control plane over TLS, on real sockets. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { copyFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { ServerCredentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { testFile } from '../../e2e/support/tls.ts';
import { checkTlsFiles, XdsTlsError, type XdsTlsFiles } from './channel-security.ts';
import { createXdsClient, type XdsClient } from './client.ts';
import { ManualTimers, Queue, ScriptedServer } from './testing.ts';
import { explainTlsFailure } from './tls-failures.ts';

const reconnectMs = 250; // half of 500, as the random number of the tests is 0.5

const files: XdsTlsFiles = {
  ca: testFile('ca.pem'),
  client: { cert: testFile('edge.pem'), key: testFile('client.key') },
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'fairlead-tls-'));
});
afterEach(() => rm(folder, { recursive: true }));

function serve(certificate = 'server.pem', asks = true): Promise<ScriptedServer> {
  const pair = { cert_chain: readFileSync(testFile(certificate)), private_key: readFileSync(testFile('server.key')) };
  return ScriptedServer.start(0, ServerCredentials.createSsl(readFileSync(testFile('ca.pem')), [pair], asks));
}

interface Connecting {
  readonly client: XdsClient;
  readonly timers: ManualTimers;
  /** Why streams ended. */
  readonly ends: Queue<string>;
}

function connect(server: string, tls: XdsTlsFiles | undefined): Connecting {
  const timers = new ManualTimers();
  const ends = new Queue<string>();
  const client = createXdsClient({
    ...{ servers: [server], tls, timers, token: undefined },
    node: { id: 'n1', group: 'edge', zone: '', version: '0.1.0' },
    onConfig: () => {},
    onComplete: () => {},
    logger: {
      info: () => {},
      warn: (fields) => ends.put(String((fields as { reason?: string }).reason)),
      error: () => {},
    },
    random: () => 0.5,
  });
  onTestFinished(() => client.close());
  client.start();
  return { client, timers, ends };
}

test.each([
  ['127.0.0.1', { ...files, client: undefined }, undefined],
  ['127.0.0.1', files, 'edge'],
  ['localhost', files, 'edge'],
])(
  'a control plane at %s that the authority vouches for is taken, and shown the certificate',
  async (host, tls, name) => {
    const server = await serve('server.pem', name !== undefined);
    const warnings: string[] = [];
    const onWarning = ({ message }: Error): number => warnings.push(message);
    process.on('warning', onWarning);
    connect(`${host}:${server.port}`, tls);
    const stream = await server.streams.take();
    expect(await stream.said()).toEqual({ type: 'clusters' });
    expect(stream.presented).toBe(name);
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  },
);

test.each([
  ['whose certificate is for another host', 'elsewhere.pem', 'ca.pem', /is not for the host of --xds .*\(Hostname\/IP/],
  [
    'of another authority',
    'server.pem',
    'stranger-ca.pem',
    /no authority in --xds-ca .*\((?:unable to verify|self-signed)/,
  ],
  ['whose certificate has expired', 'server-expired.pem', 'ca.pem', /has expired; renew it there \(cert/],
])(
  'a control plane %s is not spoken to, the reason is told, and it is tried again',
  async (_name, certificate, ca, why) => {
    const server = await serve(certificate, false);
    const { timers, ends } = connect(`127.0.0.1:${server.port}`, { ...files, ca: testFile(ca) });
    expect(await ends.take()).toMatch(why);
    timers.fire(await timers.awaitSet(reconnectMs));
    expect(await ends.take()).toMatch(why);
  },
);

test('a control plane that speaks plain is told as such', async () => {
  const { port } = await ScriptedServer.start();
  const reason = await connect(`127.0.0.1:${port}`, files).ends.take();
  expect(reason).toMatch(/^UNAVAILABLE: the server does not speak TLS; leave --xds-ca .* \(wrong version number\)$/);
});

test('a server that demands a certificate is told as such', async () => {
  const { port } = await serve();
  const reason = await connect(`127.0.0.1:${port}`, { ...files, client: undefined }).ends.take();
  expect(reason).toMatch(/^UNAVAILABLE: the server wants a client certificate; give one with --xds-cert/);
});

test('what is no failure of TLS is told as it is', () => {
  for (const reason of [
    'UNAUTHENTICATED: the client certificate is not accepted: certificate has expired',
    'UNAVAILABLE: No connection established. Last error: connect ECONNREFUSED 127.0.0.1:1',
  ]) {
    expect(explainTlsFailure(reason)).toBe(reason);
  }
});

test('renewed files are used by the next connection; bad ones are told and tried again', async () => {
  const own = { cert: path.join(folder, 'cert'), key: path.join(folder, 'key') };
  await copyFile(testFile('edge.pem'), own.cert);
  await copyFile(testFile('client.key'), own.key);
  const server = await serve();
  const { timers, ends, client } = connect(`127.0.0.1:${server.port}`, { ...files, client: own });
  const first = await server.streams.take();
  expect(first.presented).toBe('edge');

  await writeFile(own.key, '');
  first.send('clusters', []);
  await first.said();
  await first.said();
  first.end();
  expect(await ends.take()).toBe('the server ended the stream');
  expect(client.connected).toBe(false);
  timers.fire(await timers.awaitSet(reconnectMs));
  expect(await ends.take()).toContain(`the private key in ${own.key} cannot be used`);

  await copyFile(testFile('edge-n1.pem'), own.cert);
  await copyFile(testFile('client.key'), own.key);
  timers.fire(await timers.awaitSet(2 * reconnectMs));
  expect((await server.streams.take()).presented).toBe('edge-n1');
});

const bad: [string, (empty: string) => Partial<{ ca: string; cert: string; key: string }>, RegExp][] = [
  ['an authority that is not there', () => ({ ca: '/none.pem' }), /^cannot read \/none\.pem: there is no .* --xds-ca/],
  ['a certificate that is not there', () => ({ cert: '/none.pem' }), /^cannot read \/none\.pem: .* --xds-cert/],
  ['a key that is not there', () => ({ key: '/none.key' }), /^cannot read \/none\.key: .* --xds-key/],
  ['an empty authority', (empty) => ({ ca: empty }), /^cannot take the certificate in \S+empty: .* --xds-ca/],
  ['an empty certificate', (empty) => ({ cert: empty }), /^cannot take the certificate in \S+empty: .* --xds-cert/],
  ['an empty key', (empty) => ({ key: empty }), /^the private key in \S+empty cannot be used: .* --xds-key/],
  ['a key of another certificate', () => ({ key: testFile('server.key') }), /server\.key .* not belong to .*edge\.pem/],
];

test.each(bad)('%s is told with the setting to change', async (_name, change, message) => {
  const empty = path.join(folder, 'empty');
  await writeFile(empty, '');
  const { ca = files.ca, ...client } = change(empty);
  const check = () => checkTlsFiles({ ca, client: { ...files.client!, ...client } });
  expect(check).toThrow(XdsTlsError);
  expect(check).toThrow(message);
});
